"""Accepted connections send small answers at once."""

from __future__ import annotations

import socket

from ui.runtime import listening_sockets


def is_nodelay_of_next_connection(listening: socket.socket) -> bool:
    with socket.create_connection(listening.getsockname()) as client, listening.accept()[0] as accepted:
        accepted.sendall(b"answer")
        assert client.recv(20) == b"answer"
        return accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0


def test_connections_of_a_listening_socket_inherit_the_option():
    """The socket is made as Streamlit makes it, without a protocol, so that asyncio does not set the option."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        assert not is_nodelay_of_next_connection(listening)

        assert listening_sockets.disable_nagle() >= 1

        assert is_nodelay_of_next_connection(listening)

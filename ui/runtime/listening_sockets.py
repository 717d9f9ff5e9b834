"""Send small answers at once: TCP_NODELAY on the sockets that the server listens on.

Head and body of an answer are two writes. Without the option the second waits for the client's delayed acknowledgment
of the first, some 40 ms. Streamlit opens its socket in a way in which asyncio does not set it
(`starlette_server._bind_socket`). Accepted sockets inherit it from the listening one on Linux and BSD.
"""

from __future__ import annotations

import socket

import psutil


def disable_nagle() -> int:
    """Set the option on every listening TCP socket of this process, and return how many there are."""
    count = 0
    for connection in psutil.Process().net_connections("tcp"):
        if connection.status == psutil.CONN_LISTEN and connection.fd >= 0:
            listening = socket.socket(fileno=connection.fd)
            try:
                listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                count += 1
            finally:
                listening.detach()  # it stays the server's, which closes it
    return count

"""Attacks below HTTP: connections that are not read or not finished, and paths that HTTP clients would not send."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from functools import partial

from bench.load.attacks import TIMEOUT_SECONDS, Attack, Target
from bench.load.staff import wait_for_stop

HEAD_SECONDS = 20.0  # an unfinished request head is closed after 15
UNREAD_SECONDS = 75.0  # an export is cut 30 to 60 seconds after its reader stopped
PATHS = (
    "/api/v1/../../etc/passwd",
    "/api/v1/..%2f..%2fetc%2fpasswd",
    "/api/v1/events/%00",
    "/api/v1/events/%0d%0a",
    "/export/%00/purchases.csv",
    "/static/../../app.py",
    "/static/..%2f..%2fapp.py",
    "/media/%2e%2e/app.py",
    "/component/x/..%5capp.py",
    "/%00",
)


@dataclass
class ConnectionAttacks:
    """Attacks on sockets of their own. What waits for the server ends at the stop event."""

    target: Target
    stop_event: asyncio.Event

    def list_attacks(self) -> list[Attack]:
        cut = frozenset({"200, then cut", "200, read after all", "429", "503"})
        return [
            *(
                Attack("export, not read", partial(self.leave_export_unread, token), cut, 15, parallel=3)
                for token in self.target.tokens[1:]
            ),
            Attack("request head that never ends", self.leave_head_unfinished, frozenset({"closed"}), 1, parallel=20),
            Attack("`..` and NUL in paths", self.request_paths, frozenset({"400", "401", "404"}), 5),
        ]

    async def leave_export_unread(self, token: str) -> AsyncGenerator[str, None]:
        """Request an export, take nothing of it for a while, then read what there is."""
        with socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
            connection.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(connection, ("127.0.0.1", self.target.port))
            await loop.sock_sendall(connection, _format_request(self.target.export_path, token))
            is_stopped = await wait_for_stop(time.perf_counter() + UNREAD_SECONDS, self.stop_event)
            status, is_cut = await _read_rest(connection)
        if status == "200" or is_cut:
            status = "200, then cut" if is_cut else "200, read after all" if is_stopped else "200, never cut"
        yield status

    async def leave_head_unfinished(self) -> AsyncGenerator[str, None]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.target.port)
        try:
            writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Endless: ")
            end, stop = asyncio.create_task(reader.read()), asyncio.create_task(self.stop_event.wait())
            await asyncio.wait((end, stop), timeout=HEAD_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if end.done() or not stop.done():
                yield "closed" if end.done() else f"open after {HEAD_SECONDS:g} s"
            for task in (end, stop):
                task.cancel()
            await asyncio.gather(end, stop, return_exceptions=True)
        finally:
            writer.close()

    async def request_paths(self) -> AsyncGenerator[str, None]:
        """Request each path as it is written here; HTTP clients would resolve it."""
        for path in PATHS:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.target.port)
            try:
                writer.write(_format_request(path, self.target.tokens[0]))
                yield _parse_status(await reader.read())
            finally:
                writer.close()


def _format_request(path: str, token: str) -> bytes:
    head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
    return head.encode()


def _parse_status(response: bytes) -> str:
    return response.decode(errors="replace").partition(" ")[2][:3] or "no answer"


async def _read_rest(connection: socket.socket) -> tuple[str, bool]:
    """Return the status of the response, and whether the server cut it."""
    response = b""
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while chunk := await asyncio.get_running_loop().sock_recv(connection, 1024 * 1024):
                response = (response + chunk)[:100]
    except ConnectionError:
        return _parse_status(response), True
    return _parse_status(response), False

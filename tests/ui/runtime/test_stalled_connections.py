"""Connections on which a client stalls are closed after 15 seconds (0.3 here), and no other connection is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import uvicorn
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from ui.runtime import stalled_connections

pytestmark = pytest.mark.system  # waits for real seconds

STALL_SECONDS = 0.3
LARGE = 32 * 1024 * 1024  # more than the system buffers of a connection
REQUEST = b"GET / HTTP/1.1\r\nHost: desk\r\n\r\n"
STALLS = {
    "nothing is sent": b"",
    "a head that is not finished": b"GET / HTTP/1.1\r\nHost: d",
    "a second head that is not finished": REQUEST + b"GET / HTTP/1.1\r\nX: ",
    "a body that nobody reads": b"POST / HTTP/1.1\r\nHost: desk\r\nContent-Length: 9\r\n\r\n1234",
}


@pytest.fixture(autouse=True)
def patched(monkeypatch):
    for name in ("connection_made", "connection_lost", "on_response_complete"):
        monkeypatch.setattr(AutoHTTPProtocol, name, getattr(AutoHTTPProtocol, name))  # undone afterwards
    monkeypatch.setattr(stalled_connections, "MAX_STALL_SECONDS", STALL_SECONDS)
    monkeypatch.setattr(stalled_connections, "MAX_UNREAD_SECONDS", 2 * STALL_SECONDS)
    stalled_connections.install_patches()


async def answer(scope, _receive, send) -> None:
    """Answer `ok`, on /slow after two seconds, on /large with 32 MB."""
    if scope["path"] == "/slow":
        await asyncio.sleep(6 * STALL_SECONDS)
    body = b"x" * LARGE if scope["path"] == "/large" else b"ok"
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def run_server() -> AsyncIterator[int]:
    """Run uvicorn with a keep-alive time that is too long to close what these tests look at."""
    config = uvicorn.Config(answer, port=0, lifespan="off", log_config=None, timeout_keep_alive=60)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await task


def run(check: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]) -> None:
    async def connect() -> None:
        async with run_server() as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
            await check(reader, writer)
            writer.transport.abort()

    asyncio.run(connect())


async def read_to_end(reader: asyncio.StreamReader) -> bytes:
    """Return what arrives until the server closes the connection, which may be a reset."""
    content = b""
    try:
        while chunk := await reader.read(65536):
            content += chunk
    except ConnectionResetError:
        pass
    return content


@pytest.mark.parametrize("sent", STALLS.values(), ids=STALLS.keys())
def test_stalled_connection_is_closed(sent):
    async def check(reader, writer) -> None:
        writer.write(sent)
        await asyncio.wait_for(read_to_end(reader), 20 * STALL_SECONDS)

    run(check)


def test_client_that_takes_nothing_of_a_response_is_closed():
    async def check(reader, writer) -> None:
        writer.write(REQUEST.replace(b"/ ", b"/large ", 1))
        writer.transport.pause_reading()
        await asyncio.sleep(8 * STALL_SECONDS)
        writer.transport.resume_reading()
        assert len(await asyncio.wait_for(read_to_end(reader), 20 * STALL_SECONDS)) < LARGE

    run(check)


def test_slow_reader_gets_the_whole_response():
    async def check(reader, writer) -> None:
        writer.write(REQUEST.replace(b"/ ", b"/large ", 1))
        content = b""
        for part in range(1, 41):
            while len(content) < part * LARGE // 40:
                content += await reader.read(LARGE)
            await asyncio.sleep(STALL_SECONDS / 10)
        assert content.startswith(b"HTTP/1.1 200")

    run(check)


def test_request_may_take_longer():
    async def check(reader, writer) -> None:
        writer.write(REQUEST.replace(b"/ ", b"/slow ", 1))
        assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")

    run(check)


def test_connection_with_requests_stays_open():
    async def check(reader, writer) -> None:
        for _ in range(5):
            writer.write(REQUEST)
            await reader.readuntil(b"ok")
            await asyncio.sleep(STALL_SECONDS / 2)

    run(check)

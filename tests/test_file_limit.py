"""A server at its limit of open files, because clients hold connections: it recovers, and its log stays small."""

from __future__ import annotations

import socket

import httpx
import psutil
import pytest
from websockets.sync.client import connect

from tests.support import make
from tests.support.database import DatabaseServer
from tests.support.server import RunningServer, run_server
from tests.support.waiting import wait_until
from ui.runtime.stalled_connections import MAX_STALL_SECONDS

CONNECTIONS = 60
MAX_LOG_BYTES = 100_000


@pytest.fixture
def server(postgres: DatabaseServer, database: str, tmp_path):
    with run_server(database, tmp_path) as desk:
        yield desk


def connect_to(server: RunningServer) -> socket.socket:
    host, port = httpx.URL(server.url).host, httpx.URL(server.url).port
    return socket.create_connection((host, port or 80), timeout=60)


def test_server_recovers_from_unfinished_heads_and_logs_little(server):
    cookie = server.get_session_cookie(make.staff("admin", password=make.PASSWORD).email)
    page = connect(
        f"{server.url.replace('http', 'ws', 1)}/_stcore/stream",
        additional_headers={"Cookie": cookie, "Origin": server.url},
        subprotocols=["streamlit"],  # type: ignore[list-item]
        max_size=None,
    )
    process, log_before = psutil.Process(server.pid), server.log.stat().st_size
    most_files = process.num_fds() + CONNECTIONS // 2
    process.rlimit(psutil.RLIMIT_NOFILE, (most_files, most_files))
    stalled = [connect_to(server) for _ in range(CONNECTIONS)]
    for each in stalled:
        each.sendall(b"GET / HTTP/1.1\r\nHost: ")

    wait_until(lambda: "out of system resource" in server.log.read_text())
    with pytest.raises(httpx.HTTPError):
        httpx.get(f"{server.url}/livez", timeout=MAX_STALL_SECONDS / 3)

    assert httpx.get(f"{server.url}/livez", timeout=4 * MAX_STALL_SECONDS).status_code == 200
    assert [each.recv(1) for each in stalled[: CONNECTIONS // 3]] == [b""] * (CONNECTIONS // 3)
    assert server.log.stat().st_size - log_before < MAX_LOG_BYTES
    page.ping().wait(10)  # an open page is not idle
    page.close()
    for each in stalled:
        each.close()

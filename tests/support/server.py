"""The app as its users have it: `streamlit run app.py` on a port of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.support import make
from ticketing.settings import ROOT

START_TIMEOUT_SECONDS = 60


@dataclass(frozen=True)
class RunningServer:
    url: str
    database: str
    log: Path
    pid: int

    def get_session_cookie(self, email: str) -> str:
        """Sign in, and return the Cookie header of the session."""
        typed = {"email": email, "password": make.PASSWORD}
        answer = httpx.post(f"{self.url}/session/sign-in", data=typed, headers={"Origin": self.url}, timeout=30)
        assert answer.status_code == 303, answer.text
        return "; ".join(f"{name}={value}" for name, value in answer.cookies.items())


@contextmanager
def run_server(database: str, folder: Path, app: str = "app.py", port: int | None = None) -> Iterator[RunningServer]:
    """Start a server on `database`, yield it once it is ready, and stop it afterwards; `app` is the script it runs."""
    port = port or find_free_port()
    environment = os.environ | {
        "DATABASE_URL": database,
        "TICKETDESK_DATA": str(folder),
        "STREAMLIT_SERVER_HEADLESS": "true",
        "STREAMLIT_SERVER_ALLOWED_HOSTS": "localhost 127.0.0.1",
    }
    command = [sys.executable, "-m", "streamlit", "run", app, "--server.port", str(port)]
    log = folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT)
    server = RunningServer(f"http://localhost:{port}", database, log, process.pid)
    try:
        _wait_until_ready(process, server)
        yield server
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_ready(process: subprocess.Popen[bytes], server: RunningServer) -> None:
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"{server.url}/healthz", timeout=2).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    raise RuntimeError(f"The server did not start:\n{server.log.read_text()[-4000:]}")

"""The private PostgreSQL is restarted once when it was killed or stopped while Ticket Desk runs.

In processes of their own, since the PostgreSQL of this run is not to be killed.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import pytest

from ticketing.settings import ROOT

THREADS = 8
# Each line on stdin: so many threads ask at once, and what they heard, in one line.
CLIENT_SCRIPT = f"""
import sys
from concurrent.futures import ThreadPoolExecutor
from sqlalchemy import text
from ticketing import db
from ticketing.errors import Unavailable
def ask(_):
    try:
        return db.write(lambda session: session.scalar(text("SELECT current_setting('data_directory')")))
    except Unavailable as away:
        return away.code
for line in sys.stdin:
    db.dispose()
    with ThreadPoolExecutor({THREADS}) as threads:
        print(*sorted(set(threads.map(ask, range({THREADS})))), flush=True)
db.stop()
"""


class Client:
    """A process that uses the private PostgreSQL of a data folder, as the server does."""

    def __init__(self, folder: Path) -> None:
        environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
        environment |= {"TICKETDESK_DATA": str(folder), "PYTHONPATH": str(ROOT)}
        self._process = subprocess.Popen(
            [sys.executable, "-c", CLIENT_SCRIPT],
            env=environment,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def ask(self) -> None:
        self._process.stdin.write("ask\n")
        self._process.stdin.flush()

    def heard(self) -> str:
        return self._process.stdout.readline().strip()

    def end(self) -> int:
        with self._process.stdout:
            self._process.stdin.close()
            return self._process.wait(30)


@pytest.fixture
def folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="ticketdesk-private-"))
    folder.chmod(0o755)  # root's PostgreSQL runs as another user, who must be able to enter
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def run_client(folder: Path) -> Iterator[Client]:
    process = Client(folder)
    try:
        yield process
    finally:
        process.end()


def get_postmaster(folder: Path) -> psutil.Process:
    return psutil.Process(int((folder / "postgres" / "postmaster.pid").read_text().splitlines()[0]))


def count_starts(folder: Path) -> int:
    return (folder / "postgres" / "log").read_text().count("starting PostgreSQL")


def test_killed_postgresql_is_restarted_once_by_two_processes(folder):
    data = str(folder / "postgres")
    with ExitStack() as both:
        desks = [both.enter_context(run_client(folder)) for _ in range(2)]
        for desk in desks:
            desk.ask()
        assert [desk.heard() for desk in desks] == [data, data]
        assert count_starts(folder) == 1
        for times, ending in enumerate((signal.SIGKILL, signal.SIGINT), start=2):
            gone = get_postmaster(folder)
            gone.send_signal(ending)
            gone.wait(20)
            for desk in desks:
                desk.ask()
            assert [desk.heard() for desk in desks] == [data, data]
            assert count_starts(folder) == times
        last = get_postmaster(folder)
    last.wait(20)  # it ends with the last who used it, whoever started it


def test_reused_process_id_does_not_prevent_a_restart(folder):
    with run_client(folder) as desk:
        desk.ask()
        assert desk.heard()
        gone = get_postmaster(folder)
        gone.kill()
        gone.wait(20)
        note = folder / "postgres" / "postmaster.pid"
        _, rest = note.read_text().split("\n", 1)
        note.write_text(f"{os.getpid()}\n{rest}")
        desk.ask()
        assert desk.heard() == str(folder / "postgres")
        assert get_postmaster(folder).pid != os.getpid()


def test_hanging_postgresql_is_not_restarted(folder):
    with run_client(folder) as desk:
        desk.ask()
        assert desk.heard()
        server = get_postmaster(folder)
        server.suspend()
        try:
            desk.ask()
            assert desk.heard() == "unavailable"
        finally:
            server.resume()
        desk.ask()
        assert desk.heard() == str(folder / "postgres")
        assert (count_starts(folder), get_postmaster(folder)) == (1, server)

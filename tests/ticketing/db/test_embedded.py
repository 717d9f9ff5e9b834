"""The private PostgreSQL is restarted once when it was killed or stopped while Ticket Desk runs.

It runs in separate processes, since the PostgreSQL of the test run must not be killed.
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
# For each line on stdin, THREADS threads query at once, and their distinct results are printed in one line.
CLIENT_SCRIPT = f"""
import sys
from concurrent.futures import ThreadPoolExecutor
from sqlalchemy import text
from ticketing import db
from ticketing.errors import Unavailable
def query(_):
    try:
        return db.write(lambda session: session.scalar(text("SELECT current_setting('data_directory')")))
    except Unavailable as error:
        return error.code
for line in sys.stdin:
    db.dispose()
    with ThreadPoolExecutor({THREADS}) as threads:
        print(*sorted(set(threads.map(query, range({THREADS})))), flush=True)
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

    def query(self) -> None:
        self._process.stdin.write("query\n")
        self._process.stdin.flush()

    def read_result(self) -> str:
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
            desk.query()
        assert [desk.read_result() for desk in desks] == [data, data]
        assert count_starts(folder) == 1
        for times, ending in enumerate((signal.SIGKILL, signal.SIGINT), start=2):
            ended = get_postmaster(folder)
            ended.send_signal(ending)
            ended.wait(20)
            for desk in desks:
                desk.query()
            assert [desk.read_result() for desk in desks] == [data, data]
            assert count_starts(folder) == times
        last = get_postmaster(folder)
    last.wait(20)  # it stops with the last process that uses it


def test_reused_process_id_does_not_prevent_a_restart(folder):
    with run_client(folder) as desk:
        desk.query()
        assert desk.read_result()
        killed = get_postmaster(folder)
        killed.kill()
        killed.wait(20)
        pid_file = folder / "postgres" / "postmaster.pid"
        _, rest = pid_file.read_text().split("\n", 1)
        pid_file.write_text(f"{os.getpid()}\n{rest}")
        desk.query()
        assert desk.read_result() == str(folder / "postgres")
        assert get_postmaster(folder).pid != os.getpid()


def test_hanging_postgresql_is_not_restarted(folder):
    with run_client(folder) as desk:
        desk.query()
        assert desk.read_result()
        server = get_postmaster(folder)
        server.suspend()
        try:
            desk.query()
            assert desk.read_result() == "unavailable"
        finally:
            server.resume()
        desk.query()
        assert desk.read_result() == str(folder / "postgres")
        assert (count_starts(folder), get_postmaster(folder)) == (1, server)

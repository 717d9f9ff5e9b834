"""What the servers, the database and this driver spend while people work."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field

import psutil
import psycopg

from tests.support.server import Running
from ticketing import db

_SECONDS_BETWEEN_LOOKS = 0.5


@dataclass
class Vitals:
    """While it is entered: processor seconds of each, the most memory and connections at a time, and how
    many transactions only read: those end by ROLLBACK."""

    servers: list[Running]
    server_cpu: float = 0.0
    database_cpu: float | None = None
    driver_cpu: float = 0.0
    memory: list[int] = field(default_factory=list)
    connections: int = 0
    reads: int = 0
    seconds: float = 0.0

    def __enter__(self) -> Vitals:
        self._connection = psycopg.connect(db.libpq_url(), autocommit=True)
        self._postmaster = _postmaster(self._connection)
        self._done = threading.Event()
        self._begun = self._now()
        self.memory = [0] * len(self.servers)
        self._watching = threading.Thread(target=self._watch)
        self._watching.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._watching.join()
        spent = [after - before for before, after in zip(self._begun, self._now(), strict=True)]
        self.seconds, self.server_cpu, self.driver_cpu, database_cpu, reads = spent
        self.database_cpu = database_cpu if self._postmaster else None
        self.reads = int(reads)
        self._connection.close()

    def _watch(self) -> None:
        while not self._done.wait(_SECONDS_BETWEEN_LOOKS):
            self.memory = [max(most, memory_of(each)) for most, each in zip(self.memory, self.servers, strict=True)]
            self.connections = max(self.connections, self._asked("count(*)", "pg_stat_activity") - 1)

    def _asked(self, what: str, where: str) -> int:
        row = self._connection.execute(f"SELECT {what} FROM {where} WHERE datname = current_database()").fetchone()
        assert row is not None
        return int(row[0])

    def _now(self) -> tuple[float, float, float, float, float]:
        return (
            time.perf_counter(),
            sum(cpu_of(psutil.Process(server.pid)) for server in self.servers),
            time.process_time(),
            cpu_of(self._postmaster) if self._postmaster else 0.0,
            self._asked("xact_rollback", "pg_stat_database"),
        )


def memory_of(server: Running) -> int:
    """Bytes in memory of the server and whatever it started."""
    process = psutil.Process(server.pid)
    return sum(each.memory_info().rss for each in (process, *process.children(recursive=True)))


def cpu_of(process: psutil.Process) -> float:
    """Seconds of processor of the process, of those that it started, and of those of them that have ended."""
    seconds = 0.0
    for each in (process, *process.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            times = each.cpu_times()
            seconds += times.user + times.system
            if each.pid == process.pid:
                seconds += times.children_user + times.children_system
    return seconds


def _postmaster(connection: psycopg.Connection) -> psutil.Process | None:
    """The database's first process, when it runs on this machine where we can see it."""
    row = connection.execute("SELECT pg_backend_pid(), inet_server_addr() IS NULL").fetchone()
    assert row is not None
    backend, is_local = row
    with suppress(psutil.Error):
        process = psutil.Process(backend)
        if is_local and "postgres" in process.name():
            return process.parent()
    return None

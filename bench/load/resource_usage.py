"""CPU, memory and connections of the servers, the database and this driver."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field

import psutil
import psycopg

from tests.support.server import RunningServer
from ticketing import db

_POLL_SECONDS = 0.5


@dataclass
class ResourceUsage:
    """Context manager that measures CPU seconds, peak memory in bytes by server, and peak connections.

    `read_transactions` are those that end by ROLLBACK. `database_cpu` is None if PostgreSQL runs on another machine.
    """

    servers: list[RunningServer]
    server_cpu: float = 0.0
    database_cpu: float | None = None
    driver_cpu: float = 0.0
    memory: list[int] = field(default_factory=list)
    connections: int = 0
    read_transactions: int = 0
    seconds: float = 0.0

    def __enter__(self) -> ResourceUsage:
        self._connection = psycopg.connect(db.libpq_url(), autocommit=True)
        self._postmaster = _find_postmaster(self._connection)
        self._stop = threading.Event()
        self._start_counters = self._read_counters()
        self.memory = [0] * len(self.servers)
        self._thread = threading.Thread(target=self._poll)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        used = [after - before for before, after in zip(self._start_counters, self._read_counters(), strict=True)]
        self.seconds, self.server_cpu, self.driver_cpu, database_cpu, reads = used
        self.database_cpu = database_cpu if self._postmaster else None
        self.read_transactions = int(reads)
        self._connection.close()

    def _poll(self) -> None:
        while not self._stop.wait(_POLL_SECONDS):
            self.memory = [
                max(peak, measure_memory(each)) for peak, each in zip(self.memory, self.servers, strict=True)
            ]
            self.connections = max(self.connections, self._query_int("count(*)", "pg_stat_activity") - 1)

    def _query_int(self, expression: str, view: str) -> int:
        row = self._connection.execute(f"SELECT {expression} FROM {view} WHERE datname = current_database()").fetchone()
        assert row is not None
        return int(row[0])

    def _read_counters(self) -> tuple[float, float, float, float, float]:
        return (
            time.perf_counter(),
            sum(measure_cpu_seconds(psutil.Process(server.pid)) for server in self.servers),
            time.process_time(),
            measure_cpu_seconds(self._postmaster) if self._postmaster else 0.0,
            self._query_int("xact_rollback", "pg_stat_database"),
        )


def measure_memory(server: RunningServer) -> int:
    """Return the memory in bytes of the server and its child processes."""
    process = psutil.Process(server.pid)
    memory = process.memory_info().rss
    for child in process.children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # a worker may end in between
            memory += child.memory_info().rss
    return int(memory)


def measure_cpu_seconds(process: psutil.Process) -> float:
    """Return the CPU seconds of the process and of its children, including those that have ended."""
    seconds = 0.0
    for each in (process, *process.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            times = each.cpu_times()
            seconds += times.user + times.system
            if each.pid == process.pid:
                seconds += times.children_user + times.children_system
    return seconds


def _find_postmaster(connection: psycopg.Connection) -> psutil.Process | None:
    """Return PostgreSQL's first process, if it runs on this machine."""
    row = connection.execute("SELECT pg_backend_pid(), inet_server_addr() IS NULL").fetchone()
    assert row is not None
    backend, is_local = row
    with suppress(psutil.Error):
        process = psutil.Process(backend)
        if is_local and "postgres" in process.name():
            return process.parent()
    return None

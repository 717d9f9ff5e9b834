"""A PostgreSQL for a single test, which can be stopped, frozen and restarted."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from ticketing.db import embedded


class DisposablePostgres:
    """A PostgreSQL that Ticket Desk does not restart, since it is not the private one of its data folder."""

    def __init__(self, folder: Path) -> None:
        folder.chmod(0o755)  # root's PostgreSQL runs as another user, who must be able to enter
        self._server = embedded.import_pgserver().get_server(folder / "postgres")
        self.url: str = self._server.get_uri()

    def stop(self) -> None:
        """Stop at once, without waiting for clients, as when a machine is switched off."""
        command = [self._server.bin_path / "pg_ctl", "-w", "-m", "immediate", "-D", self._server.pgdata, "stop"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, user=self._server.system_user)

    def start(self) -> None:
        self._server.ensure_postgres_running()

    def freeze(self) -> None:
        """Make it hang: connections stay open, and nothing is answered."""
        for process in self._processes():
            process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        for process in self._processes():
            process.send_signal(signal.SIGCONT)

    def end(self) -> None:
        self._server.cleanup()

    def _processes(self) -> list[psutil.Process]:
        postmaster = psutil.Process(self._server.get_pid())
        return [postmaster, *postmaster.children()]


@contextmanager
def run_disposable_postgres() -> Iterator[DisposablePostgres]:
    folder = Path(tempfile.mkdtemp(prefix="ticketdesk-own-"))
    postgres = DisposablePostgres(folder)
    try:
        yield postgres
    finally:
        postgres.end()
        shutil.rmtree(folder, ignore_errors=True)

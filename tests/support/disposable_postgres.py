"""A PostgreSQL for a single test, which can be stopped, frozen and restarted."""

from __future__ import annotations

import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ticketing.db.private_cluster import Cluster


class DisposablePostgres:
    """A PostgreSQL that Ticket Desk does not restart, since it is not the private one of its data folder."""

    def __init__(self, folder: Path) -> None:
        self._cluster = Cluster.locate(folder)
        self._cluster.prepare()
        self._cluster.start()
        self.url: str = self._cluster.url

    def stop(self) -> None:
        """Stop at once, without waiting for clients, as when a machine is switched off."""
        self._cluster.stop("immediate")

    def start(self) -> None:
        self._cluster.start()

    def write_rules(self, rules: str) -> None:
        """Replace pg_hba.conf and restart."""
        self._cluster.stop()
        (self._cluster.folder / "pg_hba.conf").write_text(rules)
        self._cluster.start()

    def freeze(self) -> None:
        """Make it hang: connections stay open, and nothing is answered."""
        self._cluster.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._cluster.send_signal(signal.SIGCONT)

    def end(self) -> None:
        self._cluster.stop()


@contextmanager
def run_disposable_postgres() -> Iterator[DisposablePostgres]:
    folder = Path(tempfile.mkdtemp(prefix="ticketdesk-own-"))
    postgres = DisposablePostgres(folder)
    try:
        yield postgres
    finally:
        postgres.end()
        shutil.rmtree(folder, ignore_errors=True)

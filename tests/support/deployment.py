"""A deployment on this machine from the files in deploy/: nginx, two app servers, PgBouncer, PostgreSQL and a replica.

It runs Debian's programs without root rights, on free ports and in a temporary folder.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg

from tests.support.waiting import wait_until
from ticketing.settings import ROOT

DEPLOY = ROOT / "deploy"
PASSWORD, SECRET = "correct-horse", "the same on both servers, and long enough"
PROGRAMS = {"nginx": "nginx", "pgbouncer": "pgbouncer", "initdb": "postgresql", "pg_basebackup": "postgresql"}


def get_search_path() -> str:
    """Return the PATH of Debian's programs, with the newest PostgreSQL first."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda each: int(each.parent.name))
    return os.pathsep.join([*map(str, reversed(versions)), os.environ["PATH"], "/usr/sbin", "/usr/local/sbin"])


def list_missing_packages() -> list[str]:
    """List the Debian packages that are not installed."""
    return sorted(
        {package for program, package in PROGRAMS.items() if shutil.which(program, path=get_search_path()) is None}
    )


def find_free_ports(number: int) -> list[int]:
    """Return different free ports: all are bound until all are known."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(number)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


@dataclass
class Deployment:
    """A running deployment, whose `processes` are stopped and killed by name."""

    folder: Path
    ports: Mapping[str, int]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """The address of nginx."""
        return f"http://localhost:{self.ports['nginx']}"

    def database(self, which: str) -> str:
        """Return the database URL at `primary`, `replica` or `pgbouncer`."""
        return f"postgresql://ticketdesk:{PASSWORD}@127.0.0.1:{self.ports[which]}/ticketdesk"

    def run(self, *command: str | Path) -> None:
        """Run a program of PostgreSQL to its end."""
        completed = subprocess.run(
            command,
            env=os.environ | {"PATH": get_search_path()},
            cwd=self.folder,
            capture_output=True,
            check=False,
            **get_unprivileged_user(),
        )
        assert completed.returncode == 0, completed.stderr.decode()

    def start(self, name: str, *command: str | Path, **how: Any) -> None:
        how = {"env": os.environ | {"PATH": get_search_path()}, "cwd": self.folder, **get_unprivileged_user()} | how
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
        """Run a statement on `primary` or `replica`, and return the first column of its first row."""
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

    # Each part uses its files in deploy/, and adds what operators write themselves.

    def start_postgres(self, name: str) -> None:
        self.start(name, "postgres", "-D", self.folder / name)
        wait_until(lambda: self.answers(name))

    def make_primary(self) -> None:
        folder = self.folder / "primary"
        self.run("initdb", "-D", folder, "-U", "postgres", "-N", "--auth-local=trust", "--auth-host=scram-sha-256")
        self._configure("primary", "primary")
        self.start_postgres("primary")
        connect = ("-h", self.folder, "-p", str(self.ports["primary"]), "-U", "postgres")
        variables = ("-v", f"password={PASSWORD}", "-v", f"replication_password={PASSWORD}")
        script = DEPLOY / "postgresql/role.sql"
        self.run("psql", "-qX", *connect, "-v", "ON_ERROR_STOP=1", *variables, "-f", script)

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
            "fsync = off",
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
        """Start an app server, as the current user, who can read the code."""
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
        """Return /healthz of an app server."""
        state: dict[str, Any] = httpx.get(f"http://127.0.0.1:{self.ports[name]}/healthz", timeout=5).json()
        return state

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


def get_unprivileged_user() -> dict[str, Any]:
    """Return the user for PostgreSQL and PgBouncer, which refuse to run as root."""
    return {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}


@contextmanager
def run_deployment(names: Sequence[str] = ("one", "two")) -> Iterator[Deployment]:
    """Start a deployment, yield it once every part is ready, and stop it afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="ticketdesk-servers-"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    parts = ("nginx", *names, "pgbouncer", "primary", "replica")
    deployed = Deployment(folder, dict(zip(parts, find_free_ports(len(parts)), strict=True)))
    try:
        deployed.make_primary()
        deployed.start_pgbouncer()
        with ThreadPoolExecutor(len(names) + 1) as pool:
            replica = pool.submit(deployed.make_replica)
            for name in names:
                deployed.start_app(name)
            replica.result()
        deployed.start_nginx()
        for name in names:
            wait_until(lambda name=name: deployed.is_app_ready(name))
        yield deployed
    finally:
        with ThreadPoolExecutor(len(parts)) as pool:
            for name in list(deployed.processes):
                pool.submit(deployed.stop, name, signal.SIGINT if name in ("primary", "replica") else signal.SIGTERM)
        shutil.rmtree(folder, ignore_errors=True)

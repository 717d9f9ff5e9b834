"""The container files of deploy/: what they refer to exists, what they may do is little, and their parts work together.

test_several_servers.py runs the other files of deploy/.
"""

from __future__ import annotations

import fnmatch
import itertools
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from tests.support.deployment import find_free_ports, get_search_path, get_unprivileged_user, list_missing_packages
from tests.support.waiting import wait_until
from tests.test_dependencies import SHIPPED
from ticketing import settings
from ticketing.settings import ROOT

DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
CONTAINERFILES = ("Containerfile", "compose/pgbouncer.Containerfile")
IMAGE = re.compile(r"([a-z0-9./-]+):([A-Za-z0-9._-]+)(?:@sha256:[0-9a-f]{64})?")

each_service = pytest.mark.parametrize("name", SERVICES)


def list_mounted_files(service: dict[str, Any]) -> list[Path]:
    sources = [volume.partition(":")[0] for volume in service.get("volumes", [])]
    return [DEPLOY / source for source in sources if source.startswith(".")]


@each_service
def test_files_of_a_service_exist(name):
    service = SERVICES[name]
    build = service.get("build")
    if build:
        context = DEPLOY / build["context"]
        copied = [
            source
            for line in (context / build["dockerfile"]).read_text().splitlines()
            if line.startswith("COPY ")
            for source in line.split()[1:-1]
        ]
        assert copied
        assert [source for source in copied if not (context / source).exists()] == []
    assert [file for file in list_mounted_files(service) if not file.exists()] == []
    assert {volume.partition(":")[0] for volume in service.get("volumes", []) if volume[0] != "."} <= set(
        COMPOSE["volumes"]
    )
    assert set(service.get("depends_on", [])) <= set(SERVICES)


# What a container may do


@each_service
def test_container_cannot_write_to_its_image_or_gain_rights(name):
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"cap_add", "privileged", "devices", "pid", "network_mode"} & set(service)
    assert [volume for volume in service.get("volumes", []) if volume[0] == "." and not volume.endswith(":ro")] == []


@each_service
def test_container_has_limits_of_memory_and_processes(name):
    assert re.fullmatch(r"\d+[mg]", SERVICES[name]["mem_limit"])
    assert SERVICES[name]["pids_limit"] > 0


@each_service
def test_container_does_not_run_as_root(name):
    service = SERVICES[name]
    user = service.get("user")
    if user is None:
        lines = (DEPLOY / service["build"]["context"] / service["build"]["dockerfile"]).read_text().splitlines()
        (user,) = [line.split()[1] for line in lines if line.startswith("USER ")]
    assert user in ("nobody", "nginx", "postgres")


# Images


def list_images() -> list[str]:
    """List the images that come from a registry."""
    pulled = [service["image"] for service in SERVICES.values() if "build" not in service]
    built_on = [re.findall(r"^FROM (.+)$", (DEPLOY / file).read_text(), re.MULTILINE) for file in CONTAINERFILES]
    return sorted({*pulled, *itertools.chain(*built_on)})


def test_every_image_has_a_version_and_digests_are_well_formed():
    assert len(list_images()) == 4
    assert [image for image in list_images() if not IMAGE.fullmatch(image)] == []
    assert [image for image in list_images() if "latest" in image or not re.search(r":.*(\d|bookworm)", image)] == []


def test_one_command_pins_every_image_and_moves_on_to_a_newer_digest(tmp_path):
    shutil.copytree(DEPLOY, tmp_path / "deploy")
    registry = tmp_path / "docker"  # in place of the client of a registry that tests cannot reach
    registry.write_text(
        '#!/bin/bash\n[ "$2" = imagetools ] && echo "sha256:$(echo "$4 $DAY" | sha256sum | cut -c-64)"\n'
    )
    registry.chmod(0o755)
    seen = set()
    for day in ("1", "2"):
        environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "DAY": day}
        subprocess.run([tmp_path / "deploy/pin-images.sh"], env=environment, check=True, capture_output=True)
        texts = [(tmp_path / "deploy" / file).read_text() for file in ("compose.yaml", *CONTAINERFILES)]
        images = re.findall(r"^(?:FROM|\s+image:) (\S+:\S+)$", "\n".join(texts), re.MULTILINE)
        assert len(images) == 4
        assert [image for image in images if not re.fullmatch(r"[a-z]+:[\w.-]+@sha256:[0-9a-f]{64}", image)] == []
        seen |= set(images)
    assert len(seen) == 8


def is_in_image(path: str) -> bool:
    """Return whether a file reaches the build, as Docker reads .dockerignore: the last line that matches decides."""
    is_sent = True
    for line in (DEPLOY / "Containerfile.dockerignore").read_text().splitlines():
        if line and not line.startswith("#"):
            pattern = line.removeprefix("!").removeprefix("**/")
            parents = [path, *map(str, Path(path).parents)]
            names = [Path(each).name for each in parents] if "**/" in line else parents
            if any(fnmatch.fnmatchcase(each, pattern) for each in names if each != "."):
                is_sent = line.startswith("!")
    return is_sent


@pytest.mark.parametrize("path", [*SHIPPED, ".streamlit/config.toml", "alembic.ini", "ticketing/ops/sample/gala.json"])
def test_what_runs_is_in_the_image(path):
    assert (ROOT / path).exists()
    assert is_in_image(path)


SECRETS = [".env", "deploy/.env", "deploy/.env.production", "ticketing/.env", ".streamlit/secrets.toml"]


@pytest.mark.parametrize("path", [*SECRETS, ".data/secret", ".git/config", "tests/conftest.py", "gala.backup"])
def test_secrets_and_all_else_are_not_in_the_image(path):
    assert not is_in_image(path)


def test_git_ignores_files_with_secrets(tmp_path):
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    shutil.copy(ROOT / ".gitignore", tmp_path)
    completed = subprocess.run(
        ["git", "-C", tmp_path, "check-ignore", *SECRETS, ".data/secret"], capture_output=True, text=True, check=False
    )
    assert completed.stdout.split() == [*SECRETS, ".data/secret"]


# Who may reach what


@pytest.mark.parametrize("name", ["one", "two"])
def test_app_server_has_known_settings_and_the_address_in_nginx(name):
    service = SERVICES[name]
    assert set(service["environment"]) <= set(settings.NAMES)
    servers = (DEPLOY / "compose/ticketdesk-servers.conf").read_text()
    assert f"server {service['networks']['desk']['ipv4_address']}:8501 " in servers


def test_app_servers_are_configured_alike():
    one, two = ({key: value for key, value in SERVICES[name].items() if key != "networks"} for name in ("one", "two"))
    assert one == two


def test_app_server_answers_named_hosts_only_and_its_health_check_asks_for_one():
    hosts = SERVICES["one"]["environment"]["STREAMLIT_SERVER_ALLOWED_HOSTS"].split()
    assert hosts == ["localhost", "${TICKETDESK_HOST:-}"]
    assert 'CMD ["python", "serve.py"]' in (DEPLOY / "Containerfile").read_text()
    assert "http://localhost:8501/healthz" in (DEPLOY / "Containerfile").read_text()


def test_app_server_believes_nginx_about_addresses_and_nobody_else():
    address = SERVICES["nginx"]["networks"]["desk"]["ipv4_address"]
    assert SERVICES["one"]["environment"]["FORWARDED_ALLOW_IPS"] == address


def test_only_nginx_is_published_and_by_default_on_this_machine_only():
    assert {name: service["ports"] for name, service in SERVICES.items() if "ports" in service} == {
        "nginx": ["${TICKETDESK_LISTEN:-127.0.0.1:8080}:8080"]
    }
    assert "listen 8080;" in (DEPLOY / "compose/ticketdesk-listen.conf").read_text()


def test_each_database_role_has_a_password_of_its_own_and_the_app_only_its_own():
    def find_passwords(value: object) -> set[str]:
        return set(re.findall(r"TICKETDESK_\w*PASSWORD", str(value).replace("'TICKETDESK", "")))

    primary = SERVICES["primary"]["environment"]
    assert primary["POSTGRES_PASSWORD"].startswith("${TICKETDESK_SUPERUSER_PASSWORD:")
    assert [find_passwords(SERVICES[name]["environment"]) for name in ("one", "pgbouncer", "replica")] == [
        {"TICKETDESK_PASSWORD"},
        {"TICKETDESK_PASSWORD"},
        {"TICKETDESK_REPLICA_PASSWORD"},
    ]
    assert "ticketdesk:${TICKETDESK_PASSWORD" in SERVICES["one"]["environment"]["DATABASE_URL"]


@pytest.fixture
def debian_programs() -> None:
    if missing := list_missing_packages():
        message = f"needs {' '.join(missing)} (apt-get install {' '.join(missing)})"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(message)


def run_program(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program of Debian without root rights."""
    return subprocess.run(
        command,
        env=os.environ | {"PATH": get_search_path()} | environment,
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        **get_unprivileged_user(),
    )


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that the unprivileged user owns, outside of pytest's own, which that user could not enter."""
    folder = Path(tempfile.mkdtemp(prefix="ticketdesk-deploy-"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    yield folder
    shutil.rmtree(folder)


def test_nginx_starts_without_root_rights_and_writes_below_tmp_only(debian_programs, open_folder):
    text = (DEPLOY / "compose/nginx.conf").read_text()
    assert set(re.findall(r"(?:pid|_path) (\S+)/nginx", text)) == {"/tmp"}  # noqa: S108
    (open_folder / "nginx.conf").write_text(text.replace("/tmp/", f"{open_folder}/"))  # noqa: S108
    for volume in SERVICES["nginx"]["volumes"]:
        source, target, _ = volume.split(":")
        if target != "/etc/nginx/nginx.conf":
            included = (DEPLOY / source).read_text().replace("/dev/stdout", f"{open_folder}/access.log")
            (open_folder / Path(target).name).write_text(included)
    tested = run_program("nginx", "-t", "-e", "stderr", "-p", open_folder, "-c", open_folder / "nginx.conf")
    assert tested.returncode == 0, tested.stderr


def test_only_the_roles_of_ticket_desk_log_in_over_the_network(debian_programs, open_folder):
    """The primary with its files in compose.yaml and the script that makes its roles."""
    data, etc, (port,) = open_folder / "data", open_folder / "etc", find_free_ports(1)
    superuser = "postgres" if os.geteuid() == 0 else run_program("id", "-un").stdout.strip()
    (open_folder / "password").write_text("of-the-superuser")
    etc.mkdir()
    for volume in SERVICES["primary"]["volumes"]:
        source, target = volume.split(":")[:2]
        if target.startswith("/etc/postgresql/"):
            shutil.copy(DEPLOY / source, etc)
    (etc / "postgresql.conf").write_text(
        (etc / "postgresql.conf").read_text().replace("/etc/postgresql", str(etc))
        + f"port = {port}\nunix_socket_directories = '{open_folder}'\nfsync = off\n"
    )
    made = run_program(
        "initdb", "-D", data, "-U", superuser, "-N", "-A", "scram-sha-256", f"--pwfile={open_folder}/password"
    )
    assert made.returncode == 0, made.stderr
    start = ("postgres", "-D", data, "-c", f"config_file={etc}/postgresql.conf")
    server = subprocess.Popen(
        start, env=os.environ | {"PATH": get_search_path()}, stderr=subprocess.DEVNULL, **get_unprivileged_user()
    )
    try:
        wait_until(lambda: run_program("pg_isready", "-h", open_folder, "-p", str(port)).returncode == 0)
        # What make-roles.sh runs, as the system user of the superuser's name and without a password.
        variables = ("-v", "password=of-the-app", "-v", "replication_password=of-the-replica")
        connect = ("-h", open_folder, "-p", str(port), "-U", superuser, "-d", "postgres")
        roles = run_program(
            "psql", "-qX", "-w", *connect, "-v", "ON_ERROR_STOP=1", *variables, "-f", DEPLOY / "postgresql/role.sql"
        )
        assert roles.returncode == 0, roles.stderr

        def log_in(user: str, password: str, database: str = "ticketdesk") -> bool:
            address = {"host": "127.0.0.1", "port": port, "user": user, "password": password, "dbname": database}
            with psycopg.connect(**address) as connection:
                return connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()[0]

        assert log_in("ticketdesk", "of-the-app") is False
        for user, password, database in (
            ("ticketdesk", "of-the-superuser", "ticketdesk"),
            ("ticketdesk", "of-the-app", "postgres"),
            ("ticketdesk_replica", "of-the-replica", "ticketdesk"),
            (superuser, "of-the-superuser", "ticketdesk"),
            (superuser, "of-the-superuser", "postgres"),
        ):
            with pytest.raises(psycopg.OperationalError, match=r"authentication failed|no pg_hba\.conf entry"):
                log_in(user, password, database)
    finally:
        server.terminate()
        server.wait(30)

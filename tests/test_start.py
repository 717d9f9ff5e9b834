"""A start that is refused ends with exit code 2 and one sentence; only the debug level adds a traceback."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.private_postgres import get_environment, make_folder, run_user
from tests.support.server import find_free_port
from ticketing.settings import ROOT

TIMEOUT_SECONDS = 60
ACCOUNT = "root" if os.geteuid() == 0 else "ordinary"


@pytest.fixture
def data() -> Iterator[Path]:
    with make_folder(ACCOUNT) as folder:
        yield folder / "data"


def start(data: Path, *command: str, **variables: str) -> tuple[int, str]:
    """Return exit code and stderr of a server that is expected to end by itself."""
    environment = get_environment(data) | {"STREAMLIT_SERVER_PORT": str(find_free_port())} | variables
    command = command or (sys.executable, "serve.py")
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False
    )
    return done.returncode, done.stderr


def test_wrong_setting(data):
    assert start(data, TICKETDESK_BASE_URL="tickets.example.org") == (
        2,
        "Ticket Desk does not start. TICKETDESK_BASE_URL is an address without a path, such as "
        "https://tickets.example.org, not tickets.example.org\n",
    )


def test_wrong_setting_under_streamlit_itself(data):
    code, output = start(data, sys.executable, "-m", "streamlit", "run", "app.py", TICKETDESK_LOG_FORMAT="xml")
    assert (code, output) == (2, "Ticket Desk does not start. TICKETDESK_LOG_FORMAT is text or json, not xml\n")


def test_taken_port(data):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert start(data, STREAMLIT_SERVER_PORT=str(port)) == (
            2,
            f"Ticket Desk does not start. Port {port} is taken by another process, often by an earlier Ticket Desk: "
            f"stop it (`ss -ltnp 'sport = :{port}'` shows it), or set STREAMLIT_SERVER_PORT.\n",
        )


def test_argument(data):
    assert start(data, sys.executable, "serve.py", "--server.port=80") == (
        2,
        "Ticket Desk does not start. serve.py takes no arguments: set STREAMLIT_SERVER_PORT and other variables "
        "instead.\n",
    )


@pytest.mark.parametrize("address", ["192.0.2.1", "nowhere.invalid"])
def test_address_of_another_machine(data, address):
    code, output = start(data, STREAMLIT_SERVER_ADDRESS=address)
    assert (code, output) == (
        2,
        f"Ticket Desk does not start. {address} is not an address of this machine: correct STREAMLIT_SERVER_ADDRESS.\n",
    )


def leave_empty_lock_file(data: Path) -> str:
    with run_user(data, ACCOUNT):
        pass
    (data / "postgres" / "postmaster.pid").write_text("")
    return f"The lock file {data}/postgres/postmaster.pid is incomplete, "


def leave_empty_secret(data: Path) -> str:
    data.mkdir()
    (data / "secret").write_text("")
    return f"The secret in {data}/secret is shorter than 32 characters, "


def leave_file(data: Path) -> str:
    data.write_text("")
    return "TICKETDESK_DATA is the path of a folder, "


@pytest.mark.parametrize("leave", [leave_empty_lock_file, leave_empty_secret, leave_file])
def test_damaged_data_folder(data, leave):
    sentence = leave(data)
    code, output = start(data)
    assert (code, len(output.splitlines())) == (2, 1)
    assert f"Ticket Desk does not start. {sentence}" in output


@pytest.mark.parametrize("level", ["info", "debug"])
def test_unreachable_database_has_a_traceback_at_debug_level_only(data, level):
    url = "postgresql://desk:s3cret@127.0.0.1:9/desk"
    code, output = start(data, DATABASE_URL=url, TICKETDESK_LOG_LEVEL=level)

    assert code == 2
    first, *rest = output.splitlines()
    assert first.endswith(
        "CRITICAL ticketing.server: Ticket Desk does not start. The PostgreSQL at 127.0.0.1:9 cannot be reached "
        "(Connection refused): start it, or correct DATABASE_URL, and start again."
    )
    assert ("Traceback (most recent call last):" in "".join(rest)) == (level == "debug")
    assert bool(rest) == (level == "debug")
    assert "s3cret" not in output

"""The commands `backup` and `restore`: their output, and the private PostgreSQL that they start and stop."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from tests.support.database import use_database
from tests.ticketing.ops.test_cli import run_cli
from ticketing import __version__, db
from ticketing.db import backup
from ticketing.settings import ROOT

pytestmark = pytest.mark.system  # runs pg_dump and pg_restore

TIMEOUT_SECONDS = 180


def test_commands_report_what_they_did(full_database, postgres, file, capsys):
    verified = run_cli(capsys, "verify")[1]

    code, (line,), complaints = run_cli(capsys, "backup", file)
    assert (code, complaints) == (0, [])
    size = f"{file.stat().st_size / 1e3:.0f} kB"
    assert line.startswith(f"1 event and 88 purchases are in {file}: {size}, ")
    assert line.endswith(" seconds.")

    use_database(postgres.create(migrated=False))
    code, (line, *verify_output), complaints = run_cli(capsys, "restore", file)
    assert (code, verify_output, complaints) == (0, verified, [])
    assert line.startswith(f"1 event and 88 purchases are restored from {file}, made by Ticket Desk {__version__}: ")

    code, out, (sentence,) = run_cli(capsys, "restore", file)
    assert (code, out) == (1, [])
    assert sentence.startswith("The database is not empty")
    code, out, (sentence,) = run_cli(capsys, "backup", file)
    assert (code, out) == (1, [])
    assert sentence == f"{file} exists already, and a backup replaces no file. Choose another name."


def test_restore_reports_what_verify_finds(full_database, postgres, file, capsys):
    db.write(lambda session: session.execute(text("UPDATE daily_sales SET seats = seats + 1, quantity = quantity + 1")))
    backup.create(file)
    use_database(postgres.create(migrated=False))

    code, out, complaints = run_cli(capsys, "restore", file)

    assert code == 1
    assert out[0].startswith("1 event and 88 purchases are restored from ")
    assert complaints == [f"{len(out) - 1} numbers differ from the purchases."]


SERVER_SCRIPT = """
from tests.support import make
from ticketing import __version__, db
from ticketing.db import migrations
migrations.migrate()
event = make.event()
make.purchase(event, make.package(event))
print("serving", flush=True)
input()
print(db.is_reachable())
"""


def test_private_postgresql_is_backed_up_while_in_use_and_restored_elsewhere(file):
    """Each command starts or joins the PostgreSQL of its data folder; the last process that uses it stops it."""
    folder = Path(tempfile.mkdtemp(prefix="ticketdesk-private-"))
    folder.chmod(0o755)  # root's PostgreSQL runs as another user, who must be able to enter
    inherited = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}

    def how(data: str) -> dict[str, Any]:
        environment = inherited | {"TICKETDESK_DATA": str(folder / data), "PYTHONPATH": str(ROOT)}
        return {"cwd": ROOT, "env": environment, "text": True, "stderr": subprocess.PIPE}

    def command(data: str, *arguments: object) -> list[str]:
        command_line = [sys.executable, "-m", "ticketing", *map(str, arguments)]
        completed = subprocess.run(
            command_line, **how(data), stdout=subprocess.PIPE, timeout=TIMEOUT_SECONDS, check=False
        )
        assert (completed.returncode, completed.stderr) == (0, "")
        return completed.stdout.splitlines()

    try:
        with subprocess.Popen(
            [sys.executable, "-c", SERVER_SCRIPT], **how("one"), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as server:
            assert server.stdout.readline() == "serving\n", server.stderr.read()
            (line,) = command("one", "backup", file)
            assert line.startswith(f"1 event and 1 purchase are in {file}: ")
            assert server.communicate("\n", timeout=TIMEOUT_SECONDS) == ("True\n", "")
        line, verify_output, _ = command("two", "restore", file)
        assert line.startswith(f"1 event and 1 purchase are restored from {file}, made by Ticket Desk {__version__}: ")
        assert verify_output.startswith("Every count, total, promo use and ticket agrees with the purchases")
        assert not list(folder.glob("*/postgres/postmaster.pid"))
    finally:
        shutil.rmtree(folder)

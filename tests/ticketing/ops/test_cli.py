"""The command line: output on stdout and stderr, and exit codes."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import func, select, text

from tests.support import make, seller_files
from tests.support.credentials import find_token_actor, get_row
from tests.support.database import use_database
from tests.support.sales_file import DATA, create_gala, sale, sales_csv
from tests.support.workbooks import make_workbook, sheet
from ticketing import __version__, db
from ticketing import cli as command_line
from ticketing.access import permissions
from ticketing.actors import OPERATOR
from ticketing.models import ApiToken, Event, Package, Purchase, Staff
from ticketing.sales import corrections
from ticketing.settings import ROOT

pytestmark = pytest.mark.system  # each command as an operator runs it


def run_cli(capsys, *arguments: object) -> tuple[int, list[str], list[str]]:
    """Return the exit code, the lines of stdout and the lines of stderr."""
    code = command_line.main([str(argument) for argument in arguments])
    output = capsys.readouterr()
    return code, output.out.splitlines(), output.err.splitlines()


def run_cli_process(*arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ticketing", *arguments]
    return subprocess.run(command, cwd=ROOT, input=typed, capture_output=True, text=True, timeout=60, check=False)


def count_rows(model) -> int:
    with db.read_session() as session:
        return session.scalar(select(func.count()).select_from(model))


def test_commands_migrate_fill_and_verify_a_database(database_without_schema, capsys):
    refused = run_cli_process("verify")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == "The database does not have the current schema. Run `python -m ticketing migrate` first.\n"
    assert run_cli(capsys, "migrate") == (0, ["The schema is at its current version."], [])
    loaded = run_cli_process("demo")
    assert (loaded.returncode, count_rows(Event)) == (0, 1)
    assert loaded.stdout == f"{uuid.UUID(loaded.stdout.strip())}\n"
    assert run_cli(capsys, "demo")[1] == [loaded.stdout.strip()]
    code, (summary, *chains), err = run_cli(capsys, "verify")
    assert (code, err) == (0, [])
    assert summary == (
        "Every count, total, promo use and ticket agrees with the purchases; the audit trail is as it was sealed."
    )
    (chain,) = chains
    assert chain.startswith(f"Harbor Lights Gala 2026 ({loaded.stdout.strip()}): ")
    assert re.search(r"\d+ entries, last seal [0-9a-f]{64}$", chain)


@pytest.fixture
def unreachable_database(database) -> Iterator[None]:
    use_database("postgresql://nobody@127.0.0.1:1/nothing")
    yield
    use_database(database)


@pytest.mark.parametrize("command", ["verify", "migrate", "demo"])
def test_unreachable_database_is_one_sentence(unreachable_database, capsys, command):
    code, out, err = run_cli(capsys, command)
    assert (code, out) == (1, [])
    assert err == ["The database does not answer. Nothing was saved; try again in a moment."]


@pytest.mark.database
def test_unexpected_error_is_one_sentence_without_traceback(capsys, monkeypatch):
    def fault(session):
        raise KeyError("what")

    monkeypatch.setattr("ticketing.ops.verify.verify", fault)
    code, out, err = run_cli(capsys, "verify")
    assert (code, out) == (1, [])
    assert err == ["Unexpected error: KeyError: 'what'"]


def test_verify_lists_each_difference_and_fails(capsys, empty_database):
    event = make.event()
    make.package(event, name="Table")
    db.write(lambda session: session.execute(text("UPDATE packages SET sold_count = 3")))
    assert run_cli(capsys, "verify") == (
        1,
        [f"Harbor Lights Gala ({event.id}): the sold count of Table is 3, but the purchases give 0."],
        ["1 number differs from the purchases."],
    )


def test_verify_reports_tampered_audit_entries_and_fails(capsys, empty_database):
    event = make.event()
    db.write(
        lambda session: session.execute(
            text("UPDATE audit_chains SET seal = '' WHERE chain_id = :event"), {"event": event.id}
        )
    )
    code, (line,), err = run_cli(capsys, "verify")
    assert (code, err) == (1, ["1 place of the audit trail is not as it was sealed."])
    assert line.startswith(f"Harbor Lights Gala ({event.id}): audit trail, position 5, ")
    assert line.endswith(" UTC: the chain's own row does not agree with its last seal.")


def test_verify_compares_the_audit_log_with_noted_seals(capsys, empty_database, tmp_path):
    make.event()
    noted = tmp_path / "seals.txt"
    noted.write_text("\n".join(run_cli(capsys, "verify")[1]))
    make.event()
    assert run_cli(capsys, "verify", "--noted", noted)[0] == 0
    noted.write_text(noted.read_text()[:-4] + "beef")
    code, (line,), err = run_cli(capsys, "verify", "--noted", noted)
    assert (code, err) == (1, ["1 place of the audit trail is not as it was sealed."])
    assert line.endswith("audit trail, position 5: another seal was noted down for this position.")
    (sentence,) = run_cli(capsys, "verify", "--noted", tmp_path / "nothing")[2]
    assert sentence == f"{tmp_path / 'nothing'} cannot be read: No such file or directory."


def test_staff_add_reads_the_password_from_stdin(event):
    email = make.email()
    other = make.event()
    arguments = ["staff", "add", email, "--name", "Ana Ruiz", "--role", "viewer", "--event", str(event.id)]
    done = run_cli_process(*arguments, "--event", str(other.id), typed="correct horse battery\nnot this\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"Ana Ruiz <{email}> has an account as viewer, assigned to 2 events.\n"

    opened = make.sign_in(email, "correct horse battery")

    def enter(session):
        actor = permissions.get_session_actor(session, opened.session_id)
        permissions.require(session, actor, "read", other.id)
        return actor.role

    assert db.write(enter) == "viewer"


def test_staff_add_keeps_blanks_of_the_password():
    email = make.email()
    done = run_cli_process("staff", "add", email, "--name", "Ana", "--role", "viewer", typed="  blanks around it \r\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert make.sign_in(email, "  blanks around it ")


def test_staff_add_prompts_twice_at_a_terminal(capsys, monkeypatch):
    prompts = []
    answers = iter(["correct horse battery", "correct horse batterie"])
    main_end, terminal = pty.openpty()
    with os.fdopen(terminal) as stdin, os.fdopen(main_end):
        monkeypatch.setattr("sys.stdin", stdin)
        monkeypatch.setattr("getpass.getpass", lambda prompt: prompts.append(prompt) or next(answers))
        before = count_rows(Staff)
        code, _, err = run_cli(capsys, "staff", "add", make.email(), "--name", "Ana", "--role", "admin")
    assert (code, err, prompts) == (1, ["password: The two passwords differ."], ["Password: ", "Once more: "])
    assert count_rows(Staff) == before


def test_staff_add_reports_every_invalid_field(capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("short\n"))
    code, out, err = run_cli(capsys, "staff", "add", "not-an-address", "--name", "Ana", "--role", "admin")
    assert (code, out) == (1, [])
    assert err == [
        "email: Enter an e-mail address such as ana@example.org.",
        "password: Use at least 10 characters.",
    ]


def test_token_is_the_only_output_and_belongs_to_its_owner(capsys):
    ana = make.staff(role="coordinator")
    code, [token], err = run_cli(capsys, "token", ana.email, "--name", "Donor site")
    assert (code, err) == (0, [f"A new API token of {ana.email}, called Donor site. It is shown this once:"])
    with db.read_session() as session:
        assert permissions.find_token_actor(session, token).staff_id == ana.staff_id


def test_token_ends_when_asked_to(capsys):
    ana = make.staff()
    code, [token], _ = run_cli(capsys, "token", ana.email, "--expires-at", "2098-01-31T18:00:00-05:00")
    assert code == 0
    row = get_row(ApiToken, find_token_actor(token).token_id)
    assert row.expires_at == datetime(2098, 1, 31, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("2020-01-31T18:00:00-05:00", "Choose a time in the future, or none."),
        ("2098-01-31T18:00:00", "Add the offset from UTC, such as -05:00."),
        ("tomorrow", "Enter a date and time such as 2026-12-05T18:00:00-05:00."),
    ],
)
def test_token_with_a_wrong_end_is_refused(capsys, value, sentence):
    ana = make.staff()
    before = count_rows(ApiToken)
    assert run_cli(capsys, "token", ana.email, "--expires-at", value) == (1, [], [f"expires_at: {sentence}"])
    assert count_rows(ApiToken) == before


@pytest.mark.database
def test_token_of_an_unknown_account_is_refused(capsys):
    code, out, err = run_cli(capsys, "token", "nobody@example.org")
    assert (code, out) == (1, [])
    assert err == ["nobody@example.org has no active account. Create one with `staff add` first."]


def test_import_is_checked_then_run_then_skipped(capsys, tmp_path, event):
    package = make.package(event, name="Table")
    file = tmp_path / "sales.csv"
    file.write_bytes(sales_csv(sale(package), sale(package, total_amount="90.00")))
    warning = (
        "warning: row 3, total_amount: $90.00 is not 1 x $100.00, which is $100.00. The total from the file is kept."
    )
    assert run_cli(capsys, "import", event.id, file, "--check") == (
        0,
        ["No problems in 2 rows: 2 to import, 0 in the event already. Nothing was changed."],
        [warning],
    )
    code, out, err = run_cli(capsys, "import", event.id, file)
    assert (code, out) == (0, ["2 rows imported, 0 skipped that are in the event already."])
    undo = err[1].partition("-m ticketing ")[2].split()[:3]
    assert undo[:2] == ["undo-import", str(event.id)]
    assert err[0] == warning
    assert run_cli(capsys, "import", event.id, file) == (
        0,
        ["0 rows imported, 2 skipped that are in the event already."],
        [],
    )
    with db.read_session() as session:
        assert session.get(Package, package.id).sold_count == 2
        purchase = session.scalars(select(Purchase).where(Purchase.event_id == event.id)).first()
    db.write(lambda s: corrections.change_status(s, OPERATOR, event.id, purchase.id, "refunded", seen_version=1))
    code, out, err = run_cli(capsys, *undo, "--reason", "Wrong year")
    assert (code, len(out)) == (1, 1)
    assert out[0].endswith("1 x Table, Ana Ruiz, refunded, changed by Operator")
    assert err[0].endswith("Add --changed to confirm.")
    assert run_cli(capsys, *undo, "--reason", "Wrong year", "--changed") == (
        0,
        ["sales.csv is undone: 2 purchases are voided, 1 package goes back on sale."],
        [],
    )
    assert run_cli(capsys, *undo, "--reason", "Again")[0] == 1


@pytest.mark.parametrize("only_check", [[], ["--check"]])
def test_file_with_problems_prints_one_line_each_and_stores_nothing(capsys, empty_database, only_check):
    event = create_gala()
    code, out, err = run_cli(capsys, "import", event.id, DATA / "sales-dirty.csv", *only_check)
    assert (code, len(out), count_rows(Purchase)) == (1, 17, 0)
    assert out[0] == (
        "row 20, ticket_type: This event has no package called No Such Package. Check the spelling, or create it first."
    )
    assert err == [
        "sales-dirty.csv has 17 problems in 17 rows of 300. Nothing was imported; correct the file and import it again."
    ]


def test_import_accepts_the_same_sales_as_csv_excel_and_json(capsys, tmp_path, event):
    rows = [sale(make.package(event)), sale(make.package(event))]
    table = [list(rows[0]), *(list(row.values()) for row in rows)]
    files = {
        "sales.csv": sales_csv(*rows),
        "sales.xlsx": seller_files.to_workbook(table),
        "sales.json": json.dumps(rows).encode(),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    stored = [
        run_cli(capsys, "import", event.id, tmp_path / name)[1][0] for name in ("sales.xlsx", "sales.json", "sales.csv")
    ]
    assert [line.partition(" rows")[0] for line in stored] == ["2", "0", "0"]


def test_import_names_the_sheets_that_are_read_and_takes_those_that_are_named(capsys, tmp_path, event):
    rows = [sale(make.package(event)), sale(make.package(event)), {"Fee": "1", "Reason": "card"}]
    month, other, fees = (sheet(list(row), list(row.values())) for row in rows)
    file = tmp_path / "sales.xlsx"
    file.write_bytes(make_workbook(October=month, Fees=fees, November=other))
    check = ("import", event.id, file, "--check")
    code, out, err = run_cli(capsys, *check)
    assert (code, out[0].partition(":")[0]) == (0, "No problems in 2 rows")
    assert err == ["Read, with rows: October (1), November (1). Not read: Fees (1)."]
    code, out, err = run_cli(capsys, *check, "--sheet", "November")
    assert (code, out[0].partition(":")[0]) == (0, "No problems in 1 row")
    assert run_cli(capsys, *check, "--sheet", "December")[::2] == (
        1, ["file: This workbook has no sheet “December” with rows."],
    )  # fmt: skip


def test_import_of_a_missing_file_or_event_is_refused(capsys, tmp_path, event):
    missing = tmp_path / "missing.csv"
    assert run_cli(capsys, "import", event.id, missing) == (
        1,
        [],
        [f"{missing} cannot be read: No such file or directory."],
    )
    nowhere = uuid.uuid4()
    assert run_cli(capsys, "import", nowhere, DATA / "sales.csv") == (1, [], [f"There is no event {nowhere}."])
    empty = tmp_path / "empty.csv"
    empty.touch()
    code, _, err = run_cli(capsys, "import", event.id, empty)
    assert (code, err) == (1, ["file: This file is empty. Choose a file with a header and at least one row."])


def test_version_is_printed(capsys):
    with pytest.raises(SystemExit) as ended:
        command_line.main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"Ticket Desk {__version__}\n"


def test_wrong_setting_is_one_sentence(capsys, monkeypatch):
    monkeypatch.setenv("TICKETDESK_SLOW_QUERY_MS", "fast")
    db.dispose()
    code, out, err = run_cli(capsys, "verify")
    assert (code, out) == (1, [])
    assert err == ["TICKETDESK_SLOW_QUERY_MS is a whole number from 0 to 3600000, not fast"]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["unknown"],
        ["import", "not-an-id", "sales.csv"],
        ["staff", "add", "a@b.org", "--role", "king", "--name", "A"],
    ],
)
def test_wrong_command_prints_its_usage(capsys, arguments):
    with pytest.raises(SystemExit) as ended:
        command_line.main(arguments)
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("usage: python -m ticketing")


def test_staff_release_frees_an_account_for_another_openid_provider(capsys):
    person = make.staff(openid_issuer="https://old.example", openid_subject=make.unique("sub"))

    assert run_cli(capsys, "staff", "release", person.email) == (
        0,
        [f"The next OpenID sign-in as {person.email} gets this account."],
        [],
    )
    assert run_cli(capsys, "staff", "release", person.email) == (
        1,
        [],
        [f"No OpenID sign-in is bound to {person.email}."],
    )

"""`python -m ticketing COMMAND`, for operators and scripts: docs/product.md, "Command line".

Results go to stdout, so that scripts can use them; everything else goes to stderr. The exit code is 0, 1 when
something was refused or differs, 2 when the command line is wrong.
"""

from __future__ import annotations

import argparse
import getpass
import logging
import os
import sys
import uuid
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import psycopg.errors
from sqlalchemy.exc import DBAPIError

from ticketing import __version__, db, imports
from ticketing.access import api_tokens, openid, staff
from ticketing.access.api_tokens import TokenDraft
from ticketing.access.staff import StaffDraft
from ticketing.actors import OPERATOR
from ticketing.audit import hash_chain
from ticketing.db import backup, migrations
from ticketing.db.time_zones import ZoneDifference
from ticketing.errors import InvalidInput, NotFound, TicketingError
from ticketing.formatting import format_count
from ticketing.imports import batches, files
from ticketing.imports.options import ImportOptions
from ticketing.imports.rows import Problem
from ticketing.imports.table import Table
from ticketing.models import ROLES
from ticketing.ops import demo
from ticketing.ops import verify as verification
from ticketing.settings import InvalidSettings
from ticketing.validation import validate

MISSING_SCHEMA_ERRORS = (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; failures are one sentence on stderr, never a traceback."""
    # Failures are reported below, so libraries need not log them. Migrations log why they wait.
    logging.basicConfig(level=logging.CRITICAL, format="%(message)s")
    migrations.log.setLevel(logging.WARNING)
    args = _create_parser().parse_args(arguments)
    try:
        exit_code: int = args.command(args)
    except InvalidInput as error:
        return _fail(*(f"{field}: {sentence}" for field, sentence in error.fields.items()))
    except (TicketingError, InvalidSettings) as error:
        return _fail(str(error))
    except KeyboardInterrupt:
        return _fail("Stopped.")
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except DBAPIError as error:
        return _fail(_format_database_error(error))
    except Exception as error:
        return _fail(f"Unexpected error: {type(error).__name__}: {_get_first_line(error)}")
    return exit_code


def migrate(_: argparse.Namespace) -> int:
    """Migrate the schema to the current version."""
    migrations.migrate()
    print("The schema is at its current version.")
    return 0


def load_demo(_: argparse.Namespace) -> int:
    """Load the sample gala unless it is loaded, and print its event id."""
    event = db.write(lambda session: demo.load(session, OPERATOR))
    _print_to_stderr(f"{event.name} is loaded; its event id:")
    print(event.id)
    return 0


def add_staff(args: argparse.Namespace) -> int:
    """Create an account."""
    values = {"email": args.email, "name": args.name, "role": args.role, "password": _read_password()}
    draft = validate(StaffDraft, values)
    events = tuple(args.event)
    person = db.write(lambda session: staff.create(session, OPERATOR, draft, event_ids=events))
    assigned = f", assigned to {format_count(len(events), 'event')}" if events else ""
    print(f"{person.name} <{person.email}> has an account as {person.role}{assigned}.")
    return 0


def release_staff(args: argparse.Namespace) -> int:
    """Let the next OpenID sign-in with an address take over its account, as after a change of provider."""
    try:
        person = db.write(lambda session: openid.unlink_account(session, OPERATOR, email=args.email))
    except NotFound:
        return _fail(f"No OpenID sign-in is bound to {args.email}.")
    print(f"The next OpenID sign-in as {person.email} gets this account.")
    return 0


def create_token(args: argparse.Namespace) -> int:
    """Create an API token of a person and print it, once."""
    draft = validate(TokenDraft, {"name": args.name, "expires_at": args.expires_at})
    try:
        secret = db.write(lambda session: api_tokens.create(session, OPERATOR, draft, email=args.email))
    except NotFound:
        return _fail(f"{args.email} has no active account. Create one with `staff add` first.")
    _print_to_stderr(f"A new API token of {args.email}, called {args.name}. It is shown this once:")
    print(secret)
    return 0


def import_file(args: argparse.Namespace) -> int:
    """Check a file of sales and import it; with --check only check it."""
    try:
        content = args.file.read_bytes()
    except OSError as error:
        return _fail(f"{args.file} cannot be read: {error.strerror}.")
    try:
        table = files.read(args.file.name, content, sheet_names=args.sheet)
        _print_reading(table)
        return _check_import(args, table) if args.check else _run_import(args, table)
    except NotFound:
        return _fail(f"There is no event {args.event}.")
    except imports.ImportRefused as error:
        for problem in error.check.problems:
            print(problem)
        _print_warnings(error.check.warnings)
        raise


def _print_reading(table: Table) -> None:
    """Say which sheets of a workbook are read, and what was left out of the file."""
    sheets = {
        is_read: ", ".join(f"{sheet.name} ({sheet.rows:,})" for sheet in table.sheets if sheet.is_read == is_read)
        for is_read in (True, False)
    }
    if sheets[False]:
        _print_to_stderr(f"Read, with rows: {sheets[True]}. Not read: {sheets[False]}.")
    for notice in table.notices:
        _print_to_stderr(notice)


def _get_options(args: argparse.Namespace) -> ImportOptions:
    return ImportOptions(
        accept_dates=args.accept_dates,
        imports_voided=args.voided,
        id_prefix=args.prefix,
        changes_statuses=args.change_statuses,
    )


def _check_import(args: argparse.Namespace, table: Table) -> int:
    with db.read_session() as session:
        check = imports.check(session, OPERATOR, args.event, args.file.name, table, None, _get_options(args))
    if check.problems:
        raise imports.ImportRefused(check)
    _print_warnings(check.warnings)
    _print_voided(check.voided)
    for change in check.status_changes:
        status = f"{change.external_sale_id} is {change.status} in the file and {change.current} here"
        _print_to_stderr(f"row {change.row}: {status}. --change-statuses takes it over.")
    counts = f"{check.to_import:,} to import, {check.to_skip:,} in the event already"
    print(f"No problems in {format_count(check.rows, 'row')}: {counts}. Nothing was changed.")
    return 0


def _run_import(args: argparse.Namespace, table: Table) -> int:
    def store(session: db.Session) -> imports.ImportResult:
        file = args.file.name, table, None
        return imports.run(session, OPERATOR, args.event, *file, _get_options(args), progress=_print_progress)

    result = db.write(store)
    _print_warnings(result.warnings)
    imported = format_count(result.rows_imported, "row")
    print(f"{imported} imported, {result.rows_skipped:,} skipped that are in the event already.")
    if result.statuses_changed:
        print(f"{format_count(result.statuses_changed, 'status', 'statuses')} changed.")
    if result.rows_voided:
        rows = format_count(result.rows_voided, "row was", "rows were")
        _print_to_stderr(f"{rows} left out, voided here before. --voided imports them again.")
    if result.batch_id is not None:
        _print_to_stderr(f"To undo it: python -m ticketing undo-import {args.event} {result.batch_id} --reason ...")
    return 0


def undo_import(args: argparse.Namespace) -> int:
    """Void all sales of an import, so that a corrected file can be imported."""
    with db.read_session() as session:
        confirmed = (
            batches.preview_undo(session, OPERATOR, args.event, args.batch).changes_token if args.changed else ""
        )
    try:
        undone = db.write(
            lambda session: batches.undo(session, OPERATOR, args.event, args.batch, args.reason, confirmed=confirmed)
        )
    except batches.ChangedSinceImport as error:
        for purchase in error.preview.changed:
            print(_format_changed_purchase(purchase))
        return _fail(f"{error} Add --changed to confirm.")
    purchases = format_count(undone.purchases, "purchase is", "purchases are")
    packages = format_count(undone.packages, "package goes", "packages go")
    print(f"{undone.batch.file_name} is undone: {purchases} voided, {packages} back on sale.")
    return 0


def _format_changed_purchase(purchase: batches.ChangedPurchase) -> str:
    by = f", changed by {purchase.changed_by}" if purchase.changed_by else ""
    item = f"{purchase.quantity:,} x {purchase.package}, {purchase.purchaser_name}"
    return f"order {purchase.order_number}: {item}, {purchase.payment_status}{by}"


def verify(args: argparse.Namespace) -> int:
    """Recompute every count, total and seal, and list what differs."""
    try:
        noted = args.noted.read_text(errors="replace").splitlines() if args.noted else []
    except OSError as error:
        return _fail(f"{args.noted} cannot be read: {error.strerror}.")
    with db.read_session() as session:
        findings = verification.verify(session) + hash_chain.check_noted_seals(session, noted)
        heads = hash_chain.list_heads(session)
    for finding in findings:
        print(finding)
    if findings:
        return _fail(*_format_findings(findings))
    print("Every count, total, promo use and ticket agrees with the purchases; the audit trail is as it was sealed.")
    for head in heads:
        print(head)
    return 0


def back_up(args: argparse.Namespace) -> int:
    """Write everything, pictures included, to a new file."""
    made = backup.create(args.file)
    print(f"{_format_contents(made)} are in {args.file}: {_format_size(made.size_bytes)}, {made.seconds:.1f} seconds.")
    return 0


def restore(args: argparse.Namespace) -> int:
    """Fill an empty database from a backup, and verify it."""
    restored = backup.restore(args.file)
    source = f"{args.file}, made by Ticket Desk {restored.made_by}"
    print(f"{_format_contents(restored)} are restored from {source}: {restored.seconds:.1f} seconds.")
    return verify(args)


def _format_contents(summary: backup.BackupSummary) -> str:
    return f"{format_count(summary.events, 'event')} and {format_count(summary.purchases, 'purchase')}"


def _format_size(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.1f} MB" if size_bytes >= 1e6 else f"{size_bytes / 1e3:.0f} kB"


def _format_findings(findings: Sequence[verification.Finding]) -> list[str]:
    breaks = sum(isinstance(finding, hash_chain.ChainBreak) for finding in findings)
    zones = sum(isinstance(finding, ZoneDifference) for finding in findings)
    numbers = len(findings) - breaks - zones
    differ = format_count(numbers, "number differs", "numbers differ")
    places = format_count(breaks, "place of the audit trail is", "places of the audit trail are")
    return [
        *([f"{differ} from the purchases."] if numbers else []),
        *([f"{places} not as {'it was' if breaks == 1 else 'they were'} sealed."] if breaks else []),
        *([f"{format_count(zones, 'time zone differs', 'time zones differ')} in PostgreSQL."] if zones else []),
    ]


def _create_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ticketing", description="Ticket Desk, for operators and scripts.")
    parser.add_argument("--version", action="version", version=f"Ticket Desk {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_database_commands(commands)
    _add_account_commands(commands)
    _add_import_command(commands)
    return parser


def _add_database_commands(commands: Any) -> None:
    _add_command(commands, "migrate", migrate)
    _add_command(commands, "demo", load_demo)
    check = _add_command(commands, "verify", verify, "Prints the length and the last seal of each audit trail.")
    noted_help = "output of an earlier verify, whose seals must still be there"
    check.add_argument("--noted", metavar="FILE", type=Path, help=noted_help)
    dump = _add_command(commands, "backup", back_up, "Sales go on meanwhile. An existing file is not replaced.")
    dump.add_argument("file", metavar="FILE", type=Path)
    load = _add_command(commands, "restore", restore, "All or nothing; a backup of an earlier version is migrated.")
    load.add_argument("file", metavar="FILE", type=Path, help="a file of `backup`")
    load.set_defaults(noted=None)


def _add_account_commands(commands: Any) -> None:
    accounts = commands.add_parser("staff", help="Accounts.").add_subparsers(metavar="add|release", required=True)
    add = _add_command(accounts, "add", add_staff, "The password is asked for, or read from the first line of stdin.")
    add.add_argument("email", metavar="EMAIL")
    add.add_argument("--name", required=True)
    add.add_argument("--role", required=True, choices=ROLES)
    event: dict[str, Any] = {"metavar": "ID", "type": _parse_event_id, "help": "an event to assign, repeatable"}
    add.add_argument("--event", nargs="+", action="extend", default=[], **event)
    release = _add_command(accounts, "release", release_staff)
    release.add_argument("email", metavar="EMAIL")
    token = _add_command(commands, "token", create_token)
    token.add_argument("email", metavar="EMAIL")
    token.add_argument("--name", default="Command line", help="what the token is for")
    expires_help = "when it ends, such as 2027-01-31T18:00:00-05:00; never without it"
    token.add_argument("--expires-at", metavar="TIME", help=expires_help)


def _add_import_command(commands: Any) -> None:
    load = _add_command(commands, "import", import_file, "All or nothing; each problem is one line, by row and column.")
    load.add_argument("event", metavar="EVENT", type=_parse_event_id, help="the event's id")
    load.add_argument("file", metavar="FILE", type=Path, help="CSV, Excel (.xlsx) or JSON, with our columns")
    load.add_argument("--check", action="store_true", help="list the problems and change nothing")
    sheet_help = (
        "a sheet of a workbook, repeatable; by default those with the header of the one that knows most columns"
    )
    load.add_argument("--sheet", metavar="NAME", action="append", default=[], help=sheet_help)
    accept_help = "take dates after now, after the event or more than 3 years before it as they are"
    load.add_argument("--accept-dates", action="store_true", help=accept_help)
    load.add_argument("--voided", action="store_true", help="import sales that were voided here again")
    prefix_help = "store this seller's order numbers as PREFIX:NUMBER, beside another seller's equal ones"
    load.add_argument("--prefix", default="", help=prefix_help)
    load.add_argument("--change-statuses", action="store_true", help="take over statuses that changed at the seller")
    undo = _add_command(commands, "undo-import", undo_import, "This cannot be taken back; import the file again.")
    undo.add_argument("event", metavar="EVENT", type=_parse_event_id, help="the event's id")
    undo.add_argument("batch", metavar="BATCH", type=uuid.UUID, help="the import's id, which `import` prints")
    undo.add_argument("--reason", required=True, help="why, for the audit log")
    undo.add_argument("--changed", action="store_true", help="void purchases too that were changed since the import")


def _add_command(
    commands: Any, name: str, command: Callable[[argparse.Namespace], int], details: str = ""
) -> argparse.ArgumentParser:
    summary = command.__doc__ or ""
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=summary, description=f"{summary} {details}".strip()
    )
    parser.set_defaults(command=command)
    return parser


def _parse_event_id(value: str) -> uuid.UUID:
    try:
        return uuid.UUID(value)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{value} is not an event's id") from None


def _read_password() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Once more: ") != password:
        raise InvalidInput({"password": "The two passwords differ."})
    return password


def _print_warnings(warnings: Iterable[Problem]) -> None:
    """Print warnings, except about rows that are in the event already, which the last line counts."""
    for warning in warnings:
        if warning.column != "external_sale_id":
            _print_to_stderr(f"warning: {warning}")


def _print_voided(voided: Iterable[Problem]) -> None:
    for each in voided:
        _print_to_stderr(f"left out: {each}")


def _print_progress(done: int, total: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{done:,} of {total:,} rows", end="\n" if done == total else "", file=sys.stderr, flush=True)


def _format_database_error(error: DBAPIError) -> str:
    if isinstance(error.orig, MISSING_SCHEMA_ERRORS):
        return "The database does not have the current schema. Run `python -m ticketing migrate` first."
    if unavailable := db.unavailable_error(error):
        return str(unavailable)
    return f"The database refused: {_get_first_line(error.orig or error)}"


def _get_first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), "no details")


def _print_to_stderr(sentence: str) -> None:
    print(sentence, file=sys.stderr)


def _fail(*sentences: str) -> int:
    for sentence in sentences:
        _print_to_stderr(sentence)
    return 1

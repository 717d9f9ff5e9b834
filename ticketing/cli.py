"""`python -m ticketing COMMAND`, for operators and scripts. Source of every command: PRODUCT "Command line".

What was asked for goes to stdout, so that a script can take it; everything else that is told goes to stderr. The exit
code is 0, 1 when something was refused or found, 2 when the command itself was wrong.
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

from ticketing import db, imports
from ticketing.access import api_tokens, openid, staff
from ticketing.access.api_tokens import TokenDraft
from ticketing.access.staff import StaffDraft
from ticketing.actors import OPERATOR
from ticketing.audit import hash_chain
from ticketing.db import backup, migrations
from ticketing.errors import InvalidInput, NotFound, TicketingError
from ticketing.imports.rows import Problem
from ticketing.models import ROLES
from ticketing.ops import demo
from ticketing.ops import verify as checks
from ticketing.validation import validate

MISSING_SCHEMA_ERRORS = (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and answers with its exit code; what goes wrong is one sentence on stderr, never a trace."""
    # Libraries that log while a command fails would tell it twice, and in their words. Why it waits, we tell.
    logging.basicConfig(level=logging.CRITICAL, format="%(message)s")
    migrations.log.setLevel(logging.WARNING)
    asked = _create_parser().parse_args(arguments)
    try:
        done: int = asked.command(asked)
    except InvalidInput as refused:
        return _fail(*(f"{field}: {sentence}" for field, sentence in refused.fields.items()))
    except TicketingError as refused:
        return _fail(str(refused))
    except KeyboardInterrupt:
        return _fail("Stopped.")
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except DBAPIError as failure:
        return _fail(_format_database_error(failure))
    except Exception as fault:
        return _fail(f"Something went wrong that nobody foresaw: {type(fault).__name__}: {_get_first_line(fault)}")
    return done


def migrate(_: argparse.Namespace) -> int:
    """Brings the schema to the current version."""
    migrations.migrate()
    print("The schema is at its current version.")
    return 0


def load_demo(_: argparse.Namespace) -> int:
    """Loads the sample gala, or finds it, and prints its event id."""
    event = db.write(lambda session: demo.load(session, OPERATOR))
    _print_to_stderr(f"{event.name} is loaded; its event id:")
    print(event.id)
    return 0


def add_staff(args: argparse.Namespace) -> int:
    """Makes an account."""
    given = {"email": args.email, "name": args.name, "role": args.role, "password": _read_password()}
    draft = validate(StaffDraft, given)
    events = tuple(args.event)
    person = db.write(lambda session: staff.create(session, OPERATOR, draft, event_ids=events))
    assigned = f", assigned to {len(events)} event{'s' if len(events) > 1 else ''}" if events else ""
    print(f"{person.name} <{person.email}> has an account as {person.role}{assigned}.")
    return 0


def release_staff(args: argparse.Namespace) -> int:
    """Lets the next OpenID sign-in with an address bind its account anew, as after a change of provider."""
    try:
        person = db.write(lambda session: openid.unlink_account(session, OPERATOR, email=args.email))
    except NotFound:
        return _fail(f"No OpenID sign-in is bound to {args.email}.")
    print(f"The next OpenID sign-in as {person.email} gets this account.")
    return 0


def create_token(args: argparse.Namespace) -> int:
    """Prints a new API token of a person, once."""
    draft = validate(TokenDraft, {"name": args.name})
    try:
        secret = db.write(lambda session: api_tokens.create(session, OPERATOR, draft, email=args.email))
    except NotFound:
        return _fail(f"{args.email} has no active account. Make one with `staff add` first.")
    _print_to_stderr(f"A new API token of {args.email}, called {args.name}. It is shown this once:")
    print(secret)
    return 0


def import_file(args: argparse.Namespace) -> int:
    """Checks a file of sales, and imports it unless only the check was asked for."""
    try:
        content = args.file.read_bytes()
    except OSError as failure:
        return _fail(f"{args.file} cannot be read: {failure.strerror}.")
    try:
        return _check_import(args, content) if args.check else _run_import(args, content)
    except NotFound:
        return _fail(f"There is no event {args.event}.")
    except imports.ImportRefused as refused:
        for problem in refused.check.problems:
            print(problem)
        _print_warnings(refused.check.warnings)
        raise


def _check_import(args: argparse.Namespace, content: bytes) -> int:
    with db.read_session() as session:
        found = imports.check(session, OPERATOR, args.event, args.file.name, content)
    if found.problems:
        raise imports.ImportRefused(found)
    _print_warnings(found.warnings)
    told = f"{found.to_import:,} to import, {found.to_skip:,} in the event already"
    print(f"No problems in {found.rows:,} rows: {told}. Nothing was changed.")
    return 0


def _run_import(args: argparse.Namespace, content: bytes) -> int:
    done = db.write(
        lambda session: imports.run(session, OPERATOR, args.event, args.file.name, content, progress=_print_progress)
    )
    _print_warnings(done.warnings)
    print(f"{done.rows_imported:,} rows imported, {done.rows_skipped:,} skipped that are in the event already.")
    return 0


def verify(args: argparse.Namespace) -> int:
    """Recomputes every count, total and seal, and lists what differs."""
    try:
        noted = args.noted.read_text(errors="replace").splitlines() if args.noted else []
    except OSError as failure:
        return _fail(f"{args.noted} cannot be read: {failure.strerror}.")
    with db.read_session() as session:
        found = checks.verify(session) + hash_chain.check_noted_seals(session, noted)
        chains = hash_chain.list_heads(session)
    for each in found:
        print(each)
    if found:
        places = sum(isinstance(each, hash_chain.ChainBreak) for each in found)
        return _fail(*_format_differences(len(found) - places, places))
    print("Every count, total, promo use and ticket agrees with the purchases; the audit trail is as it was sealed.")
    for chain in chains:
        print(chain)
    return 0


def back_up(args: argparse.Namespace) -> int:
    """Writes everything, pictures included, to a new file."""
    done = backup.create(args.file)
    print(f"{_format_counts(done)} are in {args.file}: {_format_size(done.size)}, {done.seconds:.1f} seconds.")
    return 0


def restore(args: argparse.Namespace) -> int:
    """Fills an empty database from a backup, and verifies it."""
    done = backup.restore(args.file)
    print(f"{_format_counts(done)} are restored from {args.file}: {done.seconds:.1f} seconds.")
    return verify(args)


def _format_counts(done: backup.BackupSummary) -> str:
    events = "1 event" if done.events == 1 else f"{done.events:,} events"
    purchases = "1 purchase" if done.purchases == 1 else f"{done.purchases:,} purchases"
    return f"{events} and {purchases}"


def _format_size(bytes_: int) -> str:
    return f"{bytes_ / 1e6:.1f} MB" if bytes_ >= 1e6 else f"{bytes_ / 1e3:.0f} kB"


def _format_differences(numbers: int, places: int) -> list[str]:
    told = []
    if numbers:
        differ = "1 number differs" if numbers == 1 else f"{numbers:,} numbers differ"
        told.append(f"{differ} from what the purchases lead to.")
    if places:
        are = "1 place of the audit trail is" if places == 1 else f"{places:,} places of the audit trail are"
        told.append(f"{are} not as it was sealed." if places == 1 else f"{are} not as they were sealed.")
    return told


def _create_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ticketing", description="Ticket Desk, for operators and scripts.")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_command(commands, "migrate", migrate)
    _add_command(commands, "demo", load_demo)
    check = _add_command(commands, "verify", verify, "Ends with how far each trail has come and its last seal.")
    check.add_argument("--noted", metavar="FILE", type=Path, help="lines of an earlier verify, which must still hold")
    keep = _add_command(commands, "backup", back_up, "Sales go on meanwhile. A file that exists is not replaced.")
    keep.add_argument("file", metavar="FILE", type=Path)
    bring = _add_command(commands, "restore", restore, "All or nothing; what an earlier version backed up is migrated.")
    bring.add_argument("file", metavar="FILE", type=Path, help="what `backup` wrote")
    bring.set_defaults(noted=None)

    staff = commands.add_parser("staff", help="Accounts.").add_subparsers(metavar="add|release", required=True)
    add = _add_command(staff, "add", add_staff, "The password is asked for, or read from the first line of stdin.")
    add.add_argument("email", metavar="EMAIL")
    add.add_argument("--name", required=True)
    add.add_argument("--role", required=True, choices=ROLES)
    add.add_argument(
        "--event", metavar="ID", type=_parse_event_id, nargs="+", action="extend", default=[], help="where to work"
    )

    release = _add_command(staff, "release", release_staff)
    release.add_argument("email", metavar="EMAIL")

    token = _add_command(commands, "token", create_token)
    token.add_argument("email", metavar="EMAIL")
    token.add_argument("--name", default="Command line", help="what the token is for")

    load = _add_command(commands, "import", import_file, "All or nothing; each problem is one line, by row and column.")
    load.add_argument("event", metavar="EVENT", type=_parse_event_id, help="the event's id")
    load.add_argument("file", metavar="FILE", type=Path, help="CSV, Excel (.xlsx) or JSON, with our columns")
    load.add_argument("--check", action="store_true", help="list the problems and change nothing")
    return parser


def _add_command(
    commands: Any, name: str, command: Callable[[argparse.Namespace], int], details: str = ""
) -> argparse.ArgumentParser:
    about = command.__doc__ or ""
    parser: argparse.ArgumentParser = commands.add_parser(name, help=about, description=f"{about} {details}".strip())
    parser.set_defaults(command=command)
    return parser


def _parse_event_id(given: str) -> uuid.UUID:
    try:
        return uuid.UUID(given)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{given} is not an event's id") from None


def _read_password() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Once more: ") != password:
        raise InvalidInput({"password": "The two passwords differ."})
    return password


def _print_warnings(warnings: Iterable[Problem]) -> None:
    """Those that are about more than a row being in the event already, which the closing line counts."""
    for warning in warnings:
        if warning.column != "external_sale_id":
            _print_to_stderr(f"warning: {warning}")


def _print_progress(done: int, total: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{done:,} of {total:,} rows", end="\n" if done == total else "", file=sys.stderr, flush=True)


def _format_database_error(failure: DBAPIError) -> str:
    if isinstance(failure.orig, MISSING_SCHEMA_ERRORS):
        return "The database does not have the current schema. Run `python -m ticketing migrate` first."
    if away := db.unavailable_error(failure):
        return str(away)
    return f"The database refused: {_get_first_line(failure.orig or failure)}"


def _get_first_line(fault: BaseException) -> str:
    return next(iter(str(fault).splitlines()), "no more is known")


def _print_to_stderr(sentence: str) -> None:
    print(sentence, file=sys.stderr)


def _fail(*sentences: str) -> int:
    for sentence in sentences:
        _print_to_stderr(sentence)
    return 1

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
from ticketing.validation import validated

NOT_MIGRATED = (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and answers with its exit code; what goes wrong is one sentence on stderr, never a trace."""
    # Libraries that log while a command fails would tell it twice, and in their words. Why it waits, we tell.
    logging.basicConfig(level=logging.CRITICAL, format="%(message)s")
    migrations.log.setLevel(logging.WARNING)
    asked = _parser().parse_args(arguments)
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
        return _fail(_told(failure))
    except Exception as fault:
        return _fail(f"Something went wrong that nobody foresaw: {type(fault).__name__}: {_first_line(fault)}")
    return done


def migrate(_: argparse.Namespace) -> int:
    """Brings the schema to the current version."""
    migrations.migrate()
    print("The schema is at its current version.")
    return 0


def load_demo(_: argparse.Namespace) -> int:
    """Loads the sample gala, or finds it, and prints its event id."""
    event = db.write(lambda session: demo.load(session, OPERATOR))
    _tell(f"{event.name} is loaded; its event id:")
    print(event.id)
    return 0


def add_staff(asked: argparse.Namespace) -> int:
    """Makes an account."""
    given = {"email": asked.email, "name": asked.name, "role": asked.role, "password": _password()}
    draft = validated(StaffDraft, given)
    events = tuple(asked.event)
    person = db.write(lambda session: staff.add(session, OPERATOR, draft, event_ids=events))
    assigned = f", assigned to {len(events)} event{'s' if len(events) > 1 else ''}" if events else ""
    print(f"{person.name} <{person.email}> has an account as {person.role}{assigned}.")
    return 0


def release_staff(asked: argparse.Namespace) -> int:
    """Lets the next OpenID sign-in with an address bind its account anew, as after a change of provider."""
    try:
        person = db.write(lambda session: openid.release(session, OPERATOR, email=asked.email))
    except NotFound:
        return _fail(f"No OpenID sign-in is bound to {asked.email}.")
    print(f"The next OpenID sign-in as {person.email} gets this account.")
    return 0


def create_token(asked: argparse.Namespace) -> int:
    """Prints a new API token of a person, once."""
    draft = validated(TokenDraft, {"name": asked.name})
    try:
        secret = db.write(lambda session: api_tokens.create(session, OPERATOR, draft, email=asked.email))
    except NotFound:
        return _fail(f"{asked.email} has no active account. Make one with `staff add` first.")
    _tell(f"A new API token of {asked.email}, called {asked.name}. It is shown this once:")
    print(secret)
    return 0


def import_file(asked: argparse.Namespace) -> int:
    """Checks a file of sales, and imports it unless only the check was asked for."""
    try:
        content = asked.file.read_bytes()
    except OSError as failure:
        return _fail(f"{asked.file} cannot be read: {failure.strerror}.")
    try:
        return _check(asked, content) if asked.check else _import(asked, content)
    except NotFound:
        return _fail(f"There is no event {asked.event}.")
    except imports.ImportRefused as refused:
        for problem in refused.check.problems:
            print(problem)
        _tell_warnings(refused.check.warnings)
        raise


def _check(asked: argparse.Namespace, content: bytes) -> int:
    with db.reading() as session:
        found = imports.check(session, OPERATOR, asked.event, asked.file.name, content)
    if found.problems:
        raise imports.ImportRefused(found)
    _tell_warnings(found.warnings)
    told = f"{found.to_import:,} to import, {found.to_skip:,} in the event already"
    print(f"No problems in {found.rows:,} rows: {told}. Nothing was changed.")
    return 0


def _import(asked: argparse.Namespace, content: bytes) -> int:
    done = db.write(
        lambda session: imports.run(session, OPERATOR, asked.event, asked.file.name, content, progress=_progress)
    )
    _tell_warnings(done.warnings)
    print(f"{done.rows_imported:,} rows imported, {done.rows_skipped:,} skipped that are in the event already.")
    return 0


def verify(asked: argparse.Namespace) -> int:
    """Recomputes every count, total and seal, and lists what differs."""
    try:
        noted = asked.noted.read_text(errors="replace").splitlines() if asked.noted else []
    except OSError as failure:
        return _fail(f"{asked.noted} cannot be read: {failure.strerror}.")
    with db.reading() as session:
        found = checks.verify(session) + hash_chain.differing_from_notes(session, noted)
        chains = hash_chain.last(session)
    for each in found:
        print(each)
    if found:
        places = sum(isinstance(each, hash_chain.Broken) for each in found)
        return _fail(*_counted(len(found) - places, places))
    print("Every count, total, promo use and ticket agrees with the purchases; the audit trail is as it was sealed.")
    for chain in chains:
        print(chain)
    return 0


def back_up(asked: argparse.Namespace) -> int:
    """Writes everything, pictures included, to a new file."""
    done = backup.make(asked.file)
    print(f"{_content(done)} are in {asked.file}: {_size(done.size)}, {done.seconds:.1f} seconds.")
    return 0


def restore(asked: argparse.Namespace) -> int:
    """Fills an empty database from a backup, and verifies it."""
    done = backup.restore(asked.file)
    print(f"{_content(done)} are restored from {asked.file}: {done.seconds:.1f} seconds.")
    return verify(asked)


def _content(done: backup.Done) -> str:
    events = "1 event" if done.events == 1 else f"{done.events:,} events"
    purchases = "1 purchase" if done.purchases == 1 else f"{done.purchases:,} purchases"
    return f"{events} and {purchases}"


def _size(bytes_: int) -> str:
    return f"{bytes_ / 1e6:.1f} MB" if bytes_ >= 1e6 else f"{bytes_ / 1e3:.0f} kB"


def _counted(numbers: int, places: int) -> list[str]:
    told = []
    if numbers:
        differ = "1 number differs" if numbers == 1 else f"{numbers:,} numbers differ"
        told.append(f"{differ} from what the purchases lead to.")
    if places:
        are = "1 place of the audit trail is" if places == 1 else f"{places:,} places of the audit trail are"
        told.append(f"{are} not as it was sealed." if places == 1 else f"{are} not as they were sealed.")
    return told


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ticketing", description="Ticket Desk, for operators and scripts.")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _command(commands, "migrate", migrate)
    _command(commands, "demo", load_demo)
    check = _command(commands, "verify", verify, "Ends with how far each trail has come and its last seal.")
    check.add_argument("--noted", metavar="FILE", type=Path, help="lines of an earlier verify, which must still hold")
    keep = _command(commands, "backup", back_up, "Sales go on meanwhile. A file that exists is not replaced.")
    keep.add_argument("file", metavar="FILE", type=Path)
    bring = _command(commands, "restore", restore, "All or nothing; what an earlier version backed up is migrated.")
    bring.add_argument("file", metavar="FILE", type=Path, help="what `backup` wrote")
    bring.set_defaults(noted=None)

    staff = commands.add_parser("staff", help="Accounts.").add_subparsers(metavar="add|release", required=True)
    add = _command(staff, "add", add_staff, "The password is asked for, or read from the first line of stdin.")
    add.add_argument("email", metavar="EMAIL")
    add.add_argument("--name", required=True)
    add.add_argument("--role", required=True, choices=ROLES)
    add.add_argument("--event", metavar="ID", type=_id, nargs="+", action="extend", default=[], help="where to work")

    release = _command(staff, "release", release_staff)
    release.add_argument("email", metavar="EMAIL")

    token = _command(commands, "token", create_token)
    token.add_argument("email", metavar="EMAIL")
    token.add_argument("--name", default="Command line", help="what the token is for")

    load = _command(commands, "import", import_file, "All or nothing; each problem is one line, by row and column.")
    load.add_argument("event", metavar="EVENT", type=_id, help="the event's id")
    load.add_argument("file", metavar="FILE", type=Path, help="CSV, Excel (.xlsx) or JSON, with our columns")
    load.add_argument("--check", action="store_true", help="list the problems and change nothing")
    return parser


def _command(
    commands: Any, name: str, command: Callable[[argparse.Namespace], int], more: str = ""
) -> argparse.ArgumentParser:
    about = command.__doc__ or ""
    parser: argparse.ArgumentParser = commands.add_parser(name, help=about, description=f"{about} {more}".strip())
    parser.set_defaults(command=command)
    return parser


def _id(given: str) -> uuid.UUID:
    try:
        return uuid.UUID(given)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{given} is not an event's id") from None


def _password() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Once more: ") != password:
        raise InvalidInput({"password": "The two passwords differ."})
    return password


def _tell_warnings(warnings: Iterable[Problem]) -> None:
    """Those that are about more than a row being in the event already, which the closing line counts."""
    for warning in warnings:
        if warning.column != "external_sale_id":
            _tell(f"warning: {warning}")


def _progress(done: int, total: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{done:,} of {total:,} rows", end="\n" if done == total else "", file=sys.stderr, flush=True)


def _told(failure: DBAPIError) -> str:
    if isinstance(failure.orig, NOT_MIGRATED):
        return "The database does not have the current schema. Run `python -m ticketing migrate` first."
    if away := db.told(failure):
        return str(away)
    return f"The database refused: {_first_line(failure.orig or failure)}"


def _first_line(fault: BaseException) -> str:
    return next(iter(str(fault).splitlines()), "no more is known")


def _tell(sentence: str) -> None:
    print(sentence, file=sys.stderr)


def _fail(*sentences: str) -> int:
    for sentence in sentences:
        _tell(sentence)
    return 1

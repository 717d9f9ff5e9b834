"""Everything in one file, and back: `backup` and `restore`, done by PostgreSQL's own pg_dump, pg_restore and psql.

The file is what `pg_dump --format=custom` writes, so whoever knows PostgreSQL can open it without us.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psycopg.pq
from sqlalchemy import Connection, text

from ticketing import db
from ticketing.db import migrations, pg_programs
from ticketing.db.pg_programs import Programs
from ticketing.errors import TicketingError


class BackupRefused(TicketingError):
    """Nothing was written, or nothing restored; str() says why and what to do."""

    code = "backup_refused"


@dataclass(frozen=True)
class BackupSummary:
    """What a backup holds: how many events and purchases, the file's size in bytes, and how long the work took."""

    events: int
    purchases: int
    size: int
    seconds: float


@dataclass(frozen=True)
class _Archive:
    """A file that was read to its end, with the programs that could."""

    file: Path
    tools: Programs


def create(file: Path) -> BackupSummary:
    """Writes all that the database holds at one moment to a new file that only its owner may read; sales go on.

    The file has its name once it is whole and on the disk. Raises BackupRefused, and leaves no file, when there is one
    already, when it cannot be written, or when there is nothing to back up; ProgramsMissing.
    """
    started = time.monotonic()
    if os.path.lexists(file):
        raise BackupRefused(f"{file} exists already, and a backup replaces no file. Choose another name.")
    try:
        handle, name = tempfile.mkstemp(prefix=f".{file.name}.", suffix=".part", dir=file.parent)
    except OSError as failure:
        raise BackupRefused(f"{file} cannot be written: {failure.strerror}.") from failure
    os.close(handle)
    part = Path(name)
    try:
        events, purchases = _dump(part)
        part.rename(file)
        _fsync_folder(file)
    finally:
        part.unlink(missing_ok=True)
    return BackupSummary(events, purchases, file.stat().st_size, time.monotonic() - started)


def restore(file: Path) -> BackupSummary:
    """Fills an empty database from a backup, all or nothing, and brings it to the current schema.

    Raises BackupRefused when the database is not empty, when the file is no whole backup of ours, or when PostgreSQL
    refuses a part of it; NewerSchema when a later version made it; ProgramsMissing. Then nothing is changed. A
    migration that fails afterwards leaves the tables as they were backed up.
    """
    started = time.monotonic()
    archive = _read_archive(file)
    with db.engine().begin() as connection:
        migrations.acquire_migration_lock(connection)
        if found := _list_tables(connection):
            more = f" and {len(found) - 1} more" if len(found) > 1 else ""
            raise BackupRefused(
                f"The database is not empty: it holds {found[0]}{more}. Nothing was changed; restore into an empty one."
            )
        _load(archive, _get_major_version(connection))
    migrations.migrate()
    with db.engine().begin() as connection:
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text("ANALYZE"))  # without it the first queries would be planned for empty tables
        counted = connection.execute(text(_COUNTS_QUERY)).one()
    return BackupSummary(counted.events, counted.purchases, file.stat().st_size, time.monotonic() - started)


_COUNTS_QUERY = "SELECT (SELECT count(*) FROM events) AS events, (SELECT count(*) FROM purchases) AS purchases"


def _dump(file: Path) -> tuple[int, int]:
    """How many events and purchases were written: both are counted at the moment that is kept open for pg_dump."""
    with db.engine().begin() as connection:
        migrations.acquire_migration_lock(connection, shared=True)
        if migrations.database_revision(connection) is None:
            raise BackupRefused("There is nothing to back up: the database has no tables of Ticket Desk.")
        tools = pg_programs.select_for_server(_get_major_version(connection), pg_programs.list_installed())
        moment = connection.execute(text(f"{_COUNTS_QUERY}, pg_export_snapshot() AS snapshot")).one()
        # An extension is the server's and nothing here needs one: one more would keep the backup from other servers.
        command = [
            *(tools.path("pg_dump"), "--format=custom", f"--snapshot={moment.snapshot}", "--no-password"),
            *("--no-privileges", "--no-security-labels", "--no-publications", "--no-subscriptions"),
            *("--exclude-extension=*", f"--file={file}"),
        ]
        # Not to its standard output: written there, a file repeats its contents at the end and may lose them unnoticed.
        done = subprocess.run(command, capture_output=True, env=_get_libpq_environment(), check=False)  # noqa: S603
    if done.returncode:
        raise BackupRefused(f"The backup could not be made: {_get_first_error(done.stderr)}")
    return moment.events, moment.purchases


def _fsync_folder(file: Path) -> None:
    """pg_dump saw to it that the file is on the disk; its name is when its folder is."""
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _read_archive(file: Path) -> _Archive:
    """Reads it to its end, so that what is cut short is refused before the database is asked."""
    try:
        with file.open("rb"):
            pass
    except OSError as failure:
        raise BackupRefused(f"{file} cannot be read: {failure.strerror}.") from failure
    tools = _get_programs_for(file)
    if _run_pg_restore(tools, file, f"--file={os.devnull}").returncode:
        raise BackupRefused(f"{file} is damaged or cut short. Nothing was changed; take another backup.")
    told = _run_pg_restore(tools, file, "--data-only", "--table=alembic_version", "--file=-").stdout.decode()
    found = re.search(r"^COPY public\.alembic_version .*\n(\w+)$", told, re.MULTILINE)
    if found is None:
        raise BackupRefused(f"{file} is a backup of another database: it has no tables of Ticket Desk.")
    if not migrations.is_known(found[1]):
        raise migrations.NewerSchema(found[1])
    return _Archive(file, tools)


def _get_programs_for(file: Path) -> Programs:
    found = pg_programs.list_installed()
    for tools in found:
        listed = _run_pg_restore(tools, file, "--list")
        if not listed.returncode:
            return tools
        if b"unsupported version" not in listed.stderr:
            raise BackupRefused(f"{file} is not a backup: {_get_first_error(listed.stderr)}")
    newest = max((each.version for each in found), default=None)
    raise pg_programs.ProgramsMissing(
        f"{file} was written by a newer pg_dump than the programs found here (version {newest or 'none'}) can read. "
        "Install PostgreSQL's client programs of its version."
    )


def _run_pg_restore(tools: Programs, file: Path, *options: str) -> subprocess.CompletedProcess[bytes]:
    command = [tools.path("pg_restore"), *options, "--", str(file)]
    return subprocess.run(command, capture_output=True, check=False)  # noqa: S603


def _list_tables(connection: Connection) -> Sequence[str]:
    """Everybody's tables, views and sequences, but for those that belong to an extension."""
    return connection.scalars(
        text("""
            SELECT relation.oid::regclass::text
            FROM pg_class AS relation JOIN pg_namespace AS place ON place.oid = relation.relnamespace
            WHERE relation.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
              AND place.nspname <> 'information_schema' AND place.nspname NOT LIKE 'pg\\_%'
              AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = relation.oid
                              AND deptype = 'e')
            ORDER BY 1
        """)
    ).all()


def _load(archive: _Archive, server: int) -> None:
    """pg_restore makes a script of the file, psql runs it; the transaction is committed when the script came whole."""
    psql = [archive.tools.path("psql"), "--no-psqlrc", "--quiet", "--no-password", "--set=ON_ERROR_STOP=1"]
    without = ("--no-owner", "--no-privileges")
    pg_restore = [archive.tools.path("pg_restore"), *without, "--file=-", "--", str(archive.file)]
    with (
        tempfile.TemporaryFile() as unread,
        tempfile.TemporaryFile() as refused,
        subprocess.Popen(pg_restore, stdout=subprocess.PIPE, stderr=unread) as reader,  # noqa: S603
        subprocess.Popen(  # noqa: S603
            [*psql, "--set=VERBOSITY=terse"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=refused,
            env=_get_libpq_environment(),
        ) as writer,
    ):
        script, database = reader.stdout, writer.stdin
        assert script is not None
        assert database is not None
        try:
            database.write(b"BEGIN;\n")
            _copy_script(script, database, server)
            if reader.wait() == 0:
                database.write(b"COMMIT;\n")
            database.close()
        except BrokenPipeError:
            script.close()  # psql has ended, and says below why
        for process, said in ((writer, refused), (reader, unread)):
            if process.wait():
                said.seek(0)
                raise BackupRefused(
                    f"The backup could not be restored: {_get_first_error(said.read())} Nothing was changed."
                )


def _copy_script(script: IO[bytes], database: IO[bytes], server: int) -> None:
    """Programs of 17 and newer begin with a setting that older servers refuse; it says "no limit", as they have it."""
    for line in script:
        if line != b"SET transaction_timeout = 0;\n" or server >= 17:
            database.write(line)
        if line.startswith(b"SET row_security"):
            break  # the last of the settings; what follows is long
    shutil.copyfileobj(script, database)


def _get_major_version(connection: Connection) -> int:
    number: int = connection.scalar(text("SELECT current_setting('server_version_num')::int / 10000"))
    return number


def _get_libpq_environment() -> dict[str, str]:
    """How PostgreSQL's programs find our database and its password, which a command line would show to everybody.

    What has no variable of its own, as keepalives, matters to connections that live long.
    """
    options = psycopg.pq.Conninfo.parse(db.libpq_url().encode())
    return os.environ | {each.envvar.decode(): each.val.decode() for each in options if each.envvar and each.val}


def _get_first_error(stderr: bytes) -> str:
    """The sentence of the first error in it, without the names of programs and places before it."""
    said = stderr.decode(errors="replace")
    found = re.search(r"(?:error|fatal): +(.+)", said, re.IGNORECASE) or re.search(r"(.+)", said)
    return f"{found[1].rstrip('.')}." if found else "No more is known."

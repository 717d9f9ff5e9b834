"""Back up the whole database to one file and restore it, with PostgreSQL's own pg_dump, pg_restore and psql.

The file is an archive of `pg_dump --format=custom`, so `pg_restore` opens it without Ticket Desk. Its last line names
the version that made it and the SHA-256 of every byte before that hash; pg_restore ignores that line. PostgreSQL's
format has no checksum of its own: a flipped bit restores half of a schema, or a changed constraint.
"""

from __future__ import annotations

import hashlib
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

from ticketing import __version__, db
from ticketing.db import migrations, pg_programs
from ticketing.db.pg_programs import Programs
from ticketing.errors import TicketingError

_LAST_LINE = re.compile(rb"\nTicket Desk (\S+) SHA-256 ([0-9a-f]{64})\n\Z")
_LAST_LINE_OF_1_0 = re.compile(rb"\nTicket Desk (\S+)\n\Z")
_MAX_LAST_LINE_BYTES = 256
_ARCHIVE_PREFIX = b"PGDMP"  # of every archive in PostgreSQL's custom format
_CHUNK_BYTES = 1024 * 1024


class BackupRefused(TicketingError):
    """Nothing was written, or nothing restored; str() says why and what to do."""

    code = "backup_refused"


@dataclass(frozen=True)
class BackupSummary:
    """The contents of a backup, the version that made it, and how long the work took."""

    events: int
    purchases: int
    size_bytes: int
    seconds: float
    made_by: str


@dataclass(frozen=True)
class _Archive:
    """A backup file whose checksum is right, and the programs that can read it."""

    file: Path
    tools: Programs
    made_by: str


def create(file: Path) -> BackupSummary:
    """Write one snapshot of the database to a new file that only its owner may read; sales go on meanwhile.

    The file gets its name once it is complete and on disk. Raises BackupRefused, and leaves no file, when the file
    exists or cannot be written, or when there is nothing to back up. Raises ProgramsMissing without a suitable pg_dump.
    """
    started_at = time.monotonic()
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
        _append_last_line(part)
        part.rename(file)
        _fsync_folder(file)
    finally:
        part.unlink(missing_ok=True)
    return BackupSummary(events, purchases, file.stat().st_size, time.monotonic() - started_at, __version__)


def restore(file: Path) -> BackupSummary:
    """Fill an empty database from a backup, all or nothing, and migrate it to the current schema.

    Raises BackupRefused when the database is not empty, when the file is not a complete backup of Ticket Desk or not as
    it was written, or when PostgreSQL refuses a part of it; NewerSchema when a later version made it; ProgramsMissing
    without a suitable pg_restore. Then nothing is changed. A migration that fails afterwards leaves the tables as they
    were backed up.
    """
    started_at = time.monotonic()
    archive = _read_archive(file)
    with db.engine().begin() as connection:
        migrations.acquire_migration_lock(connection)
        if tables := _list_tables(connection):
            more = f" and {len(tables) - 1} more" if len(tables) > 1 else ""
            raise BackupRefused(
                f"The database is not empty: it holds {tables[0]}{more}. "
                "Nothing was changed; restore into an empty one."
            )
        _load(archive, _get_major_version(connection))
    migrations.migrate()
    with db.engine().begin() as connection:
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text("ANALYZE"))  # without it the first queries would be planned for empty tables
        counts = connection.execute(text(_COUNTS_QUERY)).one()
    seconds = time.monotonic() - started_at
    return BackupSummary(counts.events, counts.purchases, file.stat().st_size, seconds, archive.made_by)


_COUNTS_QUERY = "SELECT (SELECT count(*) FROM events) AS events, (SELECT count(*) FROM purchases) AS purchases"


def _dump(file: Path) -> tuple[int, int]:
    """Run pg_dump and return the counts of events and purchases, taken in the snapshot that pg_dump uses."""
    with db.engine().begin() as connection:
        migrations.acquire_migration_lock(connection, shared=True)
        if migrations.database_revision(connection) is None:
            raise BackupRefused("There is nothing to back up: the database has no tables of Ticket Desk.")
        tools = pg_programs.select_for_server(_get_major_version(connection), pg_programs.list_installed())
        snapshot = connection.execute(text(f"{_COUNTS_QUERY}, pg_export_snapshot() AS id")).one()
        # Ticket Desk needs no extension, and one in the backup would keep it from servers that lack it.
        command = [
            *(tools.path("pg_dump"), "--format=custom", f"--snapshot={snapshot.id}", "--no-password"),
            *("--no-privileges", "--no-security-labels", "--no-publications", "--no-subscriptions"),
            # Half-typed orders hold data of donors for a day at most, which a backup would keep.
            *("--exclude-extension=*", "--exclude-table-data=till_drafts", f"--file={file}"),
        ]
        # Not to standard output: pg_dump cannot seek there, and a truncated file would go unnoticed.
        done = subprocess.run(command, capture_output=True, env=_get_libpq_environment(), check=False)  # noqa: S603
    if done.returncode:
        raise BackupRefused(f"The backup could not be made: {_get_first_error(done.stderr)}")
    return snapshot.events, snapshot.purchases


def _append_last_line(file: Path) -> None:
    with file.open("r+b") as opened:
        opened.seek(0, os.SEEK_END)
        opened.write(f"\nTicket Desk {__version__} SHA-256 ".encode())
        size_bytes = opened.tell()
        opened.write(f"{_hash_beginning(opened, size_bytes)}\n".encode())
        opened.flush()
        os.fsync(opened.fileno())


def _validate_checksum(file: Path) -> str:
    """Return the version that made a backup. Raises BackupRefused unless every byte is as it was written.

    A file without a checksum is refused as well: damage to the last line must not turn the check off.
    """
    with file.open("rb") as opened:
        if opened.read(len(_ARCHIVE_PREFIX)) != _ARCHIVE_PREFIX:
            raise BackupRefused(f"{file} is not a backup. Choose a file that `backup` wrote.")
        size_bytes = opened.seek(0, os.SEEK_END)
        opened.seek(max(0, size_bytes - _MAX_LAST_LINE_BYTES))
        end = opened.read()
        if (last_line := _LAST_LINE.search(end)) is None:
            raise _missing_checksum_error(file, end)
        version, expected = last_line.groups()
        actual = _hash_beginning(opened, size_bytes - len(expected) - len(b"\n"))
    if actual != expected.decode():
        raise BackupRefused(f"{file} is damaged or cut short. Nothing was changed; take another backup.")
    return version.decode(errors="replace")


def _hash_beginning(opened: IO[bytes], size_bytes: int) -> str:
    """Return the SHA-256 of the first `size_bytes`, in hexadecimal, and leave the file's position after them."""
    digest = hashlib.sha256()
    opened.seek(0)
    for start in range(0, size_bytes, _CHUNK_BYTES):
        digest.update(opened.read(min(_CHUNK_BYTES, size_bytes - start)))
    return digest.hexdigest()


def _missing_checksum_error(file: Path, end: bytes) -> BackupRefused:
    if old := _LAST_LINE_OF_1_0.search(end):
        version = old[1].decode(errors="replace")
        return BackupRefused(
            f"{file} has no checksum, since Ticket Desk {version} made it. Nothing was changed; restore it with that "
            "version, then upgrade."
        )
    return BackupRefused(
        f"{file} has no checksum: it is damaged or cut short, or `backup` did not write it. Nothing was changed; take "
        "another backup."
    )


def _fsync_folder(file: Path) -> None:
    """Flush the folder, since a new file name is on disk only when its folder is."""
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _read_archive(file: Path) -> _Archive:
    """Check the file from its first to its last byte, before anything of it is loaded."""
    try:
        made_by = _validate_checksum(file)
    except OSError as failure:
        raise BackupRefused(f"{file} cannot be read: {failure.strerror}.") from failure
    tools = _get_programs_for(file)
    script = _run_pg_restore(tools, file, "--data-only", "--table=alembic_version", "--file=-").stdout.decode()
    revision = re.search(r"^COPY public\.alembic_version .*\n(\w+)$", script, re.MULTILINE)
    if revision is None:
        raise BackupRefused(f"{file} is a backup of another database: it has no tables of Ticket Desk.")
    if not migrations.is_known(revision[1]):
        raise migrations.NewerSchema(revision[1])
    return _Archive(file, tools, made_by)


def _get_programs_for(file: Path) -> Programs:
    installed = pg_programs.list_installed()
    for tools in installed:
        listing = _run_pg_restore(tools, file, "--list")
        if not listing.returncode:
            return tools
        if b"unsupported version" not in listing.stderr:
            raise BackupRefused(f"{file} is not a backup: {_get_first_error(listing.stderr)}")
    newest = max((each.version for each in installed), default=None)
    raise pg_programs.ProgramsMissing(
        f"{file} was written by a newer pg_dump than the programs found here (version {newest or 'none'}) can read. "
        "Install PostgreSQL's client programs of its version."
    )


def _run_pg_restore(tools: Programs, file: Path, *options: str) -> subprocess.CompletedProcess[bytes]:
    command = [tools.path("pg_restore"), *options, "--", str(file)]
    return subprocess.run(command, capture_output=True, check=False)  # noqa: S603


def _list_tables(connection: Connection) -> Sequence[str]:
    """List the tables, views and sequences of all schemas, except those of extensions."""
    return connection.scalars(
        text("""
            SELECT relation.oid::regclass::text
            FROM pg_class AS relation JOIN pg_namespace AS schema ON schema.oid = relation.relnamespace
            WHERE relation.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
              AND schema.nspname <> 'information_schema' AND schema.nspname NOT LIKE 'pg\\_%'
              AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = relation.oid
                              AND deptype = 'e')
            ORDER BY 1
        """)
    ).all()


def _load(archive: _Archive, server_version: int) -> None:
    """Pipe the script of pg_restore into psql, and commit only when pg_restore came to its end."""
    psql = [archive.tools.path("psql"), "--no-psqlrc", "--quiet", "--no-password", "--set=ON_ERROR_STOP=1"]
    without = ("--no-owner", "--no-privileges")
    pg_restore = [archive.tools.path("pg_restore"), *without, "--file=-", "--", str(archive.file)]
    with (
        tempfile.TemporaryFile() as reader_stderr,
        tempfile.TemporaryFile() as writer_stderr,
        subprocess.Popen(pg_restore, stdout=subprocess.PIPE, stderr=reader_stderr) as reader,  # noqa: S603
        subprocess.Popen(  # noqa: S603
            [*psql, "--set=VERBOSITY=terse"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=writer_stderr,
            env=_get_libpq_environment(),
        ) as writer,
    ):
        script, database = reader.stdout, writer.stdin
        assert script is not None
        assert database is not None
        try:
            database.write(b"BEGIN;\n")
            _copy_script(script, database, server_version)
            if reader.wait() == 0:
                database.write(b"COMMIT;\n")
            database.close()
        except BrokenPipeError:
            script.close()  # psql has ended; its stderr is read below
        for process, stderr in ((writer, writer_stderr), (reader, reader_stderr)):
            if process.wait():
                stderr.seek(0)
                raise BackupRefused(
                    f"The backup could not be restored: {_get_first_error(stderr.read())} Nothing was changed."
                )


def _copy_script(script: IO[bytes], database: IO[bytes], server_version: int) -> None:
    """Copy the script, without the one setting of pg_restore 17 and newer that older servers do not know."""
    for line in script:
        if line != b"SET transaction_timeout = 0;\n" or server_version >= 17:
            database.write(line)
        if line.startswith(b"SET row_security"):
            break  # the last setting; the rest is long and copied as it is
    shutil.copyfileobj(script, database)


def _get_major_version(connection: Connection) -> int:
    number: int = connection.scalar(text("SELECT current_setting('server_version_num')::int / 10000"))
    return number


def _get_libpq_environment() -> dict[str, str]:
    """Return the environment by which PostgreSQL's programs connect; a command line would show the password.

    Connection options without an environment variable, such as keepalives, are left out.
    """
    options = psycopg.pq.Conninfo.parse(db.libpq_url().encode())
    return os.environ | {each.envvar.decode(): each.val.decode() for each in options if each.envvar and each.val}


def _get_first_error(stderr: bytes) -> str:
    """Return the first error message as a sentence, without the program's name and place before it."""
    output = stderr.decode(errors="replace")
    message = re.search(r"(?:error|fatal): +(.+)", output, re.IGNORECASE) or re.search(r"(.+)", output)
    return f"{message[1].rstrip('.')}." if message else "The program gave no reason."

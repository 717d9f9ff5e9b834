"""Files that `restore` refuses before it touches the database: damaged, cut short, or not written by `backup`."""

from __future__ import annotations

import hashlib
import subprocess

import psycopg
import pytest

from tests.support import every_table
from ticketing import __version__
from ticketing.db import backup, pg_programs
from ticketing.db.backup import BackupRefused

pytestmark = pytest.mark.system  # runs pg_dump and pg_restore


def test_backup_names_the_version_that_made_it_and_its_checksum(whole, database_without_schema):
    begin, _, checksum = whole.read_bytes().rpartition(b" ")
    assert begin.endswith(f"\nTicket Desk {__version__} SHA-256".encode())
    assert checksum.decode() == hashlib.sha256(begin + b" ").hexdigest() + "\n"
    assert backup.restore(whole).made_by == __version__


def flip_bit(content: bytes, position: int) -> bytes:
    return content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :]


@pytest.mark.parametrize(
    "found_by",
    [
        pytest.param(b"PGDMP", id="file header"),
        pytest.param(b"uq_orders_idempotency", id="name of a constraint"),
        pytest.param(b"CREATE TABLE public.purchases", id="definition of a table"),
        pytest.param(b"CHECK ((", id="condition of a constraint"),
        pytest.param(b"alembic_version", id="version of the schema"),
        pytest.param(None, id="rows"),
        pytest.param(b"\nTicket Desk ", id="last line"),
        pytest.param(__version__.encode() + b" SHA-256", id="version"),
        pytest.param(b"SHA-256 ", id="word before the checksum"),
    ],
)
@pytest.mark.parametrize("offset", [0, 4])
def test_flipped_bit_changes_nothing(whole, database_without_schema, found_by, offset):
    content = whole.read_bytes()
    position = len(content) * 3 // 4 if found_by is None else content.rindex(found_by)
    whole.write_bytes(flip_bit(content, position + offset))

    with pytest.raises(BackupRefused, match=r"is damaged or cut short|is not a backup"):
        backup.restore(whole)

    assert every_table.columns() == {}


def test_flipped_bit_of_the_checksum_changes_nothing(whole, database_without_schema):
    content = whole.read_bytes()
    for position in (-1, -2, -65):
        whole.write_bytes(flip_bit(content, len(content) + position))
        with pytest.raises(BackupRefused, match="is damaged or cut short"):
            backup.restore(whole)

    assert every_table.columns() == {}


def test_backup_of_1_0_is_refused_with_its_version(whole, database_without_schema):
    archive, _, _ = whole.read_bytes().rpartition(b"\nTicket Desk ")
    whole.write_bytes(archive + b"\nTicket Desk 1.0.0\n")

    with pytest.raises(BackupRefused, match=r"no checksum, since Ticket Desk 1\.0\.0 made it\. Nothing was changed"):
        backup.restore(whole)

    assert every_table.columns() == {}


@pytest.mark.parametrize("kept", [slice(0, 0), slice(0, 1000), slice(0, 100_000), slice(0, -1), slice(0, -74)])
def test_truncated_file_changes_nothing(whole, database_without_schema, kept):
    whole.write_bytes(whole.read_bytes()[kept])

    with pytest.raises(BackupRefused, match=r"damaged or cut short|is not a backup"):
        backup.restore(whole)

    assert every_table.columns() == {}


def test_other_files_are_refused(database_without_schema, postgres, tmp_path):
    text = tmp_path / "notes.txt"
    text.write_text("Gold, silver and bronze.\n" * 100)
    other = tmp_path / "other.backup"
    theirs = postgres.create(migrated=False)
    with psycopg.connect(theirs) as connection:
        connection.execute("CREATE TABLE theirs (id int)")
    subprocess.run([pg_programs.list_installed()[0].path("pg_dump"), "-Fc", "-f", other, theirs], check=True)

    for refused, sentence in {
        text: f"{text} is not a backup. Choose a file that `backup` wrote.",
        other: f"{other} has no checksum: it is damaged or cut short, or `backup` did not write it.",
        tmp_path / "none": f"{tmp_path / 'none'} cannot be read: No such file or directory.",
        tmp_path: f"{tmp_path} cannot be read: Is a directory.",
    }.items():
        with pytest.raises(BackupRefused) as refusal:
            backup.restore(refused)
        assert str(refusal.value).startswith(sentence)
    assert every_table.columns() == {}

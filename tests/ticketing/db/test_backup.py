"""Backup and restore, compared row by row in every table, on this PostgreSQL and on an older one."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from tests.support import every_table, make
from tests.support.database import DatabaseServer, use_database
from tests.support.waiting import wait_until
from ticketing import db
from ticketing.db import backup, migrations, pg_programs
from ticketing.db.backup import BackupRefused
from ticketing.db.migrations import NewerSchema
from ticketing.db.pg_programs import Programs, ProgramsMissing
from ticketing.models import Event
from ticketing.ops import verify

pytestmark = pytest.mark.system  # runs pg_dump and pg_restore


@pytest.fixture(scope="module")
def debian() -> Iterator[DatabaseServer]:
    """A server of the oldest PostgreSQL installed on this machine. Without one, CI fails and other runs skip."""
    installed = [each for each in pg_programs.list_installed() if "/usr/lib/postgresql/" in str(each.folder)]
    if not installed:
        if os.environ.get("CI") == "true":
            pytest.fail("PostgreSQL's server is missing (apt-get install postgresql), and CI must not skip tests")
        pytest.skip("needs an installed PostgreSQL server (apt-get install postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="ticketdesk-debian-"))
    owner = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
    if owner:  # PostgreSQL does not run as root
        os.chown(folder, owner.pw_uid, owner.pw_gid)

    def tool(name: str, *arguments: object) -> None:
        command = [installed[-1].path(name), *map(str, arguments)]
        subprocess.run(command, user=owner and owner.pw_uid, cwd="/", stdout=subprocess.DEVNULL, check=True)

    data = folder / "data"
    tool("initdb", "--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--pgdata", data)
    tool("pg_ctl", "start", "--wait", "-D", data, "-l", folder / "log", "-o", f"-h '' -k {folder} -c fsync=off")
    try:
        yield DatabaseServer(f"postgresql://postgres@/postgres?host={folder}", prefix="ticketdesk_backup")
    finally:
        tool("pg_ctl", "stop", "--wait", "-D", data, "-m", "immediate")
        shutil.rmtree(folder)


def restore_into_new_database(server: DatabaseServer, file: Path) -> None:
    use_database(server.create(migrated=False))
    backup.restore(file)


def read_kept_rows() -> every_table.Rows:
    """Return the rows that a backup keeps: all but half-typed orders."""
    return every_table.rows() | {"till_drafts": []}


def read_everything() -> tuple[every_table.Rows, str, list[tuple[str, int]]]:
    return every_table.rows(), every_table.dump_schema(), every_table.sequences()


def assert_still_works() -> None:
    """Sell, check the audit log, and check that it is still immutable."""
    event = make.event()
    package = make.package(event, quantity_limit=2)
    make.change_package(make.staff(event=event), package, price="12.00")
    make.purchase(event, package, quantity=2)
    with db.read_session() as session:
        assert verify.verify(session) == []
    with pytest.raises(psycopg.errors.RestrictViolation), psycopg.connect(db.libpq_url()) as connection:
        connection.execute("UPDATE audit_log SET actor = 'Nobody'")


def test_restore_brings_back_every_row_constraint_and_trigger(full_database, postgres, file):
    before = read_everything()
    assert [table for table, rows in before[0].items() if not rows] == [], (
        "tests/support/every_table.py makes no row of these"
    )

    made = backup.create(file)
    restore_into_new_database(postgres, file)

    assert len(before[0].pop("till_drafts")) == 1
    restored = read_everything()
    assert restored[0].pop("till_drafts") == []  # half-typed orders stay out of backups
    assert restored == before
    assert (made.events, made.purchases, made.size_bytes) == (1, 88, file.stat().st_size)
    assert_still_works()


def test_backup_moves_to_an_older_postgresql_and_back(full_database, postgres, debian, file):
    _, _, places = read_everything()
    rows = read_kept_rows()

    backup.create(file)
    restore_into_new_database(debian, file)
    assert (every_table.rows(), every_table.sequences()) == (rows, places)
    layout = every_table.dump_schema()
    assert_still_works()

    use_database(debian.create(migrated=False))
    migrations.migrate()
    assert every_table.dump_schema() == layout, "as if its tables had been made there"

    restore_into_new_database(debian, file)
    backup.create(file.with_suffix(".second"))
    restore_into_new_database(postgres, file.with_suffix(".second"))
    assert (every_table.rows(), every_table.sequences()) == (rows, places)
    assert_still_works()


def test_backup_of_an_earlier_version_is_migrated(every_row, database_without_schema, postgres, file):
    every_table.migrate_to("0001")
    every_table.copy_rows_from(every_row)
    columns = every_table.list_kept_columns()
    before = every_table.rows(columns)
    backup.create(file)

    restore_into_new_database(postgres, file)

    with db.read_session() as session:
        assert migrations.state(session) == "current"
        assert verify.verify(session) == []
    assert every_table.rows(columns) == before
    assert_still_works()


def count_lock_waiters(lock: str) -> int:
    """Return how many sessions of this database wait for a lock of this type."""
    with psycopg.connect(db.libpq_url()) as connection:
        return connection.execute(
            "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = %s"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
            [lock],
        ).fetchone()[0]


def test_backup_is_one_snapshot_does_not_block_sales_and_hides_the_password(full_database, postgres, file):
    url = make_url(full_database)
    password = url.password or "zq-secret"
    use_database(url.set(password=password).render_as_string(hide_password=False))
    before = every_table.rows()
    event = make.event()
    package = make.package(event)
    expected = {**read_kept_rows(), "rate_limits": before["rate_limits"]}

    with ThreadPoolExecutor(2) as pool, psycopg.connect(db.libpq_url()) as held:
        held.execute("LOCK TABLE rate_limits IN ACCESS EXCLUSIVE MODE")
        making = pool.submit(backup.create, file)
        wait_until(lambda: count_lock_waiters("relation"))
        (pg_dump,) = [each for each in psutil.Process().children() if each.name() == "pg_dump"]
        command_line, environment = " ".join(pg_dump.cmdline()), pg_dump.environ()
        make.purchase(event, package)
        migrations.migrate()  # a server that starts has nothing to migrate, and does not wait
        migrating = pool.submit(hold_migration_lock)
        wait_until(lambda: count_lock_waiters("advisory"))
        assert (list(file.parent.glob("*.backup")), making.done()) == ([], False)
        held.rollback()
        made = making.result(60)
        migrating.result(60)

    assert environment["PGPASSWORD"] == password
    assert password not in command_line
    assert (made.events, made.purchases) == (2, 88)
    restore_into_new_database(postgres, file)
    assert every_table.rows() == expected


def hold_migration_lock():
    with db.engine().begin() as connection:
        migrations.acquire_migration_lock(connection)


def test_backup_waits_for_a_migration(empty_database, file, caplog):
    with ThreadPoolExecutor(1) as pool, psycopg.connect(db.libpq_url()) as held:
        held.execute("SELECT pg_advisory_xact_lock(%s)", [migrations.MIGRATION_LOCK_KEY])
        making = pool.submit(backup.create, file)
        wait_until(lambda: count_lock_waiters("advisory"))
        assert not making.done()
        held.rollback()
        making.result(60)
    assert "waiting for its end" in caplog.text


def test_backup_is_private_and_replaces_no_file(empty_database, file):
    backup.create(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    content = file.read_bytes()

    with pytest.raises(BackupRefused, match=f"^{file} exists already, and a backup replaces no file"):
        backup.create(file)

    assert file.read_bytes() == content
    assert os.listdir(file.parent) == [file.name]


def test_failed_backup_leaves_no_file(full_database, file):
    """A role that may not read every table is refused after pg_dump has started."""
    with psycopg.connect(full_database) as connection:
        connection.execute("CREATE ROLE zq_clerk LOGIN")
        connection.execute("GRANT SELECT ON alembic_version, events, purchases TO zq_clerk")
    use_database(make_url(full_database).set(username="zq_clerk").render_as_string(hide_password=False))
    try:
        with pytest.raises(BackupRefused, match=r"could not be made: .*permission denied for table \w+\.$"):
            backup.create(file)
    finally:
        with psycopg.connect(full_database) as connection:
            connection.execute("DROP OWNED BY zq_clerk")
            connection.execute("DROP ROLE zq_clerk")
    assert os.listdir(file.parent) == []


def test_database_without_tables_is_not_backed_up(database_without_schema, file):
    with pytest.raises(BackupRefused, match="There is nothing to back up"):
        backup.create(file)
    assert os.listdir(file.parent) == []


def test_unwritable_file_is_refused(empty_database, tmp_path):
    with pytest.raises(BackupRefused, match=r"cannot be written: No such file or directory\.$"):
        backup.create(tmp_path / "nowhere" / "gala.backup")


@pytest.mark.parametrize(
    "table", ["CREATE TABLE theirs ()", "CREATE VIEW theirs AS SELECT 1", "CREATE SEQUENCE theirs"]
)
def test_restore_refuses_a_database_that_is_not_empty(whole, database_without_schema, table):
    with psycopg.connect(database_without_schema) as connection:
        connection.execute(f"CREATE SCHEMA elsewhere; SET search_path = elsewhere; {table}")

    with pytest.raises(BackupRefused, match=r"not empty: it holds elsewhere\.theirs\. Nothing was changed"):
        backup.restore(whole)

    assert every_table.columns() == {}


def test_restore_refuses_a_migrated_database(whole, empty_database):
    with pytest.raises(BackupRefused, match="not empty: it holds alembic_version and 26 more"):
        backup.restore(whole)

    assert every_table.rows()["events"] == []


def test_restore_refuses_tables_created_while_it_waited(whole, database_without_schema):
    with ThreadPoolExecutor(1) as pool, psycopg.connect(database_without_schema) as server:
        server.execute("SELECT pg_advisory_xact_lock(%s)", [migrations.MIGRATION_LOCK_KEY])
        server.execute("CREATE TABLE events ()")
        restoring = pool.submit(backup.restore, whole)
        wait_until(lambda: count_lock_waiters("advisory"))
        server.commit()
        with pytest.raises(BackupRefused, match="not empty: it holds events"):
            restoring.result(60)

    assert every_table.columns() == {"events": ()}


def test_backup_of_a_later_version_is_refused(full_database, postgres, file):
    db.write(lambda session: session.execute(text("UPDATE alembic_version SET version_num = '9999'")))
    backup.create(file)
    use_database(postgres.create(migrated=False))

    with pytest.raises(NewerSchema, match=r"newer schema \(9999\) than this version of Ticket Desk knows"):
        backup.restore(file)

    assert every_table.columns() == {}


@pytest.mark.parametrize("refused", ["CREATE INDEX", "CREATE TRIGGER"])
def test_failed_restore_leaves_the_database_empty(whole, database_without_schema, refused):
    """Constraints and triggers are restored after the rows."""
    with psycopg.connect(database_without_schema) as connection:
        connection.execute(
            "CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'not today'; END $$"
        )
        connection.execute(
            f"CREATE EVENT TRIGGER refusal ON ddl_command_start WHEN TAG IN ('{refused}') EXECUTE FUNCTION refuse()"
        )

    with pytest.raises(BackupRefused, match=r"could not be restored: not today\. Nothing was changed\.$"):
        backup.restore(whole)

    assert every_table.columns() == {}


def test_backup_excludes_extensions(debian, database_without_schema, file):
    """Managed servers often have this extension, which the private PostgreSQL lacks."""
    with_extension = debian.create(migrated=False)
    with psycopg.connect(with_extension) as connection:
        connection.execute("CREATE EXTENSION pg_stat_statements")
    template = debian.create(like=with_extension)

    use_database(with_extension)
    migrations.migrate()
    event = make.event()
    backup.create(file)
    for url in (database_without_schema, template):
        use_database(url)
        backup.restore(file)
        with db.read_session() as session:
            assert session.get(Event, event.id) is not None


@pytest.mark.parametrize(("server", "chosen"), [(15, "shipped 18"), (18, "shipped 18"), (19, "own 20"), (20, "own 20")])
def test_programs_are_not_older_than_the_server_and_bundled_if_possible(server, chosen):
    among = [Programs(18, Path("shipped 18")), Programs(16, Path("shipped 16")), Programs(20, Path("own 20"))]
    assert pg_programs.select_for_server(server, among).folder == Path(chosen)


def test_server_newer_than_all_programs_says_what_to_install():
    with pytest.raises(ProgramsMissing, match=r"found here are of version 18\. .*postgresql-client-19\)\.$"):
        pg_programs.select_for_server(19, [Programs(18, Path("here"))])
    with pytest.raises(ProgramsMissing, match="none are found here"):
        pg_programs.select_for_server(19, [])

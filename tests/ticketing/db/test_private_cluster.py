"""The private PostgreSQL is open to its owner and root only, and no permission above its data folder is changed."""

from __future__ import annotations

import os
import signal
import sys
import zoneinfo
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psutil
import psycopg
import pytest
from sqlalchemy import Connection, NullPool, create_engine, text

from tests.support.private_postgres import connect, find_user, list_permissions, make_folder, refuse_user, run_user
from ticketing import db
from ticketing.db import cluster_account, cluster_programs, time_zones
from ticketing.db.cluster_account import Account
from ticketing.errors import StartRefused

pytestmark = pytest.mark.system

TRUST = "local all all trust\nhost all all 127.0.0.1/32 trust\n"
PATHS = {"short": "data", "long": f"{'a' * 60}/{'b' * 60}/data", "strange": 'Ana\'s "$HOME" `id`, 100%/data'}
both_accounts = pytest.mark.parametrize("account", ["root", "ordinary"])


@pytest.fixture
def folder(account: str) -> Iterator[Path]:
    with make_folder(account) as folder:
        yield folder


def make_data_path(folder: Path, path: str, account: str) -> Path:
    """Create the folders above a data folder, owned by the user, and return its path."""
    data, user = folder / path, find_user(account)
    for each in reversed([each for each in data.parents if folder in each.parents]):
        each.mkdir(mode=0o755)
        os.chown(each, user.pw_uid, user.pw_gid)
    return data


def get_socket_folder(url: str) -> Path:
    return Path(parse_qs(urlsplit(url).query)["host"][0])


@both_accounts
@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
def test_only_owner_and_root_can_connect_and_nothing_above_is_changed(folder, account, path):
    data = make_data_path(folder, path, account)
    before = list_permissions(data.parent)
    with run_user(data, account) as url:
        owner = (data / "postgres").owner()
        assert list_permissions(data.parent) == before
        private = {data / "postgres", get_socket_folder(url)}
        assert {list_permissions(each)[str(each)] for each in private} == {f"drwx------ {owner}"}
        entered_by = "drwx--x--- root" if account == "root" else f"drwx------ {owner}"
        assert list_permissions(data)[str(data)] == entered_by
        with psycopg.connect(url) as connection:
            settings = [connection.execute(f"SHOW {name}").fetchone()[0] for name in ("listen_addresses", "port")]
            assert settings == ["", "5432"]
            rules = connection.execute("SELECT DISTINCT type, auth_method FROM pg_hba_file_rules").fetchall()
            assert rules == [("local", "peer")]
    assert list_permissions(data.parent) == before
    assert not (data / "postgres" / "postmaster.pid").exists()
    if get_socket_folder(url) != data / "postgres":
        assert not get_socket_folder(url).exists()


@both_accounts
@pytest.mark.parametrize("path", ["short", "long"])
def test_other_user_is_refused_by_the_folder_and_by_postgresql(folder, account, path):
    data = make_data_path(folder, PATHS[path], account)
    with run_user(data, account) as url:
        assert connect(url, "root") == "connected"
        assert "Permission denied" in connect(url, "daemon")

        for each in {data, data / "postgres", get_socket_folder(url)}:
            each.chmod(0o777)
        (get_socket_folder(url) / ".s.PGSQL.5432").chmod(0o777)
        assert 'Peer authentication failed for user "postgres"' in connect(url, "daemon")


@pytest.mark.parametrize("account", ["root"])
def test_root_is_refused_below_a_folder_that_bars_postgresql(folder, account):
    barring = folder / "home"
    barring.mkdir(mode=0o700)
    before = list_permissions(barring)

    assert refuse_user(barring / "desk" / "data", account) == (
        f"PostgreSQL runs as the user pgserver when root starts it, who may not enter {barring} (mode 0700): set "
        "TICKETDESK_DATA to a folder that every user can reach, such as /var/lib/ticketdesk, or start Ticket Desk as a "
        "user other than root."
    )
    assert list_permissions(barring) == before


@pytest.mark.parametrize("account", ["root"])
def test_root_is_refused_with_programs_that_bar_postgresql(folder, account, monkeypatch):
    programs = folder / "home" / "desk" / ".venv"
    programs.mkdir(parents=True)
    (programs.parent.parent).chmod(0o700)
    postgres = cluster_account.Account(65534, 65534, "pgserver")

    with pytest.raises(StartRefused) as refused:
        cluster_account.check_access(postgres, folder / "home" / "desk" / "data", programs / "postgres")
    assert str(refused.value).endswith(
        f"who may not enter {folder}/home (mode 0700): move Ticket Desk to a folder that every user can reach, such as "
        "/opt, or start Ticket Desk as a user other than root."
    )

    monkeypatch.setattr(sys, "prefix", str(programs.parent.parent))
    with pytest.raises(StartRefused, match=f"run `chmod -R go\\+rX {folder}/home`, or start Ticket Desk"):
        cluster_account.check_access(postgres, folder, programs / "postgres")


@pytest.mark.parametrize("account", ["ordinary"])
def test_ordinary_user_starts_below_a_folder_that_bars_others(folder, account):
    folder.chmod(0o700)
    before = list_permissions(folder)
    with run_user(folder / "data", account) as url:
        assert connect(url, account) == "connected"
    assert list_permissions(folder) == before


@both_accounts
def test_data_folder_of_an_earlier_version_is_closed_when_it_starts(folder, account):
    data = folder / "data"
    with run_user(data, account):
        pass
    (data / "postgres" / "pg_hba.conf").write_text(TRUST)
    (data / "postgres").chmod(0o755)
    data.chmod(0o755)

    with run_user(data, account) as url, psycopg.connect(url) as connection:
        assert connection.execute("SELECT DISTINCT auth_method FROM pg_hba_file_rules").fetchall() == [("peer",)]
        assert (data / "postgres").stat().st_mode & 0o777 == 0o700


@both_accounts
def test_server_that_an_earlier_version_runs_is_closed_when_it_is_joined(folder, account):
    data = folder / "data"
    with run_user(data, account) as url:
        (data / "postgres" / "pg_hba.conf").write_text(TRUST)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("SELECT pg_reload_conf()")
        get_socket_folder(url).chmod(0o755)
        with run_user(data, account) as joined:
            assert joined == url
            (get_socket_folder(url) / ".s.PGSQL.5432").chmod(0o777)
            for each in (data, data / "postgres"):
                each.chmod(0o755)
            assert "Peer authentication failed" in connect(url, "daemon")


@both_accounts
def test_socket_folder_that_others_may_enter_is_not_used_again(folder, account):
    data = make_data_path(folder, PATHS["long"], account)
    with run_user(data, account) as first:
        postmaster = psutil.Process(int((data / "postgres" / "postmaster.pid").read_text().splitlines()[0]))
        postmaster.send_signal(signal.SIGKILL)
        postmaster.wait(20)
        get_socket_folder(first).chmod(0o755)
        with run_user(data, account) as second:
            assert get_socket_folder(second) != get_socket_folder(first)
            assert connect(second, "root" if os.geteuid() == 0 else account) == "connected"


@both_accounts
def test_half_made_cluster_is_made_again(folder, account):
    data = folder / "data"
    with run_user(data, account):
        pass
    (data / "postgres").rename(data / "postgres.new")
    (data / "postgres.new" / "global" / "pg_control").unlink()

    with run_user(data, account) as url:
        assert connect(url, account) == "connected"
    assert not (data / "postgres.new").exists()


REFUSALS = {
    "empty lock file": (
        lambda cluster: (cluster / "postmaster.pid").write_text(""),
        "The lock file {cluster}/postmaster.pid is incomplete, as a power cut or a full disk leaves it: make sure that "
        "no other Ticket Desk uses this data folder, then delete the file and start again.",
    ),
    "half-written lock file": (
        lambda cluster: (cluster / "postmaster.pid").write_text("12x"),
        "The lock file {cluster}/postmaster.pid is incomplete, as a power cut or a full disk leaves it: make sure that "
        "no other Ticket Desk uses this data folder, then delete the file and start again.",
    ),
    "another version": (
        lambda cluster: (cluster / "PG_VERSION").write_text("16\n"),
        "{cluster} was made by PostgreSQL 16, and this Ticket Desk contains PostgreSQL 18: make a backup with the "
        "version of Ticket Desk that made it, and restore that.",
    ),
    "foreign files": (
        lambda cluster: (cluster / "PG_VERSION").unlink(),
        "{cluster} has files and no PostgreSQL: move them away, or set TICKETDESK_DATA to another folder.",
    ),
    "broken setting": (
        lambda cluster: (cluster / "postgresql.auto.conf").write_text("max_connections = many\n"),
        'The private PostgreSQL in {cluster} cannot start (configuration file "{cluster}/postgresql.auto.conf" '
        "contains errors): read the end of {cluster}/log, and see docs/operations/troubleshooting.md.",
    ),
}


@pytest.mark.parametrize("account", ["ordinary"])
@pytest.mark.parametrize(("damage", "sentence"), REFUSALS.values(), ids=REFUSALS)
def test_damaged_cluster_refuses_to_start_with_one_sentence(folder, account, damage, sentence):
    data = folder / "data"
    with run_user(data, account):
        pass
    damage(data / "postgres")
    assert refuse_user(data, account) == sentence.format(cluster=data / "postgres")


@pytest.mark.parametrize("account", ["ordinary"])
def test_data_folder_that_others_can_change_is_refused(folder, account):
    data = folder / "data"
    with run_user(data, account):
        pass
    data.chmod(0o777)
    assert refuse_user(data, account) == (
        f"Every user may change the data folder {data}: run `chmod o-w {data}` and start again."
    )
    data.chmod(0o755)
    os.chown(data, *([find_user("daemon").pw_uid] * 2))
    assert refuse_user(data, account) == (
        f"The data folder {data} belongs to another user: set TICKETDESK_DATA to one of your own, or run `chown -R "
        f"{find_user(account).pw_name} {data}` as root."
    )


def test_root_joins_and_starts_the_data_folder_of_an_ordinary_user():
    find_user("root")
    with make_folder("ordinary") as data:
        for first, second in (("root", "ordinary"), ("ordinary", "root")):
            with run_user(data, first) as url:
                with run_user(data, second) as joined:
                    assert joined == url
                assert connect(url, "root") == "connected"
        assert {each.owner() for each in data.iterdir()} == {"nobody"}


def connect_once(url: str) -> Connection:
    """Return a connection that is closed, and not kept in a pool, when its block ends."""
    return create_engine(db.to_sqlalchemy_url(url), poolclass=NullPool).connect()


@both_accounts
@pytest.mark.parametrize("path", [PATHS["strange"]])
def test_server_has_the_time_zones_of_python(folder, account, path):
    """Those that it was built with had other rules for Edmonton from November 2026 on."""
    data = make_data_path(folder, path, account)
    for _ in range(2):  # a second start uses the copy of the first one
        with run_user(data, account) as url, connect_once(url) as connection:
            assert connection.scalar(text("SELECT count(*) FROM pg_timezone_names")) == len(
                zoneinfo.available_timezones()
            )
            for zone in ("America/Edmonton", "America/Winnipeg", "America/Vancouver", "Africa/Casablanca"):
                assert time_zones.find_difference(connection, zone, (2022, 2030)) is None
            owner = (data / "postgres").owner()
            programs = data / cluster_programs.FOLDER_NAME
            assert {each.owner() for each in (programs, programs / "bin" / "postgres")} == {owner}


def test_copied_program_that_does_not_run_is_not_used(tmp_path, caplog):
    """As on a disk mounted without programs; the shipped one is used then, with its own zones."""
    shipped, account = tmp_path / "shipped" / "bin" / "postgres", Account(os.geteuid(), os.getegid(), "tests")
    for each in (shipped.parent, tmp_path / "shipped" / "share" / "postgresql" / "timezone"):
        each.mkdir(parents=True)
    shipped.touch(0o755)
    for content, is_used in (("exit 1", False), ("exit 0", True)):
        shipped.write_text(f"#!/bin/sh\n{content}\n")
        assert cluster_programs.prepare_postgres(tmp_path / "programs", shipped, account) == is_used
    assert caplog.text.count("PostgreSQL has the time zone rules that it was built with") == 1


def test_full_disk_is_one_sentence():
    """Needs root, who may mount a small disk that only this command sees."""
    find_user("root")
    with make_folder("root") as folder:
        command = f'mount -t tmpfs -o size=24m,mode=0755 none {folder} && exec "$@"'
        sentence = refuse_user(folder / "data", "root", "unshare", "--mount", "sh", "-c", command, "sh")
        assert sentence == (
            f"The disk of {folder}/data/postgres is full: make room beside this folder and start again."
        )


def test_read_only_data_folder_is_one_sentence():
    with make_folder("ordinary") as folder:
        folder.chmod(0o555)
        assert refuse_user(folder / "data", "ordinary") == (
            f"The data folder {folder}/data cannot be used (Permission denied: {folder}/data): let the user that runs "
            "Ticket Desk write to it, or set TICKETDESK_DATA to another folder."
        )

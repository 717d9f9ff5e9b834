"""Each reason that keeps the server from its database is one sentence, which says what to do and quotes no password."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest

from tests.support.database import use_database
from tests.support.disposable_postgres import DisposablePostgres, run_disposable_postgres
from ticketing import db
from ticketing.db import migrations, start_checks
from ticketing.errors import StartRefused

pytestmark = pytest.mark.system  # a PostgreSQL of its own


@pytest.fixture(scope="module")
def own(database: str) -> Iterator[DisposablePostgres]:
    with run_disposable_postgres() as postgres:
        yield postgres


@pytest.fixture(autouse=True)
def used_database(database: str) -> Iterator[None]:
    yield
    use_database(database)


def refuse(url: str, check: Callable[[], None] = start_checks.check_server) -> str:
    use_database(url)
    with pytest.raises(StartRefused) as refused:
        check()
    sentence = str(refused.value)
    assert "\n" not in sentence
    assert "s3cret" not in sentence
    return sentence


def migrate() -> None:
    with start_checks.explain_failures():
        migrations.migrate()


def find_socket(own: DisposablePostgres) -> str:
    return parse_qs(urlsplit(own.url).query)["host"][0]


@contextmanager
def listen(answer: Callable[[socket.socket], object]) -> Iterator[int]:
    """Yield a port at which `answer` handles each connection in a thread."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=answer, args=(connection,), daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(10)


def send(greeting: bytes) -> Callable[[socket.socket], None]:
    def answer(connection: socket.socket) -> None:
        with connection:
            connection.sendall(greeting)
            connection.recv(1024)

    return answer


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("127.0.0.1:9", "Connection refused"),
        ("nowhere.invalid:5432", "Name or service not known"),
    ],
)
def test_unreachable_server(host, reason):
    sentence = refuse(f"postgresql://desk:s3cret@{host}/desk")
    assert sentence.startswith(f"The PostgreSQL at {host} cannot be reached (")
    assert sentence.endswith("): start it, or correct DATABASE_URL, and start again.")
    if "invalid" not in host:
        assert reason in sentence


def test_missing_socket():
    assert refuse("postgresql://desk:s3cret@/desk?host=/nowhere") == (
        "The PostgreSQL at /nowhere cannot be reached (No such file or directory): start it, or correct DATABASE_URL, "
        "and start again."
    )


@pytest.mark.parametrize(
    "greeting", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"220 mail.example.org ESMTP\r\n", b"J\0\0\0\x0a8.0.36\0", b""]
)
def test_server_that_is_not_postgresql(greeting):
    with listen(send(greeting)) as port:
        sentence = refuse(f"postgresql://desk:s3cret@127.0.0.1:{port}/desk")
    assert sentence.startswith(f"The PostgreSQL at 127.0.0.1:{port} does not answer as PostgreSQL does (")
    assert sentence.endswith("): correct DATABASE_URL and start again.")


def test_wrong_password(own):
    with psycopg.connect(own.url, autocommit=True) as connection:
        connection.execute("CREATE ROLE desk LOGIN PASSWORD 'right'")
    own.write_rules("local all desk scram-sha-256\nlocal all all peer map=ticketdesk\n")
    assert refuse(f"postgresql://desk:s3cret@/postgres?host={find_socket(own)}") == (
        f"The PostgreSQL at {find_socket(own)} refuses the password of the user desk: correct it in DATABASE_URL and "
        "start again."
    )
    assert "refuses the password of the user desk" in refuse(f"postgresql://desk@/postgres?host={find_socket(own)}")

    use_database(f"postgresql://desk:right@/postgres?host={find_socket(own)}")
    start_checks.check_server()
    assert refuse(os.environ["DATABASE_URL"], migrate) == (
        "The database role may not change the schema (permission denied for schema public): run `python -m ticketing "
        "migrate` as the owner of the tables first, and start again."
    )


def test_missing_database(own):
    assert refuse(f"postgresql://postgres@/gala?host={find_socket(own)}") == (
        f"The PostgreSQL at {find_socket(own)} has no database gala: create it, or name another in DATABASE_URL, and "
        "start again."
    )


def test_unknown_role_is_told_with_the_reason(own):
    assert refuse(f"postgresql://nobody@/postgres?host={find_socket(own)}") == (
        f'The PostgreSQL at {find_socket(own)} does not let Ticket Desk in (role "nobody" does not exist): change that '
        "there, or correct DATABASE_URL, and start again."
    )


def test_database_that_takes_no_changes(own):
    with psycopg.connect(own.url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE replica")
        connection.execute("ALTER DATABASE replica SET default_transaction_read_only = on")
    assert refuse(own.url.replace("/postgres?", "/replica?"), migrate) == (
        f"The PostgreSQL at {find_socket(own)} takes no changes, as a replica does: name the primary in DATABASE_URL "
        "and start again."
    )


@pytest.mark.parametrize(("version", "is_refused"), [(14, True), (15, False)])
def test_postgresql_older_than_15(own, version, is_refused):
    """No old server is installed everywhere, so a proxy changes the version that this one reports."""

    def copy(source: socket.socket, target: socket.socket) -> None:
        while chunk := source.recv(65_536):
            target.sendall(chunk.replace(b"server_version\x0018.", f"server_version\0{version}.".encode()))
        target.shutdown(socket.SHUT_WR)

    def answer(client: socket.socket) -> None:
        server = socket.socket(socket.AF_UNIX)
        server.connect(f"{find_socket(own)}/.s.PGSQL.5432")
        with client, server:
            back = threading.Thread(target=copy, args=(server, client), daemon=True)
            back.start()
            copy(client, server)
            back.join(10)

    with listen(answer) as port:
        url = f"postgresql://postgres@127.0.0.1:{port}/postgres?sslmode=disable&gssencmode=disable"
        if is_refused:
            assert refuse(url) == (
                f"The PostgreSQL at 127.0.0.1:{port} is version 14, and Ticket Desk needs 15 or newer: upgrade it, or "
                "name another in DATABASE_URL, and start again."
            )
        else:
            use_database(url)
            start_checks.check_server()
        db.dispose()

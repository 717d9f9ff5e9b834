"""`verify` finds where and how the audit log was changed by someone with full access to the database."""

import re
from collections.abc import Iterator
from functools import partial

import psycopg
import pytest
from sqlalchemy import cast, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import IntegrityError

from tests.support import make
from tests.support.database import use_database
from tests.support.sales_file import run_import, sale, sales_csv
from ticketing import audit, db
from ticketing.actors import OPERATOR
from ticketing.audit import hash_chain
from ticketing.catalog import packages
from ticketing.models import AuditChain, AuditEntry, AuditSeal, Package
from ticketing.ops import verify

PRICES = ("110.00", "120.00", "130.00", "140.00")


@pytest.fixture(scope="module")
def gold(postgres, database) -> Iterator[Package]:
    """A package whose price was changed four times, in a separate database."""
    use_database(postgres.create())
    event = make.event()
    make.staff(role="admin", password=make.PASSWORD)
    package = make.package(event, name="Gold", price="100")
    for version, price in enumerate(PRICES, start=1):
        change = partial(packages.update, seen_version=version)
        db.write(lambda s, do=change, price=price: do(s, OPERATOR, event.id, package.id, {"price": price}))
    yield package
    use_database(database)


@pytest.fixture
def session(gold) -> Iterator[db.Session]:
    """A session that is rolled back after each test."""
    with db.Session(db.engine()) as session:
        yield session
        session.rollback()


def list_problems(session: db.Session) -> list[str]:
    return [str(each) for each in verify.verify(session)]


def tamper(session: db.Session, *statements: str, **values: object) -> None:
    """Change one row per statement, with triggers disabled as only the owner of the tables can."""
    for table in ("audit_log", "audit_seals"):
        session.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER ALL"))
    for statement in statements:
        assert session.execute(text(statement), values).rowcount == 1
    session.execute(text("ALTER TABLE audit_log ENABLE ALWAYS TRIGGER audit_log_sealed"))


def find_entry_and_position(session: db.Session, price: str) -> tuple[int, int]:
    """Return the entry that changed the price to `price`, and its position."""
    return session.execute(
        select(AuditEntry.id, AuditSeal.position)
        .join(AuditSeal, AuditSeal.audit_id == AuditEntry.id)
        .where(AuditEntry.field == "price", AuditEntry.new_value == cast(price, JSONB))
    ).one()


def problem_pattern(package, position: int | None, wrong: str) -> str:
    place = "an entry without a position" if position is None else f"position {position}"
    return (
        rf"Harbor Lights Gala \({package.event_id}\): audit trail, {place}, "
        rf"\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d UTC: {re.escape(wrong)}"
    )


def assert_problems(session: db.Session, *expected: str) -> None:
    problems = list_problems(session)
    assert len(problems) == len(expected), problems
    for problem, pattern in zip(problems, expected, strict=True):
        assert re.fullmatch(pattern, problem), problem


@pytest.mark.parametrize(
    "change",
    [
        "new_value = '\"1.00\"'",
        "old_value = NULL",
        "actor = 'Somebody else'",
        "staff_id = NULL, actor = 'Nobody'",
        "occurred_at = occurred_at + interval '1 microsecond'",
        "via = 'api'",
        "action = 'package.seen'",
        "field = 'quantity_limit'",
        "subject_name = 'Silver'",
        "subject_version = 99",
        "event_id = NULL",
        "change_id = gen_random_uuid()",
        "restores = id",
    ],
)
@pytest.mark.parametrize("price", ["120.00", "140.00"])
def test_changed_entry_is_found_by_position(session, gold, change, price):
    entry, position = find_entry_and_position(session, price)
    tamper(session, f"UPDATE audit_log SET {change} WHERE id = :id", id=entry)
    assert_problems(session, problem_pattern(gold, position, "the entry was changed after it was sealed."))


@pytest.mark.parametrize("price", ["110.00", "140.00"])
def test_removed_entry_is_found(session, gold, price):
    entry, position = find_entry_and_position(session, price)
    tamper(session, "DELETE FROM audit_log WHERE id = :id", id=entry)
    assert_problems(session, problem_pattern(gold, position, "the entry was removed; only its seal is left."))


INSERT_UNSEALED_ENTRY = """
    INSERT INTO audit_log (event_id, actor, via, action, subject_type, subject_id, subject_name, change_id, occurred_at)
    SELECT event_id, 'Ana', via, action, subject_type, subject_id, subject_name, change_id, occurred_at FROM audit_log
    WHERE id = :id
"""


def test_unsealed_entry_is_found_and_stays_unsealed(session, gold):
    tamper(session, INSERT_UNSEALED_ENTRY, id=find_entry_and_position(session, "120.00")[0])
    unsealed = problem_pattern(gold, None, "it has no seal: it was added without one, or its seal was removed.")
    assert_problems(session, unsealed)
    change_price(session, gold)
    assert_problems(session, unsealed)


@pytest.mark.parametrize("price", ["120.00", "140.00"])
def test_changed_seal_is_reported_once(session, gold, price):
    entry, position = find_entry_and_position(session, price)
    tamper(session, "UPDATE audit_seals SET seal = sha256('forged') WHERE audit_id = :id", id=entry)
    assert_problems(session, problem_pattern(gold, position, "the seal was changed; the entry is as it was."))


def test_entry_forged_with_its_seal_breaks_the_next_seal(session, gold):
    entry, position = find_entry_and_position(session, "120.00")
    tamper(
        session,
        "UPDATE audit_log SET actor = 'Ben' WHERE id = :id",
        "UPDATE audit_seals AS seal SET seal = sha256(former.seal || convert_to(audit_entry_text(entry), 'UTF8'))"
        " FROM audit_log AS entry, audit_seals AS former WHERE entry.id = :id AND seal.audit_id = entry.id"
        " AND former.chain_id = seal.chain_id AND former.position = seal.position - 1",
        id=entry,
    )
    assert_problems(session, problem_pattern(gold, position + 1, "the entry was changed after it was sealed."))


def test_removed_seal_and_its_entry_are_found(session, gold):
    entry, position = find_entry_and_position(session, "120.00")
    tamper(session, "DELETE FROM audit_seals WHERE audit_id = :id", id=entry)
    assert_problems(
        session,
        problem_pattern(gold, position, "one or more seals were removed from here on."),
        problem_pattern(gold, None, "it has no seal: it was added without one, or its seal was removed."),
    )


def test_shortened_chain_is_found_by_its_head(session, gold):
    entry, position = find_entry_and_position(session, "140.00")
    tamper(
        session,
        "DELETE FROM audit_seals WHERE audit_id = :id",
        "DELETE FROM audit_log WHERE id = :id",
        id=entry,
    )
    assert_problems(
        session, problem_pattern(gold, position - 1, "the chain was longer; what followed was removed with its seals.")
    )


@pytest.mark.parametrize("change", ["seal = sha256('forged')", "entries = entries - 1"])
def test_changed_chain_head_is_found(session, gold, change):
    _, position = find_entry_and_position(session, "140.00")
    tamper(session, f"UPDATE audit_chains SET {change} WHERE chain_id = :id", id=gold.event_id)
    assert_problems(session, problem_pattern(gold, position, "the chain's own row does not agree with its last seal."))


def test_removed_chain_head_is_found(session, gold):
    _, position = find_entry_and_position(session, "140.00")
    tamper(session, "DELETE FROM audit_chains WHERE chain_id = :id", id=gold.event_id)
    assert_problems(session, problem_pattern(gold, position, "the chain's own row does not agree with its last seal."))


def test_emptied_audit_log_is_found(session, gold):
    tamper(session)
    session.execute(text("DELETE FROM audit_log"))
    session.execute(text("DELETE FROM audit_seals"))
    wrong = "the chain was longer; what followed was removed with its seals."
    assert list_problems(session)[1:] == [f"Harbor Lights Gala ({gold.event_id}): audit trail, position 0: {wrong}"]


def change_price(session, package):
    """Change the price and seal the entry, as a commit does."""
    packages.update(session, OPERATOR, package.event_id, package.id, {"price": "9"}, seen_version=5)
    session.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))


def test_forged_chain_is_found_only_by_noted_seals(session, gold):
    noted = [str(each) for each in hash_chain.list_heads(session)]
    assert hash_chain.check_noted_seals(session, ["Every count agrees.", *noted]) == []
    entry, position = find_entry_and_position(session, "140.00")
    tamper(
        session,
        "DELETE FROM audit_seals WHERE audit_id = :id",
        "DELETE FROM audit_log WHERE id = :id",
        "UPDATE audit_chains SET entries = entries - 1, seal = (SELECT seal FROM audit_seals AS seal"
        " WHERE seal.chain_id = audit_chains.chain_id ORDER BY position DESC LIMIT 1) WHERE chain_id = :event",
        id=entry,
        event=gold.event_id,
    )
    assert list_problems(session) == []
    (chain_break,) = hash_chain.check_noted_seals(session, noted)
    wrong = "another seal was noted down for this position."
    assert str(chain_break) == f"Harbor Lights Gala ({gold.event_id}): audit trail, position {position}: {wrong}"


def test_noted_seals_stay_valid_while_the_chain_grows(session, gold):
    noted = [str(each) for each in hash_chain.list_heads(session)]
    change_price(session, gold)
    assert hash_chain.check_noted_seals(session, noted) == []
    assert [str(each) for each in hash_chain.list_heads(session)] != noted
    assert list_problems(session) == []


def test_chain_without_an_event_is_reported_as_office(session):
    tamper(session, "UPDATE audit_log SET new_value = '\"viewer\"' WHERE field = 'role'")
    (problem,) = list_problems(session)
    assert problem.startswith("Office (00000000-0000-0000-0000-000000000000): audit trail, position 2, ")


def test_ordinary_work_and_an_import_leave_intact_chains(empty_database):
    ana = make.staff(role="admin", name="Ana Ruiz", password=make.PASSWORD)
    event = make.event(ana)
    package = make.package(event, ana, name='Łuk "Gold" \\ ☃', description="Line\nand\ttab", quantity_limit=5)
    make.promo_code(event, ana, expires_at="2026-11-01T12:00")
    make.option(package, ana, option_type="multi_select", choices=["Fish", "Meat"])
    run_import(event, sales_csv(sale(package)))
    db.write(lambda s: packages.update(s, ana, event.id, package.id, {"quantity_limit": None}, seen_version=1))
    with db.read_session() as session:
        assert list_problems(session) == []
        chains = {chain.event: chain for chain in hash_chain.list_heads(session)}
        entries = session.scalars(select(AuditEntry.id)).all()
        head = session.get(AuditChain, event.id)
    assert set(chains) == {"Office", "Harbor Lights Gala"}
    assert sum(chain.entries for chain in chains.values()) == len(entries)
    assert chains["Harbor Lights Gala"].seal == head.seal.hex()


def test_multi_event_and_rolled_back_transactions_leave_intact_chains(empty_database):
    events = [make.event(name=f"Event {number}") for number in range(3)]

    def work(session):
        for event in (*events, *reversed(events)):
            audit.record(session, OPERATOR, event.id, "event.looked_at", event)

    def fail(session):
        work(session)
        raise LookupError

    db.write(work)
    with pytest.raises(LookupError):
        db.write(fail)
    db.write(work)
    with db.read_session() as session:
        assert list_problems(session) == []
        lengths = session.scalars(select(AuditChain.entries)).all()
        sealed_in_order = session.execute(
            text(
                "SELECT bool_and(step) FROM (SELECT audit_id > lag(audit_id, 1, 0::bigint) OVER"
                " (PARTITION BY chain_id ORDER BY position) AS step FROM audit_seals) AS steps"
            )
        ).scalar_one()
    assert len(set(lengths)) == 1
    assert sealed_in_order


@pytest.mark.parametrize(
    "statement", ["UPDATE audit_seals SET seal = ''", "DELETE FROM audit_seals", "TRUNCATE audit_seals"]
)
def test_database_refuses_to_change_a_seal(session, statement):
    with psycopg.connect(db.libpq_url()) as connection, pytest.raises(psycopg.errors.RestrictViolation):
        connection.execute(statement)
    assert list_problems(session) == []


def test_entry_has_one_seal(session):
    again = "INSERT INTO audit_seals SELECT chain_id, position + 1000000, audit_id, seal FROM audit_seals LIMIT 1"
    with pytest.raises(IntegrityError, match="uq_audit_seals_audit_id"):
        session.execute(text(again))

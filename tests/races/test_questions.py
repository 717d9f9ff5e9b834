"""Questions are added to several packages at once: at most four each, to all packages or none, without a deadlock."""

from __future__ import annotations

import random
import threading

import pytest
from sqlalchemy import text

from tests.races.racing import THREADS, count_by_type, race
from tests.support import make
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.catalog import options, questions
from ticketing.catalog.options import OptionDraft
from ticketing.catalog.questions import OptionEdit, OptionsRefused


@pytest.fixture
def three(event):
    return [make.package(event, name=name) for name in ("Gold", "Silver", "Bronze")]


@pytest.fixture
def unconstrained_options(database):
    """A table like that of options, without the constraints that would stop a naive version."""
    table = f"options_{threading.get_ident()}"
    db.write(lambda s: s.execute(text(f"CREATE TABLE {table} (package_id uuid, label text)")))
    yield table
    db.write(lambda s: s.execute(text(f"DROP TABLE {table}")))


def list_labels(package):
    with db.read_session() as session:
        return [option.label for option in options.list_active(session, OPERATOR, package.id)]


def test_control_count_then_insert_exceeds_four_in_every_package(three, unconstrained_options):
    all_have_counted = threading.Barrier(THREADS)

    def naive(number, session):
        count = text(f"SELECT count(*) FROM {unconstrained_options} WHERE package_id = :package_id")
        counts = [session.scalar(count, {"package_id": package.id}) for package in three]
        all_have_counted.wait(timeout=30)
        if max(counts) < options.MAX_ACTIVE:
            insert = text(f"INSERT INTO {unconstrained_options} VALUES (:package_id, :label)")
            session.execute(insert, [{"package_id": each.id, "label": f"Question {number}"} for each in three])

    race(THREADS, lambda number: db.write(lambda s: naive(number, s)))
    with db.read_session() as session:
        rows = session.execute(text(f"SELECT count(*) FROM {unconstrained_options} GROUP BY package_id")).scalars()
        assert list(rows) == [THREADS] * 3


def test_questions_added_in_all_orders_stop_at_four_and_are_in_all_packages_or_none(event, three, caplog):
    """Every thread adds a question to the packages in an order of its own."""

    def add(number):
        order = random.Random(number).sample(three, len(three))
        draft = OptionDraft(label=f"Question {number}", option_type="boolean")
        return db.write(lambda s: questions.create(s, OPERATOR, event.id, [each.id for each in order], draft))

    outcomes = race(THREADS, add)
    assert count_by_type(outcomes) == {"list": options.MAX_ACTIVE, "OptionsRefused": THREADS - options.MAX_ACTIVE}
    labels = [sorted(list_labels(package)) for package in three]
    assert [len(each) for each in labels] == [options.MAX_ACTIVE] * 3
    assert labels[0] == labels[1] == labels[2]
    assert {len(each.packages) for each in outcomes if isinstance(each, OptionsRefused)} == {3}
    assert list_deadlocks(caplog) == []


def test_questions_for_overlapping_packages_stop_at_four_in_each(event, three, caplog):
    """Threads add a question to one, two or three packages, while others add an option to one."""

    def add(number):
        generator = random.Random(number)
        chosen = generator.sample(three, generator.randint(1, 3))
        draft = OptionDraft(label=f"Question {number}", option_type="boolean")
        if number % 4 == 0:
            return db.write(lambda s: options.create(s, OPERATOR, chosen[0].id, draft))
        return db.write(lambda s: questions.create(s, OPERATOR, event.id, [each.id for each in chosen], draft))

    outcomes = race(4 * THREADS, add)
    made = [
        row
        for each in outcomes
        if not isinstance(each, Exception)
        for row in (each if isinstance(each, list) else [each])
    ]
    assert [len(list_labels(package)) for package in three] == [options.MAX_ACTIVE] * 3
    assert len(made) == 3 * options.MAX_ACTIVE
    assert list_deadlocks(caplog) == []


def test_of_simultaneous_edits_of_all_packages_one_is_saved(event, three, caplog):
    rows = [make.option(package, label="Menu", option_type="boolean") for package in three]

    def edit(number):
        order = random.Random(number).sample(rows, len(rows))
        edits = [OptionEdit(row.id, 1, {"label": f"Menu {number}"}) for row in order]
        return db.write(lambda s: questions.update(s, OPERATOR, event.id, edits))

    outcomes = race(THREADS, edit)
    assert count_by_type(outcomes) == {"list": 1, "OptionsRefused": THREADS - 1}
    (saved,) = [each for each in outcomes if isinstance(each, list)]
    assert [list_labels(package) for package in three] == [[saved[0].label]] * 3
    assert list_deadlocks(caplog) == []


def test_questions_added_while_the_packages_are_sold_never_deadlock(event, three, caplog):
    """Orders of all packages lock them, too; an order that was quoted without the question asks for its answer."""

    def attempt(number):
        order = random.Random(number).sample(three, len(three))
        if number % 2:
            return make.order(event, *order)
        draft = OptionDraft(label=f"Question {number}", option_type="boolean", is_required=False)
        return db.write(lambda s: questions.create(s, OPERATOR, event.id, [each.id for each in order], draft))

    outcomes = race(4 * THREADS, attempt)
    counted = count_by_type(outcomes)
    assert (counted["RecordedOrder"], counted["list"]) == (2 * THREADS, options.MAX_ACTIVE)
    assert list_deadlocks(caplog) == []


def list_deadlocks(caplog):
    """Return the log lines of deadlocks, after which a transaction runs again."""
    return [message for message in caplog.messages if "deadlock" in message]

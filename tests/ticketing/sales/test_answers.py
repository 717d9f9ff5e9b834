"""A sale is asked the questions that stand when it is made, not those that stood when it began."""

import threading
import time

import pytest
from sqlalchemy import func, select, text

from tests.support import make
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.catalog import options
from ticketing.errors import InvalidInput
from ticketing.models import Purchase

COUNT_LOCK_WAITS = text(
    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
)


def sell_during_change(event, package, answers, change):
    """Starts `change` in a transaction, lets a sale run into it, commits, and answers with what the sale came to."""
    outcome = []

    def sell():
        try:
            outcome.append(make.purchase(event, package, answers=answers))
        except InvalidInput as refused:
            outcome.append(refused)

    def work(session):
        change(session)
        session.flush()
        buyer.start()
        until = time.monotonic() + 10
        with db.engine().connect().execution_options(isolation_level="AUTOCOMMIT") as watcher:
            while not watcher.execute(COUNT_LOCK_WAITS).scalar_one():
                assert time.monotonic() < until, "the sale did not wait"

    buyer = threading.Thread(target=sell)
    db.write(work)
    buyer.join()
    return outcome[0]


def count_purchases(package):
    with db.read_session() as session:
        return session.scalar(select(func.count()).where(Purchase.package_id == package.id))


@pytest.fixture
def package(event):
    return make.package(event)


def test_an_answer_to_a_question_whose_type_changed_meanwhile_is_refused(event, package):
    option = make.option(package, option_type="boolean")
    change = {"option_type": "text_input"}
    outcome = sell_during_change(
        event,
        package,
        [{"option_id": option.id, "value": True}],
        lambda session: options.update(session, OPERATOR, package.id, option.id, change, seen_version=1),
    )
    assert outcome.fields == {f"answers.{option.id}": "Answer with text."}
    assert count_purchases(package) == 0


def test_a_question_added_meanwhile_is_asked(event, package):
    draft = options.OptionDraft(label="Diet?", option_type="boolean")
    outcome = sell_during_change(
        event, package, [], lambda session: options.create(session, OPERATOR, package.id, draft)
    )
    assert list(outcome.fields.values()) == ["Answer “Diet?”."]
    assert count_purchases(package) == 0

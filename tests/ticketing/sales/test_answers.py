"""A sale is checked against the options at the moment it commits, not those at the moment it began."""

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
    """Run `change` in a transaction, start a sale that waits for it, commit, and return the sale or its refusal."""
    outcome = []

    def sell():
        try:
            outcome.append(make.purchase(event, package, answers=answers))
        except InvalidInput as exc:
            outcome.append(exc)

    def work(session):
        change(session)
        session.flush()
        buyer.start()
        deadline = time.monotonic() + 10
        with db.engine().connect().execution_options(isolation_level="AUTOCOMMIT") as watcher:
            while not watcher.execute(COUNT_LOCK_WAITS).scalar_one():
                assert time.monotonic() < deadline, "the sale did not wait"

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


def test_answer_is_refused_when_option_type_changes_during_sale(event, package):
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


def test_required_option_added_during_sale_must_be_answered(event, package):
    draft = options.OptionDraft(label="Diet?", option_type="boolean")
    outcome = sell_during_change(
        event, package, [], lambda session: options.create(session, OPERATOR, package.id, draft)
    )
    assert list(outcome.fields.values()) == ["Answer “Diet?”."]
    assert count_purchases(package) == 0

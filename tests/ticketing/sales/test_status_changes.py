"""Many payments moved at once leave the same database as the same payments moved one by one."""

from __future__ import annotations

import random

import pytest
from sqlalchemy import select, text

from tests.support import make
from tests.support.database_state import assert_refused
from tests.support.sale_corrections import assert_verified, reload
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.errors import Conflict
from ticketing.models import Purchase
from ticketing.sales import corrections, status_changes
from ticketing.sales.corrections import NEXT_STATUSES

pytestmark = pytest.mark.usefixtures("database_of_module")

# Everything that depends on a status, without ids, times and versions of orders.
STATE = """
    SELECT 'line' AS kind, purchaser_email, line_number::text, payment_status, leads_order::text, version::text
    FROM purchases WHERE event_id = :event_id
    UNION ALL SELECT 'package', name, sold_count::text, '', '', '' FROM packages WHERE event_id = :event_id
    UNION ALL SELECT 'code', code, current_uses::text, '', '', '' FROM promo_codes WHERE event_id = :event_id
    UNION ALL SELECT 'use', email, (given_back_at IS NULL)::text, '', '', ''
    FROM promo_uses JOIN donors ON donors.id = donor_id WHERE promo_uses.event_id = :event_id
    UNION ALL SELECT 'day', (SELECT name FROM packages WHERE id = package_id), payment_status, orders::text,
        quantity::text, total::text
    FROM daily_sales WHERE event_id = :event_id AND purchases > 0
    UNION ALL SELECT 'audit', regexp_replace(subject_name, 'order .*', ''), old_value #>> '{}', new_value #>> '{}',
        subject_version::text, actor
    FROM audit_log WHERE event_id = :event_id AND action = 'purchase.status_changed'
    ORDER BY 1, 2, 3, 4, 5, 6
"""


def create_orders(seed):
    """Create an event with orders of one to three lines, some with a code; the same for the same seed."""
    chance, event = random.Random(seed), make.event()
    packages = [make.package(event, name=name) for name in ("Dinner", "Party", "Auction")]
    promo = make.promo_code(event, code="EARLY10")
    for number in range(8):
        make.order(
            event,
            *chance.sample(packages, chance.randint(1, 3)),
            donor_email=f"donor-{number}@example.org",
            payment_status=chance.choice(("pending", "pending", "completed")),
            promo_code=promo.code if chance.random() < 0.5 else None,
        )
    return event


def list_lines(event):
    with db.read_session() as session:
        ordered = select(Purchase).where(Purchase.event_id == event.id)
        return session.scalars(ordered.order_by(Purchase.purchaser_email, Purchase.line_number)).all()


def read_state(event):
    with db.read_session() as session:
        return [tuple(row) for row in session.execute(text(STATE), {"event_id": event.id})]


def change_at_once(event, steps):
    """Move these lines, by purchase, as an import does."""

    def work(session):
        orders = session.scalars(select(Purchase.order_id).where(Purchase.id.in_(steps))).all()
        locked = status_changes.lock_orders(session, event.id, orders)
        status_changes.lock_packages(session, locked.package_ids)
        status_changes.change_statuses(session, OPERATOR, event.id, steps)

    db.write(work)


@pytest.mark.parametrize("seed", range(5))
def test_many_changes_at_once_are_those_of_each_alone(seed):
    chance = random.Random(seed)
    alone, together = create_orders(seed), create_orders(seed)
    for _ in range(3):
        places = [
            (place, chance.choice(following))
            for place, line in enumerate(list_lines(alone))
            if (following := NEXT_STATUSES.get(line.payment_status, ())) and chance.random() < 0.5
        ]
        lines, others = list_lines(alone), list_lines(together)
        for place, status in places:
            line = lines[place]
            db.write(
                lambda s, line=line, status=status: corrections.change_status(
                    s, OPERATOR, alone.id, line.id, status, seen_version=line.version
                )
            )
        change_at_once(together, {others[place].id: (status,) for place, status in places})
        assert read_state(together) == read_state(alone)
    assert_verified(together)


def test_order_has_one_version_and_one_change_for_all_of_its_lines(event):
    bought = make.order(event, make.package(event), make.package(event), payment_status="pending")
    change_at_once(event, {line.purchase.id: ("completed", "refunded") for line in bought.lines})
    assert reload(bought.order).version == 3
    with db.read_session() as session:
        query = text("""
            SELECT new_value #>> '{}', count(*), count(DISTINCT change_id) FROM audit_log
            WHERE event_id = :event_id AND action = 'purchase.status_changed' GROUP BY 1 ORDER BY 1
        """)
        assert [tuple(row) for row in session.execute(query, {"event_id": event.id})] == [
            ("completed", 2, 1), ("refunded", 2, 1),
        ]  # fmt: skip
    assert_verified(event)


@pytest.mark.parametrize("status", ["pending", "completed", "voided"])
def test_status_that_a_payment_cannot_take_changes_nothing(event, status):
    paid = make.purchase(event, make.package(event)).purchase
    open_ = make.purchase(event, make.package(event), payment_status="pending").purchase
    with assert_refused(Conflict, event):
        change_at_once(event, {open_.id: ("completed",), paid.id: (status,)})


def test_line_of_another_event_is_not_changed(event):
    elsewhere = make.event()
    paid = make.purchase(elsewhere, make.package(elsewhere)).purchase
    with assert_refused(Conflict, elsewhere):
        change_at_once(event, {paid.id: ("refunded",)})


@pytest.mark.parametrize(
    ("current", "status", "steps"),
    [
        ("pending", "completed", ("completed",)),
        ("pending", "refunded", ("completed", "refunded")),
        ("completed", "failed", ()),
        ("refunded", "completed", ()),
        ("voided", "completed", ()),
        ("completed", "completed", ()),
    ],
)
def test_steps_follow_the_statuses_that_staff_can_choose(current, status, steps):
    assert status_changes.find_steps(current, status) == steps

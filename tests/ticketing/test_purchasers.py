"""The purchases of an event one by one: pages of a selection, its sums, and everything about one."""

from datetime import UTC, datetime

import pytest

from tests import make
from ticketing import db, purchasers
from ticketing.actors import OPERATOR
from ticketing.errors import NotFound
from ticketing.selection import EVERYTHING


def read(function, event, *given, actor=OPERATOR, **options):
    with db.reading() as session:
        return function(session, actor, event.id, *given, **options)


def test_purchases_are_listed_the_latest_first_20_a_page(event):
    package, promo = make.package(event, name="Gold", seats_per_package=2), make.promo_code(event)
    for number in range(20):
        make.purchase(event, package, moment=datetime(2026, 6, 1, number, tzinfo=UTC))
    latest = make.purchase(
        event, package, moment=datetime(2026, 6, 2, tzinfo=UTC), promo_code=promo.code, guests=[{"name": "Ben"}]
    )
    (first, total), (second, _) = (read(purchasers.list_purchases, event, EVERYTHING, page=page) for page in (1, 2))
    assert (len(first), len(second), total) == (20, 1, 21)
    top = first[0]
    assert (top.purchase.id, top.package, top.promo_code, top.guests_named) == (
        latest.purchase.id,
        "Gold",
        promo.code,
        1,
    )


def test_the_purchases_of_another_event_do_not_exist(event):
    stranger = make.staff(event=make.event())
    for function in (purchasers.list_purchases, purchasers.totals):
        with pytest.raises(NotFound):
            read(function, event, EVERYTHING, actor=stranger)

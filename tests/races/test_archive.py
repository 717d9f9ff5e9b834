"""Archive an event while 16 others sell and edit. A control shows the naive version sell in an archived event."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import func, select

from tests.races.racing import THREADS, count_by_type, race
from tests.support import make
from tests.support.database_state import get_sold_count
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.catalog import archive, options, packages, promo_codes
from ticketing.models import Event, Package, Purchase

ADMIN = 0  # the thread that archives
ATTEMPTS = 480


def archive_event(event: Event) -> tuple[int, int]:
    """Return packages and purchases as the transaction that archived the event saw them."""

    def change(session: db.Session) -> tuple[int, int]:
        archive.archive(session, OPERATOR, event.id)
        sold = select(func.coalesce(func.sum(Package.sold_count), 0)).where(Package.event_id == event.id)
        stored = select(func.count()).where(Purchase.event_id == event.id)
        return session.scalars(sold).one(), session.scalars(stored).one()

    return db.write(change)


def test_control_sale_that_reads_then_writes_sells_in_an_archived_event(stock):
    stock.insert_row(max_sold=100)
    stock.race_sales_with_switch_off()
    assert stock.read().sold == THREADS - 1


@pytest.mark.parametrize("kind", ["one line", "two lines", "promo code"])
def test_nothing_is_sold_after_the_event_was_archived(event, kind):
    table, seat = make.package(event), make.package(event)
    promo = make.promo_code(event)
    seen: list[tuple[int, int]] = []

    def attempt(number: int) -> Any:
        if number == 160 + ADMIN:
            seen.append(archive_event(event))
            return event
        if kind == "two lines":
            return make.order(event, *([table, seat] if number % 2 else [seat, table]))
        return make.order(event, table, promo_code=promo.code if kind == "promo code" else None)

    outcomes = race(ATTEMPTS, attempt)
    counts = count_by_type(outcomes)
    recorded = counts["RecordedOrder"]
    lines = 2 if kind == "two lines" else 1
    assert counts["EventArchived"] > 0
    assert set(counts) == {"RecordedOrder", "EventArchived", "Event"}
    assert [(recorded * lines, recorded * lines)] == seen
    assert get_sold_count(table) + get_sold_count(seat) == recorded * lines


def test_edits_either_come_before_the_archive_or_are_refused(event):
    package, promo = make.package(event), make.promo_code(event)
    option = make.option(package)

    def attempt(number: int) -> Any:
        if number == ADMIN + 40:
            return archive_event(event)
        match number % 5:
            case 0:
                return db.write(lambda s: packages.create(s, OPERATOR, event.id, make.package_draft()))
            case 1:
                return db.write(
                    lambda s: packages.set_enabled(s, OPERATOR, event.id, package.id, enabled=bool(number % 2))
                )
            case 2:
                values = {"max_total_uses": number + 1}
                return db.write(
                    lambda s: promo_codes.update(s, OPERATOR, event.id, promo.id, values, seen_version=None)
                )
            case 3:
                return db.write(
                    lambda s: options.update(
                        s, OPERATOR, package.id, option.id, {"label": f"Wish {number}?"}, seen_version=None
                    )
                )
            case _:
                return make.order(event, package, answers=[])

    outcomes = race(160, attempt)
    counts = count_by_type(outcomes)
    assert set(counts) <= {
        "Package", "PromoCode", "Option", "tuple", "EventArchived", "NotForSale", "InvalidInput", "RecordedOrder"
    }  # fmt: skip
    assert counts["EventArchived"] > 0
    with db.read_session() as session:
        flags = session.scalars(select(Package.is_archived).where(Package.event_id == event.id)).all()
    assert all(flags)

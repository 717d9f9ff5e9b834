"""The last seat, the last use of a code, the last use per donor. A control shows each naive version fail."""

from __future__ import annotations

import threading
from typing import Any

from sqlalchemy import func, select

from tests.races.racing import THREADS, count_by_type, race
from tests.support import make
from tests.support.database_state import get_sold_count, get_use_count
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.catalog import packages
from ticketing.errors import DuplicateName, PromoRefused, SoldOut, StaleVersion
from ticketing.models import AssignedTicket, Donor, Package, PromoUse, Purchase
from ticketing.sales import purchases
from ticketing.validation import email_key


def test_control_read_then_write_sells_the_last_seat_many_times(stock):
    stock.insert_row(sold=99, max_sold=100)

    def naive(_number, session, wait_for_others):
        row = stock.read_in(session)
        wait_for_others()
        if row.sold < row.max_sold:
            stock.change(session, "sold = sold + 1")

    stock.race(naive)
    assert stock.read().sold == 99 + THREADS


def test_last_seat_is_sold_once(event):
    for _ in range(10):
        package = make.package(event, quantity_limit=1)
        outcomes = race(THREADS, lambda _, package=package: make.purchase(event, package))
        assert count_by_type(outcomes) == {"RecordedPurchase": 1, "SoldOut": THREADS - 1}
        assert get_sold_count(package) == 1


def test_16_threads_sell_exactly_the_limit_in_1000_attempts(event):
    package = make.package(event, quantity_limit=100, seats_per_package=2)
    outcomes = race(1000, lambda _: make.purchase(event, package))
    assert count_by_type(outcomes) == {"RecordedPurchase": 100, "SoldOut": 900}
    assert get_sold_count(package) == 100
    with db.read_session() as session:
        stored = session.execute(
            select(func.count(), func.sum(Purchase.seats)).where(Purchase.package_id == package.id)
        ).one()
        codes = session.execute(
            select(func.count(), func.count(AssignedTicket.code.distinct())).where(AssignedTicket.event_id == event.id)
        ).one()
    assert tuple(stored) == (100, 200)
    assert tuple(codes) == (200, 200)


def test_purchases_of_several_packages_stay_within_the_limit(event):
    package = make.package(event, quantity_limit=100)
    outcomes = race(200, lambda number: make.purchase(event, package, quantity=1 + number % 7))
    bought = sum(outcome.purchase.quantity for outcome in outcomes if not isinstance(outcome, SoldOut))
    assert bought == get_sold_count(package) <= 100


def test_control_count_then_write_gives_the_last_use_of_a_code_many_times(event):
    package, promo = make.package(event), make.promo_code(event)
    allowed = 1
    all_have_counted = threading.Barrier(THREADS)

    def naive(session):
        used = session.scalar(select(func.count()).where(PromoUse.promo_code_id == promo.id))
        all_have_counted.wait(timeout=30)
        if used < allowed:
            draft = make.purchase_draft(package, promo_code=promo.code)
            purchases.record(session, OPERATOR, event.id, draft)

    race(THREADS, lambda _: db.write(naive))
    assert get_use_count(promo) == THREADS > allowed


def test_code_is_used_exactly_up_to_its_limit(event):
    package, promo = make.package(event), make.promo_code(event, max_total_uses=20)
    outcomes = race(200, lambda _: make.purchase(event, package, promo_code=promo.code))
    assert count_by_type(outcomes) == {"RecordedPurchase": 20, "PromoRefused": 180}
    assert {outcome.reason for outcome in outcomes if isinstance(outcome, PromoRefused)} == {"used_up"}
    assert (get_use_count(promo), get_sold_count(package)) == (20, 20)


def respell_email(address: str, number: int) -> str:
    """Return the address in one of 16 spellings in upper and lower case, every second one with spaces around it."""
    letters = [letter.upper() if number >> place & 1 else letter for place, letter in enumerate(address)]
    return "".join(letters) if number % 2 else f"  {''.join(letters)} "


def test_control_comparing_emails_as_typed_exceeds_the_limit_per_donor(event):
    # Letters only, so that each of the 16 is spelled in its own way.
    package, promo, address = make.package(event), make.promo_code(event), "anabelle@example.org"
    allowed = 1

    def naive(number):
        typed = respell_email(address, number)

        def work(session):
            uses = select(func.count()).where(Purchase.purchaser_email == typed, Purchase.promo_code_id == promo.id)
            if session.scalar(uses) < allowed:
                draft = make.purchase_draft(package, promo_code=promo.code, donor_email=typed)
                purchases.record(session, OPERATOR, event.id, draft)

        db.write(work)

    race(THREADS, naive)
    assert get_use_count(promo) == THREADS > allowed


def test_limit_per_donor_holds_for_every_spelling_of_the_email(event):
    package, promo, address = make.package(event), make.promo_code(event, max_uses_per_donor=3), make.email()
    outcomes = race(
        64,
        lambda number: make.purchase(event, package, donor_email=respell_email(address, number), promo_code=promo.code),
    )
    assert count_by_type(outcomes) == {"RecordedPurchase": 3, "PromoRefused": 61}
    assert {outcome.reason for outcome in outcomes if isinstance(outcome, PromoRefused)} == {"used_up_by_donor"}
    with db.read_session() as session:
        assert session.scalar(select(func.count()).where(PromoUse.promo_code_id == promo.id)) == 3
        assert session.scalars(select(Donor.email_key).where(Donor.event_id == event.id)).all() == [email_key(address)]
    assert (get_use_count(promo), get_sold_count(package)) == (3, 3)


def test_repeated_click_records_one_purchase(event):
    package, key, donor = make.package(event, quantity_limit=1), make.unique("click"), make.email()
    outcomes = race(THREADS, lambda _: make.purchase(event, package, donor_email=donor, idempotency_key=key))
    assert count_by_type(outcomes) == {"RecordedPurchase": THREADS}
    assert len({outcome.purchase.id for outcome in outcomes}) == 1
    assert [outcome.is_repeat for outcome in outcomes].count(False) == 1
    assert get_sold_count(package) == 1


def test_repeated_click_with_the_last_use_of_a_code_records_one_purchase(event):
    package, key, donor = make.package(event), make.unique("click"), make.email()
    promo = make.promo_code(event, max_total_uses=1, max_uses_per_donor=1)
    fields = {"donor_email": donor, "promo_code": promo.code, "idempotency_key": key}
    outcomes = race(THREADS, lambda _: make.purchase(event, package, **fields))
    assert count_by_type(outcomes) == {"RecordedPurchase": THREADS}
    assert (get_sold_count(package), get_use_count(promo)) == (1, 1)


def test_one_key_for_two_purchases_records_one_and_refuses_the_other(event):
    package, key, donor = make.package(event, quantity_limit=3), make.unique("key"), make.email()
    outcomes = race(
        THREADS,
        lambda number: make.purchase(
            event, package, donor_email=donor, quantity=1 + number % 2 * 2, idempotency_key=key
        ),
    )
    assert count_by_type(outcomes) == {"RecordedPurchase": THREADS // 2, "IdempotencyMismatch": THREADS // 2}
    assert get_sold_count(package) in {1, 3}


def test_concurrent_edits_save_one_and_report_a_conflict_to_the_others(event):
    package = make.package(event)
    outcomes = race(
        THREADS,
        lambda number: db.write(
            lambda s: packages.update(s, OPERATOR, event.id, package.id, {"price": f"{number}.50"}, seen_version=1)
        ),
    )
    assert count_by_type(outcomes) == {"Package": 1, "StaleVersion": THREADS - 1}
    assert all(len(outcome.changes) == 1 for outcome in outcomes if isinstance(outcome, StaleVersion))


def test_concurrently_added_packages_have_unique_positions_and_names(event):
    outcomes = race(THREADS, lambda number: make.package(event, name=f"Table {number % 4}"))
    assert count_by_type(outcomes) == {"Package": 4, "DuplicateName": THREADS - 4}
    assert sum(isinstance(outcome, DuplicateName) for outcome in outcomes) == THREADS - 4
    with db.read_session() as session:
        places = session.scalars(select(Package.display_order).where(Package.event_id == event.id)).all()
    assert sorted(places) == [1, 2, 3, 4]


def test_package_is_either_deleted_or_bought(event):
    for _ in range(10):
        package = make.package(event)

        def attempt(number: int, package: Package = package) -> Any:
            if number % 2:
                return db.write(lambda s: packages.delete(s, OPERATOR, event.id, package.id))
            return make.purchase(event, package)

        outcomes = count_by_type(race(THREADS, attempt))
        assert not (outcomes["NoneType"] and outcomes["RecordedPurchase"])
        assert outcomes["NoneType"] <= 1

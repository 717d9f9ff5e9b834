"""Many at once against one limit. First a control: the naive way must lose, or the races prove nothing."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sqlalchemy import func, select, text

from tests import make
from tests.look import sold, uses
from ticketing import db, packages
from ticketing.actors import OPERATOR
from ticketing.errors import DuplicateName, PromoRefused, SoldOut, StaleVersion, TicketingError
from ticketing.models import AssignedTicket, Package, PromoUse, Purchase

THREADS = 16


def race(attempts: int, attempt: Callable[[int], Any]) -> list[Any]:
    """Runs `attempt` so often by 16 threads that start together; answers with each result or refusal."""
    start = threading.Barrier(THREADS)

    def run(worker: int) -> list[Any]:
        start.wait(timeout=30)
        outcomes: list[Any] = []
        for number in range(worker, attempts, THREADS):
            try:
                outcomes.append(attempt(number))
            except TicketingError as refusal:
                outcomes.append(refusal)
        return outcomes

    with ThreadPoolExecutor(THREADS) as pool:
        return [outcome for outcomes in pool.map(run, range(THREADS)) for outcome in outcomes]


def kinds(outcomes: list[Any]) -> Counter[str]:
    return Counter(type(outcome).__name__ for outcome in outcomes)


def test_the_control_oversells_by_reading_first_and_writing_then(event):
    limit = 1
    package = make.package(event)
    everyone_has_read = threading.Barrier(THREADS)

    def naive(session: db.Session) -> bool:
        left = limit - session.scalar(select(Package.sold_count).where(Package.id == package.id))
        everyone_has_read.wait(timeout=30)
        if left < 1:
            return False
        session.execute(text("UPDATE packages SET sold_count = sold_count + 1 WHERE id = :id"), {"id": package.id})
        return True

    outcomes = race(THREADS, lambda _: db.write(naive))
    assert sum(outcomes) == THREADS
    assert sold(package) > limit


def test_16_threads_sell_exactly_the_limit_in_1000_attempts(event):
    package = make.package(event, quantity_limit=100, seats_per_package=2)
    outcomes = race(1000, lambda _: make.purchase(event, package))
    assert kinds(outcomes) == {"Recorded": 100, "SoldOut": 900}
    assert sold(package) == 100
    with db.reading() as session:
        stored = session.execute(
            select(func.count(), func.sum(Purchase.seats)).where(Purchase.package_id == package.id)
        ).one()
        codes = session.execute(
            select(func.count(), func.count(AssignedTicket.code.distinct())).where(AssignedTicket.event_id == event.id)
        ).one()
    assert tuple(stored) == (100, 200)
    assert tuple(codes) == (200, 200)


def test_purchases_of_several_packages_never_pass_the_limit(event):
    package = make.package(event, quantity_limit=100)
    outcomes = race(200, lambda number: make.purchase(event, package, quantity=1 + number % 7))
    bought = sum(outcome.purchase.quantity for outcome in outcomes if not isinstance(outcome, SoldOut))
    assert bought == sold(package) <= 100


def test_a_code_is_used_exactly_as_often_as_it_allows(event):
    package, promo = make.package(event), make.promo_code(event, max_total_uses=20)
    outcomes = race(200, lambda _: make.purchase(event, package, promo_code=promo.code))
    assert kinds(outcomes) == {"Recorded": 20, "PromoRefused": 180}
    assert {outcome.reason for outcome in outcomes if isinstance(outcome, PromoRefused)} == {"used_up"}
    assert (uses(promo), sold(package)) == (20, 20)


def test_one_donor_uses_a_code_exactly_as_often_as_it_allows(event):
    package, promo, donor = make.package(event), make.promo_code(event, max_uses_per_donor=3), make.email()
    outcomes = race(64, lambda _: make.purchase(event, package, donor_email=donor, promo_code=promo.code))
    assert kinds(outcomes) == {"Recorded": 3, "PromoRefused": 61}
    with db.reading() as session:
        assert session.scalar(select(func.count()).where(PromoUse.promo_code_id == promo.id)) == 3
    assert (uses(promo), sold(package)) == (3, 3)


def test_packages_and_codes_taken_together_do_not_lock_each_other_out(event):
    sold_here = [make.package(event, quantity_limit=30) for _ in range(4)]
    codes = [make.promo_code(event, max_total_uses=25) for _ in range(3)]

    def attempt(number: int) -> Any:
        return make.purchase(event, sold_here[number % 4], promo_code=codes[number % 3].code)

    outcomes = race(240, attempt)
    assert kinds(outcomes)["Recorded"] == 75
    assert sum(sold(package) for package in sold_here) == sum(uses(code) for code in codes) == 75


def test_a_repeated_click_makes_one_purchase(event):
    package, key, donor = make.package(event, quantity_limit=1), make.unique("click"), make.email()
    outcomes = race(THREADS, lambda _: make.purchase(event, package, donor_email=donor, idempotency_key=key))
    assert kinds(outcomes) == {"Recorded": THREADS}
    assert len({outcome.purchase.id for outcome in outcomes}) == 1
    assert [outcome.is_repeat for outcome in outcomes].count(False) == 1
    assert sold(package) == 1


def test_a_repeated_click_with_the_last_use_of_a_code_makes_one_purchase(event):
    package, key, donor = make.package(event), make.unique("click"), make.email()
    promo = make.promo_code(event, max_total_uses=1, max_uses_per_donor=1)
    fields = {"donor_email": donor, "promo_code": promo.code, "idempotency_key": key}
    outcomes = race(THREADS, lambda _: make.purchase(event, package, **fields))
    assert kinds(outcomes) == {"Recorded": THREADS}
    assert (sold(package), uses(promo)) == (1, 1)


def test_one_key_with_two_purchases_at_once_records_one_and_refuses_the_other(event):
    package, key, donor = make.package(event, quantity_limit=3), make.unique("key"), make.email()
    outcomes = race(
        THREADS,
        lambda number: make.purchase(
            event, package, donor_email=donor, quantity=1 + number % 2 * 2, idempotency_key=key
        ),
    )
    assert kinds(outcomes) == {"Recorded": THREADS // 2, "IdempotencyMismatch": THREADS // 2}
    assert sold(package) in {1, 3}


def test_a_limit_lowered_during_the_sale_is_kept(event):
    package = make.package(event, quantity_limit=100)

    def attempt(number: int) -> Any:
        if number != 40:
            return make.purchase(event, package)
        return db.write(
            lambda s: packages.change(s, OPERATOR, event.id, package.id, {"quantity_limit": 60}, seen_version=1)
        )

    race(160, attempt)
    with db.reading() as session:
        row = session.get(Package, package.id)
    assert row.quantity_limit == 60
    assert row.sold_count == 60


def test_of_two_editors_at_once_one_is_told(event):
    package = make.package(event)
    outcomes = race(
        THREADS,
        lambda number: db.write(
            lambda s: packages.change(s, OPERATOR, event.id, package.id, {"price": f"{number}.50"}, seen_version=1)
        ),
    )
    assert kinds(outcomes) == {"Package": 1, "StaleVersion": THREADS - 1}
    assert all(len(outcome.changes) == 1 for outcome in outcomes if isinstance(outcome, StaleVersion))


def test_packages_added_at_once_get_places_of_their_own_and_no_name_twice(event):
    outcomes = race(THREADS, lambda number: make.package(event, name=f"Table {number % 4}"))
    assert kinds(outcomes) == {"Package": 4, "DuplicateName": THREADS - 4}
    assert sum(isinstance(outcome, DuplicateName) for outcome in outcomes) == THREADS - 4
    with db.reading() as session:
        places = session.scalars(select(Package.display_order).where(Package.event_id == event.id)).all()
    assert sorted(places) == [1, 2, 3, 4]


def test_a_package_is_deleted_or_bought_and_never_both(event):
    for _ in range(10):
        package = make.package(event)

        def attempt(number: int, package: Package = package) -> Any:
            if number % 2:
                return db.write(lambda s: packages.delete(s, OPERATOR, event.id, package.id))
            return make.purchase(event, package)

        outcomes = kinds(race(THREADS, attempt))
        assert not (outcomes["NoneType"] and outcomes["Recorded"])
        assert outcomes["NoneType"] <= 1

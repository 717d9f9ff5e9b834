"""Corrected e-mail addresses against sales and each other, in many threads. A control shows the naive version fail."""

from __future__ import annotations

import threading
from typing import Any

import psycopg.errors
from sqlalchemy import func, select, text

from tests.races.racing import THREADS, count_by_type, race
from tests.support import make
from tests.support.database_state import get_use_count
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.errors import PromoRefused
from ticketing.models import Donor, Event, Order, PromoCode, PromoUse
from ticketing.sales import sale_details
from ticketing.sales.orders import RecordedOrder

ROUNDS = 5


def correct_email(event: Event, order: RecordedOrder, email: str, confirmed_donor_id: Any = None) -> Order:
    return db.write(
        lambda s: sale_details.correct(
            s,
            OPERATOR,
            event.id,
            order.order.id,
            {"donor.email": email},
            {},
            seen_version=None,
            confirmed_donor_id=confirmed_donor_id,
        )
    )


def count_uses(promo: PromoCode, donor_id: Any) -> int:
    with db.read_session() as session:
        return session.scalar(
            select(func.count()).where(
                PromoUse.promo_code_id == promo.id, PromoUse.donor_id == donor_id, PromoUse.given_back_at.is_(None)
            )
        )


def test_control_counting_before_moving_gives_one_donor_every_use(event):
    package, promo, email = make.package(event), make.promo_code(event, max_uses_per_donor=1), make.email()
    ben = make.order(event, package, donor_email=email).order.donor_id
    bought = [make.order(event, package, promo_code=promo.code) for _ in range(THREADS)]
    everyone_has_counted = threading.Barrier(THREADS)
    count = text("SELECT count(*) FROM promo_uses WHERE promo_code_id = :code AND donor_id = :donor")

    def naive(number: int) -> None:
        def work(session: db.Session) -> None:
            order_id = bought[number].order.id
            uses = session.scalars(count, {"code": promo.id, "donor": ben}).one()
            everyone_has_counted.wait(timeout=30)
            if uses < 1:
                for table, key in (("orders", "id"), ("promo_uses", "order_id")):
                    session.execute(
                        text(f"UPDATE {table} SET donor_id = :donor WHERE {key} = :order"),
                        {"donor": ben, "order": order_id},
                    )
                session.execute(
                    text("UPDATE purchases SET purchaser_email = :email WHERE order_id = :order"),
                    {"email": email, "order": order_id},
                )

        db.write(work)

    race(THREADS, naive)
    assert count_uses(promo, ben) == THREADS > 1


def test_corrected_addresses_and_a_purchase_use_a_code_once_per_donor(event):
    """Half of the threads move an order to the donor, the other half sell to the same donor with the same code."""
    package = make.package(event)
    for _ in range(ROUNDS):
        promo, email = make.promo_code(event, max_uses_per_donor=1), make.email()
        ben = make.order(event, package, donor_email=email).order.donor_id
        bought = [make.order(event, package, promo_code=promo.code) for _ in range(THREADS // 2)]

        def attempt(number: int, bought=bought, email=email, promo=promo, ben=ben) -> Any:
            if number % 2:
                return make.order(event, package, donor_email=email, promo_code=promo.code)
            return correct_email(event, bought[number // 2], email, ben)

        outcomes = race(THREADS, attempt)
        refused = [outcome for outcome in outcomes if isinstance(outcome, PromoRefused)]
        assert (len(refused), {refusal.reason for refusal in refused}) == (THREADS - 1, {"used_up_by_donor"})
        assert count_uses(promo, ben) == 1
        sold = count_by_type(outcomes)["RecordedOrder"]
        assert get_use_count(promo) == THREADS // 2 + sold


def test_swapped_and_new_addresses_never_deadlock_and_leave_no_donor_without_orders(event, caplog):
    """Orders of two packages change between few addresses, most of which come and go, while others are sold to them."""
    packages, promo = [make.package(event) for _ in range(3)], make.promo_code(event)
    emails = [make.email() for _ in range(4)]
    bought = [
        make.order(event, packages[number % 3], packages[(number + 1) % 3], donor_email=emails[number % 4],
                   promo_code=promo.code)
        for number in range(8)
    ]  # fmt: skip

    def attempt(number: int) -> Any:
        email = emails[number * 7 % 4]
        if number % 4 == 0:
            return make.order(event, packages[number % 3], donor_email=email)
        with db.read_session() as session:
            donor = session.scalar(select(Donor.id).where(Donor.event_id == event.id, Donor.email == email))
        return correct_email(event, bought[number % 8], email, donor)

    outcomes = count_by_type(race(160, attempt))
    assert set(outcomes) <= {"RecordedOrder", "Order", "AnotherDonor"}
    errors = [record.exc_info[1] for record in caplog.records if record.exc_info]
    assert not [one for one in errors if isinstance(getattr(one, "orig", None), psycopg.errors.DeadlockDetected)]
    with db.read_session() as session:
        unused = select(Donor.email).where(Donor.event_id == event.id, ~Donor.id.in_(select(Order.donor_id)))
        assert session.scalars(unused).all() == []

"""Metrics count once, after the commit, and never for what was rolled back."""

from __future__ import annotations

import threading
import time

import pytest

from tests.support import make
from tests.support.metric_values import assert_increases, get_value
from tests.support.sales_file import read_table
from ticketing import db, imports
from ticketing.actors import OPERATOR
from ticketing.db import transactions
from ticketing.errors import NotAllowed, NotFound, PromoRefused, SoldOut, Unavailable
from ticketing.sales import purchases

PURCHASES, REFUSALS = "ticketdesk_purchases_total", "ticketdesk_refusals_total"
HEADER = "ticket_type,purchaser_name,purchaser_email,quantity,total_amount,purchase_date,external_sale_id\n"


def test_purchase_is_counted_once_by_channel(event):
    package = make.package(event)
    with assert_increases(1, PURCHASES, channel="cash"), assert_increases(0, PURCHASES, channel="online"):
        make.purchase(event, package, channel="cash")


def test_purchase_is_counted_after_the_commit(event):
    draft = make.purchase_draft(make.package(event))
    before = get_value(PURCHASES, channel="online")

    def work(session):
        purchases.record(session, OPERATOR, event.id, draft)
        assert get_value(PURCHASES, channel="online") == before

    db.write(work)
    assert get_value(PURCHASES, channel="online") == before + 1


def test_rolled_back_purchase_is_not_counted(event):
    draft = make.purchase_draft(make.package(event))

    def work(session):
        purchases.record(session, OPERATOR, event.id, draft)
        raise RuntimeError("later in the same transaction")

    with assert_increases(0, PURCHASES, channel="online"), pytest.raises(RuntimeError):
        db.write(work)


def test_retried_purchase_is_counted_once(event):
    draft = make.purchase_draft(make.package(event))
    attempts = []

    def work(session):
        purchases.record(session, OPERATOR, event.id, draft)
        attempts.append(1)
        if len(attempts) < 3:
            raise db.RetryTransaction

    with (
        assert_increases(1, PURCHASES, channel="online"),
        assert_increases(2, "ticketdesk_transactions_started_over_total"),
    ):
        db.write(work)


def test_repeated_idempotency_key_is_counted_once(event):
    package, email = make.package(event), make.email()
    with assert_increases(1, PURCHASES, channel="online"):
        for _ in range(2):
            make.purchase(event, package, donor_email=email, idempotency_key="one-click")


def test_refused_purchase_is_counted_by_its_code(event):
    package = make.package(event, quantity_limit=1)
    make.purchase(event, package)
    with (
        assert_increases(0, PURCHASES, channel="online"),
        assert_increases(1, REFUSALS, code="sold_out", reason=""),
        pytest.raises(SoldOut),
    ):
        make.purchase(event, package)


def test_refused_promo_code_is_counted_by_reason(event):
    package, promo = make.package(event), make.promo_code(event, is_active=False)
    with (
        assert_increases(1, REFUSALS, code="promo_refused", reason="inactive"),
        assert_increases(0, REFUSALS, code="promo_refused", reason="unknown"),
        pytest.raises(PromoRefused),
    ):
        make.purchase(event, package, promo_code=promo.code)


def test_forbidden_action_is_a_line_with_its_code(event, caplog):
    viewer = make.staff("viewer", event)
    with assert_increases(1, REFUSALS, code="not_allowed", reason=""), pytest.raises(NotAllowed):
        make.package(event, viewer)
    (line,) = [each for each in caplog.records if each.name == "ticketing.refusals"]
    assert (line.levelname, line.code, line.getMessage()) == ("WARNING", "not_allowed", "refused: not_allowed")


def test_refusal_while_reading_is_counted():
    with assert_increases(1, REFUSALS, code="not_found", reason=""), pytest.raises(NotFound), db.read_session():
        raise NotFound("package")


def test_unreachable_database_is_counted_once(monkeypatch):
    monkeypatch.setattr(transactions, "MAX_ATTEMPTS", 1)
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:9/nothing")
    db.dispose()
    try:
        with assert_increases(1, REFUSALS, code="unavailable", reason=""), pytest.raises(Unavailable):
            db.write(lambda session: session.connection())
    finally:
        db.dispose()


def test_import_is_timed_and_its_sales_are_counted_after_the_commit(event):
    package = make.package(event)
    rows = [f"{package.name},Ana Ruiz,ana@example.org,1,100.00,2026-01-05 10:00,{make.unique('x')}" for _ in range(3)]
    content = (HEADER + "\n".join(rows)).encode()

    def store():
        db.write(
            lambda session: imports.run(session, OPERATOR, event.id, "sales.csv", read_table("sales.csv", content))
        )

    with (
        assert_increases(3, PURCHASES, channel="import"),
        assert_increases(1, "ticketdesk_import_duration_seconds_count"),
    ):
        store()
    with (
        assert_increases(0, PURCHASES, channel="import"),
        assert_increases(0, "ticketdesk_import_duration_seconds_count"),
    ):
        store()


def test_sold_packages_seats_and_dollars_are_counted_by_channel(event):
    table = make.package(event, price="250.00", seats_per_package=8)
    with (
        assert_increases(3, "ticketdesk_packages_sold_total", channel="cash"),
        assert_increases(24, "ticketdesk_seats_sold_total", channel="cash"),
        assert_increases(750, "ticketdesk_dollars_sold_total", channel="cash"),
        assert_increases(0, "ticketdesk_dollars_sold_total", channel="online"),
    ):
        make.purchase(event, table, channel="cash", quantity=3)


def test_imported_sales_that_do_not_count_sell_nothing(event):
    pair = make.package(event, seats_per_package=2)
    rows = [
        f"{pair.name},Ana Ruiz,ana@example.org,2,100.00,2026-01-05 10:00,{make.unique('x')},{status}"
        for status in ("completed", "pending", "refunded", "failed")
    ]
    content = (HEADER.strip() + ",payment_status\n" + "\n".join(rows)).encode()
    with (
        assert_increases(4, PURCHASES, channel="import"),
        assert_increases(4, "ticketdesk_packages_sold_total", channel="import"),
        assert_increases(8, "ticketdesk_seats_sold_total", channel="import"),
        assert_increases(200, "ticketdesk_dollars_sold_total", channel="import"),
    ):
        db.write(
            lambda session: imports.run(session, OPERATOR, event.id, "sales.csv", read_table("sales.csv", content))
        )


def test_pool_metrics_show_connections_in_use_and_timed_out_waits(monkeypatch):
    engine = db.engine()
    monkeypatch.setattr(engine.pool, "_timeout", 0.1)
    size = engine.pool.size()
    held = [engine.connect() for _ in range(size)]
    try:
        assert (
            get_value("ticketdesk_pool_size", database="primary"),
            get_value("ticketdesk_pool_in_use", database="primary"),
        ) == (size, size)
        with (
            assert_increases(1, "ticketdesk_pool_exhausted_total", database="primary"),
            pytest.raises(Unavailable),
            db.read_session() as session,
        ):
            session.connection()
    finally:
        for connection in held:
            connection.close()
    assert get_value("ticketdesk_pool_in_use", database="primary") == 0


def test_thread_waiting_for_a_connection_is_counted():
    engine = db.engine()
    held = [engine.connect() for _ in range(engine.pool.size())]
    waiting = threading.Thread(target=lambda: engine.connect().close())
    waiting.start()
    try:
        while waiting.is_alive() and get_value("ticketdesk_pool_waiting", database="primary") < 1:
            time.sleep(0.01)
        assert get_value("ticketdesk_pool_waiting", database="primary") == 1
    finally:
        for connection in held:
            connection.close()
        waiting.join(30)
    assert get_value("ticketdesk_pool_waiting", database="primary") == 0

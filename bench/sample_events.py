"""Sample events with any number of purchases, inserted by a few statements, with matching counts."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache

import psycopg

from tests.support import make
from ticketing import daily_totals, db
from ticketing.models import Event

LARGE_EVENT_PURCHASES = 1_000_000
PACKAGES = 10
DAYS = 56
LAST_DAY = datetime(2026, 11, 15, 12, tzinfo=UTC)  # of the sales

_INSERT_PURCHASES = """
    WITH package AS (
        SELECT row_number() OVER (ORDER BY display_order) - 1 AS place, id, price, seats_per_package
        FROM packages WHERE event_id = %(event_id)s
    ), sale AS (
        SELECT number, gen_random_uuid() AS id, gen_random_uuid() AS donor_id, 1 + number %% 3 AS quantity,
            'Donor ' || number AS name, 'donor-' || number || '@example.org' AS email,
            CASE number %% 20 WHEN 0 THEN 'refunded' WHEN 1 THEN 'pending' WHEN 2 THEN 'failed' ELSE 'completed' END
                AS status,
            (ARRAY['online', 'cash', 'cheque', 'card_terminal'])[1 + number %% 4] AS channel,
            CASE WHEN number %% 5 = 0 THEN %(promo_code_id)s END AS promo_code_id,
            timestamptz '2026-09-20 12:00Z' + number * (interval '1 day' * %(days)s / %(purchases)s) AS purchased_at
        FROM generate_series(1, %(purchases)s) AS number
    ), donor AS (
        INSERT INTO donors (id, event_id, email, email_key, name)
        SELECT donor_id, %(event_id)s, email, email, name FROM sale
    ), new_order AS (
        INSERT INTO orders (id, event_id, number, donor_id)
        SELECT id, %(event_id)s, translate(lpad(upper(to_hex(number)), 6, 'X'), '01', 'GH'), donor_id FROM sale
    )
    INSERT INTO purchases (id, event_id, order_id, line_number, package_id, quantity, unit_price, seats_per_package,
        list_price, discount, total, promo_code_id, payment_status, channel, purchaser_name, purchaser_email,
        purchased_at)
    SELECT sale.id, %(event_id)s, sale.id, 1, package.id, quantity, price, seats_per_package, priced.list_price,
        priced.discount, priced.list_price - priced.discount, promo_code_id, status, channel, name, email, purchased_at
    FROM sale
    JOIN package ON package.place = sale.number / 7 %% %(packages)s
    CROSS JOIN LATERAL (
        SELECT price * quantity AS list_price,
            CASE WHEN promo_code_id IS NULL THEN 0 ELSE round(price * quantity / 10, 2) END AS discount
    ) AS priced
"""
_INSERT_TICKETS = """
    INSERT INTO assigned_tickets (id, event_id, purchase_id, seat_number, code, guest_name)
    SELECT gen_random_uuid(), %(event_id)s, purchase.id, seat,
        translate(lpad(upper(to_hex(row_number() OVER ())), 8, 'X'), '01', 'GH'),
        CASE WHEN seat = 1 AND purchased_at < timestamptz '2026-10-18' THEN purchaser_name END
    FROM purchases AS purchase, generate_series(1, seats) AS seat
    WHERE purchase.event_id = %(event_id)s
"""
_UPDATE_SEATS_NAMED = """
    UPDATE purchases SET seats_named = 1 WHERE event_id = %(event_id)s AND purchased_at < timestamptz '2026-10-18'
"""
_INSERT_PROMO_USES = """
    INSERT INTO promo_uses (order_id, event_id, promo_code_id, donor_id, used_at)
    SELECT order_id, orders.event_id, promo_code_id, donor_id, purchased_at
    FROM purchases JOIN orders ON orders.id = order_id
    WHERE orders.event_id = %(event_id)s AND promo_code_id IS NOT NULL AND payment_status IN ('completed', 'pending')
"""
_UPDATE_COUNTS = """
    UPDATE packages SET sold_count = (
        SELECT coalesce(sum(quantity), 0) FROM purchases
        WHERE package_id = packages.id AND payment_status IN ('completed', 'pending')
    ) WHERE event_id = %(event_id)s;
    UPDATE promo_codes SET current_uses = (
        SELECT count(*) FROM promo_uses WHERE promo_code_id = promo_codes.id AND given_back_at IS NULL
    ) WHERE event_id = %(event_id)s
"""


@cache
def get_large_event() -> Event:
    """Return the event with a million purchases, created once per run."""
    return create_event(LARGE_EVENT_PURCHASES)


def create_event(purchase_count: int) -> Event:
    """Create an event of ten packages with purchases over eight weeks, one to three packages in each."""
    event = make.event(revenue_goal="1000000")
    for number in range(PACKAGES):
        make.package(event, price=f"{25 * (number + 1)}.50", seats_per_package=1 + (number == 9))
    promo_code = make.promo_code(event)
    values = {
        "event_id": event.id,
        "promo_code_id": promo_code.id,
        "purchases": purchase_count,
        "packages": PACKAGES,
        "days": DAYS,
    }
    with psycopg.connect(db.libpq_url()) as connection:
        for statement in (_INSERT_PURCHASES, _INSERT_TICKETS, _UPDATE_SEATS_NAMED, _INSERT_PROMO_USES):
            connection.execute(statement, values)
        with psycopg.ClientCursor(connection) as cursor:
            cursor.execute(_UPDATE_COUNTS, values)
    db.write(lambda session: daily_totals.rebuild(session, event.id))
    with psycopg.connect(db.libpq_url(), autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
    return event

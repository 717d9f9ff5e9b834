"""orders: each purchase becomes a line of one; promo uses and idempotency keys move to the order

Purchases of one import batch with one seller's order number become one order, unless they have different buyers or two promo
codes (docs/decisions/0028). Uses of promo codes are counted per order from here on.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

ALPHABET = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"

# The import wrote an order of several packages as "<seller's number>/<last 8 digits of the package's id>".
# An order's id is that of its first purchase with one random digit turned, so ids of version 7 stay dense.
ORDER_OF_PURCHASE = """
    CREATE TEMPORARY TABLE order_of_purchase ON COMMIT DROP AS
    WITH numbered AS (
        SELECT id, event_id, donor_id, idempotency_key, request_hash, payment_status, promo_code_id, import_batch_id,
            CASE WHEN right(external_sale_id, 9) = '/' || right(replace(package_id::text, '-', ''), 8)
                THEN left(external_sale_id, -9) ELSE external_sale_id END AS seller_number
        FROM purchases
    ), grouped AS (
        SELECT *, CASE WHEN import_batch_id IS NULL THEN id::text
            ELSE concat_ws(' ', import_batch_id, donor_id, seller_number) END AS seller_order
        FROM numbered
    ), coded AS (
        SELECT *, CASE WHEN min(promo_code_id::text) OVER whole < max(promo_code_id::text) OVER whole
            THEN concat_ws(' ', seller_order, promo_code_id) ELSE seller_order END AS order_key
        FROM grouped WINDOW whole AS (PARTITION BY seller_order)
    ), placed AS (
        SELECT *, first_value(id) OVER line AS first_id, row_number() OVER line AS line_number
        FROM coded WINDOW line AS (PARTITION BY order_key ORDER BY id)
    )
    SELECT id, event_id, donor_id, idempotency_key, request_hash, line_number,
        row_number() OVER (PARTITION BY order_key, payment_status ORDER BY id) = 1 AS leads_order,
        CAST(overlay(first_id::text PLACING translate(right(first_id::text, 1), '0123456789abcdef', '89abcdef01234567')
            FROM 36) AS uuid) AS order_id
    FROM placed
"""

NUMBER = " || ".join(f"substr('{ALPHABET}', 1 + CAST(random.n / {31**place} % 31 AS int), 1)" for place in range(6))

INSERT_ORDERS = f"""
    INSERT INTO orders (id, event_id, number, donor_id, idempotency_key, request_hash, version)
    SELECT given.order_id, given.event_id, {NUMBER}, given.donor_id, given.idempotency_key, given.request_hash, 1
    FROM (
        SELECT order_id, CAST(floor(random() * {31**6}) AS bigint) AS n FROM order_of_purchase WHERE line_number = 1
    ) AS random JOIN order_of_purchase AS given USING (order_id)
    WHERE given.line_number = 1 ORDER BY given.order_id
"""  # noqa: S608
# Two of a million numbers drawn for one event are often the same.
REDRAW_NUMBERS = f"""
    UPDATE orders SET number = {NUMBER}
    FROM (
        SELECT id, CAST(floor(random() * {31**6}) AS bigint) AS n FROM (
            SELECT id, row_number() OVER (PARTITION BY event_id, number ORDER BY id) AS place FROM orders
        ) AS counted WHERE place > 1
    ) AS random
    WHERE orders.id = random.id
"""  # noqa: S608

FILL_PURCHASES = """
    UPDATE purchases SET order_id = given.order_id, line_number = given.line_number, leads_order = given.leads_order
    FROM order_of_purchase AS given WHERE given.id = purchases.id
"""
# One use for each order: open while any of its uses is, else given back with the last one.
FILL_USES = """
    INSERT INTO promo_uses (order_id, event_id, promo_code_id, donor_id, used_at, given_back_at)
    SELECT purchases.order_id, old.event_id, old.promo_code_id, min(old.donor_id::text)::uuid, min(old.used_at),
        CASE WHEN count(*) = count(old.given_back_at) THEN max(old.given_back_at) END
    FROM purchase_uses AS old JOIN purchases ON purchases.id = old.purchase_id
    GROUP BY purchases.order_id, old.event_id, old.promo_code_id
"""
RECOUNT_USES = """
    UPDATE promo_codes SET current_uses = counted.uses
    FROM (
        SELECT promo_codes.id, count(promo_uses.order_id) AS uses
        FROM promo_codes
        LEFT JOIN promo_uses ON promo_uses.promo_code_id = promo_codes.id AND promo_uses.given_back_at IS NULL
        GROUP BY promo_codes.id
    ) AS counted
    WHERE counted.id = promo_codes.id AND promo_codes.current_uses <> counted.uses
"""
COUNT_ORDERS = """
    UPDATE daily_sales SET orders = counted.orders
    FROM (
        SELECT purchase.package_id, CAST(timezone(package.time_zone, purchase.purchased_at) AS date) AS day,
            purchase.channel, purchase.payment_status, purchase.promo_code_id, count(*) AS orders
        FROM purchases AS purchase JOIN packages AS package ON package.id = purchase.package_id
        WHERE purchase.leads_order GROUP BY 1, 2, 3, 4, 5
    ) AS counted
    WHERE daily_sales.package_id = counted.package_id AND daily_sales.day = counted.day
      AND daily_sales.channel = counted.channel AND daily_sales.payment_status = counted.payment_status
      AND daily_sales.promo_code_id IS NOT DISTINCT FROM counted.promo_code_id
"""


def upgrade() -> None:
    op.execute("LOCK TABLE purchases, promo_uses, promo_codes, daily_sales IN ACCESS EXCLUSIVE MODE")
    op.execute(ORDER_OF_PURCHASE)
    op.execute("CREATE UNIQUE INDEX ON order_of_purchase (id)")
    op.execute("ANALYZE order_of_purchase")
    create_orders()
    change_purchases()
    change_promo_uses()
    change_daily_sales()


def create_orders() -> None:
    op.create_table(
        "orders",
        sa.Column("event_id", sa.UUID(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("donor_id", sa.UUID(), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=True),
        sa.Column("request_hash", sa.LargeBinary(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.CheckConstraint("number ~ '^[A-HJKMNP-Z2-9]{6}$'", name=op.f("ck_orders_number_unmistakable")),
        sa.CheckConstraint(
            "char_length(idempotency_key) BETWEEN 1 AND 200", name=op.f("ck_orders_idempotency_key_length")
        ),
        sa.CheckConstraint("(idempotency_key IS NULL) = (request_hash IS NULL)", name=op.f("ck_orders_key_has_hash")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_orders")),
    )
    op.execute(INSERT_ORDERS)
    while op.get_bind().execute(sa.text(REDRAW_NUMBERS)).rowcount:
        pass
    op.create_unique_constraint(op.f("uq_orders_event_id_id"), "orders", ["event_id", "id"])
    op.create_unique_constraint(op.f("uq_orders_event_id_number"), "orders", ["event_id", "number"])
    op.create_foreign_key(
        op.f("fk_orders_event_id_donor_id"), "orders", "donors", ["event_id", "donor_id"], ["event_id", "id"]
    )
    op.create_index("ix_orders_donor", "orders", ["donor_id"])
    op.create_index(
        "uq_orders_idempotency",
        "orders",
        ["event_id", "idempotency_key"],
        unique=True,
        postgresql_where=sa.text("idempotency_key IS NOT NULL"),
    )


def change_purchases() -> None:
    op.drop_index("ix_purchases_donor", "purchases")
    op.drop_index("uq_purchases_idempotency", "purchases")
    op.drop_constraint("fk_purchases_event_id", "purchases")
    for column in ("donor_id", "idempotency_key", "request_hash"):
        op.drop_column("purchases", column)
    op.add_column("purchases", sa.Column("order_id", sa.UUID(), nullable=True))
    op.add_column("purchases", sa.Column("line_number", sa.SmallInteger(), nullable=True))
    op.add_column("purchases", sa.Column("leads_order", sa.Boolean(), server_default="true", nullable=False))
    op.execute(FILL_PURCHASES)
    op.alter_column("purchases", "order_id", nullable=False)
    op.alter_column("purchases", "line_number", nullable=False)
    op.create_unique_constraint(op.f("uq_purchases_order_id_line_number"), "purchases", ["order_id", "line_number"])
    op.create_index(
        "ix_purchases_repeated_order",
        "purchases",
        ["event_id"],
        postgresql_where=sa.text("leads_order AND line_number > 1"),
    )
    op.create_check_constraint(op.f("ck_purchases_line_number_positive"), "purchases", "line_number >= 1")
    op.create_foreign_key(
        op.f("fk_purchases_event_id_order_id"), "purchases", "orders", ["event_id", "order_id"], ["event_id", "id"]
    )


def change_promo_uses() -> None:
    op.execute("CREATE TEMPORARY TABLE purchase_uses ON COMMIT DROP AS SELECT * FROM promo_uses")
    op.execute("TRUNCATE promo_uses")
    op.drop_column("promo_uses", "purchase_id")
    op.drop_column("promo_uses", "discount")
    op.add_column("promo_uses", sa.Column("order_id", sa.UUID(), nullable=False))
    op.execute(FILL_USES)
    op.execute(RECOUNT_USES)
    op.create_primary_key(op.f("pk_promo_uses"), "promo_uses", ["order_id"])
    op.create_foreign_key(
        op.f("fk_promo_uses_event_id_order_id"), "promo_uses", "orders", ["event_id", "order_id"], ["event_id", "id"]
    )


def change_daily_sales() -> None:
    op.add_column("daily_sales", sa.Column("orders", sa.Integer(), server_default="0", nullable=False))
    op.execute(COUNT_ORDERS)
    op.alter_column("daily_sales", "orders", server_default=None)
    op.drop_constraint("ck_daily_sales_nothing_negative", "daily_sales")
    op.create_check_constraint(
        op.f("ck_daily_sales_nothing_negative"),
        "daily_sales",
        "purchases >= 0 AND orders BETWEEN 0 AND purchases AND quantity >= 0 AND seats >= 0"
        " AND seats_named BETWEEN 0 AND seats AND list_price >= 0 AND discount >= 0 AND total >= 0",
    )

"""daily sales, searching purchases, remembered import mappings"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# Letters as somebody without that keyboard types them: accents fall away by decomposition, the rest is named here.
SEARCH_KEY = """
CREATE FUNCTION search_key(value text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURNS NULL ON NULL INPUT AS $$
    SELECT replace(replace(replace(
        translate(lower(regexp_replace(normalize(value, NFKD), '[\\u0300-\\u036f]', '', 'g')), 'łøđðıħŧς’', 'loddihtσ'''),
        'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe')
$$
"""

SUM_UP = """
INSERT INTO daily_sales (event_id, package_id, day, channel, payment_status, promo_code_id, purchases, quantity, seats,
    seats_named, list_price, discount, total)
SELECT purchase.event_id, purchase.package_id, CAST(timezone(package.time_zone, purchase.purchased_at) AS date),
    purchase.channel, purchase.payment_status, purchase.promo_code_id, count(*), sum(purchase.quantity),
    sum(purchase.seats), sum(purchase.seats_named), sum(purchase.list_price), sum(purchase.discount),
    sum(purchase.total)
FROM purchases AS purchase JOIN packages AS package ON package.id = purchase.package_id
GROUP BY 1, 2, 3, 4, 5, 6
"""


def upgrade() -> None:
    op.create_unique_constraint(op.f("uq_events_id_time_zone"), "events", ["id", "time_zone"])
    op.add_column("packages", sa.Column("time_zone", sa.Text()))
    op.execute("UPDATE packages SET time_zone = events.time_zone FROM events WHERE events.id = packages.event_id")
    op.alter_column("packages", "time_zone", nullable=False)
    op.drop_constraint(op.f("fk_packages_event_id"), "packages")
    op.create_foreign_key(
        op.f("fk_packages_event_id_time_zone"),
        "packages",
        "events",
        ["event_id", "time_zone"],
        ["id", "time_zone"],
        onupdate="CASCADE",
    )

    op.execute(SEARCH_KEY)
    op.add_column("purchases", sa.Column("version", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("purchases", sa.Column("seats_named", sa.Integer(), nullable=False, server_default="0"))
    op.execute("""
        UPDATE purchases SET seats_named = named.guests
        FROM (SELECT purchase_id, count(*) AS guests FROM assigned_tickets
              WHERE guest_name IS NOT NULL GROUP BY purchase_id) AS named
        WHERE named.purchase_id = purchases.id
    """)
    op.create_check_constraint(
        op.f("ck_purchases_seats_named_range"), "purchases", "seats_named BETWEEN 0 AND quantity * seats_per_package"
    )
    op.add_column(
        "purchases",
        sa.Column(
            "search_text",
            sa.Text(),
            sa.Computed(
                "search_key(purchaser_name || ' ' || purchaser_email || ' ' || coalesce(external_sale_id, ''))",
                persisted=True,
            ),
            nullable=False,
        ),
    )

    op.add_column(
        "assigned_tickets",
        sa.Column(
            "search_text",
            sa.Text(),
            sa.Computed("search_key(guest_name || ' ' || coalesce(guest_email, ''))", persisted=True),
            nullable=True,
        ),
    )

    op.create_table(
        "daily_sales",
        sa.Column("event_id", sa.UUID(), nullable=False),
        sa.Column("package_id", sa.UUID(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("payment_status", sa.Text(), nullable=False),
        sa.Column("promo_code_id", sa.UUID(), nullable=True),
        sa.Column("purchases", sa.Integer(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("seats", sa.Integer(), nullable=False),
        sa.Column("seats_named", sa.Integer(), nullable=False),
        sa.Column("list_price", sa.Numeric(14, 2), nullable=False),
        sa.Column("discount", sa.Numeric(14, 2), nullable=False),
        sa.Column("total", sa.Numeric(14, 2), nullable=False),
        sa.CheckConstraint(
            "purchases >= 0 AND quantity >= 0 AND seats >= 0 AND seats_named BETWEEN 0 AND seats"
            " AND list_price >= 0 AND discount >= 0 AND total >= 0",
            name=op.f("ck_daily_sales_nothing_negative"),
        ),
        sa.ForeignKeyConstraint(
            ["event_id", "package_id"],
            ["packages.event_id", "packages.id"],
            name=op.f("fk_daily_sales_event_id_package_id"),
        ),
        sa.ForeignKeyConstraint(
            ["event_id", "promo_code_id"],
            ["promo_codes.event_id", "promo_codes.id"],
            name=op.f("fk_daily_sales_event_id_promo_code_id"),
        ),
        sa.UniqueConstraint(
            "event_id",
            "package_id",
            "day",
            "channel",
            "payment_status",
            "promo_code_id",
            name="uq_daily_sales",
            postgresql_nulls_not_distinct=True,
        ),
        # Rows of today are updated all day long: half of each page is kept free, so that this touches no index.
        postgresql_with={"fillfactor": "50"},
    )
    op.execute(SUM_UP)

    op.create_table(
        "import_mappings",
        sa.Column("event_id", sa.UUID(), nullable=False),
        sa.Column("header_hash", sa.LargeBinary(), nullable=False),
        sa.Column("mapping", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["event_id"], ["events.id"], name=op.f("fk_import_mappings_event_id")),
        sa.PrimaryKeyConstraint("event_id", "header_hash", name=op.f("pk_import_mappings")),
    )

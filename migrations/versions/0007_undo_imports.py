"""undo of imports: who undid one, when and why; ids of voided sales can be imported again

An import keeps the number of its orders and its revenue, as the list of imports shows them. Those of earlier imports are
counted from what is stored now.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

COUNT_SALES = """
    UPDATE import_batches SET orders = counted.orders, revenue = counted.revenue
    FROM (
        SELECT import_batch_id, count(DISTINCT order_id) AS orders,
            coalesce(sum(total) FILTER (WHERE payment_status = 'completed'), 0) AS revenue
        FROM purchases WHERE import_batch_id IS NOT NULL GROUP BY import_batch_id
    ) AS counted
    WHERE counted.import_batch_id = import_batches.id
"""


def upgrade() -> None:
    op.add_column("import_batches", sa.Column("orders", sa.Integer(), server_default="0", nullable=False))
    op.add_column("import_batches", sa.Column("revenue", sa.Numeric(14, 2), server_default="0", nullable=False))
    op.add_column("import_batches", sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("import_batches", sa.Column("undone_by", sa.Text(), nullable=True))
    op.add_column("import_batches", sa.Column("undo_reason", sa.Text(), nullable=True))
    op.execute(COUNT_SALES)
    op.create_check_constraint(
        op.f("ck_import_batches_undo_has_reason"),
        "import_batches",
        "(undone_at IS NULL) = (undone_by IS NULL) AND (undone_at IS NULL) = (undo_reason IS NULL)",
    )
    op.create_check_constraint(
        op.f("ck_import_batches_undo_reason_length"), "import_batches", "char_length(undo_reason) BETWEEN 1 AND 500"
    )
    op.drop_index("uq_purchases_external_sale", "purchases")
    op.create_index(
        "uq_purchases_external_sale",
        "purchases",
        ["event_id", "external_sale_id"],
        unique=True,
        postgresql_where=sa.text("external_sale_id IS NOT NULL AND payment_status <> 'voided'"),
    )
    op.create_index(
        "ix_purchases_voided_sale",
        "purchases",
        ["event_id", "external_sale_id"],
        postgresql_where=sa.text("external_sale_id IS NOT NULL AND payment_status = 'voided'"),
    )
    op.create_index(
        "ix_purchases_import_batch",
        "purchases",
        ["import_batch_id"],
        postgresql_where=sa.text("import_batch_id IS NOT NULL"),
    )

"""what a seller's file last said of a sale, the prefix of its ids, and the header of the file

The next file is compared with the buyer and the status that the last one brought. For sales imported before, these are
the donor as it is now, and the status before the first change that the audit log knows.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

FILL_PURCHASES = """
    UPDATE purchases SET imported_email_key = donors.email_key,
        imported_status = CASE purchases.payment_status WHEN 'voided' THEN 'completed' ELSE purchases.payment_status END
    FROM orders JOIN donors ON donors.id = orders.donor_id
    WHERE orders.id = purchases.order_id AND purchases.import_batch_id IS NOT NULL
"""
FILL_CHANGED = """
    UPDATE purchases SET imported_status = entry.old_value #>> '{}'
    FROM (
        SELECT DISTINCT ON (subject_id) subject_id, old_value FROM audit_log
        WHERE action IN ('purchase.voided', 'purchase.status_changed') AND field = 'payment_status'
        ORDER BY subject_id, id
    ) AS entry
    WHERE entry.subject_id = purchases.id AND purchases.import_batch_id IS NOT NULL
      AND entry.old_value #>> '{}' IN ('completed', 'pending', 'failed', 'refunded')
"""


def upgrade() -> None:
    op.add_column("import_batches", sa.Column("id_prefix", sa.Text(), server_default="", nullable=False))
    op.add_column("import_batches", sa.Column("header_hash", sa.LargeBinary(), nullable=True))
    op.add_column("import_batches", sa.Column("statuses_changed", sa.Integer(), server_default="0", nullable=False))
    op.create_check_constraint(
        op.f("ck_import_batches_statuses_changed_not_negative"), "import_batches", "statuses_changed >= 0"
    )
    op.create_check_constraint(
        op.f("ck_import_batches_id_prefix_form"), "import_batches", "id_prefix ~ '^[A-Za-z0-9._-]{0,20}$'"
    )
    op.execute("LOCK TABLE orders, purchases IN ACCESS EXCLUSIVE MODE")
    op.add_column("purchases", sa.Column("imported_email_key", sa.Text(), nullable=True))
    op.add_column("purchases", sa.Column("imported_status", sa.Text(), nullable=True))
    op.execute(FILL_PURCHASES)
    op.execute(FILL_CHANGED)
    op.create_check_constraint(
        op.f("ck_purchases_imports_keep_values"),
        "purchases",
        "(import_batch_id IS NULL) = (imported_email_key IS NULL)"
        " AND (import_batch_id IS NULL) = (imported_status IS NULL)",
    )
    op.create_check_constraint(
        op.f("ck_purchases_imported_status_known"),
        "purchases",
        "imported_status IN ('completed', 'pending', 'failed', 'refunded')",
    )

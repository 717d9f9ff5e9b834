"""orders of several lines are found without reading all purchases of their event"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_purchases_further_line",
        "purchases",
        ["event_id", "order_id"],
        postgresql_where=sa.text("line_number > 1"),
    )

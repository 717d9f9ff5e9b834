"""saved choices of columns"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "file_presets",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("staff_id", sa.UUID()),
        sa.Column("event_id", sa.UUID()),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("columns", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("num_nonnulls(staff_id, event_id) = 1", name=op.f("ck_file_presets_one_owner")),
        sa.CheckConstraint("char_length(name) BETWEEN 1 AND 100", name=op.f("ck_file_presets_name_length")),
        sa.CheckConstraint("kind IN ('purchases', 'guests')", name=op.f("ck_file_presets_kind_known")),
        sa.CheckConstraint("octet_length(CAST(columns AS text)) <= 40000", name=op.f("ck_file_presets_columns_size")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_file_presets_staff_id")),
        sa.ForeignKeyConstraint(["event_id"], ["events.id"], name=op.f("fk_file_presets_event_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_file_presets")),
    )
    op.create_index(
        "uq_file_presets_owner_name", "file_presets", [sa.text("coalesce(staff_id, event_id)"), "name"], unique=True
    )

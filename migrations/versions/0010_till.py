"""the box office as a till: drafts of orders, and finding donors by the beginning of a name or address"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

DONOR_KEYS = {"name_key": "search_key(name)", "surname_key": "search_key(regexp_replace(name, '^.*\\s', ''))"}


def upgrade() -> None:
    for column, expression in DONOR_KEYS.items():
        op.add_column("donors", sa.Column(column, sa.Text(), sa.Computed(expression, persisted=True), nullable=False))
    for column in (*DONOR_KEYS, "email_key"):
        # Compared by bytes, since the beginning of a text cannot be found in the order of a language.
        op.create_index(
            f"ix_donors_{column}_prefix",
            "donors",
            ["event_id", column],
            postgresql_ops={column: "text_pattern_ops"},
        )
    op.create_table(
        "till_drafts",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("staff_id", sa.UUID(), nullable=False),
        sa.Column("event_id", sa.UUID(), nullable=False),
        sa.Column("till", sa.Text(), nullable=False),
        sa.Column("content", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("char_length(till) BETWEEN 1 AND 100", name=op.f("ck_till_drafts_till_length")),
        sa.CheckConstraint("octet_length(CAST(content AS text)) <= 200000", name=op.f("ck_till_drafts_content_size")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_till_drafts_staff_id")),
        sa.ForeignKeyConstraint(["event_id"], ["events.id"], name=op.f("fk_till_drafts_event_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_till_drafts")),
        sa.UniqueConstraint("staff_id", "event_id", "till", name=op.f("uq_till_drafts_staff_id_event_id_till")),
    )
    op.create_index("ix_till_drafts_changed_at", "till_drafts", ["changed_at"])

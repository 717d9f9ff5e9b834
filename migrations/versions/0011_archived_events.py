"""archived events

Every package has the flag of its event, as it has its time zone: a sale that locked only the package sees it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("events", "packages"):
        op.add_column(table, sa.Column("is_archived", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.drop_constraint(op.f("fk_packages_event_id_time_zone"), "packages", type_="foreignkey")
    op.drop_constraint(op.f("uq_events_id_time_zone"), "events", type_="unique")
    op.create_unique_constraint(
        op.f("uq_events_id_time_zone_is_archived"), "events", ["id", "time_zone", "is_archived"]
    )
    op.create_foreign_key(
        op.f("fk_packages_event_id_time_zone_is_archived"),
        "packages",
        "events",
        ["event_id", "time_zone", "is_archived"],
        ["id", "time_zone", "is_archived"],
        onupdate="CASCADE",
    )

"""guests by the beginning of a name, last name or e-mail address"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

KEYS = (
    ("guest", "search_text", "guest_name"),
    ("guest_surname", "(search_key(regexp_replace(guest_name, '^.*\\s', '')))", "guest_name"),
    ("guest_email", "(search_key(guest_email))", "guest_email"),
)


def upgrade() -> None:
    for name, key, column in KEYS:
        # Compared by bytes, since the beginning of a text cannot be found in the order of a language.
        op.create_index(
            f"ix_assigned_tickets_{name}_prefix",
            "assigned_tickets",
            ["event_id", sa.text(f"{key} text_pattern_ops")],
            postgresql_where=sa.text(f"{column} IS NOT NULL"),
        )

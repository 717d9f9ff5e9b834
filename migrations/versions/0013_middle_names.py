"""donors and guests by a word in the middle of their name"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

KEYS = (("donors", "word", "name_key"), ("assigned_tickets", "guest_word", "search_key(guest_name)"))


def upgrade() -> None:
    for table, name, key in KEYS:
        for place in (2, 3):
            # Only where another word follows: the last word has an index of its own.
            op.create_index(
                f"ix_{table}_{name}_{place}_prefix",
                table,
                ["event_id", sa.text(f"split_part({key}, ' ', {place}) text_pattern_ops")],
                postgresql_where=sa.text(f"split_part({key}, ' ', {place + 1}) <> ''"),
            )

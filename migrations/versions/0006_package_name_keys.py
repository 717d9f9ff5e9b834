"""keys of package names without invisible characters

Of two packages that only such characters tell apart, the later one keeps its key (docs/decisions/0006).
"""

import logging

import sqlalchemy as sa
from alembic import op

# Not a copy: the keys stored here must be those that the application looks for. A later change of the function comes
# with a migration that computes all keys again.
from ticketing.validation import name_key

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

log = logging.getLogger("ticketing.schema")

# The key of a name in ASCII is the same as before.
AFFECTED = """
    SELECT id, event_id, name, name_key FROM packages WHERE octet_length(name) <> char_length(name)
    ORDER BY event_id, display_order
"""
UPDATE = """
    UPDATE packages SET name_key = :key WHERE id = :id AND NOT EXISTS (
        SELECT FROM packages AS other WHERE other.event_id = :event_id AND other.name_key = :key
    )
"""


def upgrade() -> None:
    connection = op.get_bind()
    # A server that still runs would store a key of the earlier kind after the keys were read.
    connection.execute(sa.text("LOCK TABLE packages IN SHARE ROW EXCLUSIVE MODE"))
    for row in connection.execute(sa.text(AFFECTED)).all():
        key = name_key(row.name)
        if key != row.name_key:
            values = {"key": key, "id": row.id, "event_id": row.event_id}
            if not connection.execute(sa.text(UPDATE), values).rowcount:
                log.warning(
                    "a package differs from another one only by invisible characters; rename it",
                    extra={"package": str(row.id), "event": str(row.event_id)},
                )

"""Run migrations on the connection of ticketing.db.migrations.migrate, or on one to the configured database."""

from alembic import context
from sqlalchemy import Connection

from ticketing import db
from ticketing.db import migrations
from ticketing.models import Base


def run(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=Base.metadata, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()


if (open_connection := context.config.attributes.get("connection")) is not None:
    run(open_connection)
else:
    with db.engine().begin() as connection:
        migrations.acquire_migration_lock(connection)
        run(connection)

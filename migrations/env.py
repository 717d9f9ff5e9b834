"""Runs migrations on the connection it is handed (ticketing.schema.migrate), or on the configured database."""

from alembic import context
from sqlalchemy import Connection, text

from ticketing import db
from ticketing.models import Base


def run(connection: Connection) -> None:
    connection.execute(text("SET lock_timeout = '5s'"))
    connection.commit()
    context.configure(connection=connection, target_metadata=Base.metadata, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()


if (given := context.config.attributes.get("connection")) is not None:
    run(given)
else:
    with db.engine().connect() as connection:
        run(connection)

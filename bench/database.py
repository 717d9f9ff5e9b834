"""A temporary database, on the server that DATABASE_URL names or on a temporary one."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.database import DatabaseServer, use_database
from ticketing import db
from ticketing.db import embedded, migrations


@contextmanager
def create_temporary_database() -> Iterator[Path]:
    """Create and use a migrated, empty database; yield a folder for files. Both are deleted afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="ticketdesk-bench-"))
    folder.chmod(0o755)  # started by root, PostgreSQL runs as another user, who must be able to enter
    os.environ["TICKETDESK_DATA"] = str(folder)
    server = DatabaseServer(
        os.environ.get("DATABASE_URL") or embedded.start(), prefix=f"ticketdesk_bench_{os.getpid()}"
    )
    try:
        use_database(server.create(migrated=False))
        migrations.migrate()
        yield folder
    finally:
        db.dispose()
        server.drop_all()
        db.stop()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def copy_database() -> Iterator[str]:
    """Yield the URL of a copy of the database in use."""
    server = DatabaseServer(os.environ["DATABASE_URL"], prefix=f"ticketdesk_bench_{os.getpid()}_copy")
    db.dispose()  # a template database must have no connections
    try:
        yield server.create(like=os.environ["DATABASE_URL"])
    finally:
        server.drop_all()

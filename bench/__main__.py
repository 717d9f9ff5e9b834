"""Measures the table of what is fast enough and prints it: floor and product in turn, on the same PostgreSQL.

DATABASE_URL names the server; without it a PostgreSQL is started for this run and thrown away after it. Either way
the rows are written into a database of their own.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

from bench import csv_file, imports, packages_page, purchases, sales
from bench.measure import Row, heading, told
from tests.database import Server, use_database
from ticketing import db, embedded, schema


def main() -> int:
    folder = Path(tempfile.mkdtemp(prefix="ticketdesk-bench-"))
    folder.chmod(0o755)  # root's PostgreSQL runs as another user, who must be able to enter
    os.environ["TICKETDESK_DATA"] = str(folder)
    server = Server(os.environ.get("DATABASE_URL") or embedded.start(), prefix=f"ticketdesk_bench_{os.getpid()}")
    rows: list[Row] = []
    try:
        use_database(server.create(migrated=False))
        schema.migrate()
        print(heading())
        for measure in (*purchases.ROWS, *imports.ROWS, *packages_page.ROWS, *sales.ROWS, *csv_file.ROWS):
            for row in measure(folder):
                rows.append(row)
                print(told(row), flush=True)
    finally:
        db.dispose()
        server.drop_all()
        db.stop()
        shutil.rmtree(folder, ignore_errors=True)
    return 0 if all(row.is_met for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())

"""Measure the performance targets and print them as a table: floor and product in turn, on the same PostgreSQL.

`python -m bench [--keep] [GROUP ...]` measures the named groups of rows, or all. `--keep` writes the whole table into
docs/operations/sizing.md.

DATABASE_URL names the database server; without it, a temporary PostgreSQL is started. Either way a temporary database
is used.
"""

from __future__ import annotations

import argparse
import gc
import sys

from bench import (
    csv_export,
    events_page,
    idle_pages,
    imports,
    open_tills,
    packages_page,
    purchases,
    sales_page,
    search,
    startup,
    workbooks,
)
from bench.database import create_temporary_database
from bench.load import measurement as load
from bench.measure import Row, format_heading, format_row
from bench.sizing_page import describe_environment, write_section

GROUPS = {
    # First, because it ends with `verify`, and floors of others insert purchases without the counts that it checks.
    "load": load.MEASUREMENTS,
    "live": idle_pages.MEASUREMENTS,
    "till": open_tills.MEASUREMENTS,
    "purchases": purchases.MEASUREMENTS,
    "imports": imports.MEASUREMENTS,
    "packages": packages_page.MEASUREMENTS,
    "events": events_page.MEASUREMENTS,
    "start": startup.MEASUREMENTS,
    "sales": sales_page.MEASUREMENTS,
    "csv": csv_export.MEASUREMENTS,
    "excel": workbooks.MEASUREMENTS,
    "search": search.MEASUREMENTS,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure the performance targets.")
    parser.add_argument("--keep", action="store_true", help="write the whole table into docs/operations/sizing.md")
    parser.add_argument("groups", nargs="*", choices=[[], *GROUPS], metavar="GROUP", help=", ".join(GROUPS))
    options = parser.parse_args()
    if options.keep and options.groups:
        parser.error("--keep writes the whole table, so name no groups with it")
    gc.freeze()  # as app.py does
    gc.set_threshold(10_000, 20, 20)
    rows: list[Row] = []
    with create_temporary_database() as folder:
        table = [describe_environment(), "", format_heading()]
        print("\n".join(table), flush=True)
        for group in [group for group in GROUPS if group in (options.groups or GROUPS)]:
            for measure in GROUPS[group]:
                for row in measure(folder):
                    rows.append(row)
                    table.append(format_row(row))
                    print(table[-1], flush=True)
    if options.keep:
        write_section("table", "\n".join(table))
    return 0 if all(row.is_met for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())

"""Measures the table of what is fast enough and prints it: floor and product in turn, on the same PostgreSQL.

`python -m bench [--keep] [GROUP ...]` measures the groups of rows that are named, or all. `--keep` puts the whole table
into docs/operations/sizing.md.

DATABASE_URL names the server; without it a PostgreSQL is started for this run and thrown away after it. Either way
the rows are written into a database of their own.
"""

from __future__ import annotations

import argparse
import sys

from bench import csv_export, idle_pages, imports, packages_page, purchases, sales_page, startup
from bench.database import create_temporary_database
from bench.load import measurement as load
from bench.measure import Row, format_heading, format_row
from bench.sizing_page import describe_environment, write_section

GROUPS = {
    # First: they end with `verify`, and the floors of others sell without the counts that it compares.
    "load": load.MEASUREMENTS,
    "live": idle_pages.MEASUREMENTS,
    "purchases": purchases.MEASUREMENTS,
    "imports": imports.MEASUREMENTS,
    "packages": packages_page.MEASUREMENTS,
    "start": startup.MEASUREMENTS,
    "sales": sales_page.MEASUREMENTS,
    "csv": csv_export.MEASUREMENTS,
}


def main() -> int:
    asked = argparse.ArgumentParser(prog="python -m bench", description="Measures what is fast enough.")
    asked.add_argument("--keep", action="store_true", help="put the whole table into docs/operations/sizing.md")
    asked.add_argument("groups", nargs="*", choices=[[], *GROUPS], metavar="GROUP", help=", ".join(GROUPS))
    options = asked.parse_args()
    if options.keep and options.groups:
        asked.error("--keep is for the whole table, so name no groups with it")
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

"""The packages page with 50 packages, 20 of them shown, compared with an empty page in the same frame."""

from __future__ import annotations

import gc
from pathlib import Path

from bench.measure import Row, measure_alternately
from bench.page_runs import OpenPage, write_empty_pages
from tests.support import make
from ui import menu

PACKAGES = 50
MAX_QUERIES = 4


def measure_packages_page(folder: Path) -> list[Row]:
    """Measure CPU milliseconds of one script run, and the number of queries beyond those of the empty page."""
    event, actor = make.event(), make.staff(role="admin")
    for _ in range(PACKAGES):
        make.package(event, quantity_limit=100)
    empty = OpenPage("packages", write_empty_pages(folder), event, actor)
    packages = OpenPage("packages", menu.PAGES_DIR, event, actor)
    gc.collect()
    gc.freeze()  # as app.py does
    floor, product = measure_alternately(empty.measure_cpu_milliseconds, packages.measure_cpu_milliseconds)
    queries = float(packages.count_queries() - empty.count_queries())
    return [
        Row(f"packages page, {PACKAGES} packages, CPU of a run", "ms", floor, product, 4.0, less_is_better=True),
        Row("queries of it", "queries", [], [queries], MAX_QUERIES, less_is_better=True),
    ]


MEASUREMENTS = (measure_packages_page,)

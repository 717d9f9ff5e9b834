"""The packages page with 50 packages, 20 of them shown, compared with an empty page in the same frame."""

from __future__ import annotations

import gc
import time
from pathlib import Path

from sqlalchemy import event as sqlalchemy_event
from streamlit.testing.v1 import AppTest

from bench.measure import Row, measure_alternately
from tests.support import make
from ticketing import db
from ticketing.actors import Actor
from ticketing.models import Event
from ticketing.settings import ROOT
from ui import menu

PACKAGES = 50
RUNS = 20
MAX_QUERIES = 4
EMPTY_PAGE_SOURCE = '"""An empty page."""\n\nfrom ui import session\n\nsession.require_event()\n'


def measure_packages_page(folder: Path) -> list[Row]:
    """Measure CPU milliseconds of one script run, and the number of queries beyond those of the empty page."""
    event, actor = make.event(), make.staff(role="admin")
    for _ in range(PACKAGES):
        make.package(event, quantity_limit=100)
    for entry in menu.ENTRIES:
        (folder / f"{entry.name}.py").write_text(EMPTY_PAGE_SOURCE)
    empty, packages = PackagesPage(folder, event, actor), PackagesPage(menu.PAGES_DIR, event, actor)
    gc.collect()
    gc.freeze()  # as app.py does
    floor, product = measure_alternately(empty.measure_cpu_milliseconds, packages.measure_cpu_milliseconds)
    queries = float(packages.count_queries() - empty.count_queries())
    return [
        Row(f"packages page, {PACKAGES} packages, CPU of a run", "ms", floor, product, 4.0, less_is_better=True),
        Row("queries of it", "queries", [], [queries], MAX_QUERIES, less_is_better=True),
    ]


class PackagesPage:
    """The app with its packages page open, with the pages of `folder`."""

    def __init__(self, folder: Path, event: Event, actor: Actor) -> None:
        self._folder = folder
        self._app = AppTest.from_file(ROOT / "ui/main.py", default_timeout=60)
        self._app.user = {"session_id": str(actor.session_id)}
        self._app.query_params["event"] = str(event.id)
        self.run()
        original, menu.PAGES_DIR = menu.PAGES_DIR, folder
        self._app.switch_page(menu.path("packages"))
        menu.PAGES_DIR = original
        self.run()

    def run(self) -> None:
        original, menu.PAGES_DIR = menu.PAGES_DIR, self._folder
        try:
            self._app.run()
        finally:
            menu.PAGES_DIR = original
        if self._app.exception:
            raise SystemExit(str(self._app.exception))

    def measure_cpu_milliseconds(self) -> float:
        start = time.process_time()
        for _ in range(RUNS):
            self.run()
        return (time.process_time() - start) * 1000 / RUNS

    def count_queries(self) -> int:
        statements: list[str] = []

        def record(_connection: object, _cursor: object, statement: str, *_: object) -> None:
            statements.append(statement)

        sqlalchemy_event.listen(db.engine(), "before_cursor_execute", record)
        self.run()
        sqlalchemy_event.remove(db.engine(), "before_cursor_execute", record)
        return len(statements)


MEASUREMENTS = (measure_packages_page,)

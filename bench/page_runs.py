"""CPU and queries of a run of a page, compared with an empty page in the same frame."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from sqlalchemy import event as sqlalchemy_event
from streamlit.runtime.scriptrunner.script_cache import ScriptCache
from streamlit.testing.v1 import AppTest, app_test, local_script_runner

from ticketing import db
from ticketing.actors import Actor
from ticketing.models import Event
from ticketing.settings import ROOT
from ui import menu

RUNS = 20
EMPTY_PAGE_SOURCE = '"""An empty page."""\n\nfrom ui import session\n\nsession.require_event()\n'

_script_cache = ScriptCache()
# A server compiles a page once, AppTest before each run.
app_test.ScriptCache = local_script_runner.ScriptCache = lambda: _script_cache  # type: ignore


def write_empty_pages(folder: Path) -> Path:
    """Write a folder of pages that show nothing but the frame with its menu, and return it."""
    for entry in menu.ENTRIES:
        (folder / f"{entry.name}.py").write_text(EMPTY_PAGE_SOURCE)
    return folder


class OpenPage:
    """The app with one of its pages open, with the pages of `folder`."""

    def __init__(self, page: str, folder: Path, event: Event, actor: Actor) -> None:
        self._folder = folder
        self._app = AppTest.from_file(ROOT / "ui/main.py", default_timeout=60)
        self._app.user = {"session_id": str(actor.session_id)}
        self._app.query_params["event"] = str(event.id)
        self.run()
        original, menu.PAGES_DIR = menu.PAGES_DIR, folder
        self._app.switch_page(menu.path(page))
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

    def measure_cpu_milliseconds(self, before_each: Callable[[], object] = lambda: None) -> float:
        """Return the median of RUNS runs; what `before_each` does is not measured."""
        durations = []
        for _ in range(RUNS):
            before_each()
            start = time.process_time()
            self.run()
            durations.append((time.process_time() - start) * 1000)
        return median(durations)

    def count_queries(self) -> int:
        statements: list[str] = []

        def record(_connection: object, _cursor: object, statement: str, *_: object) -> None:
            statements.append(statement)

        sqlalchemy_event.listen(db.engine(), "before_cursor_execute", record)
        self.run()
        sqlalchemy_event.remove(db.engine(), "before_cursor_execute", record)
        return len(statements)

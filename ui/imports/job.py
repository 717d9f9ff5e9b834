"""An import at work: in a thread of its own, so that nothing but its Cancel stops it.

A rerun of the page (a click elsewhere, a phone that was asleep) would cut an import that ran in the page's script, and
Streamlit starts the new run while the old one still works: it could not say truly whether anything was stored. Here
the page only watches, and whoever comes back to it finds the import where it is. It watches in one long run, because
Streamlit collects garbage after each run, and the rows in work would make that take longer than the import.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from ticketing import db, logs
from ticketing.errors import TicketingError

ProgressCallback = Callable[[int, int], None]


class JobCanceled(Exception):
    """Raised inside the transaction, which undoes everything."""


class Job:
    """One import. `rows` of `total` are stored so far, both 0 while the file is read.

    Once `ended` is set, `result` holds what was stored; without one nothing was, and `refusal` says why unless it was
    cancelled. A fault is kept in `fault`, for the page to raise where it is reported.
    """

    def __init__(self) -> None:
        self.rows = 0
        self.total = 0
        self.result: Any = None
        self.refusal: TicketingError | None = None
        self.fault: Exception | None = None
        self.ended = threading.Event()
        self._cancel = threading.Event()

    @property
    def is_canceled(self) -> bool:
        """Whether Cancel was clicked; only `result` knows whether that was in time."""
        return self._cancel.is_set()

    def cancel(self) -> None:
        self._cancel.set()

    def report(self, rows: int, total: int) -> None:
        """The import's progress, and the place where a cancelled one ends."""
        if self._cancel.is_set():
            raise JobCanceled
        self.rows, self.total = rows, total

    def run(self, work: Callable[[db.Session, ProgressCallback], Any]) -> None:
        def until_the_last_moment(session: db.Session) -> Any:
            result = work(session, self.report)
            self.report(self.rows, self.total)
            return result

        try:
            self.result = db.write(until_the_last_moment)
        except JobCanceled:
            pass
        except TicketingError as refused:
            self.refusal = refused
        except Exception as fault:  # raised again by the page, which has a reader and a reference
            self.fault = fault
        finally:
            self.ended.set()


def start(work: Callable[[db.Session, ProgressCallback], Any]) -> Job:
    """Does `work` in one transaction, beside the page. A server that stops meanwhile undoes it."""
    job = Job()
    started_by = logs.get_context()

    def run() -> None:
        with logs.log_context(lambda: started_by):
            job.run(work)

    threading.Thread(target=run, name="import", daemon=True).start()
    return job

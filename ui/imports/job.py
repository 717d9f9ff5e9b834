"""Run an import in a thread of its own, so that only its Cancel button stops it.

A rerun of the page (a click elsewhere, a phone waking up) would interrupt an import in the page's script, and Streamlit
starts the new run while the old one still works, so neither could say whether anything was stored. Here the page only
watches, and shows the import again to a user who comes back. It watches in one long run: Streamlit collects garbage
after each run, which with the rows of an import in memory would take longer than the import.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from ticketing import db, logs
from ticketing.errors import TicketingError

ProgressCallback = Callable[[int, int], None]


class JobCanceled(Exception):
    """Raised inside the transaction, which rolls it back."""


class Job:
    """One import. `rows` of `total` are stored so far, both 0 while the file is read.

    Once `ended` is set, `result` has what was stored. Without a result nothing was stored, and `refusal` says why
    unless the import was canceled. An unexpected error is kept in `fault` for the page to raise.
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
        """Whether Cancel was clicked; when there is a `result`, it was too late."""
        return self._cancel.is_set()

    def cancel(self) -> None:
        """Stop the import at its next report."""
        self._cancel.set()

    def report(self, rows: int, total: int) -> None:
        """Take the progress of the import. Raises JobCanceled after a cancel."""
        if self._cancel.is_set():
            raise JobCanceled
        self.rows, self.total = rows, total

    def run(self, work: Callable[[db.Session, ProgressCallback], Any]) -> None:
        """Call `work` in a transaction and keep its result or error."""

        def work_unless_canceled(session: db.Session) -> Any:
            result = work(session, self.report)
            self.report(self.rows, self.total)
            return result

        try:
            self.result = db.write(work_unless_canceled)
        except JobCanceled:
            pass
        except TicketingError as exc:
            self.refusal = exc
        except Exception as exc:  # raised again by the page, which logs it and shows a reference
            self.fault = exc
        finally:
            self.ended.set()


def start(work: Callable[[db.Session, ProgressCallback], Any]) -> Job:
    """Run `work` in one transaction in a thread. When the server stops, the transaction is rolled back."""
    job = Job()
    context = logs.get_context()

    def run() -> None:
        with logs.log_context(lambda: context):
            job.run(work)

    threading.Thread(target=run, name="import", daemon=True).start()
    return job

"""One log line and one count for each sign-in, failed or not (docs/operations/monitoring.md, "Sign-ins").

A failed sign-in changes nothing, so its line is written at once. The client's address is in the context of the line.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.orm import Session

from ticketing import db, metrics
from ticketing.errors import RateLimited
from ticketing.models import SIGN_IN_METHODS

log = logging.getLogger("ticketing.sign_in")

# The methods that open sessions, and the current password that a change of the password asks for.
METHODS = (*SIGN_IN_METHODS, "own_password")
OUTCOMES = ("succeeded", "failed", "locked_out")

for method in METHODS:
    for outcome in OUTCOMES:
        metrics.SIGN_INS.labels(method, outcome)


def log_success(session: Session, staff_id: uuid.UUID, method: str) -> None:
    """Log and count a sign-in once its session is committed."""
    db.after_commit(session, lambda: _log("succeeded", method, staff_id))


def log_failure(method: str, staff_id: uuid.UUID | None = None, *, reason: str) -> None:
    """Log and count a sign-in that is about to be refused; `staff_id` is None when no account is known."""
    _log("failed", method, staff_id, reason)


@contextmanager
def log_lock_out(method: str, staff_id: uuid.UUID | None) -> Iterator[None]:
    """Log and count RateLimited when it leaves this block, and re-raise it."""
    try:
        yield
    except RateLimited:
        _log("locked_out", method, staff_id)
        raise


def log_sign_out(session: Session, staff_id: uuid.UUID) -> None:
    """Log the end of a session once it is committed."""
    db.after_commit(session, lambda: log.info("signed out", extra={"actor": str(staff_id), "outcome": "signed_out"}))


def _log(outcome: str, method: str, staff_id: uuid.UUID | None, reason: str = "") -> None:
    metrics.SIGN_INS.labels(method, outcome).inc()
    extra = {"method": method, "outcome": outcome}
    if staff_id is not None:
        extra["actor"] = str(staff_id)
    if reason:
        extra["reason"] = reason
    level = logging.INFO if outcome == "succeeded" else logging.WARNING
    log.log(level, "sign-in by %s %s%s", method, outcome, f": {reason}" if reason else "", extra=extra)

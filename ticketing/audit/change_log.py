"""One log line for each committed change, with ids and never a name (docs/operations/monitoring.md, "The log").

The audit log in the database keeps who changed what for good; these lines bring the same changes to a log collector.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable, Mapping

from sqlalchemy.orm import Session

from ticketing import db, metrics
from ticketing.actors import Actor

log = logging.getLogger("ticketing.changes")


def log_after_commit(
    session: Session,
    actor: Actor,
    event_id: uuid.UUID | None,
    action: str,
    subject_id: uuid.UUID,
    fields: Iterable[str] = (),
    values: Mapping[str, object] | None = None,
) -> None:
    """Log and count a change once it is committed: the action, the record's id, its changed fields, a few values.

    `fields` are names of columns. `values` must not contain what people typed, since a log is kept longer and read by
    more people than the database.
    """
    names, values = list(fields), values or {}
    extra = {"action": action, "subject": str(subject_id), "via": actor.via, "fields": names, **values}
    if actor.staff_id is not None:
        extra["actor"] = str(actor.staff_id)
    if event_id is not None:
        extra["event"] = str(event_id)
    details = " ".join([*names, *(f"{name}={value}" for name, value in values.items())])

    def write() -> None:
        metrics.CHANGES.labels(action).inc()
        log.info("%s %s%s", action, subject_id, f": {details}" if details else "", extra=extra)

    db.after_commit(session, write)

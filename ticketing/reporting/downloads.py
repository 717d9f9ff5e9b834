"""Downloads of rows in the audit log: who took what, recorded before the first byte, or nothing is sent.

Rules: docs/product.md, "Audit".
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from functools import partial

from sqlalchemy import select
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from ticketing import audit, db
from ticketing.actors import Actor
from ticketing.models import Package
from ticketing.purchase_filter import PurchaseFilter, to_query
from ticketing.reporting import csv_export
from ticketing.reporting.csv_export import Export


@dataclass
class Download:
    """A file that the actor asked for, such as purchases.csv. `event_id` is None for the office's audit log.

    `filters` say in words which rows were chosen, "" for all.
    """

    actor: Actor
    event_id: uuid.UUID | None
    name: str
    export: Export
    filters: str = ""
    id: uuid.UUID = field(default_factory=uuid7)


def stream(download: Download) -> AsyncGenerator[bytes, None]:
    """Yield the CSV as `csv_export.stream` does, once the audit log has the download with the number of its rows.

    The number is that of the snapshot from which the rows come. Raises Unavailable or a subclass.
    """
    return csv_export.stream(download.export, on_count=partial(_record, download))


def describe_filter(session: Session, event_id: uuid.UUID, purchase_filter: PurchaseFilter) -> str:
    """Return which purchases a filter selects, as "status: completed; package: Gold Table", or ""."""
    if purchase_filter.matches_everything:
        return ""
    words = to_query(purchase_filter)
    words.pop("sort", None)
    if purchase_filter.package_ids:
        chosen = (Package.event_id == event_id, Package.id.in_(purchase_filter.package_ids))
        names = session.scalars(select(Package.name).where(*chosen).order_by(Package.display_order))
        words["package"] = ", ".join(names)
    return "; ".join(f"{name.replace('_', ' ')}: {value}" for name, value in words.items())


def _record(download: Download, rows: int) -> None:
    """Write and commit the entry, in a transaction of its own."""
    changes = audit.creation_changes(
        {
            "rows": rows,
            "filters": download.filters,
            "columns": list(download.export.header),
            "has_people": download.export.has_people,
        }
    )
    db.write(lambda s: audit.record(s, download.actor, download.event_id, "file.downloaded", download, changes))

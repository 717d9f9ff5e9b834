"""Example files that can be imported into an event as they are."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from itertools import islice
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from ticketing import money
from ticketing.actors import Actor
from ticketing.catalog import events
from ticketing.file_reader.columns import OPTIONAL_COLUMNS, REQUIRED_COLUMNS
from ticketing.imports import excel, files, json_file
from ticketing.models import Package


def example_csv(session: Session, actor: Actor, event_id: uuid.UUID) -> bytes:
    """Return a CSV file that can be imported into this event now: up to three sales of its own packages.

    Raises NotFound when the actor may not see the event.
    """
    return files.to_csv(*_build_example(session, actor, event_id))


def example_json(session: Session, actor: Actor, event_id: uuid.UUID) -> bytes:
    """Return the example as JSON, with amounts as text, so that no program turns them into binary fractions."""
    return json_file.write(*_build_example(session, actor, event_id))


def example_excel(session: Session, actor: Actor, event_id: uuid.UUID) -> bytes:
    """Return the example as an Excel workbook, with numbers and dates as Excel's own."""
    header, rows = _build_example(session, actor, event_id)
    types: dict[str, Callable[[str], object]] = {
        "quantity": int,
        "total_amount": Decimal,
        "fee_amount": Decimal,
        "purchase_date": datetime.fromisoformat,
    }
    typed = [
        [types[column](cell) if cell and column in types else cell for column, cell in zip(header, row, strict=True)]
        for row in rows
    ]
    return excel.write(header, typed)


_EXAMPLE_COLUMNS = REQUIRED_COLUMNS + OPTIONAL_COLUMNS
_EXAMPLE_DONORS: tuple[dict[str, str], ...] = (
    {"purchaser_name": "Zoë Álvarez", "purchaser_email": "zoe.alvarez@example.org", "notes": "Table near the stage"},
    {"purchaser_name": "Sam O'Neill", "purchaser_email": "sam.oneill@example.org", "purchaser_phone": "212 555 0142"},
    {"purchaser_name": "Łukasz Nowak", "purchaser_email": "lukasz.nowak@example.org", "fee_amount": "0.00"},
)


def _build_example(session: Session, actor: Actor, event_id: uuid.UUID) -> tuple[tuple[str, ...], list[list[str]]]:
    event = events.get(session, actor, event_id)
    in_order = session.scalars(select(Package).where(Package.event_id == event_id).order_by(Package.display_order))
    available = islice((package for package in in_order if not package.is_sold_out), len(_EXAMPLE_DONORS))
    moment = datetime.now(ZoneInfo(event.time_zone)).replace(microsecond=0, tzinfo=None)
    rows = []
    for number, (package, donor) in enumerate(zip(available, _EXAMPLE_DONORS, strict=False), start=1):
        values = donor | {
            "ticket_type": package.name,
            "quantity": "1",
            "total_amount": money.format_plain(package.price),
            "purchase_date": moment.isoformat(),
            "external_sale_id": f"EXAMPLE-{number}",
            "payment_status": "completed",
        }
        rows.append([values.get(column, "") for column in _EXAMPLE_COLUMNS])
    return _EXAMPLE_COLUMNS, rows

"""Excel workbooks of purchases and seats: the rows of the CSV with real dates and numbers, and a sheet that says what
they are.

A process of its own writes them, one at a time for each server, so that pages and sales do not wait (docs/product.md,
"HTTP interface").
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from ticketing.actors import Actor
from ticketing.errors import InvalidInput
from ticketing.purchase_filter import PurchaseFilter
from ticketing.reporting import csv_export, downloads, purchase_list
from ticketing.reporting.downloads import Download
from ticketing.reporting.file_columns import Kind
from ticketing.settings import ROOT
from ticketing.work_queue import WorkQueue

MAX_ROWS = 100_000
TOO_LONG = f"An Excel file has at most {MAX_ROWS:,} rows. Download the CSV, or choose fewer."
QUEUE = WorkQueue("Excel file", retry_after=60)
TITLES: dict[Kind, str] = {"purchases": "Purchases", "guests": "Seats"}


@dataclass(frozen=True)
class WorkbookPlan:
    """What a workbook has: its rows, the title of their sheet, and pairs of words for the sheet about the file."""

    download: Download
    title: str
    about: tuple[tuple[str, str], ...]


def build(
    session: Session,
    actor: Actor,
    event_id: uuid.UUID,
    purchase_filter: PurchaseFilter,
    kind: Kind,
    columns: Sequence[str] | None = None,
) -> WorkbookPlan:
    """Return the plan of a workbook with one row for each matching purchase, or for each of their seats.

    `columns` are as for the CSV. Raises NotFound when the actor may not see the event, InvalidInput for a column that
    the file does not have, and for more than MAX_ROWS rows.
    """
    export = csv_export.build_sales_export(session, actor, event_id, purchase_filter, kind, columns, for_workbook=True)
    if count_rows(session, actor, event_id, purchase_filter, kind) > MAX_ROWS:
        raise InvalidInput({"rows": TOO_LONG})
    now = datetime.now(ZoneInfo(export.time_zone))
    filters = downloads.describe_filter(session, event_id, purchase_filter)
    about = (
        ("Event", export.event_name),
        ("Sales", filters or "all"),
        ("Times are in", export.time_zone),
        ("Made at", f"{now:%Y-%m-%d %H:%M:%S}"),
    )
    return WorkbookPlan(Download(actor, event_id, f"{kind}.xlsx", export, filters), TITLES[kind], about)


def count_rows(session: Session, actor: Actor, event_id: uuid.UUID, purchase_filter: PurchaseFilter, kind: Kind) -> int:
    """Return how many rows the file has: matching purchases, or their seats."""
    totals = purchase_list.get_totals(session, actor, event_id, purchase_filter)
    return totals.purchases if kind == "purchases" else totals.seats


@asynccontextmanager
async def write(plan: WorkbookPlan) -> AsyncIterator[Path]:
    """Write the workbook in its turn, and yield its file, which is removed afterwards. The audit log has the download.

    It contains everything that was committed before its turn began. Raises QueueFull, Unavailable or a subclass.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "workbook.xlsx"
        async with QUEUE.async_slot():
            with tempfile.TemporaryFile() as rows:
                await _save_rows(plan, rows)
                await _run_writer(rows, file)
        yield file


async def _save_rows(plan: WorkbookPlan, rows: BinaryIO) -> None:
    """Store the input of the writer, so that the connection to the database is free while it works."""
    export = plan.download.export
    columns = [{"heading": heading, "type": kind} for heading, kind in zip(export.header, export.types, strict=True)]
    rows.write(json.dumps({"title": plan.title, "columns": columns, "about": plan.about}).encode() + b"\n")
    async with aclosing(downloads.stream(plan.download)) as chunks:
        async for chunk in chunks:
            rows.write(chunk)
    rows.seek(0)


async def _run_writer(rows: BinaryIO, file: Path) -> None:
    command = [sys.executable, "-m", "ticketing.reporting.workbook_writer", str(file)]
    with tempfile.TemporaryFile() as problems:
        writer = subprocess.Popen(command, stdin=rows, stdout=problems, stderr=problems, cwd=ROOT)  # noqa: S603
        try:
            failed = await asyncio.to_thread(writer.wait)
        finally:
            writer.kill()  # when the reader has left
            writer.wait()
        if failed:
            problems.seek(0)
            raise RuntimeError(f"the writer of workbooks failed: {problems.read().decode(errors='replace')[-4000:]}")

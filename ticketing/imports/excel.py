"""Read and write Excel workbooks.

A workbook is unpacked here, with a limit on its size, and read by excel_worker in a process of its own
(docs/decisions/0010).
"""

from __future__ import annotations

import io
import json
import logging
import re
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal

import xlsxwriter

from ticketing.imports import table
from ticketing.imports.table import Table, unreadable_file_error
from ticketing.settings import ROOT

MAX_UNPACKED_BYTES = 400 * 1024**2
MAX_PARTS = 2_000
WORKER_TIMEOUT_SECONDS = 300
log = logging.getLogger("ticketing.import_excel")
ZIP_SIGNATURE = b"PK\x03\x04"
OLE_SIGNATURE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_UNPACK_ERRORS = (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, ValueError, OSError)
# No spreadsheet program writes these. A part in UTF-16 passes this check; the limits of the worker hold for it.
_ENTITY_DECLARATION = re.compile(rb"<!(?:DOCTYPE|ENTITY)")
_FALLBACK_HINT = 'Copy the table into a new workbook, or save it as "CSV UTF-8" in Excel and choose that file.'
_DAMAGED = f"This Excel workbook cannot be read: it is damaged. {_FALLBACK_HINT}"
_TOO_LARGE = f"This Excel workbook is too large once unpacked. {_FALLBACK_HINT}"
_DAMAGED_OR_TOO_LARGE = (
    "This Excel workbook cannot be read: it is damaged, or cells far outside the table make it too large. "
    f"{_FALLBACK_HINT}"
)
_NOT_A_WORKBOOK = 'This is not an Excel workbook. In Excel, save it as "Excel Workbook (.xlsx)" and choose that file.'
_PROTECTED = "This Excel workbook is protected by a password. Save a copy without one and choose that file."
_OLD_FORMAT = (
    'This workbook is in the old Excel format (.xls). In Excel, save it as "Excel Workbook (.xlsx)" and choose that '
    "file."
)


def read(content: bytes) -> Table:
    """Return the first visible sheet with rows, its dates and numbers as plain text.

    Raises InvalidInput (field `file`) when there is no such sheet, or when the workbook cannot be read.
    """
    if content.startswith(OLE_SIGNATURE):
        raise unreadable_file_error(_PROTECTED if "EncryptedPackage".encode("utf-16-le") in content else _OLD_FORMAT)
    rows = _read_in_subprocess(_unpack(content))
    if not rows:
        raise table.empty_file_error()
    return table.build((number, cells) for number, cells in rows)


def write(header: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """Return a workbook with text as text (never as a formula), Decimal as amounts and datetime as dates."""
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"in_memory": True}) as book:
        sheet = book.add_worksheet("Sales")
        bold = book.add_format({"bold": True})
        amount, moment = book.add_format({"num_format": "0.00"}), book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        sheet.freeze_panes(1, 0)
        sheet.set_column(0, len(header) - 1, 20)
        for column, name in enumerate(header):
            sheet.write_string(0, column, name, bold)
        for number, row in enumerate(rows, start=1):
            for column, cell in enumerate(row):
                match cell:
                    case datetime():
                        sheet.write_datetime(number, column, cell, moment)
                    case Decimal():
                        sheet.write_number(number, column, float(cell), amount)
                    case int():
                        sheet.write_number(number, column, cell)
                    case str() if cell:
                        sheet.write_string(number, column, cell)
    return content.getvalue()


def _unpack(content: bytes) -> bytes:
    """Return the same workbook uncompressed. zipfile unpacks no more of a part than its declared size."""
    unpacked = io.BytesIO()
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(unpacked, "w") as target:
            parts = [part for part in source.infolist() if part.filename.endswith((".xml", ".rels"))]
            if "xl/workbook.xml" not in {part.filename for part in parts}:
                raise unreadable_file_error(_NOT_A_WORKBOOK)
            if len(parts) > MAX_PARTS or sum(part.file_size for part in parts) > MAX_UNPACKED_BYTES:
                raise unreadable_file_error(_TOO_LARGE)
            for part in parts:
                data = source.read(part)
                if _ENTITY_DECLARATION.search(data):
                    raise unreadable_file_error(_DAMAGED)
                target.writestr(part.filename, data)
    except _UNPACK_ERRORS as exc:
        raise unreadable_file_error(_DAMAGED) from exc
    return unpacked.getvalue()


def _read_in_subprocess(content: bytes) -> list[tuple[int, list[str]]]:
    command = [sys.executable, "-m", "ticketing.imports.excel_worker"]
    try:
        worker = subprocess.run(  # noqa: S603
            command, input=content, capture_output=True, check=False, cwd=ROOT, timeout=WORKER_TIMEOUT_SECONDS
        )
    except subprocess.TimeoutExpired as exc:
        raise unreadable_file_error(_DAMAGED_OR_TOO_LARGE) from exc
    if worker.returncode != 0:
        log.warning("a workbook could not be read", extra={"stderr": worker.stderr[-500:].decode(errors="replace")})
        raise unreadable_file_error(_DAMAGED_OR_TOO_LARGE)
    rows: list[tuple[int, list[str]]] = json.loads(worker.stdout)
    return rows

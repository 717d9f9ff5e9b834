"""Read files of sales into tables, whatever their format, and write CSV files.

A file is read by a worker process with limits (ticketing.file_reader), one at a time on this server: what it can make
the server do is bounded by the limits, not by what is in it (docs/decisions/0010).

CSV is read as spreadsheet programs save it: UTF-8 or UTF-16 ("Unicode Text"), with or without a byte order mark. Older
encodings cannot be told apart, and a wrong guess would damage the names of donors, so a file in one of them is refused.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import logging
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence

from ticketing.file_reader.table_format import EXCEL_HINT, ROW_END
from ticketing.formatting import FORMULA_PREFIX
from ticketing.imports.table import PackedRows, Sheet, Table, parse_row_number, unreadable_file_error
from ticketing.settings import ROOT
from ticketing.work_queue import WorkQueue

WORKER_TIMEOUT_SECONDS = 25
QUEUE = WorkQueue("file", retry_after=30)
log = logging.getLogger("ticketing.import_files")
ZIP_SIGNATURE = b"PK\x03\x04"
OLE_SIGNATURE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_PDF_AND_IMAGE_SIGNATURES = (b"%PDF", b"\x89PNG", b"\xff\xd8\xff")
_START_BYTES = 1000
_MIN_SHARE_OF_NUL = 3  # one character in three has a NUL byte
_FORMULA_START = re.compile(FORMULA_PREFIX)
_HTML_MESSAGE = (
    'This file is a web page or XML, whatever its name says. Open it in Excel, save it as "Excel Workbook (.xlsx)" or '
    '"CSV UTF-8", and choose that file.'
)
_PDF_OR_IMAGE_MESSAGE = (
    "This file is a PDF or a picture, whatever its name says. Export the list as Excel or CSV where it was made, and "
    "choose that file."
)
_PROTECTED = "This Excel workbook is protected by a password. Save a copy without one and choose that file."
_OLD_FORMAT = (
    'This workbook is in the old Excel format (.xls). In Excel, save it as "Excel Workbook (.xlsx)" and choose that '
    "file."
)
_LIMIT_MESSAGES = {
    "excel": "This Excel workbook cannot be read: it is damaged, or cells far outside the table make it too large. "
    f"{EXCEL_HINT}",
    "csv": "This file takes too much memory or time to read. Split it, or remove the columns that are not needed.",
    "json": "This file takes too much memory or time to read. Split it, or leave out what is not needed.",
}


def read(
    file_name: str,
    content: bytes,
    on_wait: Callable[[], None] = lambda: None,
    sheet_names: Sequence[str] = (),
) -> Table:
    """Return the records of a CSV file, an Excel workbook or a JSON file, recognized by content, not by name.

    `sheet_names` are the sheets of a workbook to read, which must have the same header. Without any it is the first
    visible one that knows most columns, and all others with its header; `Table.sheets` says which. `on_wait` is called
    while another file is being read. Raises InvalidInput (field `file`) when the file cannot be read, and QueueFull
    when too many files wait already.
    """
    kind = recognize(file_name, content)
    with QUEUE.slot(on_wait):
        return parse_output(_run_worker(kind, detect_encoding(content), content, sheet_names))


def recognize(file_name: str, content: bytes) -> str:
    """Return which kind of file this is: csv, json or excel. Raises InvalidInput for what cannot be read."""
    if content.startswith(ZIP_SIGNATURE):
        return "excel"
    if content.startswith(OLE_SIGNATURE):
        raise unreadable_file_error(_PROTECTED if "EncryptedPackage".encode("utf-16-le") in content else _OLD_FORMAT)
    if content.removeprefix(codecs.BOM_UTF8).lstrip().startswith(_PDF_AND_IMAGE_SIGNATURES):
        raise unreadable_file_error(_PDF_OR_IMAGE_MESSAGE)
    start = content[:_START_BYTES].decode(detect_encoding(content), "ignore").lstrip("\ufeff \t\r\n")
    if start.startswith("<"):
        raise unreadable_file_error(_HTML_MESSAGE)
    is_json = start.startswith(("[", "{")) or file_name.casefold().endswith((".json", ".jsonl", ".ndjson"))
    return "json" if is_json else "csv"


def detect_encoding(content: bytes) -> str:
    """Return the encoding that the byte order mark names; without one UTF-16 when every second byte is NUL, or UTF-8.

    That is so where letters of English are the most: in the header, the addresses and the numbers.
    """
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    start = content[:_START_BYTES]
    even, odd = start[::2].count(0), start[1::2].count(0)
    if max(even, odd) * _MIN_SHARE_OF_NUL < len(start) // 2 or min(even, odd) > max(even, odd) // 10:
        return "utf-8-sig"
    return "utf-16-le" if odd > even else "utf-16-be"


def _run_worker(kind: str, encoding: str, content: bytes, sheet_names: Sequence[str]) -> bytes:
    """Return the output of a worker process. Raises InvalidInput when it ends at one of its limits."""
    command = [sys.executable, "-m", "ticketing.file_reader.worker", kind, encoding, *sheet_names]
    # The output goes to a file: a pipe's would be in memory twice.
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as problems:
        try:
            worker = subprocess.run(  # noqa: S603
                command,
                input=content,
                stdout=output,
                stderr=problems,
                check=False,
                cwd=ROOT,
                timeout=WORKER_TIMEOUT_SECONDS,
            )
        except subprocess.TimeoutExpired as exc:
            raise unreadable_file_error(_LIMIT_MESSAGES[kind]) from exc
        if worker.returncode != 0:
            problems.seek(0)
            stderr = problems.read(4000).decode(errors="replace")
            log.warning("a file could not be read", extra={"kind": kind, "stderr": stderr})
            raise unreadable_file_error(_LIMIT_MESSAGES[kind])
        output.seek(0)
        return output.read()


def parse_output(output: bytes) -> Table:
    """Return the table that a worker wrote. Raises InvalidInput (field `file`) when the worker refused the file."""
    summary_start = output.rfind(ROW_END) + 1
    summary = json.loads(output[summary_start:])
    if "refusal" in summary:
        raise unreadable_file_error(summary["refusal"])
    sheets = tuple(Sheet(**sheet) for sheet in summary["sheets"])
    titles = tuple(summary["titles"])
    names = [sheet.name for sheet in sheets if sheet.is_read]
    return Table(
        header=tuple(summary["header"]),
        records=PackedRows(output, len(summary["header"]), names),
        titles=titles,
        row_problems={parse_row_number(row, names): problem for row, problem in summary["row_problems"].items()},
        column_problems=summary["column_problems"],
        numbers_as_codes={
            parse_row_number(row, names): frozenset(summary["header"][place] for place in places if place < len(titles))
            for row, places in summary["numbers_as_codes"].items()
        },
        header_row=summary["header_row"],
        sheets=sheets,
        notices=tuple(summary["notices"]),
    )


def to_csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """Return a CSV file for spreadsheet programs: with a byte order mark, and formulas escaped by an apostrophe."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows([_escape_formula(cell) for cell in row] for row in rows)
    return codecs.BOM_UTF8 + text.getvalue().encode()


def _escape_formula(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and _FORMULA_START.match(cell) else cell

"""Read one sheet of an Excel workbook.

A workbook can ask for any amount of memory: one cell at the far end of the sheet is enough, or a text that many cells
repeat. python-calamine then ends its process, which is the worker with its limits.
"""

from __future__ import annotations

import datetime
import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO, Any
from xml.etree import ElementTree

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from ticketing.file_reader.table_format import EMPTY, EXCEL_HINT, TableWriter, UnreadableFile

MAX_UNPACKED_BYTES = 400 * 1024**2
MAX_PARTS = 2_000
DAMAGED = f"This Excel workbook cannot be read: it is damaged. {EXCEL_HINT}"
_TOO_LARGE = f"This Excel workbook is too large once unpacked. {EXCEL_HINT}"
_NOT_A_WORKBOOK = 'This is not an Excel workbook. In Excel, save it as "Excel Workbook (.xlsx)" and choose that file.'
_UNPACK_ERRORS = (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, ValueError, OSError)
# No spreadsheet program writes these. A part in UTF-16 passes this check; the limits of the worker hold for it.
_ENTITY_DECLARATION = re.compile(rb"<!(?:DOCTYPE|ENTITY)")
_CHUNK_BYTES = 256 * 1024
# The last cell of a sheet is XFD1048576. Longer references would take quadratic time.
_CELL_REFERENCE = re.compile(r"([A-Z]{1,3})([0-9]{1,7})")

Rows = Iterator[tuple[int, list[str]]]


def read(file: IO[bytes], writer: TableWriter) -> None:
    """Write the first visible sheet that has two rows, else the one that has most, with dates and numbers as text.

    Rows have the numbers that Excel shows for them. Raises UnreadableFile.
    """
    content = file.read()
    _check_parts(content)
    header_alone: list[str] = []
    try:
        with CalamineWorkbook.from_filelike(io.BytesIO(content)) as book:
            for sheet in book.sheets_metadata:
                if sheet.typ != SheetTypeEnum.WorkSheet or sheet.visible != SheetVisibleEnum.Visible:
                    continue
                rows = _iterate_rows(content, book.get_sheet_by_name(sheet.name))
                _, header = next(rows, (1, []))
                header_alone = header_alone or header
                first = next(rows, None)
                if first is not None:
                    writer.set_header(header)
                    writer.write_row(*first)
                    for number, cells in rows:
                        writer.write_row(number, cells)
                    return
    except (CalamineError, ElementTree.ParseError) as exc:
        raise UnreadableFile(DAMAGED) from exc
    if not header_alone:
        raise UnreadableFile(EMPTY)
    writer.set_header(header_alone)


def _check_parts(content: bytes) -> None:
    """Unpack every part once, piece by piece: what is damaged or far too large is refused before it is parsed."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = [part for part in archive.infolist() if part.filename.endswith((".xml", ".rels"))]
            if "xl/workbook.xml" not in {part.filename for part in parts}:
                raise UnreadableFile(_NOT_A_WORKBOOK)
            if len(parts) > MAX_PARTS or sum(part.file_size for part in parts) > MAX_UNPACKED_BYTES:
                raise UnreadableFile(_TOO_LARGE)
            for part in parts:
                with archive.open(part) as unpacked:
                    _check_part(unpacked)
    except UnreadableFile:
        raise
    except _UNPACK_ERRORS as exc:
        raise UnreadableFile(DAMAGED) from exc


def _check_part(part: IO[bytes]) -> None:
    """Read a part to its end. zipfile unpacks no more than the declared size, and compares the checksum."""
    end = b""
    while chunk := part.read(_CHUNK_BYTES):
        if _ENTITY_DECLARATION.search(end + chunk):
            raise UnreadableFile(DAMAGED)
        end = chunk[-len(b"<!DOCTYPE") :]


def _iterate_rows(content: bytes, sheet: CalamineSheet) -> Rows:
    """Yield the rows that are not blank. python-calamine leaves out the blank columns before the first cell."""
    texts = _read_errors_and_formulas(content, sheet.name)
    columns_before = sheet.start[1] if sheet.start else 0
    blank = [""] * columns_before
    for row, values in enumerate(sheet.iter_rows()):
        cells = blank + [_format_cell(value) for value in values]
        for column, text in texts.get(row, {}).items():
            if column < len(cells):
                cells[column] = text
        if "".join(cells).strip():
            yield row + 1, cells


def _format_cell(cell: Any) -> str:
    """Return numbers and dates as an import takes them. A number has the 15 digits that Excel shows of it."""
    match cell:
        case bool():
            return "true" if cell else "false"
        case float() | int():
            short = f"{cell:.15g}"
            return f"{float(short):.0f}" if float(short).is_integer() and abs(cell) < 1e15 else short
        case datetime.datetime():
            return cell.date().isoformat() if cell.time() == datetime.time() else cell.isoformat()
        case datetime.date():
            return cell.isoformat()
        case datetime.time():
            return cell.isoformat(timespec="seconds")
        case datetime.timedelta():
            seconds = round(cell.total_seconds())
            return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
        case _:
            return str(cell)


def _read_errors_and_formulas(content: bytes, sheet_name: str) -> dict[int, dict[int, str]]:
    """Return what python-calamine reads as blank: {row: {column: text}}, both counted from 0.

    That is errors such as #N/A, and formulas whose result no program has stored.
    """
    texts: dict[int, dict[int, str]] = {}
    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        part_name = _find_sheet_part(parts, sheet_name)
        if part_name is not None:
            with parts.open(part_name) as part:
                for cell in _iterate_cells(part):
                    text = _format_unread_cell(cell)
                    if text is not None and (place := _CELL_REFERENCE.fullmatch(cell.get("r", ""))):
                        texts.setdefault(int(place[2]) - 1, {})[_column_index(place[1])] = text
    return texts


def _iterate_cells(part: IO[bytes]) -> Iterator[ElementTree.Element]:
    """Yield the cells of a sheet, row by row. Each row is emptied once it was read, so memory does not grow with it."""
    for _, element in ElementTree.iterparse(part):  # noqa: S314
        if element.tag.endswith("}row"):
            yield from element
            element.clear()


def _format_unread_cell(cell: ElementTree.Element) -> str | None:
    """Return the error or the formula without a result that a cell holds, or None for any other cell."""
    is_error = cell.get("t") == "e"
    if not is_error and (len(cell) == 0 or cell[0].tag.endswith("}v")):
        return None  # nearly every cell: a value and no formula
    texts = {_local_name(child): child.text or "" for child in cell}
    if is_error and "v" in texts:
        return texts["v"]
    return f"={texts['f']}" if "f" in texts and not texts.get("v") else None


def _local_name(element: ElementTree.Element) -> str:
    """Return the name without its namespace, which differs between the two editions of the standard."""
    return element.tag.rpartition("}")[2]


def _find_sheet_part(parts: zipfile.ZipFile, sheet_name: str) -> str | None:
    """Return the name of the part that holds a sheet, or None when it is not where such parts are."""
    ids = {
        element.get("name"): value
        for element in ElementTree.fromstring(parts.read("xl/workbook.xml")).iter()  # noqa: S314
        for name, value in element.items()
        if _local_name(element) == "sheet" and name.endswith("}id")
    }
    try:
        relations = ElementTree.fromstring(parts.read("xl/_rels/workbook.xml.rels"))  # noqa: S314
        targets = {relation.get("Id"): relation.get("Target", "") for relation in relations}
        target = targets[ids[sheet_name]]
        part_name = target.lstrip("/") if target.startswith("/") else f"xl/{target}"
        return parts.getinfo(part_name).filename
    except KeyError:
        return None


def _column_index(letters: str) -> int:
    """Return 0 for A, 1 for B, 26 for AA."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1

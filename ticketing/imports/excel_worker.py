"""Reads one sheet of an Excel workbook in a process of its own: the workbook on stdin, its rows as JSON on stdout.

Run by import_excel, never imported by it. A workbook can ask for any amount of memory (one cell far away is enough, and
a text may be repeated without end), and the library then ends its process. Here that process is this one, and it may
take only so much.
"""

from __future__ import annotations

import datetime
import io
import json
import re
import sys
import zipfile
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

from python_calamine import CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

MAX_MEMORY_BYTES = 3 * 1024**3 // 2
MAX_CPU_SECONDS = 60
# Cells of which the library makes blanks: an error such as #N/A, and a formula whose result nobody has computed.
_ERROR_CELL = re.compile(
    rb'<(?:\w+:)?c\b[^>]*?\br="([A-Z]+)(\d+)"[^>]*?\bt="e"[^>]*>.*?<(?:\w+:)?v>([^<]*)<', re.DOTALL
)
_FORMULA_WITHOUT_RESULT = re.compile(
    rb'<(?:\w+:)?c\b[^>]*?\br="([A-Z]+)(\d+)"[^>]*>\s*<(?:\w+:)?f\b[^<]*?(?:/>|>([^<]*)</(?:\w+:)?f>)'
    rb"\s*(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v></(?:\w+:)?v>)?\s*</(?:\w+:)?c>"
)


def main() -> None:
    _limit_resources()
    content = sys.stdin.buffer.read()
    sys.stdout.write(json.dumps(list(_read_rows(content))))


def _limit_resources() -> None:
    try:
        import resource
    except ImportError:  # Windows has no such limits
        return
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (MAX_CPU_SECONDS, MAX_CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _read_rows(content: bytes) -> Iterator[tuple[int, list[str]]]:
    """Each row that is not blank, under the number that it has in Excel: the first visible sheet with two of them."""
    with CalamineWorkbook.from_filelike(io.BytesIO(content)) as book:
        found: list[tuple[int, list[str]]] = []
        for sheet in book.sheets_metadata:
            if sheet.typ != SheetTypeEnum.WorkSheet or sheet.visible != SheetVisibleEnum.Visible:
                continue
            rows = book.get_sheet_by_name(sheet.name).to_python(skip_empty_area=False)
            unread = _read_errors_and_formulas(content, sheet.name)
            written = [(number, [_format_cell(cell) for cell in row]) for number, row in enumerate(rows, start=1)]
            for (number, place), text in unread.items():
                if number <= len(written) and place < len(written[number - 1][1]):
                    written[number - 1][1][place] = text
            written = [(number, cells) for number, cells in written if any(map(str.strip, cells))]
            if len(written) > len(found):
                found = written
            if len(found) > 1:
                break
    yield from found


def _format_cell(cell: Any) -> str:
    """Numbers and dates as an import takes them. A number has the 15 digits that Excel shows of it."""
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


def _read_errors_and_formulas(content: bytes, sheet: str) -> dict[tuple[int, int], str]:
    """What errors and formulas without a result say, by row and place."""
    found: dict[tuple[int, int], str] = {}
    xml = _read_sheet_xml(content, sheet)
    for column, row, formula in _FORMULA_WITHOUT_RESULT.findall(xml):
        found[int(row), _column_index(column)] = f"={formula.decode(errors='replace')}"
    for column, row, error in _ERROR_CELL.findall(xml):
        found[int(row), _column_index(column)] = error.decode(errors="replace")
    return found


def _read_sheet_xml(content: bytes, sheet: str) -> bytes:
    """The part of the workbook that holds this sheet, or nothing when it is not where such parts are."""
    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        try:
            ids = {
                element.get("name"): value
                for element in ElementTree.fromstring(parts.read("xl/workbook.xml")).iter()  # noqa: S314
                for name, value in element.items()
                if element.tag.endswith("}sheet") and name.endswith("}id")
            }
            relations = ElementTree.fromstring(parts.read("xl/_rels/workbook.xml.rels"))  # noqa: S314
            targets = {each.get("Id"): each.get("Target", "") for each in relations}
            target = targets[ids[sheet]]
            return parts.read(target.lstrip("/") if target.startswith("/") else f"xl/{target}")
        except KeyError:
            return b""


def _column_index(column: bytes) -> int:
    place = 0
    for letter in column:
        place = place * 26 + letter - 64
    return place - 1


if __name__ == "__main__":
    main()

"""Read one sheet of an Excel workbook in a process of its own: the workbook on stdin, its rows as JSON on stdout.

Started by ticketing.imports.excel, never imported by it. A workbook can ask for any amount of memory: one cell at the
far end of the sheet is enough, or a text that many cells repeat. python-calamine then ends its process, so the process
that ends is this one, which has limits on memory and CPU time.
"""

from __future__ import annotations

import datetime
import io
import json
import re
import sys
import zipfile
from collections.abc import Iterator
from typing import IO, Any
from xml.etree import ElementTree

from python_calamine import CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

MAX_MEMORY_BYTES = 3 * 1024**3 // 2
MAX_CPU_SECONDS = 60
_CELL_REFERENCE = re.compile(r"([A-Z]+)([0-9]+)")


def main() -> None:
    _limit_resources()
    content = sys.stdin.buffer.read()
    sys.stdout.write(json.dumps(_read_rows(content)))


def _limit_resources() -> None:
    try:
        import resource
    except ImportError:  # Windows has no such limits
        return
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (MAX_CPU_SECONDS, MAX_CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _read_rows(content: bytes) -> list[tuple[int, list[str]]]:
    """Return the rows of the first visible sheet that has two, else of the one that has most.

    Blank rows are left out; each other row comes with the number that Excel shows for it.
    """
    best: list[tuple[int, list[str]]] = []
    with CalamineWorkbook.from_filelike(io.BytesIO(content)) as book:
        for sheet in book.sheets_metadata:
            if sheet.typ != SheetTypeEnum.WorkSheet or sheet.visible != SheetVisibleEnum.Visible:
                continue
            cells = book.get_sheet_by_name(sheet.name).to_python(skip_empty_area=False)
            rows = [[_format_cell(cell) for cell in row] for row in cells]
            for (row, column), text in _read_errors_and_formulas(content, sheet.name).items():
                if row < len(rows) and column < len(rows[row]):
                    rows[row][column] = text
            filled = [(number, row) for number, row in enumerate(rows, start=1) if any(map(str.strip, row))]
            best = max(best, filled, key=len)
            if len(best) > 1:
                break
    return best


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


def _read_errors_and_formulas(content: bytes, sheet_name: str) -> dict[tuple[int, int], str]:
    """Return what python-calamine reads as blank: {(row, column): text}, both counted from 0.

    That is errors such as #N/A, and formulas whose result no program has stored.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        part_name = _find_sheet_part(parts, sheet_name)
        if part_name is None:
            return {}
        texts = {}
        with parts.open(part_name) as part:
            for cell in _iterate_cells(part):
                text = _format_unread_cell(cell)
                if text is not None and (place := _CELL_REFERENCE.fullmatch(cell.get("r", ""))):
                    texts[int(place[2]) - 1, _column_index(place[1])] = text
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


if __name__ == "__main__":
    main()

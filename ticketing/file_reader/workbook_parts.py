"""Read the parts of an Excel workbook that python-calamine leaves out, as XML and without filling the memory.

That is how many rows each sheet has and how many are hidden, the first rows of a sheet that is not read, cells with
errors, and formulas without a result.
"""

from __future__ import annotations

import codecs
import io
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import IO
from xml.etree import ElementTree

from ticketing.file_reader.table_format import EXCEL_HINT, MAX_RECORDS, UnreadableFile

MAX_UNPACKED_BYTES = 400 * 1024**2
MAX_PARTS = 2_000
_BOOK_PART = "xl/workbook.xml"
_RELATIONS_PART = "xl/_rels/workbook.xml.rels"
_INDEX_PARTS = {_BOOK_PART, _RELATIONS_PART}
_SHARED_TEXTS_PART = "xl/sharedStrings.xml"
DAMAGED = f"This Excel workbook cannot be read: it is damaged. {EXCEL_HINT}"
_TOO_LARGE = f"This Excel workbook is too large once unpacked. {EXCEL_HINT}"
_NOT_A_WORKBOOK = 'This is not an Excel workbook. In Excel, save it as "Excel Workbook (.xlsx)" and choose that file.'
_UNPACK_ERRORS = (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, ValueError, OSError)
# No spreadsheet program writes these.
_ENTITY_DECLARATION = re.compile(rb"<!(?:DOCTYPE|ENTITY)")
_CHUNK_BYTES = 256 * 1024
_MAX_ROW_BYTES = 256 * 1024
_MAX_ROW_TAG_BYTES = 1024
# The last cell of a sheet is XFD1048576. Longer references would take quadratic time.
_CELL_REFERENCE = re.compile(r"([A-Z]{1,3})([0-9]{1,7})")
_ROW_END = re.compile(rb"</\w+:row>")  # where elements have a prefix
_HIDDEN_ROW = re.compile(rb'<(?:\w+:)?row\s(?:[^>]*\s)?hidden="(?:1|true)"[^>]*(?<!/)>')
_STYLES_PART = "xl/styles.xml"
_LEADING_ZEROS = re.compile("0{2,}")
_EXPONENT_FORMATS = ("11", "48")  # those that every workbook has (ECMA-376, 18.8.30)
# A cell that is not blank: a value, or a text of its own.
_FILLED_CELL = re.compile(rb"<(?:\w+:)?[vt](?:\s[^>]*)?>[^<]")


@dataclass(frozen=True)
class RowCounts:
    """The rows of a sheet that are not blank, and those of them that are hidden, by a filter or by hand."""

    filled: int = 0
    hidden: int = 0


@dataclass(frozen=True)
class UnreadCells:
    """What python-calamine does not show of a sheet; rows and columns are counted from 0.

    texts: errors such as #N/A, and formulas for whose result the file has no place, {row: {column: text}}.
    shown_as_codes: the columns of numbers that are shown with leading zeros or an exponent, by row.
    empty_count: formulas with an empty result, which are blank cells, that may never have been computed.
    """

    texts: Mapping[int, Mapping[int, str]]
    shown_as_codes: Mapping[int, list[int]]
    empty_count: int


class WorkbookParts:
    """An Excel workbook as an archive of parts. Raises UnreadableFile when it is damaged or far too large."""

    def __init__(self, content: bytes) -> None:
        """Unpack every part once, in chunks, so that what is damaged is refused before it is parsed."""
        self._row_counts: dict[str, RowCounts] = {}
        try:
            self._archive = zipfile.ZipFile(io.BytesIO(content))
            parts = [part for part in self._archive.infolist() if part.filename.endswith((".xml", ".rels"))]
            self._names = {part.filename for part in parts}
            if _BOOK_PART not in self._names:
                raise UnreadableFile(_NOT_A_WORKBOOK)
            if len(parts) > MAX_PARTS or sum(part.file_size for part in parts) > MAX_UNPACKED_BYTES:
                raise UnreadableFile(_TOO_LARGE)
            for name in _INDEX_PARTS & self._names:
                for _ in self._read_checked(name):
                    pass
            self._sheet_parts = self._find_sheet_parts()
            for name in self._names - _INDEX_PARTS:
                self._check_part(name)
        except UnreadableFile:
            raise
        except _UNPACK_ERRORS as exc:
            raise UnreadableFile(DAMAGED) from exc

    def count_rows(self, sheet_name: str) -> RowCounts:
        """Return the numbers of rows of a sheet, 0 when its part is not where such parts are."""
        return self._row_counts.get(self._sheet_parts.get(sheet_name, ""), RowCounts())

    def read_first_rows(self, sheet_name: str, count: int) -> list[list[str]]:
        """Return the texts of the first rows that are not blank, with numbers as the file has them."""
        if sheet_name not in self._sheet_parts:
            return []
        with self._archive.open(self._sheet_parts[sheet_name]) as part:
            rows = list(islice(filter(None, map(_read_values, _iterate_rows(part))), count))
        wanted = {int(text) for row in rows for kind, text in row.values() if kind == "s" and text.isdigit()}
        shared = self._read_shared_texts(wanted)
        return [[_resolve(row.get(place, ("", "")), shared) for place in range(max(row) + 1)] for row in rows]

    def read_unread_cells(self, sheet_name: str) -> UnreadCells:
        """Return what python-calamine does not show of the cells of a sheet."""
        texts: dict[int, dict[int, str]] = {}
        formatted: dict[int, list[int]] = {}
        empty_count = 0
        styles = self._find_code_styles()
        if sheet_name in self._sheet_parts:
            with self._archive.open(self._sheet_parts[sheet_name]) as part:
                for cell in (cell for row in _iterate_rows(part) for cell in row):
                    text = _format_unread_cell(cell)
                    if text == "":
                        empty_count += 1
                    elif text is not None and (place := _find_place(cell)):
                        texts.setdefault(place[0], {})[place[1]] = text
                    if styles and _is_shown_as_code(cell, styles) and (place := _find_place(cell)):
                        formatted.setdefault(place[0], []).append(place[1])
        return UnreadCells(texts, formatted, empty_count)

    def _find_code_styles(self) -> dict[str, int]:
        """Return the styles with leading zeros, such as 00000, and how many; 0 is for numbers with an exponent."""
        if _STYLES_PART not in self._names:
            return {}
        codes: dict[str | None, str] = {}
        found: dict[str, int] = {}
        is_of_cells, place = False, 0
        with self._archive.open(_STYLES_PART) as part:
            for event, element in ElementTree.iterparse(part, ("start", "end")):  # noqa: S314
                match event, _local_name(element):
                    case "end", "numFmt":
                        codes[element.get("numFmtId")] = element.get("formatCode", "")
                    case _, "cellXfs":
                        is_of_cells = event == "start"
                    case "end", "xf" if is_of_cells:
                        code = codes.get(element.get("numFmtId"), "")
                        if _LEADING_ZEROS.fullmatch(code):
                            found[str(place)] = len(code)
                        elif element.get("numFmtId") in _EXPONENT_FORMATS or "E+" in code:
                            found[str(place)] = 0
                        place += 1
                if event == "end":
                    element.clear()
        return found

    def _read_checked(self, name: str) -> Iterator[bytes]:
        """Yield a part in chunks of UTF-8. zipfile unpacks no more than the declared size, and compares the checksum.

        Raises UnreadableFile for entities, which no spreadsheet program writes.
        """
        decoder = None
        end = b""
        with self._archive.open(name) as part:
            while chunk := part.read(_CHUNK_BYTES):
                if not end and chunk.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                    decoder = codecs.getincrementaldecoder("utf-16")()
                text = decoder.decode(chunk).encode("utf-8", "surrogatepass") if decoder else chunk
                if _ENTITY_DECLARATION.search(end + text):
                    raise UnreadableFile(DAMAGED)
                end = text[-len(b"<!DOCTYPE") :]
                yield text

    def _check_part(self, name: str) -> None:
        """Read a part to its end, and count its rows if it is that of a sheet."""
        chunks = self._read_checked(name)
        if name in self._sheet_parts.values():
            self._row_counts[name] = _count_rows(chunks)
            if sum(counts.filled for counts in self._row_counts.values()) > MAX_RECORDS:
                raise UnreadableFile(_TOO_LARGE)
        for _ in chunks:
            pass

    def _find_sheet_parts(self) -> dict[str, str]:
        """Return the part of each sheet, without those that are not where such parts are."""
        try:
            book = ElementTree.fromstring(self._archive.read(_BOOK_PART))  # noqa: S314
            relations = ElementTree.fromstring(self._archive.read(_RELATIONS_PART))  # noqa: S314
        except (ElementTree.ParseError, KeyError):
            return {}
        targets = {relation.get("Id"): relation.get("Target", "") for relation in relations}
        parts = {}
        for element in book.iter():
            if _local_name(element) == "sheet":
                ids = [value for name, value in element.items() if name.endswith("}id")]
                target = targets.get(ids[0], "") if ids else ""
                part_name = target.lstrip("/") if target.startswith("/") else f"xl/{target}"
                if part_name in self._names:
                    parts[element.get("name", "")] = part_name
        return parts

    def _read_shared_texts(self, wanted: set[int]) -> Mapping[int, str]:
        """Return the texts with these places among those that cells share."""
        texts: dict[int, str] = {}
        if wanted and _SHARED_TEXTS_PART in self._names:
            with self._archive.open(_SHARED_TEXTS_PART) as part:
                for place, element in enumerate(_iterate_elements(part, "si")):
                    if place in wanted:
                        texts[place] = _join_texts(element)
                    if len(texts) == len(wanted):
                        break
        return texts


def _count_rows(chunks: Iterator[bytes]) -> RowCounts:
    """Count the rows in the XML of a sheet. Raises UnreadableFile for more than a file may have."""
    filled_count = hidden_count = 0
    rest, is_filled, is_hidden = b"", False, False
    for chunk in chunks:
        content = rest + chunk
        *rows, rest = _ROW_END.split(content) if b":row>" in content else content.split(b"</row>")
        if filled_count > MAX_RECORDS:
            raise UnreadableFile(_TOO_LARGE)
        for row in rows:
            if is_filled or _is_filled(row):
                filled_count += 1
                hidden_count += is_hidden or _is_hidden(row)
            is_filled = is_hidden = False
        if len(rest) > _MAX_ROW_BYTES:
            is_filled = is_filled or _is_filled(rest)
            is_hidden = is_hidden or _is_hidden(rest)
            rest = rest[-_MAX_ROW_TAG_BYTES:]
    return RowCounts(filled_count, hidden_count)


def _is_filled(row: bytes) -> bool:
    place = row.find(b"<v>")  # nearly every row of nearly every program
    if place >= 0 and row[place + 3 : place + 4] not in (b"<", b""):
        return True
    return bool(_FILLED_CELL.search(row))


def _is_hidden(row: bytes) -> bool:
    return b"hidden" in row and bool(_HIDDEN_ROW.search(row))


def _iterate_elements(part: IO[bytes], name: str) -> Iterator[ElementTree.Element]:
    """Yield the elements of this name. Each is emptied once it was read, so memory does not grow with the part."""
    for _, element in ElementTree.iterparse(part):  # noqa: S314
        if element.tag.endswith(f"}}{name}"):
            yield element
            element.clear()


def _iterate_rows(part: IO[bytes]) -> Iterator[ElementTree.Element]:
    return _iterate_elements(part, "row")


def _read_values(row: ElementTree.Element) -> dict[int, tuple[str, str]]:
    """Return type and text of each cell of a row that is not blank, by its column from 0 on."""
    values = {}
    for number, cell in enumerate(row):
        place = _find_place(cell)
        column = place[1] if place else number
        text = next((child.text or "" for child in cell if _local_name(child) == "v"), "")
        if cell.get("t") == "inlineStr":
            text = _join_texts(cell)
        if text.strip():
            values[column] = cell.get("t", ""), text
    return values


def _resolve(value: tuple[str, str], shared: Mapping[int, str]) -> str:
    kind, text = value
    return shared.get(int(text), "") if kind == "s" and text.isdigit() else text


def _join_texts(element: ElementTree.Element) -> str:
    """Return the text of a shared or inline string, without the pronunciation that may be beside it."""
    pronounced = {id(text) for child in element.iter() if _local_name(child) == "rPh" for text in child.iter()}
    return "".join(
        each.text or "" for each in element.iter() if _local_name(each) == "t" and id(each) not in pronounced
    )


def _format_unread_cell(cell: ElementTree.Element) -> str | None:
    """Return the error or the formula without a result that a cell holds, or None for any other cell.

    It is "" for a formula with an empty result that is not marked as text (t="str"), as Excel marks one.
    """
    is_error = cell.get("t") == "e"
    if not is_error and (len(cell) == 0 or cell[0].tag.endswith("}v")):
        return None  # nearly every cell: a value and no formula
    texts = {_local_name(child): child.text or "" for child in cell}
    if is_error:
        return texts.get("v") or None
    if "f" not in texts or texts.get("v") or cell.get("t") == "str":
        return None
    return "" if "v" in texts else f"={texts['f']}"


def _is_shown_as_code(cell: ElementTree.Element, styles: Mapping[str, int]) -> bool:
    """Return whether a cell shows 00042 or 1.20E+04 and holds the number 42 or 12000."""
    digits = styles.get(cell.get("s", ""))
    if digits is None or cell.get("t", "n") != "n":
        return False
    value = next((child.text or "" for child in cell if _local_name(child) == "v"), "")
    return bool(value) if digits == 0 else value.isdigit() and len(value) < digits


def _find_place(cell: ElementTree.Element) -> tuple[int, int] | None:
    """Return row and column of a cell, both counted from 0, or None without a reference."""
    place = _CELL_REFERENCE.fullmatch(cell.get("r", ""))
    return (int(place[2]) - 1, _column_index(place[1])) if place else None


def _local_name(element: ElementTree.Element) -> str:
    """Return the name without its namespace, which differs between the two editions of the standard."""
    return element.tag.rpartition("}")[2]


def _column_index(letters: str) -> int:
    """Return 0 for A, 1 for B, 26 for AA."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1

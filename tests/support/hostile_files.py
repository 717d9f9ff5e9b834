"""Files of sales that make a reader work: each within the size of an upload, and much larger once it is read."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from functools import partial

from tests.support import seller_files
from tests.support.sales_file import sale, sales_csv

MAX_BYTES = 25 * 1024 * 1024
SHEET = "xl/worksheets/sheet1.xml"
STRINGS = "xl/sharedStrings.xml"
HEADER = sales_csv(sale("Table")).splitlines(keepends=True)[0]


def change_part(content: bytes, part: str, change: Callable[[bytes], bytes]) -> bytes:
    """Return the workbook with one of its parts changed."""
    result = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(result, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, change(old.read(name)) if name == part else old.read(name))
    return result.getvalue()


def make_workbook(rows: bytes, strings: bytes = b"") -> bytes:
    """Return a workbook with these rows below its header, as XML, and one more shared text, the third."""
    plain = seller_files.to_workbook([["ticket_type", "notes"]])
    content = change_part(plain, SHEET, lambda xml: xml.replace(b"</sheetData>", rows + b"</sheetData>"))
    return change_part(content, STRINGS, lambda xml: xml.replace(b"</sst>", b"<si><t>" + strings + b"</t></si></sst>"))


def fill(line: bytes) -> bytes:
    return line * ((MAX_BYTES - 1000) // len(line))


def make_largest_sales(**cells: object) -> bytes:
    """Return 50,000 sales in a file of nearly 25 MB."""
    rows = [
        sale(
            "Table",
            external_sale_id=f"EXT-{row}",
            purchaser_email=f"d{row}@example.org",
            **{"notes": "n" * 350} | cells,
        )
        for row in range(50_000)
    ]
    return sales_csv(*rows)[:MAX_BYTES].rpartition(b"\n")[0]


def make_wide_csv(columns: int, cell: str, rows: int = 50_000) -> bytes:
    line = ",".join([cell] * columns).encode() + b"\n"
    header = ",".join(f"c{number}" for number in range(columns)).encode() + b"\n"
    return header + line * min(rows, (MAX_BYTES - len(header)) // len(line))


_CELL = b'<c r="A%d" t="s"><v>2</v></c>'
_LONG_TEXT_ROWS = b"".join(b'<row r="%d">' % row + _CELL % row + b"</row>" for row in range(2, 50_000))

HOSTILE_FILES: dict[str, Callable[[], bytes]] = {
    "far cell.xlsx": partial(make_workbook, b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'),
    "long text in many cells.xlsx": lambda: make_workbook(_LONG_TEXT_ROWS, b"x" * 1_000_000),
    "long cell reference.xlsx": lambda: make_workbook(
        b'<row r="2"><c r="%s1" t="e"><v>#N/A</v></c></row>' % (b"A" * 3_000_000)
    ),
    "many rows.xlsx": lambda: make_workbook(b"<row><c><v>1</v></c></row>" * 10_000_000),
    "many cells.xlsx": lambda: make_workbook(b"<row>" + b"<c><v>1</v></c>" * 15_000_000 + b"</row>"),
    "many texts.xlsx": lambda: make_workbook(b"", b"</t></si><si><t>".join([b"x"] * 15_000_000)),
    "text of 300 MB.xlsx": lambda: make_workbook(b'<row r="2">' + _CELL % 2 + b"</row>", b"x" * 300_000_000),
    "commas.csv": lambda: b"," * MAX_BYTES,
    "commas below a header.csv": lambda: HEADER + b"," * (MAX_BYTES - 1000),
    "rows of 500 commas.csv": lambda: HEADER + fill(b"," * 500 + b"\n"),
    "rows of 499 ones.csv": lambda: make_wide_csv(500, "1"),
    "five million cells.csv": lambda: make_wide_csv(100, "abc"),
    "line ends.csv": lambda: HEADER + b"\n" * (MAX_BYTES - 1000),
    "short rows.csv": lambda: HEADER + fill(b"a\n"),
    "quotation mark.csv": lambda: HEADER + b'"' + b"x\n" * (MAX_BYTES // 2 - 1000),
    "one line.csv": lambda: b"x" * MAX_BYTES,
    "one line with an emoji.csv": lambda: HEADER + "😀".encode() + b"x" * (MAX_BYTES - 1000),
    "dates that nearly match.csv": lambda: (
        b"purchase_date,total\n" + fill(b"mon" + b"a" * 30_000 + b"," + b" 1" * 15_000 + b"\n")
    ),
    "wrong in every row.csv": lambda: make_largest_sales(ticket_type="Tabel", quantity="six", total_amount="x"),
    "largest.csv": make_largest_sales,
    "empty lists.json": lambda: b"[" + b"[]," * (MAX_BYTES // 3 - 10) + b"[]]",
    "empty lists in a record.json": lambda: b'[{"a":[' + b"[]," * (MAX_BYTES // 3 - 10) + b"[]]}]",
    "brackets.json": lambda: b"[" * MAX_BYTES,
    "text with an emoji.json": lambda: '[{"a": "😀'.encode() + b"x" * (MAX_BYTES - 100) + b'"}]',
    "long keys.json": lambda: (
        b"[" + b",".join(b'{"' + b"k" * 900_000 + b'%d": 1}' % number for number in range(28)) + b"]"
    ),
    "many keys.json": lambda: json.dumps([{f"k{number}": 1 for number in range(50_000)}] * 40).encode(),
    "records.json": lambda: b"[" + fill(b'{"ticket_type": "Table", "notes": "x"},')[:-1] + b"]",
}  # fmt: skip

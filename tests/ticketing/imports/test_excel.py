"""Excel workbooks: the values of cells, and files that are damaged, protected or malicious."""

import io
import zipfile
from datetime import date, datetime, time
from decimal import Decimal

import pytest
import xlsxwriter

from tests.support import seller_files
from ticketing.errors import InvalidInput
from ticketing.file_reader.workbook_parts import MAX_UNPACKED_BYTES
from ticketing.imports import excel
from ticketing.imports.files import OLE_SIGNATURE, read

pytestmark = pytest.mark.system  # each workbook is read in a process of its own


def read_cells(*values, **options):
    """Return what a row of these values is read as."""
    return read("x.xlsx", seller_files.to_workbook([["header"] * len(values), values], **options)).records[0][1]


def get_refusal(content, name="x.xlsx"):
    with pytest.raises(InvalidInput) as refused:
        read(name, content)
    return refused.value.fields["file"]


def change_part(content, part, change):
    """Return the workbook with one of its parts changed."""
    result = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(result, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, change(old.read(name)) if name == part else old.read(name))
    return result.getvalue()


SHEET = "xl/worksheets/sheet1.xml"
PLAIN = seller_files.to_workbook([["ticket_type", "notes"], ["Table", "x"]])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1, "0.1"), (0.1 + 0.2, "0.3"), (1234.5, "1234.5"), (100, "100"), (99.99, "99.99"), (-5, "-5"), (0.0, "0"),
        (14572631913, "14572631913"), (2**53, "9007199254740992"),
        (2.0**54, "1.8014398509482e+16"), (1.125, "1.1250"), (True, "true"), ("00012", "00012"),
        ("1,234.50", "1,234.50"), ("1899-12-31", "1899-12-31"), ("=1+1", "=1+1"),
        (datetime(2026, 10, 1, 18, 30, 7), "2026-10-01T18:30:07"), (datetime(2026, 10, 1), "2026-10-01"),
        (date(2026, 2, 28), "2026-02-28"), (date(1900, 3, 1), "1900-03-01"),
    ],
)  # fmt: skip
def test_numbers_texts_and_dates_are_read_as_plain_text(value, text):
    assert read_cells(value) == [text]


def test_number_has_the_digits_that_excel_shows():
    content = seller_files.to_workbook([["total_amount"], [77]])
    sum_of_cents = change_part(content, SHEET, lambda xml: xml.replace(b"<v>77</v>", b"<v>0.30000000000000004</v>"))
    assert read("x.xlsx", sum_of_cents).records == ((2, ["0.3"]),)


def test_time_of_day_is_read():
    assert read_cells(time(18, 30, 7), default_date_format="hh:mm:ss") == ["18:30:07"]


def test_every_second_of_a_day_is_read_exactly():
    moments = [
        datetime(2026, 10, 1, second // 3600, second // 60 % 60, second % 60) for second in range(1, 86_400, 317)
    ]
    assert read_cells(*moments) == [moment.isoformat() for moment in moments]


def test_dates_counted_from_1904_are_the_same_days():
    assert read_cells(datetime(2026, 10, 1, 18, 30), date_1904=True) == ["2026-10-01T18:30:00"]


def test_rows_have_the_numbers_that_excel_shows():
    content = seller_files.to_workbook([[], ["ticket_type", "notes"], [], ["Table", "x"], ["", ""], ["Couple", "y"]])
    table = read("x.xlsx", content)
    assert (table.header, table.records) == (
        ("ticket_type", "notes"), ((4, ["Table", "x"]), (6, ["Couple", "y"])),
    )  # fmt: skip


def write_sheet(fill):
    content = io.BytesIO()
    with xlsxwriter.Workbook(content) as workbook:
        sheet = workbook.add_worksheet()
        sheet.write_row(0, 0, ["a", "b", "c"])
        fill(sheet)
    return content.getvalue()


def test_formula_is_read_as_its_result_or_without_one_as_its_text():
    content = write_sheet(
        lambda sheet: [sheet.write_formula(1, n, "=SUM(1,1)", value=v) for n, v in enumerate((77, "two"))]
    )
    assert read("x.xlsx", content).records == ((2, ["77", "two", ""]),)
    without = change_part(content, SHEET, lambda xml: xml.replace(b"<v>77</v>", b""))
    assert read("x.xlsx", without).records == ((2, ["=SUM(1,1)", "two", ""]),)


@pytest.mark.parametrize("value", [b"<v></v>", b"<v/>"])
@pytest.mark.parametrize("kind", [b"", b' t="str"', b' t="n"'])
def test_formula_with_an_empty_result_is_empty(kind, value):
    content = write_sheet(lambda sheet: sheet.write_formula(1, 0, "=A9", value=77) or sheet.write(1, 1, "x"))
    empty = change_part(content, SHEET, lambda xml: xml.replace(b'"A2"', b'"A2"' + kind).replace(b"<v>77</v>", value))
    table = read("x.xlsx", empty)
    assert table.records == ((2, ["", "x", ""]),)
    assert len(table.notices) == (0 if kind == b' t="str"' else 1)


def test_error_cell_is_not_blank():
    content = write_sheet(lambda sheet: sheet.write_formula(1, 1, "=1/0", value="#DIV/0!") or sheet.write(1, 0, "x"))
    assert read("x.xlsx", content).records == ((2, ["x", "#DIV/0!", ""]),)


def test_error_cell_is_found_with_its_attributes_in_any_order():
    content = write_sheet(lambda sheet: sheet.write_formula(1, 1, "=1/0", value="#DIV/0!"))
    reordered = change_part(content, SHEET, lambda xml: xml.replace(b'<c r="B2" t="e">', b'<c t="e" r="B2">'))
    assert reordered != content
    assert read("x.xlsx", reordered).records == ((2, ["", "#DIV/0!", ""]),)


def test_merged_cells_have_their_value_in_the_first():
    table = read("x.xlsx", write_sheet(lambda sheet: sheet.merge_range(1, 0, 2, 1, "Table") or sheet.write(2, 2, "x")))
    assert table.records == ((2, ["Table", "", ""]), (3, ["", "", "x"]))


@pytest.mark.parametrize("name", ["sales.csv", "sales.json", "sales", "sales.xls"])
def test_workbook_is_recognized_whatever_its_name(name):
    assert read(name, PLAIN).records == ((2, ["Table", "x"]),)


def test_csv_file_named_as_a_workbook_is_read():
    assert read("sales.xlsx", b"ticket_type,notes\nTable,x\n").records == ((2, ["Table", "x"]),)


def test_workbook_without_rows_is_refused():
    assert (
        get_refusal(seller_files.to_workbook([]))
        == "This file is empty. Choose a file with a header and at least one row."
    )
    assert "a header and no rows" in get_refusal(seller_files.to_workbook([["ticket_type"]]))


def test_protected_and_old_workbooks_are_refused_with_advice():
    assert "password" in get_refusal(OLE_SIGNATURE + bytes(500) + "EncryptedPackage".encode("utf-16-le"))
    assert "old Excel format (.xls)" in get_refusal(OLE_SIGNATURE + bytes(500))


@pytest.mark.parametrize(
    "content",
    [PLAIN[:200], PLAIN[:-30], b"PK\x03\x04", PLAIN[:300] + bytes(50) + PLAIN[350:],
     change_part(PLAIN, SHEET, lambda xml: xml[:-40]), change_part(PLAIN, "xl/workbook.xml", lambda _: b"<nothing")],
    ids=["beginning", "no end", "four bytes", "overwritten", "cut sheet", "no workbook"],
)  # fmt: skip
def test_damaged_workbook_is_refused(content):
    assert "cannot be read: it is damaged" in get_refusal(content)


def test_other_zip_archive_is_refused():
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("word/document.xml", "<w/>")
    assert "not an Excel workbook" in get_refusal(content.getvalue())


def test_zip_bomb_is_not_unpacked():
    bomb = change_part(PLAIN, "xl/styles.xml", lambda _: bytes(MAX_UNPACKED_BYTES))
    assert len(bomb) < 1_000_000
    assert "too large once unpacked" in get_refusal(bomb)


def test_zip_bomb_with_a_false_size_is_refused():
    content = change_part(PLAIN, "xl/styles.xml", lambda _: bytes(5_000_000))
    assert "damaged" in get_refusal(content.replace((5_000_000).to_bytes(4, "little"), (5_000).to_bytes(4, "little")))


def test_entities_are_refused_before_parsing():
    entity = b'<!DOCTYPE x [<!ENTITY a "aaaa">]>'
    content = change_part(PLAIN, SHEET, lambda xml: xml.replace(b"<worksheet", entity + b"<worksheet"))
    assert "damaged" in get_refusal(content)


@pytest.mark.parametrize(("part", "root"), [(SHEET, "worksheet"), ("xl/workbook.xml", "workbook")])
def test_entities_that_multiply_are_refused_in_an_encoding_that_hides_them(part, root):
    """A billion laughs in UTF-16, which the search for entities before parsing does not see."""
    entities = "".join(f"<!ENTITY e{n} '{f'&e{n - 1};' * 10}'>" for n in range(1, 10))

    def add_bomb(xml):
        text = xml.decode().replace("UTF-8", "UTF-16").replace(f"</{root}>", f"<x>&e9;</x></{root}>")
        return text.replace(f"<{root} ", f"<!DOCTYPE x [<!ENTITY e0 'lol'>{entities}]><{root} ", 1).encode("utf-16")

    assert "cannot be read" in get_refusal(change_part(PLAIN, part, add_bomb))


def test_cell_at_the_far_end_of_the_sheet_does_not_exhaust_memory():
    far = change_part(
        PLAIN,
        SHEET,
        lambda xml: xml.replace(b"</sheetData>", b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'),
    )
    assert "cells far outside the table" in get_refusal(far)


def test_long_text_that_many_cells_repeat_does_not_exhaust_memory():
    text = b"<t>" + b"x" * 1_000_000 + b"</t>"
    rows = b"".join(b'<row r="%d"><c r="A%d" t="s"><v>0</v></c></row>' % (row, row) for row in range(3, 5_000))
    repeated = change_part(PLAIN, "xl/sharedStrings.xml", lambda xml: xml.replace(b"<t>ticket_type</t>", text))
    assert "cannot be read" in get_refusal(
        change_part(repeated, SHEET, lambda xml: xml.replace(b"</sheetData>", rows + b"</sheetData>"))
    )


def test_written_workbook_has_no_formulas_and_reads_back_unchanged():
    header = ("ticket_type", "quantity", "total_amount", "purchase_date", "notes")
    moment = datetime(2026, 10, 1, 18, 30, 7)
    content = excel.write(
        header, [["=1+1", 3, Decimal("1234.50"), moment, ""], ["+1 guest", 1, Decimal(0), moment, "@x"]]
    )
    table = read("x.xlsx", content)
    assert table.header == header
    assert [row for _, row in table.records] == [
        ["=1+1", "3", "1234.5", "2026-10-01T18:30:07", ""], ["+1 guest", "1", "0", "2026-10-01T18:30:07", "@x"],
    ]  # fmt: skip
    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        assert b"<f>" not in parts.read(SHEET)

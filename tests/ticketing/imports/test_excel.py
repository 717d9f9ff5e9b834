"""Excel workbooks: what cells say, and files that are broken, locked or meant to do harm."""

import io
import zipfile
from datetime import date, datetime, time
from decimal import Decimal

import pytest
import xlsxwriter

from tests.support import seller_files
from ticketing.errors import InvalidInput
from ticketing.imports import excel
from ticketing.imports.excel import MAX_UNPACKED_BYTES, OLE_SIGNATURE
from ticketing.imports.files import read

pytestmark = pytest.mark.system  # each workbook is read in a process of its own


def cells(*values, **options):
    """What one row of such values is read as."""
    return read("x.xlsx", seller_files.to_workbook([["header"] * len(values), values], **options)).records[0][1]


def refusal(content, name="x.xlsx"):
    with pytest.raises(InvalidInput) as refused:
        read(name, content)
    return refused.value.fields["file"]


def changed(content, part, change):
    """The same workbook with one of its parts changed."""
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
        (14572631913, "14572631913"), (999999999999999, "999999999999999"), (True, "true"), ("00012", "00012"),
        ("1,234.50", "1,234.50"), ("1899-12-31", "1899-12-31"), ("=1+1", "=1+1"),
        (datetime(2026, 10, 1, 18, 30, 7), "2026-10-01T18:30:07"), (datetime(2026, 10, 1), "2026-10-01"),
        (date(2026, 2, 28), "2026-02-28"), (date(1900, 3, 1), "1900-03-01"),
    ],
)  # fmt: skip
def test_numbers_texts_and_dates_are_read_as_an_import_takes_them(value, text):
    assert cells(value) == [text]


def test_a_number_is_what_excel_shows_of_it_and_not_its_binary_fraction():
    content = seller_files.to_workbook([["total_amount"], [77]])
    sum_of_cents = changed(content, SHEET, lambda xml: xml.replace(b"<v>77</v>", b"<v>0.30000000000000004</v>"))
    assert read("x.xlsx", sum_of_cents).records == ((2, ["0.3"]),)


def test_a_time_of_day_is_one():
    assert cells(time(18, 30, 7), default_date_format="hh:mm:ss") == ["18:30:07"]


def test_every_second_of_a_day_is_read_as_it_was_written():
    moments = [
        datetime(2026, 10, 1, second // 3600, second // 60 % 60, second % 60) for second in range(1, 86_400, 317)
    ]
    assert cells(*moments) == [moment.isoformat() for moment in moments]


def test_dates_that_count_from_1904_are_the_same_days():
    assert cells(datetime(2026, 10, 1, 18, 30), date_1904=True) == ["2026-10-01T18:30:00"]


def test_rows_have_the_numbers_that_excel_shows():
    content = seller_files.to_workbook([[], ["ticket_type", "notes"], [], ["Table", "x"], ["", ""], ["Couple", "y"]])
    table = read("x.xlsx", content)
    assert (table.header, table.records) == (
        ("ticket_type", "notes"), ((4, ["Table", "x"]), (6, ["Couple", "y"])),
    )  # fmt: skip


def test_the_first_visible_sheet_with_rows_is_read():
    def book(hidden):
        content = io.BytesIO()
        with xlsxwriter.Workbook(content) as made:
            for place, words in enumerate(([], ["A note"], ["ticket_type", "Table"], ["ticket_type", "Other"])):
                sheet = made.add_worksheet()
                if place == 3:
                    sheet.activate()
                sheet.write_column(0, 0, words)
                if place == hidden:
                    sheet.hide()
        return read("x.xlsx", content.getvalue()).records

    assert book(hidden=None) == ((2, ["Table"]),)
    assert book(hidden=2) == ((2, ["Other"]),)


def written(fill):
    content = io.BytesIO()
    with xlsxwriter.Workbook(content) as made:
        sheet = made.add_worksheet()
        sheet.write_row(0, 0, ["a", "b", "c"])
        fill(sheet)
    return content.getvalue()


def test_a_formula_is_its_result_and_one_without_a_result_is_told_as_what_it_is():
    content = written(
        lambda sheet: [sheet.write_formula(1, n, "=SUM(1,1)", value=v) for n, v in enumerate((77, "two"))]
    )
    assert read("x.xlsx", content).records == ((2, ["77", "two", ""]),)
    without = changed(content, SHEET, lambda xml: xml.replace(b"<v>77</v>", b""))
    assert read("x.xlsx", without).records == ((2, ["=SUM(1,1)", "two", ""]),)


def test_an_error_is_not_a_blank():
    content = written(lambda sheet: sheet.write_formula(1, 1, "=1/0", value="#DIV/0!") or sheet.write(1, 0, "x"))
    assert read("x.xlsx", content).records == ((2, ["x", "#DIV/0!", ""]),)


def test_of_merged_cells_the_first_has_the_value_and_the_others_are_blank():
    table = read("x.xlsx", written(lambda sheet: sheet.merge_range(1, 0, 2, 1, "Table") or sheet.write(2, 2, "x")))
    assert table.records == ((2, ["Table", "", ""]), (3, ["", "", "x"]))


@pytest.mark.parametrize("name", ["sales.csv", "sales.json", "sales", "sales.xls"])
def test_a_workbook_is_one_whatever_its_name_says(name):
    assert read(name, PLAIN).records == ((2, ["Table", "x"]),)


def test_a_csv_file_that_is_called_a_workbook_is_read_all_the_same():
    assert read("sales.xlsx", b"ticket_type,notes\nTable,x\n").records == ((2, ["Table", "x"]),)


def test_a_workbook_that_is_empty_or_has_only_a_header_is_refused():
    assert (
        refusal(seller_files.to_workbook([])) == "This file is empty. Choose a file with a header and at least one row."
    )
    assert "a header and no rows" in refusal(seller_files.to_workbook([["ticket_type"]]))


def test_a_protected_workbook_and_one_of_an_old_excel_are_refused_with_the_way_out():
    assert "password" in refusal(OLE_SIGNATURE + bytes(500) + "EncryptedPackage".encode("utf-16-le"))
    assert "old Excel (.xls)" in refusal(OLE_SIGNATURE + bytes(500))


@pytest.mark.parametrize(
    "content",
    [PLAIN[:200], PLAIN[:-30], b"PK\x03\x04", PLAIN[:300] + bytes(50) + PLAIN[350:],
     changed(PLAIN, SHEET, lambda xml: xml[:-40]), changed(PLAIN, "xl/workbook.xml", lambda _: b"<nothing")],
    ids=["beginning", "no end", "four bytes", "overwritten", "cut sheet", "no workbook"],
)  # fmt: skip
def test_a_damaged_workbook_is_refused(content):
    assert "cannot be read: it is damaged" in refusal(content)


def test_another_archive_is_not_taken_for_a_workbook():
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("word/document.xml", "<w/>")
    assert "not an Excel workbook" in refusal(content.getvalue())


def test_a_bomb_is_not_unpacked():
    bomb = changed(PLAIN, "xl/styles.xml", lambda _: bytes(MAX_UNPACKED_BYTES))
    assert len(bomb) < 1_000_000
    assert "too large when it is unpacked" in refusal(bomb)


def test_a_bomb_that_lies_about_its_size_is_not_unpacked_further_than_it_says():
    content = changed(PLAIN, "xl/styles.xml", lambda _: bytes(5_000_000))
    assert "damaged" in refusal(content.replace((5_000_000).to_bytes(4, "little"), (5_000).to_bytes(4, "little")))


def test_entities_are_refused_before_anything_reads_them():
    entity = b'<!DOCTYPE x [<!ENTITY a "aaaa">]>'
    assert "damaged" in refusal(changed(PLAIN, SHEET, lambda xml: xml.replace(b"<worksheet", entity + b"<worksheet")))


def test_one_cell_at_the_far_end_of_the_sheet_does_not_take_the_memory_of_the_server():
    far = changed(
        PLAIN,
        SHEET,
        lambda xml: xml.replace(b"</sheetData>", b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'),
    )
    assert "cells far outside the table" in refusal(far)


def test_a_text_that_is_repeated_without_end_does_not_take_the_memory_of_the_server():
    text = b"<t>" + b"x" * 1_000_000 + b"</t>"
    rows = b"".join(b'<row r="%d"><c r="A%d" t="s"><v>0</v></c></row>' % (row, row) for row in range(3, 5_000))
    repeated = changed(PLAIN, "xl/sharedStrings.xml", lambda xml: xml.replace(b"<t>ticket_type</t>", text))
    assert "cannot be read" in refusal(
        changed(repeated, SHEET, lambda xml: xml.replace(b"</sheetData>", rows + b"</sheetData>"))
    )


def test_what_is_written_runs_no_formula_and_comes_back_as_it_was():
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

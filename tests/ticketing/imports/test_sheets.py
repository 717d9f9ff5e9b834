"""Workbooks of several sheets: which are read, which are reported, and how their rows are called."""

from __future__ import annotations

import io

import pytest
import xlsxwriter

from tests.support.sales_file import read_table, sale, sales_csv
from tests.support.workbooks import make_workbook, sheet
from ticketing.errors import InvalidInput
from ticketing.imports.table import SheetRow

pytestmark = pytest.mark.system  # the content of the workbooks is generated

HEADER = ["ticket_type", "purchaser_name", "purchaser_email"]
OTHER = ["Fee", "Reason", "Order number"]


def read(content: bytes, *names: str):
    return read_table("sales.xlsx", content, names)


def list_rows(table) -> list[tuple[str, str]]:
    return [(str(row), cells[0]) for row, cells in table.records]


def get_refusal(content: bytes, *names: str) -> str:
    with pytest.raises(InvalidInput) as refused:
        read(content, *names)
    return refused.value.fields["file"]


MONTHS = {"October": sheet(HEADER, ["O1"], ["O2"]), "November": sheet(HEADER, [], ["N1"])}
FEES = {"Fees": sheet(OTHER, ["1"], ["2"])}


def test_sheets_with_the_same_header_are_read_together():
    table = read(make_workbook(**MONTHS))
    assert list_rows(table) == [("2 of October", "O1"), ("3 of October", "O2"), ("3 of November", "N1")]
    assert [(each.name, each.rows, each.is_read) for each in table.sheets] == [
        ("October", 2, True), ("November", 1, True),
    ]  # fmt: skip


def test_sheets_that_know_fewer_columns_are_listed_and_not_read():
    table = read(make_workbook(**FEES, **MONTHS, Notes=sheet(["A note"]), Empty=sheet()))
    assert [(each.name, each.rows, each.is_read, each.header_number) for each in table.sheets] == [
        ("Fees", 2, False, 0), ("October", 2, True, 1), ("November", 1, True, 1),
    ]  # fmt: skip
    assert len(table.records) == 3


def test_first_visible_sheet_is_read_where_no_name_is_known():
    content = make_workbook(
        Empty=sheet(), Hidden=sheet(["a"], ["1"], hidden=True), One=sheet(["a"], ["2"]), Two=sheet(["a"], ["3"])
    )
    table = read(content)
    assert list_rows(table) == [("2", "2")]
    assert [each.name for each in table.sheets if not each.is_read] == ["Hidden", "Two"]


@pytest.mark.parametrize("names", [("November",), ("November", "October"), ("Fees",), ("Old",)])
def test_sheets_can_be_chosen(names):
    content = make_workbook(**MONTHS, **FEES, Old=sheet(HEADER, ["Z1"], hidden=True))
    table = read(content, *names)
    assert {each.name for each in table.sheets if each.is_read} == set(names)
    assert len(table.records) == sum(each.rows for each in table.sheets if each.is_read)


def test_choice_that_cannot_be_read_is_refused():
    content = make_workbook(**MONTHS, **FEES, Empty=sheet())
    assert get_refusal(content, "October", "Fees") == (
        "The sheets “October” and “Fees” have different columns. Import them one after the other."
    )
    assert get_refusal(content, "Empty") == "This workbook has no sheet “Empty” with rows."
    assert get_refusal(content, "Missing") == "This workbook has no sheet “Missing” with rows."


def test_workbook_with_rows_in_hidden_sheets_only_says_so():
    assert "are hidden" in get_refusal(make_workbook(Empty=sheet(), Old=sheet(HEADER, ["Z1"], hidden=True)))


def test_titles_above_the_header_of_each_sheet_are_skipped_and_shown():
    merged = sheet([], ["By Ana"], HEADER, ["O1"], merged="Gala 2026")
    table = read(make_workbook(October=merged))
    assert (table.header_row, list_rows(table)) == (3, [("4", "O1")])
    assert table.notices == ("Skipped 2 rows above the header: Gala 2026; By Ana.",)
    both = read(make_workbook(October=merged, November=sheet(["As of November"], HEADER, ["N1"])))
    assert list_rows(both) == [("4 of October", "O1"), ("3 of November", "N1")]
    assert both.notices == (
        "Skipped 3 rows above the header: October: Gala 2026; October: By Ana; November: As of November.",
    )
    assert [each.rows for each in both.sheets] == [1, 1]


def test_hidden_rows_are_reported_and_read():
    table = read(make_workbook(October=sheet(HEADER, ["O1"], ["O2"], ["O3"], hidden_rows=(1, 3))))
    assert len(table.records) == 3
    assert table.notices == ("2 rows are hidden in the sheet “October”, by a filter or by hand, and read as well.",)


def test_problems_of_rows_name_the_sheet():
    total = ["Total", "", "", 5]
    content = make_workbook(October=sheet([*HEADER, "quantity"], total), November=sheet([*HEADER, "quantity"], total))
    assert [str(row) for row in read(content).row_problems] == ["2 of October", "2 of November"]


def test_rows_of_sheets_sort_and_read_as_people_name_them():
    rows = [SheetRow(1, "November", 2), SheetRow(0, "October", 1_048_576), SheetRow(0, "October", 3)]
    assert [f"{row} {row:,}" for row in sorted(rows)] == [
        "3 of October 3 of October", "1048576 of October 1,048,576 of October", "2 of November 2 of November",
    ]  # fmt: skip


def test_sheet_with_texts_in_its_cells_is_counted():
    """Other programs than Excel write them so, instead of in a list that all cells share."""
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"constant_memory": True}) as book:
        for name in ("October", "November"):
            added = book.add_worksheet(name)
            added.write_row(0, 0, HEADER)
            added.write_row(1, 0, ["A", "B"])
    assert [each.rows for each in read(content.getvalue()).sheets] == [1, 1]


def test_csv_file_has_no_sheets():
    assert read_table("sales.csv", sales_csv(sale("Table"))).sheets == ()

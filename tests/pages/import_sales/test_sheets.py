"""The file step of an import of a workbook: its sheets are listed, and those to import are chosen."""

import pytest

from tests.support import make
from tests.support.import_screen import get_current_step, list_import_buttons, list_table_rows, upload
from tests.support.sales_file import sale, sales_csv
from tests.support.workbooks import make_workbook, sheet

pytestmark = pytest.mark.system  # each file is read in a process of its own

CHOICE, CONTINUE = "Sheets to import", "Continue with this file"


@pytest.fixture
def page(visit, event):
    make.package(event, name="Seat", price="100")
    return visit("import_sales", make.staff(event=event), event)


def month(*names, **more):
    rows = [sale("Seat", purchaser_name=name) for name in names]
    return sheet(list(rows[0]), *(list(row.values()) for row in rows), **more)


FEES = sheet(["Fee", "Reason", "Order"], ["1", "card", "A"])


@pytest.fixture
def workbook(page):
    content = make_workbook(October=month("O1", "O2"), November=month("N1", hidden_rows=[1]), Fees=FEES)
    return upload(page, content, "sales.xlsx")


def test_sheets_with_the_same_columns_are_proposed_and_imported_together(workbook):
    assert get_current_step(workbook) == "File"
    assert workbook.field(CHOICE).options == ["October · 2 rows", "November · 1 row", "Fees · 1 row"]
    assert workbook.value(CHOICE) == ["October", "November"]
    assert workbook.says("1 row is hidden in the sheet “November”, by a filter or by hand, and read as well.")
    workbook.click(CONTINUE)
    assert workbook.says("**sales.xlsx** · sheets October, November · 3 rows")
    assert workbook.says("Not read: sheet Fees (1 row).")
    workbook.click("Import 3 sales")
    assert workbook.says("3 sales imported from sales.xlsx.")


def test_one_sheet_can_be_imported_alone(workbook):
    workbook.enter(CHOICE, ["November"]).click(CONTINUE)
    assert list_import_buttons(workbook) == ["Import 1 sale"]
    workbook.click("Choose another file")
    assert workbook.value(CHOICE) == ["November"]


def test_sheets_with_different_columns_are_not_imported_together(workbook):
    workbook.enter(CHOICE, ["October", "Fees"])
    assert workbook.problem(CHOICE) == "October and Fees have different columns. Import them one after the other."
    assert workbook.field(CONTINUE).disabled
    workbook.enter(CHOICE, [])
    assert workbook.problem(CHOICE) == "Choose a sheet."
    assert get_current_step(workbook.enter(CHOICE, ["Fees"]).click(CONTINUE)) == "Columns"


def test_problem_names_the_sheet(page):
    content = make_workbook(October=month("O1"), November=sheet(list(sale("x")), list(sale("Nope").values())))
    upload(page, content, "sales.xlsx").click(CONTINUE)
    assert [(each["Row"], each["Column"]) for each in list_table_rows(page)] == [("2 of November", "ticket_type")]


def test_one_visible_sheet_needs_no_choice_and_hidden_ones_are_reported(page):
    upload(page, make_workbook(October=month("O1"), Old=month("Z1", hidden=True)), "sales.xlsx")
    assert get_current_step(page) == "Check and import"
    assert page.says("Old")
    page.click("Choose another file").enter(CHOICE, ["October", "Old"]).click(CONTINUE)
    assert list_import_buttons(page) == ["Import 2 sales"]


def test_lines_above_the_header_are_shown(page):
    upload(page, b"Gala 2026\n\n" + sales_csv(sale("Seat")))
    assert page.says("Skipped 1 row above the header: Gala 2026.")
    assert list_import_buttons(page) == ["Import 1 sale"]

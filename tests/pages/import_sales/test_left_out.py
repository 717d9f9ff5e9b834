"""Left-out columns in the second step of an import, and the figures after the check."""

import pytest

from tests.support.import_screen import (
    get_current_step,
    list_purchases,
    list_table_rows,
    seller_csv,
    seller_row,
    upload,
)
from tests.support.sales_file import sale, sales_csv

pytestmark = pytest.mark.system  # each file is read in a process of its own


class TestLeftOutColumns:
    TITLES = (
        "Order #",
        "Order Date",
        "First Name",
        "Last Name",
        "Email",
        "Ticket Type",
        "Qty",
        "Paid",
        "Refunded",
        "Net",
    )

    @pytest.fixture
    def refunds(self, page):
        rows = [(*seller_row("1"), "$1,100.00", "$1,050.00"), (*seller_row("2"), "", "$1,050.00")]
        return upload(page, seller_csv(*rows, titles=self.TITLES))

    def test_are_named_with_a_proposal_and_prevent_the_check(self, refunds):
        assert refunds.says("**Refunded** :gray[· refunds]")
        assert refunds.says("$1,100.00 · 1 row · proposed: these sales were refunded")
        assert refunds.value("What Refunded means") is None
        assert refunds.says("Still to choose: the meaning of 2 left-out columns.")
        assert refunds.field("Check the file").disabled

    def test_are_read_as_chosen_and_remembered(self, refunds, event):
        refunds.enter("What Refunded means", "refunded").enter("What Net means", "ignore")
        refunds.click("Check the file")
        assert refunds.says("2 rows read · 2 in sales to import")
        figures = [(row["Status"], row["Orders"], row["Total"]) for row in list_table_rows(refunds)]
        assert figures == [("Paid", "1", "$1,100.00"), ("Refunded", "1", "$1,100.00"), ("**All**", "2", "$2,200.00")]
        refunds.click("Import 2 sales")
        assert sorted(each.payment_status for each in list_purchases(event)) == ["completed", "refunded"]
        rows = [(*seller_row("3"), "", "$1,050.00"), (*seller_row("4"), "$1,100.00", "$1,050.00")]
        upload(refunds, seller_csv(*rows, titles=self.TITLES))
        assert refunds.value("What Refunded means") == "refunded"
        assert not refunds.field("Check the file").disabled

    def test_proposals_are_taken_with_one_click(self, refunds):
        refunds.click("Take the proposals for 2 columns")
        assert (refunds.value("What Refunded means"), refunds.value("What Net means")) == ("refunded", "ignore")
        assert not refunds.field("Check the file").disabled

    def test_column_that_a_field_takes_is_no_longer_left_out(self, refunds):
        refunds.enter("What Net means", "total_amount")
        assert refunds.value("Total paid ($)") == ["Net"]
        assert "What Net means" not in refunds.labels()
        assert "What Paid means" in refunds.labels()
        assert refunds.says("$1,050.00")

    def test_every_column_is_listed_with_what_it_is_taken_as(self, refunds):
        refunds.enter("What Refunded means", "refunded")
        assert refunds.says("10 columns · 1 left out")
        rows = {each["Column of the file"]: each["Taken as"] for each in list_table_rows(refunds)}
        assert (rows["Order #"], rows["Last Name"]) == ("Order number", "Purchaser's name")
        assert (rows["Refunded"], rows["Net"]) == ("Refunds", ":gray[Left out]")

    def test_hostile_title_and_cell_are_shown_as_text(self, page):
        hostile = "**Refund** ![i](https://evil.example/i.png) $y$"
        upload(page, seller_csv((*seller_row("1"), hostile), titles=(*self.TITLES[:8], hostile)))
        assert page.says("Still to choose: the meaning of 1 left-out column.")
        assert not any("![i](" in each.value for each in page.app.markdown)
        assert not any(
            "![i](" in str(cell) for row in page.app.table[0].value.to_dict("records") for cell in row.values()
        )

    def test_file_with_our_columns_is_asked_about_others(self, page, event, table):
        upload(page, sales_csv(sale(table) | {"refunded_amount": "100.00"}))
        assert get_current_step(page) == "Columns"
        page.enter("What refunded_amount means", "refunded").click("Check the file").click("Import 1 sale")
        assert [each.payment_status for each in list_purchases(event)] == ["refunded"]

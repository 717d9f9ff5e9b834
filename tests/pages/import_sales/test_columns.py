"""The second step of an import: matching the columns and packages of a foreign file."""

import json

import pytest
from sqlalchemy import select

from tests.support import make
from tests.support.database_state import get_sold_count
from tests.support.import_screen import (
    get_current_step,
    list_import_buttons,
    list_problem_cells,
    list_purchases,
    seller_csv,
    seller_row,
    upload,
)
from tests.support.sales_file import sale
from ticketing import db
from ticketing.models import ImportMapping

pytestmark = pytest.mark.system  # each file is read in a process of its own


class TestForeignFile:
    def test_opens_the_columns_step_with_a_proposed_mapping(self, page, event):
        upload(page, seller_csv(seller_row("1"), seller_row("2")), "report.csv")
        assert get_current_step(page) == "Columns"
        assert page.says("**report.csv** · 2 rows")
        assert page.value("Order number") == ["Order #"]
        assert page.value("Purchaser's name") == ["First Name", "Last Name"]
        assert page.value("Total paid ($)") == ["Paid"]
        assert page.says("Zoë Müller")
        assert list_import_buttons(page) == []

    def test_shows_a_preview_of_the_first_rows(self, page):
        upload(page, seller_csv(seller_row("77"), seller_row("78", when="rather late")))
        assert page.says("**1 × Table** · Zoë Müller · $1,100.00")
        assert page.says("Row 2 · d77@example.org · Oct 31, 6:30 PM · Paid · order 77")
        assert page.problems()[-1].startswith("Date of sale: Enter a date")

    def test_is_checked_and_imported_with_the_chosen_mapping(self, page, event, table):
        upload(page, seller_csv(seller_row("1", quantity="2"), seller_row("2"))).click("Check the file")
        assert get_current_step(page) == "Check and import"
        page.click("Import 2 sales")
        assert sorted((each.purchaser_name, str(each.total), each.quantity) for each in list_purchases(event)) == [
            ("Zoë Müller", "1100.00", 1),
            ("Zoë Müller", "1100.00", 2),
        ]

    def test_lists_problems_with_the_column_titles_of_the_file(self, page):
        upload(page, seller_csv(seller_row("1", last="", first=""), seller_row("2", quantity="some"))).click(
            "Check the file"
        )
        assert list_problem_cells(page) == [(2, "First Name + Last Name"), (3, "Qty")]

    def test_missing_column_is_a_problem_at_its_field_and_prevents_the_check(self, page):
        titles = ("Order #", "Order Date", "Name", "Email", "Ticket Type", "Qty")
        upload(page, seller_csv(("1", "2026-10-31", "Zoë", "z@example.org", "Table", "1"), titles=titles))
        assert page.problem("Total paid for all rows") == "Choose its column, or enter one value for all rows."
        assert page.says("Still to choose: total paid.")
        assert page.field("Check the file").disabled
        page.enter("Total paid for all rows", "$1,075")
        assert page.says("$1,075.00")
        assert not page.field("Check the file").disabled
        page.click("Check the file").click("Import 1 sale")

    def test_empty_cells_take_one_value(self, page, event, table):
        upload(page, seller_csv(seller_row("1", paid=""), seller_row("2")))
        page.enter("Total paid where empty (1 row)", "0").click("Check the file")
        page.click("Import 2 sales")
        assert sorted(str(each.total) for each in list_purchases(event)) == ["0.00", "1100.00"]

    def test_value_for_all_rows_is_ignored_once_columns_are_chosen(self, page, event):
        titles = ("Order #", "Order Date", "Name", "Email", "Ticket Type", "Qty", "Sum A", "Sum B")
        upload(page, seller_csv(("1", "2026-10-31", "Zoë", "z@example.org", "Table", "1", "", ""), titles=titles))
        page.enter("Total paid for all rows", "75").enter("Total paid ($)", ["Sum A", "Sum B"])
        assert not page.says("$75.00")

    def test_file_without_sales_asks_for_every_column_and_imports_nothing(self, page, event):
        upload(page, seller_csv(("apples", "3"), titles=("fruit", "kilos")))
        assert page.says("Still to choose: order number, date of sale, purchaser's name, purchaser's e-mail address")
        assert page.field("Check the file").disabled
        assert list_purchases(event) == []

    def test_hostile_titles_cells_and_names_are_shown_as_text(self, page):
        hostile = "**x** ![i](https://evil.example/i.png) $y$"
        upload(
            page,
            seller_csv(seller_row("1", name=hostile, first=hostile), titles=(hostile, *"abcdefg")),
            f"{hostile}.csv",
        )
        page.enter("Package", ["e"])
        assert not any("![i](" in each.value for each in page.app.markdown)


class TestDates:
    def test_ambiguous_dates_are_asked_with_both_readings(self, page, event):
        upload(page, seller_csv(seller_row("1", when="03/04/2026"), seller_row("2", when="05/06/2026")))
        question = page.field("Which day is 03/04/2026?")
        assert set(question.options) == {"3 April 2026", "4 March 2026"}
        assert question.value is None
        assert page.problem("Which day is 03/04/2026?") == "These dates can be read both ways. Choose one."
        assert page.says("Still to choose: the order of day and month.")
        assert page.field("Check the file").disabled

    def test_ambiguous_dates_are_read_as_chosen(self, page, event):
        upload(page, seller_csv(seller_row("1", when="03/04/2026")))
        page.enter("Which day is 03/04/2026?", "day_first").click("Check the file")
        page.click("Import 1 sale")
        assert [each.purchased_at.date().isoformat() for each in list_purchases(event)] == ["2026-04-03"]

    def test_one_unambiguous_date_decides_the_order(self, page):
        upload(page, seller_csv(seller_row("1", when="03/04/2026"), seller_row("2", when="13/04/2026")))
        assert not any(label.startswith("Which day is") for label in page.labels())
        assert page.says("Apr 3")

    def test_converted_dates_are_asked_with_both_readings(self, page, event):
        upload(page, seller_csv(seller_row("1", when="2026-04-03"), seller_row("2", when="13/04/2026")))
        question = page.field("Which day is 2026-04-03?")
        assert (question.options, question.value) == (["3 April 2026", "4 March 2026"], None)
        assert page.says("Still to choose: how converted dates are meant.")
        assert page.field("Check the file").disabled
        page.enter("Which day is 2026-04-03?", True).click("Check the file").click("Import 2 sales")
        days = sorted(each.purchased_at.date().isoformat() for each in list_purchases(event))
        assert days == ["2026-03-04", "2026-04-13"]

    def test_repeated_amount_is_the_rows_or_the_orders_as_chosen(self, page, event):
        upload(page, seller_csv(seller_row("1", paid="300"), seller_row("1", paid="300")))
        question = page.field("What is 300, which is in all rows of an order?")
        assert (len(question.options), question.value) == (2, None)
        assert page.says("Still to choose: what the amounts of total paid are.")
        assert page.field("Check the file").disabled
        page.enter("What is 300, which is in all rows of an order?", "order").click("Check the file")
        page.click("Import 1 sale")
        assert [(each.quantity, str(each.total)) for each in list_purchases(event)] == [(2, "300.00")]

    def test_words_for_statuses_are_matched_and_remembered(self, page, event):
        titles = ("Order #", "Order Date", "First Name", "Last Name", "Email", "Ticket Type", "Qty", "Status")
        rows = [seller_row("1", paid="processing"), seller_row("2", paid="Paid"), seller_row("3", paid="Test")]
        upload(page, seller_csv(*rows, titles=titles))
        page.enter("Total paid for all rows", "100")
        assert page.value("Our status for Paid") == "completed"
        assert page.says("Still to choose: our status for 2 words.")
        assert page.field("Check the file").disabled
        page.enter("Our status for processing", "pending").enter("Our status for Test", "left_out")
        page.click("Check the file").click("Import 2 sales")
        assert sorted(each.payment_status for each in list_purchases(event)) == ["completed", "pending"]
        upload(page, seller_csv(*rows, titles=titles))
        assert page.value("Our status for processing") == "pending"
        assert page.value("Our status for Test") == "left_out"

    def test_time_zone_is_asked_when_nothing_in_the_file_says_it(self, page, event):
        upload(page, seller_csv(seller_row("1", when="2026-10-31 18:30")))
        question = page.field("Time zone of these times")
        assert (question.options[:2], question.value) == (["New York, as the event", "UTC"], None)
        assert page.says("Still to choose: the time zone.")
        assert page.field("Check the file").disabled
        page.enter("Time zone of these times", "America/Los_Angeles")
        assert page.says("Oct 31, 9:30 PM")
        page.click("Check the file").click("Import 1 sale")
        assert [each.purchased_at.isoformat() for each in list_purchases(event)] == ["2026-11-01T01:30:00+00:00"]

    def test_time_zone_of_a_title_or_column_needs_no_choice(self, page):
        titles = ("Order #", "Order Date (UTC)", "First Name", "Last Name", "Email", "Ticket Type", "Qty", "Paid")
        upload(page, seller_csv(seller_row("1", when="2026-10-31 18:30"), titles=titles))
        assert "Time zone of these times" not in page.labels()
        assert page.says("Oct 31, 2:30 PM")
        titles = ("Order #", "Order Date", "First Name", "Last Name", "Email", "Ticket Type", "Qty", "Paid", "TimeZone")
        page.click("Back to the file")
        upload(page, seller_csv((*seller_row("1", when="2026-10-31 18:30"), "PDT"), titles=titles))
        assert "Time zone of these times" not in page.labels()
        assert page.says("Oct 31, 9:30 PM")


class TestNumbers:
    def test_three_digits_after_a_point_are_asked_with_both_readings(self, page, event):
        upload(page, seller_csv(seller_row("1", paid="1.500"), seller_row("2", paid="3.000")))
        question = page.field("How much is 1.500?")
        assert (question.options, question.value) == (["1,500.00", "1.50"], None)
        assert page.says("Still to choose: what 1.500 means.")
        assert page.field("Check the file").disabled
        page.enter("How much is 1.500?", "comma")
        assert page.says("$1,500.00")
        page.click("Check the file").click("Import 2 sales")
        assert sorted(str(each.total) for each in list_purchases(event)) == ["1500.00", "3000.00"]

    def test_rest_of_the_column_decides_without_a_question(self, page):
        upload(page, seller_csv(seller_row("1", paid="1.500"), seller_row("2", paid="99,50")))
        assert not any(label.startswith("How much is") for label in page.labels())
        assert page.says("$1,500.00")

    def test_question_about_an_optional_column_is_not_hidden(self, page):
        titles = ("Order #", "Order Date", "First Name", "Last Name", "Email", "Ticket Type", "Qty", "Paid", "Fee")
        upload(page, seller_csv((*seller_row("1"), "-1.500"), titles=titles))
        assert page.says("Still to choose: what -1.500 means.")
        assert page.field("How much is -1.500?").value is None


class TestPackages:
    def test_other_names_are_listed_with_their_rows_and_matched(self, page, event, table):
        upload(page, seller_csv(seller_row("1", "Gala table"), seller_row("2", "Gala table"), seller_row("3", "table")))
        assert page.says("1 package name to match. 1 other matches already.")
        assert page.says("Gala table :gray[· 2 rows]")
        assert "Our package for table" not in page.labels()
        assert page.says("Still to choose: our package for 1 name.")
        page.enter("Our package for Gala table", table.id)
        assert page.says("**1 × Table**")
        page.click("Check the file").click("Import 3 sales")
        assert get_sold_count(table) == 3

    def test_one_package_can_hold_for_all_rows(self, page, event, table):
        titles = ("Order #", "Order Date", "Name", "Email", "Qty", "Paid")
        make.package(event, name="Other")
        upload(page, seller_csv(("1", "2026-10-31", "Zoë", "z@example.org", "1", "5"), titles=titles))
        page.enter("Package for all rows", "Table").click("Check the file")
        page.click("Import 1 sale")
        assert get_sold_count(table) == 1

    def test_at_most_a_hundred_names_are_asked(self, page):
        upload(page, seller_csv(*(seller_row(str(number), f"name {number}") for number in range(101))))
        assert page.says(
            "That is too many to match one by one, so only the first 100 are shown. Is Ticket Type the right column"
        )
        assert sum(label.startswith("Our package for") for label in page.labels()) == 100


class TestSeats:
    @pytest.fixture
    def seats(self, page):
        titles = ("Order code", "Order date", "Product", "Price", "Email", "Invoice address name", "Attendee name")
        row = ("AB1", "2026-10-31", "Table", "100.00", "z@example.org", "Zoë Müller")
        return upload(page, seller_csv((*row, "Ana Ruiz"), (*row, "Ben Okafor"), titles=titles))

    def test_seats_of_one_order_and_package_become_one_purchase(self, seats, event):
        assert seats.value("What is each row of this file?") is True
        assert seats.says("**2 × Table** · Zoë Müller · $200.00")
        seats.click("Check the file")
        seats.click("Import 1 sale")
        assert [(each.quantity, str(each.total), each.seats_named) for each in list_purchases(event)] == [
            (2, "200.00", 2)
        ]

    def test_seats_stay_separate_when_that_is_chosen(self, seats):
        seats.enter("What is each row of this file?", False)
        assert seats.says("Still to choose: quantity.")


class TestChoices:
    @pytest.fixture
    def matched(self, page, table):
        upload(page, seller_csv(seller_row("1", "Gala table", when="03/04/2026")))
        page.enter("Our package for Gala table", table.id).enter("Which day is 03/04/2026?", "day_first")
        return page.enter("Purchaser's name", ["Last Name"])

    def get_choices(self, page):
        labels = ("Our package for Gala table", "Which day is 03/04/2026?", "Purchaser's name")
        return [page.value(label) for label in labels]

    def test_choices_stay_after_a_step_back(self, matched, table):
        matched.click("Check the file").click("Back to the columns")
        assert self.get_choices(matched) == [table.id, "day_first", ["Last Name"]]

    def test_choices_stay_after_two_steps_back(self, matched, table):
        matched.click("Back to the file").click("Continue with this file")
        assert self.get_choices(matched) == [table.id, "day_first", ["Last Name"]]

    def test_choices_hold_for_the_corrected_file(self, matched, table):
        matched.click("Check the file")
        upload(matched, seller_csv(seller_row("1", "Gala table", when="03/04/2026"), seller_row("2", "Gala table")))
        assert matched.says("2 rows")
        assert matched.value("Purchaser's name") == ["Last Name"]
        assert matched.value("Our package for Gala table") == table.id

    def test_choices_are_saved_by_an_import_for_the_next_file(self, matched, visit, event, table):
        matched.click("Check the file").click("Import 1 sale")
        colleague = visit("import_sales", make.staff(event=event), event)
        upload(colleague, seller_csv(seller_row("2", "Gala table", when="03/04/2026")))
        assert colleague.says("These are the choices from the last file with these columns.")
        assert self.get_choices(colleague) == [table.id, "day_first", ["Last Name"]]

    def test_choices_are_not_saved_by_a_check(self, matched, event):
        matched.click("Check the file")
        with db.read_session() as session:
            assert session.scalars(select(ImportMapping).where(ImportMapping.event_id == event.id)).all() == []


class TestControlCharacters:
    """Lone surrogates, which JSON can contain, cannot be sent to a browser; neither they nor NUL can be stored."""

    def test_in_our_columns_are_problems_of_their_columns(self, page, event, table):
        row = sale(table, purchaser_name="Zo\ud800") | {"a\udfff": "x"}
        upload(page, json.dumps([row]).encode(), "sales.json")
        assert list_problem_cells(page) == [(1, "a\ufffd"), (2, "purchaser_name")]
        assert page.says("2 problems in the header and 1 row of 1.")
        assert list_purchases(event) == []

    def test_in_foreign_columns_are_shown_and_are_problems_of_their_columns(self, page, event, table):
        titles = ("Order #", "Order Date", "First Name", "Last \ud83dName", "Email", "Ticket Type", "Qty", "Paid")
        row = ("1", "2026-10-31", "Zo\ud800", "Mü\x00ller", "zoe@example.org", "Ta\udfffble", "1", "100")
        upload(page, json.dumps([dict(zip(titles, row, strict=True))]).encode(), "report.json")
        assert get_current_step(page) == "Columns"
        assert page.says("Zo\ufffd")
        page.click("Check the file")
        assert list_problem_cells(page) == [
            (1, "Last \ufffdName"),
            (2, "First Name + Last \ufffdName"),
            (2, "Ticket Type"),
        ]
        assert list_import_buttons(page) == []

"""The import page: a file, its columns unless they are ours, a check without changes, the import, all or nothing."""

import csv
import io
import json

import pytest
from sqlalchemy import select, text

from tests import make
from tests.look import sold
from tests.pages.conftest import plain
from tests.sheet import sale, sheet
from ticketing import db, import_excel, imports
from ticketing.import_tables import REQUIRED
from ticketing.models import ImportMapping, Purchase
from ui import import_job


@pytest.fixture
def table(event):
    return make.package(event, name="Table", price="100", quantity_limit=5)


@pytest.fixture
def seller(event):
    return make.staff(event=event, name="Robin Park")


@pytest.fixture
def page(visit, event, table, seller):
    return visit("import_sales", seller, event)


def choose(page, content, name="sales.csv"):
    if "Choose another file" in page.labels():
        page.click("Choose another file")
    page.app.file_uploader[0].upload(name, content)
    return page.again()


def stored(event):
    with db.reading() as session:
        return session.scalars(select(Purchase).where(Purchase.event_id == event.id)).all()


def work_of(page, event):
    return page.app.session_state[f"import_work_{event.id}"]


def importers(page):
    return [label for label in page.labels() if label.startswith("Import ")]


def listed(page, number=0):
    """The rows of a table of problems, warnings or skipped rows."""
    rows = page.app.table[number].value.to_dict("records")
    return [{name: plain(str(cell)) for name, cell in row.items()} for row in rows]


def places(page):
    return [(int(each["Row"]), each["Column"]) for each in listed(page)]


def step(page):
    """The one that is open."""
    (steps,) = [each for each in page.texts() if ":material/chevron_right:" in each]
    return steps.split("**")[1].partition(": ")[2]


def foreign(*rows, titles=("Order #", "Order Date", "First Name", "Last Name", "Email", "Ticket Type", "Qty", "Paid")):
    text = io.StringIO(newline="")
    csv.writer(text).writerows([titles, *rows])
    return text.getvalue().encode()


def order(number, name="Table", when="2026-10-31 18:30", first="Zoë", last="Müller", quantity="1", paid="$1,100.00"):
    return (number, when, first, last, f"d{number}@example.org", name, quantity, paid)


def test_before_a_file_is_chosen_it_says_which_columns_it_needs_and_offers_examples(page):
    assert step(page) == "File"
    assert page.says("`purchase_date`, `external_sale_id`")
    assert page.says("A time without an offset is taken as New York time.")
    assert {"Example as CSV", "Example as Excel", "Example as JSON"} <= set(page.labels())


class TestFaultyFile:
    @pytest.fixture
    def faulty(self, page, table):
        return choose(
            page,
            sheet(sale(table), sale("Tabel", external_sale_id="A"), sale(table, quantity="six", purchaser_email="ana")),
        )

    def test_lists_every_problem_by_row_and_column(self, faulty):
        assert faulty.says("3 problems in 3 rows. Nothing was imported. Correct the file and choose it again.")
        assert places(faulty) == [(3, "ticket_type"), (4, "purchaser_email"), (4, "quantity")]
        assert listed(faulty)[0]["What to do"].startswith("This event has no package called Tabel.")

    def test_stores_nothing_and_offers_the_problems_instead_of_an_import(self, faulty, event, table):
        assert importers(faulty) == []
        assert "Download the problems" in faulty.labels()
        assert stored(event) == []
        assert sold(table) == 0

    def test_corrected_and_chosen_again_is_imported(self, faulty, event, table):
        choose(faulty, sheet(sale(table), sale(table))).click("Import 2 sales")
        assert len(stored(event)) == 2

    def test_can_have_its_packages_matched_instead_of_being_corrected(self, page, event, table):
        choose(page, sheet(sale("Tabel"))).click("Match columns and packages")
        page.enter("Our package for Tabel", table.id).click("Check the file")
        page.click("Import 1 sale")
        assert sold(table) == 1

    def test_of_more_problems_than_one_reads_at_once_shows_them_page_by_page(self, page, table):
        choose(page, sheet(*(sale(table, quantity="six") for _ in range(51))))
        assert [row for row, _ in places(page)] == list(range(2, 52))
        page.app.pagination[0].set_value(2)
        assert [row for row, _ in places(page.again())] == [52]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "This file is empty. Choose a file with a header and at least one row."),
        (",".join(REQUIRED).encode(), "This file has a header and no rows."),
        (b"name\nJos\xe9", "This file is not in UTF-8, so names with accents would be damaged."),
    ],
)
def test_a_file_that_cannot_be_read_says_why_and_stays_at_the_first_step(page, content, sentence):
    choose(page, content)
    assert page.says(sentence)
    assert step(page) == "File"
    assert importers(page) == []


class TestCleanFile:
    def test_of_ours_skips_the_columns_and_is_only_checked_until_the_import_is_asked_for(self, page, event, table):
        choose(page, sheet(sale(table), sale(table, quantity=2)))
        assert step(page) == "Check and import"
        assert page.says("Columns: ours")
        assert page.says("No problems in 2 rows.")
        assert page.says("2 sales of 3 packages would come in, $300.00 of revenue.")
        assert importers(page) == ["Import 2 sales"]
        assert stored(event) == []

    def test_is_imported_whole_and_said(self, page, event, table):
        choose(page, sheet(sale(table, purchaser_name="José Müller"), sale(table, quantity=2)))
        page.click("Import 2 sales")
        assert page.says("2 sales imported from sales.csv.")
        assert sold(table) == 3
        assert {(each.purchaser_name, each.channel) for each in stored(event)} == {
            ("José Müller", "import"),
            ("Ana Ruiz", "import"),
        }
        assert importers(page) == []
        assert step(page) == "File"

    @pytest.mark.parametrize("kind", ["xlsx", "json"])
    def test_may_be_a_workbook_or_json(self, page, event, table, kind):
        row = sale(table, purchaser_name="José Müller")
        content = json.dumps([row]).encode() if kind == "json" else import_excel.write(list(row), [list(row.values())])
        choose(page, content, f"sales.{kind}").click("Import 1 sale")
        assert [each.purchaser_name for each in stored(event)] == ["José Müller"]

    def test_a_second_time_is_skipped(self, page, event, table):
        content = sheet(sale(table), sale(table))
        choose(page, content).click("Import 2 sales")
        choose(page, content)
        assert page.says("Every sale in this file is here already. There is nothing to import.")
        assert importers(page) == []
        assert len(stored(event)) == 2

    def test_the_rows_that_are_new_are_imported_and_the_others_counted(self, page, event, table):
        first = sale(table)
        choose(page, sheet(first)).click("Import 1 sale")
        choose(page, sheet(first, sale(table), sale(table)))
        assert page.says("No problems in 3 rows. 1 is here already.")
        page.click("Import 2 sales")
        assert page.says("2 sales imported from sales.csv. 1 is here already.")
        assert len(stored(event)) == 3

    def test_that_does_not_fit_any_more_when_it_is_imported_stores_nothing_and_lists_why(self, page, event, table):
        choose(page, sheet(sale(table, quantity=2), sale(table, quantity=2)))
        make.purchase(event, table, quantity=2)
        page.click("Import 2 sales")
        assert page.says("1 problem in 2 rows. Nothing was imported.")
        assert places(page) == [(3, "quantity")]
        assert sold(table) == 2
        assert len(stored(event)) == 1


class TestForeignFile:
    def test_is_not_turned_away_but_shown_with_a_guess_which_column_is_which(self, page, event):
        choose(page, foreign(order("1"), order("2")), "report.csv")
        assert step(page) == "Columns"
        assert page.says("**report.csv** · 2 rows")
        assert page.value("Order number") == ["Order #"]
        assert page.value("Purchaser's name") == ["First Name", "Last Name"]
        assert page.value("Total paid, in US dollars") == ["Paid"]
        assert page.says("Zoë Müller")
        assert importers(page) == []

    def test_shows_the_first_rows_as_they_will_arrive(self, page):
        choose(page, foreign(order("77"), order("78", when="rather late")))
        assert page.says("**1 × Table** · Zoë Müller · $1,100.00")
        assert page.says("Row 2 · d77@example.org · 31 Oct, 6:30 PM · Completed · order 77")
        assert page.problems()[-1].startswith("Date of sale: Enter a date")

    def test_is_checked_and_imported_under_what_was_chosen(self, page, event, table):
        choose(page, foreign(order("1", quantity="2"), order("2"))).click("Check the file")
        assert step(page) == "Check and import"
        page.click("Import 2 sales")
        assert sorted((each.purchaser_name, str(each.total), each.quantity) for each in stored(event)) == [
            ("Zoë Müller", "1100.00", 1),
            ("Zoë Müller", "1100.00", 2),
        ]

    def test_tells_problems_in_the_words_of_the_file(self, page):
        choose(page, foreign(order("1", last="", first=""), order("2", quantity="some"))).click("Check the file")
        assert places(page) == [(2, "First Name + Last Name"), (3, "Qty")]

    def test_with_a_column_missing_says_so_at_its_field_and_is_not_checked(self, page):
        titles = ("Order #", "Order Date", "Name", "Email", "Ticket Type", "Qty")
        choose(page, foreign(("1", "2026-10-31", "Zoë", "z@example.org", "Table", "1"), titles=titles))
        assert (
            page.problem("Total paid, the same for all rows")
            == "Choose its column, or fill in what holds for all rows."
        )
        assert page.says("Still to choose: total paid.")
        assert page.field("Check the file").disabled
        page.enter("Total paid, the same for all rows", "75")
        assert not page.field("Check the file").disabled
        page.click("Check the file").click("Import 1 sale")

    def test_with_cells_missing_takes_one_value_for_those(self, page, event, table):
        choose(page, foreign(order("1", paid=""), order("2")))
        page.enter("Total paid where it is empty, in 1 row", "0").click("Check the file")
        page.click("Import 2 sales")
        assert sorted(str(each.total) for each in stored(event)) == ["0.00", "1100.00"]

    def test_that_is_no_table_of_sales_asks_for_every_column_and_imports_nothing(self, page, event):
        choose(page, foreign(("apples", "3"), titles=("fruit", "kilos")))
        assert page.says("Still to choose: order number, date of sale, purchaser's name, purchaser's e-mail address")
        assert page.field("Check the file").disabled
        assert stored(event) == []

    def test_shows_hostile_titles_cells_and_names_as_text(self, page):
        hostile = "**x** ![i](https://evil.example/i.png) $y$"
        choose(page, foreign(order("1", name=hostile, first=hostile), titles=(hostile, *"abcdefg")), f"{hostile}.csv")
        page.enter("Package", ["e"])
        assert not any("![i](" in each.value for each in page.app.markdown)


class TestDates:
    def test_that_can_be_read_both_ways_are_asked_with_both_readings(self, page, event):
        choose(page, foreign(order("1", when="03/04/2026"), order("2", when="05/06/2026")))
        question = page.field("Which day is 03/04/2026?")
        assert set(question.options) == {"3 April 2026", "4 March 2026"}
        assert question.value is None
        assert page.problem("Which day is 03/04/2026?") == "Its dates can be read both ways. Choose one."
        assert page.says("Still to choose: the order of day and month.")
        assert page.field("Check the file").disabled

    def test_are_read_as_was_chosen(self, page, event):
        choose(page, foreign(order("1", when="03/04/2026")))
        page.enter("Which day is 03/04/2026?", "day_first").click("Check the file")
        page.click("Import 1 sale")
        assert [each.purchased_at.date().isoformat() for each in stored(event)] == ["2026-04-03"]

    def test_that_one_date_settles_are_not_asked(self, page):
        choose(page, foreign(order("1", when="03/04/2026"), order("2", when="13/04/2026")))
        assert not any(label.startswith("Which day is") for label in page.labels())
        assert page.says("3 Apr")


class TestPackages:
    def test_with_other_names_are_listed_with_their_rows_and_matched_to_ours(self, page, event, table):
        choose(page, foreign(order("1", "Gala table"), order("2", "Gala table"), order("3", "table")))
        assert page.says("1 name in the file that no package has here. 1 more is called the same here.")
        assert page.says("Gala table :gray[· 2 rows]")
        assert "Our package for table" not in page.labels()
        assert page.says("Still to choose: our package for 1 name.")
        page.enter("Our package for Gala table", table.id)
        assert page.says("**1 × Table**")
        page.click("Check the file").click("Import 3 sales")
        assert sold(table) == 3

    def test_may_be_one_for_the_whole_file(self, page, event, table):
        titles = ("Order #", "Order Date", "Name", "Email", "Qty", "Paid")
        make.package(event, name="Other")
        choose(page, foreign(("1", "2026-10-31", "Zoë", "z@example.org", "1", "5"), titles=titles))
        page.enter("Package, the same for all rows", "Table").click("Check the file")
        page.click("Import 1 sale")
        assert sold(table) == 1

    def test_of_a_column_that_holds_something_else_are_not_asked_without_end(self, page):
        choose(page, foreign(*(order(str(number), f"name {number}") for number in range(101))))
        assert page.says("That is too many to match one by one, and the first 100 are shown. Is Ticket Type the column")
        assert sum(label.startswith("Our package for") for label in page.labels()) == 100


class TestSeats:
    @pytest.fixture
    def seats(self, page):
        titles = ("Order code", "Order date", "Product", "Price", "Email", "Invoice address name", "Attendee name")
        row = ("AB1", "2026-10-31", "Table", "100.00", "z@example.org", "Zoë Müller")
        return choose(page, foreign((*row, "Ana Ruiz"), (*row, "Ben Okafor"), titles=titles))

    def test_of_one_order_and_package_become_one_purchase(self, seats, event):
        assert seats.value("What is a row of this file?") is True
        assert seats.says("**2 × Table** · Zoë Müller · $200.00")
        seats.click("Check the file")
        seats.click("Import 1 sale")
        assert [(each.quantity, str(each.total), each.seats_named) for each in stored(event)] == [(2, "200.00", 2)]

    def test_stay_apart_when_that_is_chosen(self, seats):
        seats.enter("What is a row of this file?", False)
        assert seats.says("Still to choose: quantity.")


class TestWhatWasChosen:
    @pytest.fixture
    def matched(self, page, table):
        choose(page, foreign(order("1", "Gala table", when="03/04/2026")))
        page.enter("Our package for Gala table", table.id).enter("Which day is 03/04/2026?", "day_first")
        return page.enter("Purchaser's name", ["Last Name"])

    def chosen(self, page):
        labels = ("Our package for Gala table", "Which day is 03/04/2026?", "Purchaser's name")
        return [page.value(label) for label in labels]

    def test_is_still_there_after_a_step_back(self, matched, table):
        matched.click("Check the file").click("Back to the columns")
        assert self.chosen(matched) == [table.id, "day_first", ["Last Name"]]

    def test_is_still_there_after_two_steps_back(self, matched, table):
        matched.click("Back to the file").click("Go on with this file")
        assert self.chosen(matched) == [table.id, "day_first", ["Last Name"]]

    def test_holds_for_the_corrected_file(self, matched, table):
        matched.click("Check the file")
        choose(matched, foreign(order("1", "Gala table", when="03/04/2026"), order("2", "Gala table")))
        assert matched.says("2 rows")
        assert matched.value("Purchaser's name") == ["Last Name"]
        assert matched.value("Our package for Gala table") == table.id

    def test_is_remembered_for_the_next_file_of_the_event_once_it_was_imported(self, matched, visit, event, table):
        matched.click("Check the file").click("Import 1 sale")
        colleague = visit("import_sales", make.staff(event=event), event)
        choose(colleague, foreign(order("2", "Gala table", when="03/04/2026")))
        assert colleague.says("As it was for the last file with these columns.")
        assert self.chosen(colleague) == [table.id, "day_first", ["Last Name"]]

    def test_is_not_remembered_before(self, matched, event):
        matched.click("Check the file")
        with db.reading() as session:
            assert session.scalars(select(ImportMapping).where(ImportMapping.event_id == event.id)).all() == []


class TestDuringTheImport:
    @pytest.fixture
    def checked(self, page, table):
        return choose(page, sheet(sale(table), sale(table)))

    @pytest.fixture
    def held(self, table):
        """Somebody else holds the package, so that an import of it waits until `commit`."""
        with db.engine().connect() as connection:
            connection.execute(text("SELECT id FROM packages WHERE id = :id FOR UPDATE"), {"id": table.id})
            yield connection

    def begin(self, work, seller):
        """As the button does, without a page that waits for the end."""
        work.job = import_job.start(
            lambda s, progress: imports.run(s, seller, work.event_id, work.file_name, work.content, progress=progress)
        )
        return work.job

    def test_cancel_undoes_everything_and_says_so(self, checked, held, event, table, seller):
        job = self.begin(work_of(checked, event), seller)
        job.cancel()
        held.commit()
        checked.again()
        assert checked.says("Nothing was imported. It was cancelled, and what was stored is undone.")
        assert stored(event) == []
        assert sold(table) == 0
        checked.click("Import 2 sales")
        assert len(stored(event)) == 2

    def test_a_cancel_that_comes_too_late_does_not_claim_that_nothing_was_imported(self, checked, event, seller):
        job = self.begin(work_of(checked, event), seller)
        assert job.ended.wait(10)
        job.cancel()
        checked.again()
        assert checked.says("2 sales imported from sales.csv. It was done before it could be cancelled.")
        assert len(stored(event)) == 2

    def test_who_looks_elsewhere_meanwhile_finds_it_done(self, checked, held, event, seller):
        self.begin(work_of(checked, event), seller)
        checked.go("packages")
        held.commit()
        assert checked.go("import_sales").says("2 sales imported from sales.csv.")
        assert len(stored(event)) == 2

    def test_a_second_click_on_the_button_starts_no_second_import(self, checked, held, event, seller):
        job = self.begin(work_of(checked, event), seller)
        checked.field("Import 2 sales").click()
        held.commit()
        checked.again()
        assert job.result.rows_imported == 2
        assert checked.says("2 sales imported from sales.csv.")
        assert len(stored(event)) == 2

    def test_a_fault_leaves_nothing_behind_and_the_file_where_it_was(self, checked, event):
        def work(session, progress):
            raise ZeroDivisionError

        work_of(checked, event).job = import_job.start(work)
        checked.app.run()
        assert [fault.message for fault in checked.app.exception] != []
        assert checked.again().says("Nothing was imported.")
        assert importers(checked) == ["Import 2 sales"]

    def test_someone_who_became_a_viewer_meanwhile_imports_nothing(self, checked, event, table, seller):
        db.write(lambda s: s.execute(text("UPDATE staff SET role = 'viewer' WHERE id = :id"), {"id": seller.staff_id}))
        checked.click("Import 2 sales")
        assert work_of(checked, event).job.ended.wait(10)
        assert stored(event) == []
        assert sold(table) == 0


def test_imports_are_listed_with_file_person_and_time(page, table):
    choose(page, sheet(sale(table)), "march.csv").click("Import 1 sale")
    choose(page, sheet(sale(table), sale(table)), "april.csv").click("Import 2 sales")
    assert page.says("Imports so far")
    (batches,) = [each for each in page.texts() if "<table>" in each]
    assert batches.index("april.csv") < batches.index("march.csv")
    assert batches.count("by Robin Park") == 2
    assert "today, " in batches


def test_the_check_of_one_event_does_not_show_beside_another(visit, event, table):
    other = make.event(name="Other")
    seller = make.staff(event=event)
    make.assign(seller, other)
    page = visit("import_sales", seller, event)
    choose(page, sheet(sale(table)))
    page.enter("Event", other.id)
    assert importers(page) == []
    assert step(page) == "File"
    page.enter("Event", event.id)
    assert importers(page) == ["Import 1 sale"]

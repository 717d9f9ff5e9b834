"""The import page: a check that changes nothing, then the import, all or nothing."""

import pytest
from sqlalchemy import select

from tests import make
from tests.look import sold
from tests.sheet import sale, sheet
from ticketing import db
from ticketing.models import Purchase


@pytest.fixture
def table(event):
    return make.package(event, name="Table", price="100", quantity_limit=5)


@pytest.fixture
def page(visit, event, table):
    return visit("import_sales", make.staff(event=event), event)


def choose(page, content, name="sales.csv"):
    page.app.file_uploader[0].upload(name, content)
    return page.again()


def stored(event):
    with db.reading() as session:
        return session.scalars(select(Purchase).where(Purchase.event_id == event.id)).all()


def importers(page):
    return [label for label in page.labels() if label.startswith("Import ")]


def test_before_a_file_is_chosen_it_says_which_columns_it_needs_and_offers_an_example(page):
    assert page.says("`purchase_date`, `external_sale_id`")
    assert page.says("A time without an offset is taken as New York time.")
    assert "Download an example file" in page.labels()


class TestFaultyFile:
    @pytest.fixture
    def faulty(self, page, table):
        return choose(
            page,
            sheet(sale(table), sale("Tabel", external_sale_id="A"), sale(table, quantity="six", purchaser_email="ana")),
        )

    def test_lists_every_problem_by_row_and_column(self, faulty):
        assert faulty.says("3 problems in 3 rows. Nothing was imported. Correct the file and choose it again.")
        assert [(each["Row"], each["Column"]) for each in faulty.table("What to do")] == [
            (3, "ticket_type"),
            (4, "purchaser_email"),
            (4, "quantity"),
        ]
        assert faulty.table("What to do")[0]["What to do"].startswith("This event has no package called Tabel.")

    def test_stores_nothing_and_offers_the_problems_instead_of_an_import(self, faulty, event, table):
        assert importers(faulty) == []
        assert "Download the problems" in faulty.labels()
        assert stored(event) == []
        assert sold(table) == 0

    def test_corrected_and_chosen_again_is_imported(self, faulty, event, table):
        choose(faulty, sheet(sale(table), sale(table))).click("Import 2 sales")
        assert len(stored(event)) == 2


def test_a_file_that_cannot_be_read_says_why(page, event):
    choose(page, b"PK\x03\x04 an Excel workbook")
    assert page.says('This is an Excel workbook. In Excel, save it as "CSV UTF-8" and choose that file.')
    assert importers(page) == []


class TestCleanFile:
    def test_is_only_checked_until_the_import_is_asked_for(self, page, event, table):
        choose(page, sheet(sale(table), sale(table, quantity=2)))
        assert page.says("No problems in 2 rows.")
        assert importers(page) == ["Import 2 sales"]
        assert stored(event) == []

    def test_is_imported_whole_and_said(self, page, event, table):
        choose(page, sheet(sale(table, purchaser_name="José Müller"), sale(table, quantity=2)))
        page.click("Import 2 sales")
        assert page.says("2 sales imported.")
        assert sold(table) == 3
        assert {(each.purchaser_name, each.channel) for each in stored(event)} == {
            ("José Müller", "import"),
            ("Ana Ruiz", "import"),
        }
        assert importers(page) == []

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
        assert page.says("No problems in 3 rows. 1 row is here already.")
        page.click("Import 2 sales")
        assert page.says("2 sales imported. 1 were here already.") or page.says("2 sales imported. 1 was here already.")
        assert len(stored(event)) == 3

    def test_that_does_not_fit_any_more_when_it_is_imported_stores_nothing_and_lists_why(self, page, event, table):
        choose(page, sheet(sale(table, quantity=2), sale(table, quantity=2)))
        make.purchase(event, table, quantity=2)
        page.click("Import 2 sales")
        assert page.says("1 problem in 2 rows. Nothing was imported.")
        assert [(each["Row"], each["Column"]) for each in page.table("What to do")] == [(3, "quantity")]
        assert sold(table) == 2
        assert len(stored(event)) == 1


def test_the_check_of_one_event_does_not_show_beside_another(visit, event, table):
    other = make.event(name="Other")
    seller = make.staff(event=event)
    make.assign(seller, other)
    page = visit("import_sales", seller, event)
    choose(page, sheet(sale(table)))
    page.enter("Event", other.id)
    assert importers(page) == []

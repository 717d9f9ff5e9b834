"""The import page: upload, check without changes, import of all sales or none, cancel."""

import json

import pytest
from sqlalchemy import text

from tests.support import make
from tests.support.database_state import get_sold_count
from tests.support.import_screen import (
    get_current_step,
    get_import_draft,
    list_import_buttons,
    list_problem_cells,
    list_purchases,
    list_table_rows,
    upload,
)
from tests.support.sales_file import sale, sales_csv
from ticketing import db, imports
from ticketing.file_reader.columns import REQUIRED_COLUMNS
from ticketing.imports import excel, files
from ticketing.sales import corrections
from ui.imports import job as import_job

pytestmark = pytest.mark.system  # each file is read in a process of its own


def test_first_step_lists_columns_and_offers_examples(page):
    assert get_current_step(page) == "File"
    assert page.says("`purchase_date`, `external_sale_id`")
    assert page.says("Times without an offset are New York time.")
    assert {"Example as CSV", "Example as Excel", "Example as JSON"} <= set(page.labels())


class TestFaultyFile:
    @pytest.fixture
    def faulty(self, page, table):
        return upload(
            page,
            sales_csv(
                sale(table), sale("Tabel", external_sale_id="A"), sale(table, quantity="six", purchaser_email="ana")
            ),
        )

    def test_every_problem_is_listed_by_row_and_column(self, faulty):
        assert faulty.says("3 problems in 2 rows of 3. Nothing was imported. Correct the file and choose it again.")
        assert list_problem_cells(faulty) == [(3, "ticket_type"), (4, "purchaser_email"), (4, "quantity")]
        assert list_table_rows(faulty)[0]["What to do"].startswith("This event has no package called Tabel.")

    def test_problems_can_be_downloaded_and_nothing_imported(self, faulty, event, table):
        assert list_import_buttons(faulty) == []
        assert "Download the problems" in faulty.labels()
        assert list_purchases(event) == []
        assert get_sold_count(table) == 0

    def test_corrected_file_is_imported(self, faulty, event, table):
        upload(faulty, sales_csv(sale(table), sale(table))).click("Import 2 sales")
        assert len(list_purchases(event)) == 2

    def test_packages_can_be_matched_instead(self, page, event, table):
        upload(page, sales_csv(sale("Tabel"))).click("Match columns and packages")
        page.enter("Our package for Tabel", table.id).click("Check the file")
        page.click("Import 1 sale")
        assert get_sold_count(table) == 1

    def test_problems_are_paged(self, page, table):
        upload(page, sales_csv(*(sale(table, quantity="six") for _ in range(51))))
        assert [row for row, _ in list_problem_cells(page)] == list(range(2, 52))
        page.app.pagination[0].set_value(2)
        assert [row for row, _ in list_problem_cells(page.rerun())] == [52]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "This file is empty. Choose a file with a header and at least one row."),
        (",".join(REQUIRED_COLUMNS).encode(), "This file has a header and no rows."),
        (b"%PDF-1.7\n", "This file is a PDF or a picture, whatever its name says."),
        (b"name\nJos\xe9", "This file is not in UTF-8, so names with accents would be damaged."),
    ],
)
def test_unreadable_file_stays_at_the_first_step_with_the_reason(page, content, sentence):
    upload(page, content)
    assert page.says(sentence)
    assert get_current_step(page) == "File"
    assert list_import_buttons(page) == []


def test_file_is_refused_when_four_wait_already(page, table, event, monkeypatch):
    monkeypatch.setattr(files.QUEUE, "_waiting", 4)  # a fault that would need five slow files at the same time
    with files.QUEUE.slot():
        upload(page, sales_csv(sale(table)))
    assert page.says("Other files are waiting to be processed, so this file was not taken. Try again in 30 seconds.")
    assert get_current_step(page) == "File"
    monkeypatch.setattr(files.QUEUE, "_waiting", 0)
    assert get_current_step(upload(page, sales_csv(sale(table)))) == "Check and import"


class TestCleanFile:
    def test_our_own_columns_skip_the_columns_step(self, page, event, table):
        upload(page, sales_csv(sale(table), sale(table, quantity=2)))
        assert get_current_step(page) == "Check and import"
        assert page.says("Columns match")
        assert page.says("No problems in 2 rows.")
        assert page.says("Ready to import: 2 sales, which add 3 packages and $300.00 in revenue.")
        assert list_import_buttons(page) == ["Import 2 sales"]
        assert list_purchases(event) == []

    def test_all_sales_are_imported(self, page, event, table):
        upload(page, sales_csv(sale(table, purchaser_name="José Müller"), sale(table, quantity=2)))
        page.click("Import 2 sales")
        assert page.says("2 sales imported from sales.csv.")
        assert get_sold_count(table) == 3
        assert {(each.purchaser_name, each.channel) for each in list_purchases(event)} == {
            ("José Müller", "import"),
            ("Ana Ruiz", "import"),
        }
        assert list_import_buttons(page) == []
        assert get_current_step(page) == "File"

    @pytest.mark.parametrize("kind", ["xlsx", "json"])
    def test_workbook_and_json_are_imported(self, page, event, table, kind):
        row = sale(table, purchaser_name="José Müller")
        content = json.dumps([row]).encode() if kind == "json" else excel.write(list(row), [list(row.values())])
        upload(page, content, f"sales.{kind}").click("Import 1 sale")
        assert [each.purchaser_name for each in list_purchases(event)] == ["José Müller"]

    def test_second_import_is_skipped(self, page, event, table):
        content = sales_csv(sale(table), sale(table))
        upload(page, content).click("Import 2 sales")
        upload(page, content)
        assert page.says("Every sale in this file is here already. There is nothing to import.")
        assert list_import_buttons(page) == []
        assert len(list_purchases(event)) == 2

    def test_new_rows_are_imported_and_others_counted(self, page, event, table):
        first = sale(table)
        upload(page, sales_csv(first)).click("Import 1 sale")
        upload(page, sales_csv(first, sale(table), sale(table)))
        assert page.says("No problems in 3 rows. 1 is here already.")
        page.click("Import 2 sales")
        assert page.says("2 sales imported from sales.csv. 1 is here already.")
        assert len(list_purchases(event)) == 3

    def test_file_that_no_longer_fits_stores_nothing_and_lists_problems(self, page, event, table):
        upload(page, sales_csv(sale(table, quantity=2), sale(table, quantity=2)))
        make.purchase(event, table, quantity=2)
        page.click("Import 2 sales")
        assert page.says("1 problem in 1 row of 2. Nothing was imported.")
        assert list_problem_cells(page) == [(3, "quantity")]
        assert get_sold_count(table) == 2
        assert len(list_purchases(event)) == 1


class TestUnlikelyDates:
    @pytest.fixture
    def mistyped(self, page, table):
        return upload(page, sales_csv(sale(table), sale(table, purchase_date="2062-10-10")))

    def test_switch_lets_them_through(self, mistyped, event):
        assert mistyped.says("1 problem in 1 row of 2. Nothing was imported.")
        assert list_table_rows(mistyped)[0]["What to do"].startswith("2062-10-10 is after today.")
        assert list_import_buttons(mistyped) == []
        mistyped.app.toggle[0].set_value(True)
        mistyped.rerun()
        assert mistyped.says("No problems in 2 rows.")
        mistyped.click("Import 2 sales")
        assert len(list_purchases(event)) == 2

    def test_switch_can_be_turned_off_again(self, mistyped, event):
        for is_on, problems in ((True, 0), (False, 1)):
            mistyped.app.toggle[0].set_value(is_on)
            mistyped.rerun()
            assert len(get_import_draft(mistyped, event).checked.problems) == problems

    def test_no_switch_without_such_a_date(self, page, table):
        upload(page, sales_csv(sale(table, quantity="six")))
        assert [each.label for each in page.app.toggle] == []

    def test_next_file_is_checked_for_itself(self, mistyped, table):
        mistyped.app.toggle[0].set_value(True)
        mistyped.rerun()
        upload(mistyped, sales_csv(sale(table, purchase_date="2063-10-10")))
        assert mistyped.says("1 problem in 1 row of 1.")


class TestRunningImport:
    @pytest.fixture
    def checked(self, page, table):
        return upload(page, sales_csv(sale(table), sale(table)))

    @pytest.fixture
    def package_lock(self, table):
        """Lock the package, so that an import of it waits until `commit`."""
        with db.engine().connect() as connection:
            connection.execute(text("SELECT id FROM packages WHERE id = :id FOR UPDATE"), {"id": table.id})
            yield connection

    def start(self, draft, seller):
        """Start the import as the button does, without a page that waits for its end."""
        table = draft.get_table()
        draft.job = import_job.start(
            lambda s, progress: imports.run(s, seller, draft.event_id, draft.file_name, table, progress=progress)
        )
        return draft.job

    def test_cancel_undoes_everything(self, checked, package_lock, event, table, seller):
        job = self.start(get_import_draft(checked, event), seller)
        job.cancel()
        package_lock.commit()
        checked.rerun()
        assert checked.says("Nothing was imported. The import was canceled and undone.")
        assert list_purchases(event) == []
        assert get_sold_count(table) == 0
        checked.click("Import 2 sales")
        assert len(list_purchases(event)) == 2

    def test_cancel_that_comes_too_late_says_so(self, checked, event, seller):
        job = self.start(get_import_draft(checked, event), seller)
        assert job.ended.wait(10)
        job.cancel()
        checked.rerun()
        assert checked.says("2 sales imported from sales.csv. It finished before it could be canceled.")
        assert len(list_purchases(event)) == 2

    def test_import_goes_on_while_another_page_is_open(self, checked, package_lock, event, seller):
        self.start(get_import_draft(checked, event), seller)
        checked.go("packages")
        package_lock.commit()
        assert checked.go("import_sales").says("2 sales imported from sales.csv.")
        assert len(list_purchases(event)) == 2

    def test_second_click_starts_no_second_import(self, checked, package_lock, event, seller):
        job = self.start(get_import_draft(checked, event), seller)
        checked.field("Import 2 sales").click()
        package_lock.commit()
        checked.rerun()
        assert job.result.rows_imported == 2
        assert checked.says("2 sales imported from sales.csv.")
        assert len(list_purchases(event)) == 2

    def test_unexpected_error_stores_nothing_and_keeps_the_file(self, checked, event):
        def work(session, progress):
            raise ZeroDivisionError

        get_import_draft(checked, event).job = import_job.start(work)
        checked.app.run()
        assert [fault.message for fault in checked.app.exception] != []
        assert checked.rerun().says("Nothing was imported.")
        assert list_import_buttons(checked) == ["Import 2 sales"]

    def test_user_who_became_a_viewer_imports_nothing(self, checked, event, table, seller):
        db.write(lambda s: s.execute(text("UPDATE staff SET role = 'viewer' WHERE id = :id"), {"id": seller.staff_id}))
        checked.click("Import 2 sales")
        assert get_import_draft(checked, event).job.ended.wait(10)
        assert list_purchases(event) == []
        assert get_sold_count(table) == 0


def test_imports_are_listed_with_file_person_and_time(page, table):
    upload(page, sales_csv(sale(table)), "march.csv").click("Import 1 sale")
    upload(page, sales_csv(sale(table), sale(table)), "april.csv").click("Import 2 sales")
    assert page.says("Imports so far")
    shown = page.texts()
    assert shown.index("**april.csv**") < shown.index("**march.csv**")
    assert "2 sales · 2 orders · $200.00 in revenue" in [text.replace("\\", "") for text in shown]
    assert len([text for text in shown if "Imported today, " in text and "by Robin Park" in text]) == 2


def test_import_is_undone_in_a_dialog_that_lists_changed_purchases(page, event, table, seller):
    upload(page, sales_csv(sale(table, payment_status="pending"), sale(table)), "march.csv").click("Import 2 sales")
    pending = next(each for each in list_purchases(event) if each.payment_status == "pending")
    db.write(lambda s: corrections.change_status(s, seller, event.id, pending.id, "completed", seen_version=1))
    page.click("Undo")
    assert page.dialog() == "Undo import"
    assert page.says("2 purchases of 2 orders will be voided. 2 packages go back on sale")
    assert page.says("1 purchase was changed since the import.")
    page.type("Reason", "Wrong year").click("Undo import")
    assert page.says("Confirm that these purchases are voided as well.")
    assert get_sold_count(table) == 2
    page.type("Void the changed purchases as well", True).click("Undo import")
    assert page.toasts() == ["march.csv is undone: 2 purchases are voided."]
    assert get_sold_count(table) == 0
    assert {each.payment_status for each in list_purchases(event)} == {"voided"}
    assert "Undo" not in page.labels()


def test_voided_sale_is_listed_and_a_switch_imports_it_again(page, event, table, seller):
    content = sales_csv(sale(table, external_sale_id="A"))
    upload(page, content).click("Import 1 sale")
    [purchase] = list_purchases(event)
    db.write(lambda s: corrections.void(s, seller, event.id, purchase.id, "Twice"))
    upload(page, content)
    assert page.says("1 sale of this file was voided here and will not be imported.")
    assert "by Robin Park. The row is left out." in list_table_rows(page)[0]["What to do"]
    assert list_import_buttons(page) == []
    page.type("Also import sales that were voided here", True).rerun()
    page.click("Import 1 sale")
    assert get_sold_count(table) == 1


def test_draft_of_one_event_does_not_show_in_another(visit, event, table):
    other = make.event(name="Other")
    seller = make.staff(event=event)
    make.assign(seller, other)
    page = visit("import_sales", seller, event)
    upload(page, sales_csv(sale(table)))
    page.enter("Event", other.id)
    assert list_import_buttons(page) == []
    assert get_current_step(page) == "File"
    page.enter("Event", event.id)
    assert list_import_buttons(page) == ["Import 1 sale"]

"""The form of a package: create, edit, copy and delete; a colleague's change is never lost."""

import pytest
from sqlalchemy import select

from tests.support import make
from tests.support.packages import (
    DESCRIPTION,
    LIMIT,
    NAME,
    PRICE,
    SEATS,
    delete_package,
    list_stored_packages,
    set_image,
    update_as_colleague,
)
from tests.support.rate_limits import shift_moments
from tests.support.screen import list_row_texts
from ticketing import db
from ticketing.catalog import packages
from ticketing.models import Option
from ticketing.sales import corrections


@pytest.fixture
def coordinator(event):
    return make.staff(event=event)


def test_empty_event_explains_packages(visit, coordinator, event):
    assert visit("packages", coordinator, event).says("No packages yet")


class TestCreate:
    def test_package_is_created(self, visit, coordinator, event):
        screen = visit("packages", coordinator, event).click("New package")
        assert screen.dialog() == "New package"
        screen.type(NAME, "Table of Ten").type(PRICE, "2500").type(SEATS, 10).type(DESCRIPTION, "Near the stage.")
        screen.click("Create package")
        assert screen.dialog() is None
        assert screen.says("Table of Ten created.")
        assert list_row_texts(screen) == [
            "Table of Ten Near the stage. "
            "Price $2,500.00 10 seats Sold, with pending 0 sold unlimited Seats paid 0 Revenue $0.00"
        ]
        assert screen.says("1 package")

    def test_problems_are_beside_their_fields_and_input_stays(self, visit, coordinator, event):
        screen = visit("packages", coordinator, event).click("New package")
        screen.type(NAME, "Table of Ten").type(PRICE, "2.500").type(SEATS, 10)
        screen.click("Create package")
        assert screen.dialog() == "New package"
        assert screen.says("Please fix the 2 highlighted fields.")
        assert screen.problem(PRICE) == "2.500 can mean 2,500.00 or 2.50. Enter 2500 or 2.50."
        assert screen.problem(DESCRIPTION) == "Enter a description."
        assert screen.problem(NAME) is None
        assert [screen.value(label) for label in (NAME, PRICE, SEATS)] == ["Table of Ten", "2.500", 10]
        assert list_stored_packages(event) == []

        screen.type(PRICE, "$2,500").type(DESCRIPTION, "Near the stage.").click("Create package")
        assert [(each.name, str(each.price)) for each in list_stored_packages(event)] == [("Table of Ten", "2500.00")]

    def test_used_name_is_refused(self, visit, coordinator, event):
        make.package(event, name="Table of Ten")
        screen = visit("packages", coordinator, event).click("New package")
        screen.type(NAME, "TABLE of ten").type(PRICE, "1").type(DESCRIPTION, "-").click("Create package")
        assert screen.problem(NAME) == ("This event already has a package called TABLE of ten. Choose another name.")
        assert len(list_stored_packages(event)) == 1

    def test_eleventh_package_within_a_minute_is_refused_and_input_stays(self, visit, coordinator, event):
        for number in range(10):
            make.package(event, coordinator, name=f"Seat {number}")
        screen = visit("packages", coordinator, event).click("New package")
        typed = {NAME: "Table of Ten", PRICE: "2500", SEATS: 10, DESCRIPTION: "Near the stage.", LIMIT: 5}
        for label, value in typed.items():
            screen.type(label, value)
        screen.click("Create package")
        assert screen.dialog() == "New package"
        assert screen.says("You made 10 packages within a minute, so this one was not saved.")
        assert {label: screen.value(label) for label in typed} == typed
        assert len(list_stored_packages(event)) == 10
        shift_moments(60, coordinator.staff_id)
        assert screen.click("Create package").dialog() is None
        assert len(list_stored_packages(event)) == 11

    def test_canceled_form_leaves_nothing_in_the_next(self, visit, coordinator, event):
        screen = visit("packages", coordinator, event).click("New package").type(NAME, "Half a thou").click("Cancel")
        assert screen.dialog() is None
        assert screen.click("New package").value(NAME) == ""
        assert list_stored_packages(event) == []


class TestEdit:
    def test_unsold_package_has_no_warning(self, visit, coordinator, event):
        package = make.package(event)
        assert list(visit("packages", coordinator, event).pick(package, "Edit").app.warning) == []

    def test_sold_package_warns_what_a_change_affects(self, visit, coordinator, event):
        package = make.package(event, price="100")
        make.purchase(event, package, quantity=3)
        screen = visit("packages", coordinator, event).pick(package, "Edit")
        assert screen.says(
            "3 already sold. Changes to price or seats only affect new sales; the name and description change "
            "everywhere. The limit cannot go below 3."
        )
        screen.type(PRICE, "$120").click("Save package")
        assert screen.offer() == f"{package.name} saved."
        assert str(list_stored_packages(event)[0].price) == "120.00"

    def test_limit_below_sold_is_refused_with_both_numbers(self, visit, coordinator, event):
        package = make.package(event, quantity_limit=10)
        make.purchase(event, package, quantity=3)
        screen = visit("packages", coordinator, event).pick(package, "Edit").type(LIMIT, 2).click("Save package")
        assert screen.problem(LIMIT) == "3 are sold already, so the limit cannot be 2. Enter 3 or more."
        assert screen.value(LIMIT) == 2
        assert list_stored_packages(event)[0].quantity_limit == 10
        screen.type(LIMIT, 3).click("Save package")
        assert list_stored_packages(event)[0].quantity_limit == 3

    def test_emptied_limit_is_removed(self, visit, coordinator, event):
        package = make.package(event, quantity_limit=10)
        visit("packages", coordinator, event).pick(package, "Edit").type(LIMIT, None).click("Save package")
        assert list_stored_packages(event)[0].quantity_limit is None


class TestConflict:
    @pytest.fixture
    def package(self, event):
        return make.package(event, name="Table", price="100", description="Old words.")

    @pytest.fixture
    def editing(self, visit, coordinator, event, package):
        return visit("packages", coordinator, event).pick(package, "Edit")

    def test_field_changed_only_by_the_colleague_is_merged(self, editing, event, package):
        editing.type(NAME, "Big Table")
        update_as_colleague(event, package, price="150")
        editing.click("Save package")
        assert editing.says("Bea Colleague changed package") or editing.says("Bea Colleague changed Table")
        assert editing.says("**Price**: Bea Colleague changed $100.00 to $150.00, today")
        assert editing.says("We've added it to your form.")
        assert (editing.value(NAME), editing.value(PRICE)) == ("Big Table", "150.00")
        assert list_stored_packages(event)[0].name == "Table"

        editing.click("Save package")
        assert editing.dialog() is None
        assert [(each.name, str(each.price)) for each in list_stored_packages(event)] == [("Big Table", "150.00")]

    def test_field_changed_by_both_is_a_conflict(self, editing, event, package):
        editing.type(PRICE, "120").type(DESCRIPTION, "My words.")
        update_as_colleague(event, package, price="150")
        editing.click("Save package")
        assert editing.says("**Price**: Bea Colleague changed $100.00 to $150.00, today")
        assert editing.says("You typed $120.00.")
        assert editing.value(PRICE) == "120"
        assert editing.value(DESCRIPTION) == "My words."
        assert editing.field("Save package").disabled
        assert str(list_stored_packages(event)[0].price) == "150.00"

    @pytest.mark.parametrize(("choice", "price"), [("Keep mine", "120.00"), ("Take theirs", "150.00")])
    def test_choice_is_saved_with_the_other_fields(self, editing, event, package, choice, price):
        editing.type(PRICE, "120").type(DESCRIPTION, "My words.")
        update_as_colleague(event, package, price="150")
        editing.click("Save package").click(choice).click("Save package")
        assert editing.dialog() is None
        assert [(str(each.price), each.description) for each in list_stored_packages(event)] == [(price, "My words.")]

    def test_each_conflict_is_decided_separately(self, editing, event, package):
        editing.type(PRICE, "120").type(DESCRIPTION, "My words.")
        update_as_colleague(event, package, price="150", description="Their words.")
        editing.click("Save package")
        form = editing.app.session_state["opened_package"]
        editing.app.button(key=form.key("mine_price")).click()
        assert editing.rerun().field("Save package").disabled
        editing.app.button(key=form.key("theirs_description")).click()
        editing.rerun().click("Save package")
        assert [(str(each.price), each.description) for each in list_stored_packages(event)] == [
            ("120.00", "Their words.")
        ]

    def test_same_change_by_both_is_no_conflict(self, editing, event, package):
        editing.type(NAME, "Big Table")
        update_as_colleague(event, package, name="Big Table")
        editing.click("Save package")
        assert "Keep mine" not in editing.labels()
        assert editing.click("Save package").dialog() is None

    def test_second_conflict_is_shown_too(self, editing, event, package):
        editing.type(PRICE, "120")
        update_as_colleague(event, package, price="150")
        editing.click("Save package").click("Keep mine")
        update_as_colleague(event, package, price="160")
        editing.click("Save package")
        assert editing.says("Bea Colleague changed $150.00 to $160.00")
        editing.click("Keep mine").click("Save package")
        assert str(list_stored_packages(event)[0].price) == "120.00"

    def test_save_of_a_deleted_package_is_refused(self, editing, event, package):
        db.write(lambda session: packages.delete(session, make.staff(role="admin"), event.id, package.id))
        editing.type(PRICE, "120").click("Save package")
        assert editing.says("This package does not exist")
        assert editing.value(PRICE) == "120"

    def test_sale_is_no_conflict(self, editing, event, package):
        make.purchase(event, package)
        editing.type(PRICE, "120").click("Save package")
        assert editing.dialog() is None
        assert str(list_stored_packages(event)[0].price) == "120.00"


class TestDelete:
    def test_asks_for_confirmation(self, visit, coordinator, event):
        package = make.package(event, name="Table")
        screen = visit("packages", coordinator, event).pick(package, "Delete")
        assert screen.dialog() == "Delete package"
        assert screen.says("Nobody has bought Table. This permanently deletes it with its options and picture.")
        screen.click("Cancel")
        assert screen.dialog() is None
        assert len(list_stored_packages(event)) == 1
        screen.pick(package, "Delete").click("Delete for good")
        assert screen.toasts() == ["Table deleted."]
        assert list_stored_packages(event) == []

    def test_package_with_purchases_is_not_deleted(self, visit, coordinator, event):
        package = make.package(event, name="Table")
        make.purchase(event, package)
        screen = visit("packages", coordinator, event)
        assert screen.menu(package.id) == [
            "Edit",
            "Purchases",
            "Options",
            "Copy",
            "History",
            "Take off sale (bought, so not deleted)",
        ]

    @pytest.mark.parametrize("is_voided", [False, True])
    def test_package_that_was_bought_since_is_taken_off_sale_instead(self, visit, coordinator, event, is_voided):
        package = make.package(event, name="Table")
        screen = visit("packages", coordinator, event)
        bought = make.purchase(event, package)
        if is_voided:
            db.write(lambda s: corrections.void(s, coordinator, event.id, bought.purchase.id, "Typed twice"))
        screen.pick(package, "Delete")
        assert screen.says("Table has 1 purchase, so it stays in the records. Take it off sale instead")
        assert "Delete for good" not in screen.labels()
        screen.click("Take off sale")
        assert (screen.dialog(), screen.offer()) == (None, "Table is off sale.")
        assert not list_stored_packages(event)[0].is_enabled


class TestUndo:
    def test_edit_is_undone(self, visit, coordinator, event):
        package = make.package(event, name="Table", price="250", quantity_limit=5)
        screen = visit("packages", coordinator, event).pick(package, "Edit")
        screen.type(NAME, "Big Table").type(PRICE, "$1,500").type(LIMIT, None).click("Save package")
        assert str(list_stored_packages(event)[0].price) == "1500.00"
        screen.click("Undo")
        (row,) = list_stored_packages(event)
        assert (row.name, str(row.price), row.quantity_limit, row.version) == ("Table", "250.00", 5, 3)

    def test_saving_without_a_change_offers_nothing(self, visit, coordinator, event):
        package = make.package(event)
        screen = visit("packages", coordinator, event).pick(package, "Edit").click("Save package")
        assert (screen.toasts(), screen.offer()) == (["Nothing was changed."], None)

    def test_limit_that_sales_passed_meanwhile_is_not_undone(self, visit, coordinator, event):
        package = make.package(event, quantity_limit=1)
        screen = visit("packages", coordinator, event).pick(package, "Edit")
        screen.type(LIMIT, 3).click("Save package")
        make.purchase(event, package, quantity=2)
        screen.click("Undo")
        assert screen.toasts()[0].startswith("Not undone. 2 are sold already")
        assert list_stored_packages(event)[0].quantity_limit == 3


class TestCopy:
    def test_copy_is_disabled_and_opens_for_editing(self, visit, coordinator, event):
        package = make.package(event, name="Table", price="250", seats_per_package=10)
        make.option(package)
        set_image(event, package, alt="A table")
        screen = visit("packages", coordinator, event).pick(package, "Copy")
        assert screen.dialog() == "New package"
        assert screen.says("A copy of Table, with its questions. It is created when you save it")
        assert len(list_stored_packages(event)) == 1
        assert [screen.value(label) for label in (NAME, PRICE, SEATS)] == ["Table (copy)", "250.00", 10]
        assert screen.value("On sale") is False
        screen.type(NAME, "Big Table").type("On sale", True).click("Create package")
        assert screen.says("Big Table created.")
        assert screen.toasts() == []  # the card shows it
        (_, copy) = list_stored_packages(event)
        assert (copy.name, copy.is_enabled, copy.image_alt) == ("Big Table", True, "A table")
        with db.read_session() as session:
            assert len(session.scalars(select(Option).where(Option.package_id == copy.id)).all()) == 1

    def test_canceled_copy_creates_nothing(self, visit, coordinator, event):
        package = make.package(event)
        visit("packages", coordinator, event).pick(package, "Copy").click("Cancel")
        assert len(list_stored_packages(event)) == 1

    def test_copy_with_a_used_name_is_refused_and_keeps_the_input(self, visit, coordinator, event):
        package = make.package(event, name="Table")
        screen = visit("packages", coordinator, event).pick(package, "Copy")
        screen.type(NAME, "table").type(PRICE, "7").click("Create package")
        assert screen.problem(NAME).startswith("This event already has a package called table")
        assert screen.value(PRICE) == "7"
        assert len(list_stored_packages(event)) == 1

    def test_copying_a_deleted_package_is_refused(self, visit, coordinator, event):
        package = make.package(event)
        screen = visit("packages", coordinator, event)
        delete_package(event, package)
        screen.pick(package, "Copy")
        assert screen.dialog() is None
        assert screen.toasts()[0].startswith("This package does not exist")

    def test_opening_a_deleted_package_is_refused(self, visit, coordinator, event):
        package = make.package(event)
        screen = visit("packages", coordinator, event)
        delete_package(event, package)
        assert screen.pick(package, "Edit").toasts()[0].startswith("This package does not exist")
        assert screen.dialog() is None

"""The form of a package: made, changed, copied, deleted, and nobody's change lost."""

import pytest
from sqlalchemy import select

from tests.support import make
from tests.support.package_cards import (
    DESCRIPTION,
    LIMIT,
    NAME,
    PRICE,
    SEATS,
    delete_package,
    list_card_texts,
    list_stored_packages,
    set_image,
    update_as_colleague,
)
from tests.support.rate_limits import shift_moments
from ticketing import db
from ticketing.catalog import packages
from ticketing.models import Option


@pytest.fixture
def coordinator(event):
    return make.staff(event=event)


def test_an_event_without_packages_says_what_one_is(visit, coordinator, event):
    assert visit("packages", coordinator, event).says("Nothing to sell yet")


class TestMaking:
    def test_a_package_is_made_and_said(self, visit, coordinator, event):
        screen = visit("packages", coordinator, event).click("New package")
        assert screen.dialog() == "New package"
        screen.type(NAME, "Table of Ten").type(PRICE, "2500").type(SEATS, 10).type(DESCRIPTION, "Near the stage.")
        screen.click("Make package")
        assert screen.dialog() is None
        assert screen.toasts() == ["Table of Ten is made."]
        assert list_card_texts(screen) == ["Table of Ten $2,500.00 · 10 seats Near the stage. 0 sold · unlimited"]
        assert screen.says("1 package")

    def test_what_is_wrong_stands_beside_its_field_and_what_was_typed_stays(self, visit, coordinator, event):
        screen = visit("packages", coordinator, event).click("New package")
        screen.type(NAME, "Table of Ten").type(PRICE, "$2,500").type(SEATS, 10)
        screen.click("Make package")
        assert screen.dialog() == "New package"
        assert screen.says("Please fix the 2 highlighted fields.")
        assert screen.problem(PRICE) == "Enter an amount, like 1234.50."
        assert screen.problem(DESCRIPTION) == "Enter a description."
        assert screen.problem(NAME) is None
        assert [screen.value(label) for label in (NAME, PRICE, SEATS)] == ["Table of Ten", "$2,500", 10]
        assert list_stored_packages(event) == []

        screen.type(PRICE, "2500").type(DESCRIPTION, "Near the stage.").click("Make package")
        assert [(each.name, str(each.price)) for each in list_stored_packages(event)] == [("Table of Ten", "2500.00")]

    def test_a_name_that_is_taken_is_refused_beside_the_name(self, visit, coordinator, event):
        make.package(event, name="Table of Ten")
        screen = visit("packages", coordinator, event).click("New package")
        screen.type(NAME, "TABLE of ten").type(PRICE, "1").type(DESCRIPTION, "-").click("Make package")
        assert screen.problem(NAME) == ("This event already has a package called TABLE of ten. Choose another name.")
        assert len(list_stored_packages(event)) == 1

    def test_the_eleventh_within_a_minute_is_refused_in_the_form_and_keeps_what_was_typed(
        self, visit, coordinator, event
    ):
        for number in range(10):
            make.package(event, coordinator, name=f"Seat {number}")
        screen = visit("packages", coordinator, event).click("New package")
        typed = {NAME: "Table of Ten", PRICE: "2500", SEATS: 10, DESCRIPTION: "Near the stage.", LIMIT: 5}
        for label, value in typed.items():
            screen.type(label, value)
        screen.click("Make package")
        assert screen.dialog() == "New package"
        assert screen.says("You made 10 packages within a minute, so this one was not saved.")
        assert {label: screen.value(label) for label in typed} == typed
        assert len(list_stored_packages(event)) == 10
        shift_moments(60, coordinator.staff_id)
        assert screen.click("Make package").dialog() is None
        assert len(list_stored_packages(event)) == 11

    def test_a_form_given_up_leaves_nothing_for_the_next(self, visit, coordinator, event):
        screen = visit("packages", coordinator, event).click("New package").type(NAME, "Half a thou").click("Cancel")
        assert screen.dialog() is None
        assert screen.click("New package").value(NAME) == ""
        assert list_stored_packages(event) == []


class TestChanging:
    def test_before_a_sale_there_is_nothing_to_warn_of(self, visit, coordinator, event):
        package = make.package(event)
        assert list(visit("packages", coordinator, event).pick(package, "Edit").app.warning) == []

    def test_after_sales_it_says_how_many_and_what_the_change_will_not_touch(self, visit, coordinator, event):
        package = make.package(event, price="100")
        make.purchase(event, package, quantity=3)
        screen = visit("packages", coordinator, event).pick(package, "Edit")
        assert screen.says(
            "3 sold, now at $100.00. A new price or number of seats applies to purchases from now on; those 3 keep "
            "theirs. The name and description change everywhere. The limit cannot go below 3."
        )
        screen.type(PRICE, "120").click("Save package")
        assert screen.toasts() == [f"{package.name} is saved."]
        assert str(list_stored_packages(event)[0].price) == "120.00"

    def test_a_limit_below_what_is_sold_is_refused_with_both_numbers(self, visit, coordinator, event):
        package = make.package(event, quantity_limit=10)
        make.purchase(event, package, quantity=3)
        screen = visit("packages", coordinator, event).pick(package, "Edit").type(LIMIT, 2).click("Save package")
        assert screen.problem(LIMIT) == "3 are sold already, so the limit cannot be 2. Enter 3 or more."
        assert screen.value(LIMIT) == 2
        assert list_stored_packages(event)[0].quantity_limit == 10
        screen.type(LIMIT, 3).click("Save package")
        assert list_stored_packages(event)[0].quantity_limit == 3

    def test_a_limit_that_is_emptied_is_gone(self, visit, coordinator, event):
        package = make.package(event, quantity_limit=10)
        visit("packages", coordinator, event).pick(package, "Edit").type(LIMIT, None).click("Save package")
        assert list_stored_packages(event)[0].quantity_limit is None


class TestTwoPeople:
    @pytest.fixture
    def package(self, event):
        return make.package(event, name="Table", price="100", description="Old words.")

    @pytest.fixture
    def editing(self, visit, coordinator, event, package):
        return visit("packages", coordinator, event).pick(package, "Edit")

    def test_a_field_that_only_the_other_changed_is_taken_along(self, editing, event, package):
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

    def test_for_a_field_that_both_changed_one_is_asked_before_saving(self, editing, event, package):
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
    def test_the_choice_is_what_is_saved_and_the_rest_of_mine_with_it(self, editing, event, package, choice, price):
        editing.type(PRICE, "120").type(DESCRIPTION, "My words.")
        update_as_colleague(event, package, price="150")
        editing.click("Save package").click(choice).click("Save package")
        assert editing.dialog() is None
        assert [(str(each.price), each.description) for each in list_stored_packages(event)] == [(price, "My words.")]

    def test_each_field_is_decided_on_its_own(self, editing, event, package):
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

    def test_the_same_change_by_both_is_no_question(self, editing, event, package):
        editing.type(NAME, "Big Table")
        update_as_colleague(event, package, name="Big Table")
        editing.click("Save package")
        assert "Keep mine" not in editing.labels()
        assert editing.click("Save package").dialog() is None

    def test_a_third_edit_meanwhile_is_told_as_well(self, editing, event, package):
        editing.type(PRICE, "120")
        update_as_colleague(event, package, price="150")
        editing.click("Save package").click("Keep mine")
        update_as_colleague(event, package, price="160")
        editing.click("Save package")
        assert editing.says("Bea Colleague changed $150.00 to $160.00")
        editing.click("Keep mine").click("Save package")
        assert str(list_stored_packages(event)[0].price) == "120.00"

    def test_a_package_that_was_deleted_meanwhile_says_so(self, editing, event, package):
        db.write(lambda session: packages.delete(session, make.staff(role="admin"), event.id, package.id))
        editing.type(PRICE, "120").click("Save package")
        assert editing.says("This package does not exist")
        assert editing.value(PRICE) == "120"

    def test_a_sale_meanwhile_is_no_conflict(self, editing, event, package):
        make.purchase(event, package)
        editing.type(PRICE, "120").click("Save package")
        assert editing.dialog() is None
        assert str(list_stored_packages(event)[0].price) == "120.00"


class TestDeleting:
    def test_deleting_asks_first(self, visit, coordinator, event):
        package = make.package(event, name="Table")
        screen = visit("packages", coordinator, event).pick(package, "Delete")
        assert screen.dialog() == "Delete package"
        assert screen.says("Table, its options and its picture are gone for good. Nobody has bought it.")
        screen.click("Cancel")
        assert screen.dialog() is None
        assert len(list_stored_packages(event)) == 1
        screen.pick(package, "Delete").click("Delete for good")
        assert screen.toasts() == ["Table is deleted."]
        assert list_stored_packages(event) == []

    def test_one_that_was_bought_is_not_deleted_and_says_what_to_do_instead(self, visit, coordinator, event):
        package = make.package(event, name="Table")
        make.purchase(event, package)
        screen = visit("packages", coordinator, event).pick(package, "Delete").click("Delete for good")
        assert screen.says("Table has purchases, so it stays in the records. Take it off sale instead.")
        assert screen.click("Close").dialog() is None
        assert len(list_stored_packages(event)) == 1


class TestCopying:
    def test_the_copy_is_disabled_says_so_and_is_open_to_be_changed(self, visit, coordinator, event):
        package = make.package(event, name="Table", price="250", seats_per_package=10)
        make.option(package)
        set_image(event, package, alt="A table")
        screen = visit("packages", coordinator, event).pick(package, "Copy")
        assert screen.toasts() == ["Table (copy) is made."]
        assert screen.dialog() == "Edit package"
        assert screen.says(
            "This is a copy of Table, with its questions and its picture; it stands last. It is disabled"
        )
        assert [screen.value(label) for label in (NAME, PRICE, SEATS)] == ["Table (copy)", "250.00", 10]
        assert screen.value("On sale") is False
        screen.type(NAME, "Big Table").type("On sale", True).click("Save package")
        (_, copy) = list_stored_packages(event)
        assert (copy.name, copy.is_enabled, copy.image_alt) == ("Big Table", True, "A table")
        with db.read_session() as session:
            assert len(session.scalars(select(Option).where(Option.package_id == copy.id)).all()) == 1

    def test_one_that_is_gone_is_not_copied_and_says_so(self, visit, coordinator, event):
        package = make.package(event)
        screen = visit("packages", coordinator, event)
        delete_package(event, package)
        screen.pick(package, "Copy")
        assert screen.dialog() is None
        assert screen.toasts()[0].startswith("This package does not exist")

    def test_one_that_is_gone_does_not_open_either(self, visit, coordinator, event):
        package = make.package(event)
        screen = visit("packages", coordinator, event)
        delete_package(event, package)
        assert screen.pick(package, "Edit").toasts()[0].startswith("This package does not exist")
        assert screen.dialog() is None

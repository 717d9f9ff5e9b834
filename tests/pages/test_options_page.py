"""The options page: create, edit, reorder, stop asking and delete."""

import pytest

from tests.support import make
from ticketing import db
from ticketing.catalog import options

QUESTION, ANSWER, CHOICES = "Question", "Answer", "Choices, one per line (for multiple choice)"


@pytest.fixture
def coordinator(event):
    return make.staff(event=event)


@pytest.fixture
def package(event):
    return make.package(event, name="Table of Ten")


def list_labels(coordinator, package):
    with db.read_session() as session:
        return [option.label for option in options.list_active(session, coordinator, package.id)]


def test_page_without_packages_links_to_them(visit, coordinator, event):
    assert visit("options", coordinator, event).says("Options belong to a package. Create one first.")


def test_package_without_options_explains_them(visit, coordinator, event, package):
    assert visit("options", coordinator, event).says("No questions yet")


def test_package_menu_opens_its_options(visit, coordinator, event, package):
    second = make.package(event, name="Couple")
    make.option(second, label="Song of the evening")
    screen = visit("packages", coordinator, event).pick(second, "Options")
    assert screen.says("Song of the evening")


class TestCreate:
    def test_multiple_choice_option_is_created(self, visit, coordinator, event, package):
        screen = visit("options", coordinator, event).click("New option")
        screen.type(QUESTION, "Courses").type(ANSWER, "multi_select").type(CHOICES, "Beef\n\nChicken \nVegan")
        screen.click("Add option")
        assert screen.toasts() == ["Question added."]
        assert screen.says("Beef **0** · Chicken **0** · Vegan **0**")

    def test_single_choice_is_refused(self, visit, coordinator, event, package):
        screen = visit("options", coordinator, event).click("New option")
        screen.type(QUESTION, "Courses").type(ANSWER, "multi_select").type(CHOICES, "Beef").click("Add option")
        assert screen.problem(CHOICES) == "Enter 2 to 10 choices."
        assert screen.value(CHOICES) == "Beef"
        assert list_labels(coordinator, package) == []

    def test_fifth_option_cannot_be_created(self, visit, coordinator, event, package):
        for number in range(4):
            make.option(package, label=f"Question {number}")
        screen = visit("options", coordinator, event)
        assert screen.field("New option").disabled
        assert screen.says("A package has at most 4 options.")


class TestEdit:
    def test_move_up_changes_the_order(self, visit, coordinator, event, package):
        make.option(package, label="First")
        second = make.option(package, label="Second")
        visit("options", coordinator, event).pick(second, "Move up")
        assert list_labels(coordinator, package) == ["Second", "First"]

    def test_answered_option_warns_and_keeps_its_type(self, visit, coordinator, event, package):
        option = make.option(package, label="Diet", option_type="boolean", is_required=True)
        make.purchase(event, package, answers=[{"option_id": option.id, "value": True}])
        screen = visit("options", coordinator, event).pick(option, "Edit")
        assert screen.says("1 purchase has answered.")
        assert screen.field(ANSWER).disabled
        screen.type(QUESTION, "Special diet").click("Save option")
        assert list_labels(coordinator, package) == ["Special diet"]
        assert screen.says("Yes **1** · No **0**")

    def test_stop_asking_keeps_the_answers(self, visit, coordinator, event, package):
        option = make.option(package, label="Diet", option_type="boolean")
        make.purchase(event, package, answers=[{"option_id": option.id, "value": False}])
        screen = visit("options", coordinator, event).pick(option, "Stop asking")
        assert list_labels(coordinator, package) == []
        assert screen.says("No longer asked")
        assert screen.says("Yes **0** · No **1**")


class TestDelete:
    def test_asks_for_confirmation(self, visit, coordinator, event, package):
        option = make.option(package, label="Diet")
        screen = visit("options", coordinator, event).pick(option, "Delete")
        assert list_labels(coordinator, package) == ["Diet"]
        screen.click("Delete for good")
        assert list_labels(coordinator, package) == []

    def test_answered_option_is_not_deleted(self, visit, coordinator, event, package):
        option = make.option(package, label="Diet", option_type="boolean")
        make.purchase(event, package, answers=[{"option_id": option.id, "value": True}])
        screen = visit("options", coordinator, event).pick(option, "Delete").click("Delete for good")
        assert screen.says("“Diet” has answers, so it stays in the records. Stop asking it instead.")
        assert list_labels(coordinator, package) == ["Diet"]

"""The options page: what is asked with a package, in which order, and what was answered."""

import pytest

from tests.support import make
from ticketing import db
from ticketing.catalog import options

QUESTION, ANSWER, CHOICES = "Question", "Answer", "Choices, one per line (for a pick from a list)"


@pytest.fixture
def coordinator(event):
    return make.staff(event=event)


@pytest.fixture
def package(event):
    return make.package(event, name="Table of Ten")


def asked(coordinator, package):
    with db.read_session() as session:
        return [option.label for option in options.list_active(session, coordinator, package.id)]


def test_without_packages_it_leads_to_them(visit, coordinator, event):
    assert visit("options", coordinator, event).says("Options belong to a package. Make one first.")


def test_a_package_that_asks_nothing_says_what_one_could_ask(visit, coordinator, event, package):
    assert visit("options", coordinator, event).says("Nothing is asked yet")


def test_the_menu_of_a_package_leads_to_its_questions(visit, coordinator, event, package):
    second = make.package(event, name="Couple")
    make.option(second, label="Song of the evening")
    screen = visit("packages", coordinator, event).pick(second, "Options")
    assert screen.says("Song of the evening")


class TestMaking:
    def test_a_pick_from_a_list_with_its_choices(self, visit, coordinator, event, package):
        screen = visit("options", coordinator, event).click("New option")
        screen.type(QUESTION, "Courses").type(ANSWER, "multi_select").type(CHOICES, "Beef\n\nChicken \nVegan")
        screen.click("Add option")
        assert screen.toasts() == ["“Courses” is asked from now on."]
        assert screen.says("Beef **0** · Chicken **0** · Vegan **0**")

    def test_a_list_of_one_is_refused_beside_the_choices(self, visit, coordinator, event, package):
        screen = visit("options", coordinator, event).click("New option")
        screen.type(QUESTION, "Courses").type(ANSWER, "multi_select").type(CHOICES, "Beef").click("Add option")
        assert screen.problem(CHOICES) == "Enter 2 to 10 choices."
        assert screen.value(CHOICES) == "Beef"
        assert asked(coordinator, package) == []

    def test_the_fifth_question_is_not_offered(self, visit, coordinator, event, package):
        for number in range(4):
            make.option(package, label=f"Question {number}")
        screen = visit("options", coordinator, event)
        assert screen.field("New option").disabled
        assert screen.says("A package has at most 4 options.")


class TestChanging:
    def test_moving_up_changes_the_order(self, visit, coordinator, event, package):
        make.option(package, label="First")
        second = make.option(package, label="Second")
        visit("options", coordinator, event).pick(second, "Move up")
        assert asked(coordinator, package) == ["Second", "First"]

    def test_an_answered_question_warns_and_keeps_its_type(self, visit, coordinator, event, package):
        option = make.option(package, label="Diet", option_type="boolean", is_required=True)
        make.purchase(event, package, answers=[{"option_id": option.id, "value": True}])
        screen = visit("options", coordinator, event).pick(option, "Edit")
        assert screen.says("1 purchase has answered.")
        assert screen.field(ANSWER).disabled
        screen.type(QUESTION, "Special diet").click("Save option")
        assert asked(coordinator, package) == ["Special diet"]
        assert screen.says("Yes **1** · No **0**")

    def test_retiring_stops_the_asking_and_keeps_the_answers(self, visit, coordinator, event, package):
        option = make.option(package, label="Diet", option_type="boolean")
        make.purchase(event, package, answers=[{"option_id": option.id, "value": False}])
        screen = visit("options", coordinator, event).pick(option, "Retire")
        assert asked(coordinator, package) == []
        assert screen.says("Retired")
        assert screen.says("Yes **0** · No **1**")


class TestDeleting:
    def test_asks_first(self, visit, coordinator, event, package):
        option = make.option(package, label="Diet")
        screen = visit("options", coordinator, event).pick(option, "Delete")
        assert asked(coordinator, package) == ["Diet"]
        screen.click("Delete for good")
        assert asked(coordinator, package) == []

    def test_an_answered_question_stays_and_says_why(self, visit, coordinator, event, package):
        option = make.option(package, label="Diet", option_type="boolean")
        make.purchase(event, package, answers=[{"option_id": option.id, "value": True}])
        screen = visit("options", coordinator, event).pick(option, "Delete").click("Delete for good")
        assert screen.says("“Diet” has answers, so it stays in the records. Stop asking it instead.")
        assert asked(coordinator, package) == ["Diet"]

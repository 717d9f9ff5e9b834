"""The options page: create, edit, reorder, stop asking and delete."""

import pytest

from tests.support import make
from tests.support.screen import get_row_text
from ticketing import db
from ticketing.catalog import options

QUESTION, ANSWER, CHOICES = "Question", "Answer", "Choices, one per line"

CHOICE_LIST = ["Fish", "Rice"]


@pytest.fixture
def coordinator(event):
    return make.staff(event=event)


@pytest.fixture
def package(event):
    return make.package(event, name="Table of Ten")


def list_labels(coordinator, package):
    with db.read_session() as session:
        return [option.label for option in options.list_active(session, coordinator, package.id)]


def change_as_bea(event, option, **values):
    bea = make.staff(name="Bea Colleague", event=event)
    db.write(lambda s: options.update(s, bea, option.package_id, option.id, values, seen_version=None))


def get_row_html(screen):
    (row,) = [each.value for each in screen.app.html if "<article" in each.value]
    return row


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
        assert CHOICES not in screen.labels()
        screen.enter(ANSWER, "multi_select")
        screen.type(QUESTION, "Courses").type(CHOICES, "Beef\n\nChicken \nVegan").click("Add option")
        assert screen.says("Question added.")
        assert screen.says("Courses Required Beef 0 · Chicken 0 · Vegan 0 Table of Ten Answer Choose several Answers 0")

    def test_single_choice_is_refused(self, visit, coordinator, event, package):
        screen = visit("options", coordinator, event).click("New option")
        screen.enter(ANSWER, "multi_select").type(QUESTION, "Courses").type(CHOICES, "Beef").click("Add option")
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
        assert screen.says("Yes 1 · No 0")

    def test_answered_list_can_become_choose_one(self, visit, coordinator, event, package):
        option = make.option(package, label="Dinner", option_type="multi_select", choices=["Fish", "Rice"])
        make.purchase(event, package, answers=[{"option_id": option.id, "value": ["Fish"]}])
        screen = visit("options", coordinator, event).pick(option, "Edit")
        assert screen.field(ANSWER).options == ["Choose one", "Choose several"]
        screen.type(ANSWER, "single_select").click("Save option")
        assert screen.says("Answer Choose one")
        assert screen.says("Dinner Required Fish 1 · Rice 0")

    def test_stop_asking_keeps_the_answers(self, visit, coordinator, event, package):
        option = make.option(package, label="Diet", option_type="boolean")
        make.purchase(event, package, answers=[{"option_id": option.id, "value": False}])
        screen = visit("options", coordinator, event).pick(option, "Stop asking")
        assert list_labels(coordinator, package) == []
        assert screen.says("No longer asked")
        assert screen.says("Yes 0 · No 1")


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
        screen = visit("options", coordinator, event)
        assert screen.menu(option.id) == ["Edit", "Answers", "Stop asking (answered, so not deleted)"]

    def test_option_that_was_answered_since_is_no_longer_asked_instead(self, visit, coordinator, event, package):
        option = make.option(package, label="Diet", option_type="boolean")
        screen = visit("options", coordinator, event)
        make.purchase(event, package, answers=[{"option_id": option.id, "value": True}])
        screen.pick(option, "Delete")
        assert screen.says("“Diet” has 1 answer, so it stays in the records.")
        assert "Delete for good" not in screen.labels()
        screen.click("Stop asking")
        assert list_labels(coordinator, package) == []


class TestUndo:
    @pytest.fixture
    def three(self, package):
        return [make.option(package, label=label) for label in ("First", "Second", "Third")]

    def test_stop_asking_is_undone(self, visit, coordinator, event, package, three):
        screen = visit("options", coordinator, event).pick(three[1], "Stop asking")
        assert screen.offer() == "“Second” is no longer asked."
        screen.click("Undo")
        assert list_labels(coordinator, package) == ["First", "Second", "Third"]

    def test_retired_option_is_asked_again_and_that_undone(self, visit, coordinator, event, package, three):
        screen = visit("options", coordinator, event).pick(three[0], "Stop asking").pick(three[0], "Ask again")
        assert list_labels(coordinator, package) == ["First", "Second", "Third"]
        assert screen.offer() == "“First” is asked again."
        screen.click("Undo")
        assert list_labels(coordinator, package) == ["Second", "Third"]

    def test_order_is_undone(self, visit, coordinator, event, package, three):
        screen = visit("options", coordinator, event).pick(three[2], "Move up")
        assert list_labels(coordinator, package) == ["First", "Third", "Second"]
        screen.click("Undo")
        assert list_labels(coordinator, package) == ["First", "Second", "Third"]

    def test_edit_is_undone(self, visit, coordinator, event, package):
        option = make.option(package, label="Menu", option_type="multi_select", choices=["Fish", "Tofu"])
        screen = visit("options", coordinator, event).pick(option, "Edit")
        screen.type(QUESTION, "Courses").type(CHOICES, "Beef\nTofu").click("Save option").click("Undo")
        with db.read_session() as session:
            (row,) = options.list_active(session, coordinator, package.id)
        assert (row.label, row.choices, row.version) == ("Menu", ["Fish", "Tofu"], 3)

    def test_undo_is_refused_when_the_option_changed_since(self, visit, coordinator, event, package, three):
        screen = visit("options", coordinator, event).pick(three[0], "Stop asking")
        bea = make.staff(name="Bea Colleague", event=event)
        db.write(lambda s: options.update(s, bea, package.id, three[0].id, {"label": "New"}, seen_version=None))
        screen.click("Undo")
        assert screen.toasts() == ["Not undone. Table of Ten: Bea Colleague changed it since."]
        assert list_labels(coordinator, package) == ["Second", "Third"]


class TestSeveralPackages:
    """Gold, Silver and Bronze, of which Gold and Silver ask for the menu."""

    ALSO = "Also for the package that asks the same"

    @pytest.fixture
    def three(self, event):
        return [make.package(event, name=name) for name in ("Gold", "Silver", "Bronze")]

    @pytest.fixture
    def menus(self, three):
        return [make.option(each, label="Menu", option_type="multi_select", choices=CHOICE_LIST) for each in three[:2]]

    @staticmethod
    def list_all_labels(coordinator, packages):
        return [list_labels(coordinator, each) for each in packages]

    def test_one_row_with_packages_and_answers_of_all(self, visit, coordinator, event, three, menus):
        for package, option, picked in zip(three, menus, (["Fish"], ["Fish", "Rice"]), strict=False):
            make.purchase(event, package, answers=[{"option_id": option.id, "value": picked}])
        screen = visit("options", coordinator, event)
        assert screen.says("1 question")
        assert screen.says("Menu Required Fish 2 · Rice 1 Gold Silver Answer Choose several Answers 2")

    def test_package_that_requires_it_or_asks_no_longer_is_told_apart(self, visit, coordinator, event, three, menus):
        third = make.option(three[2], label="MENU", option_type="multi_select", choices=CHOICE_LIST, is_required=False)
        screen = visit("options", coordinator, event)
        assert screen.says("Menu Required in 2 of 3 Fish 0 · Rice 0 Gold Silver Bronze")
        db.write(lambda s: options.retire(s, coordinator, three[0].id, menus[0].id))
        assert '<bdi class="chip off"><s>Gold</s></bdi>' in get_row_html(screen.rerun())
        db.write(lambda s: options.retire(s, coordinator, three[1].id, menus[1].id))
        db.write(lambda s: options.retire(s, coordinator, three[2].id, third.id))
        assert screen.rerun().says("Menu No longer asked")

    def test_more_packages_than_fit_are_counted(self, visit, coordinator, event):
        for number in range(9):
            make.option(make.package(event, name=f"Table {number}"), label="Diet")
        assert visit("options", coordinator, event).says("Table 4 Table 5 +3 Answer Text")

    def test_filter_lists_the_questions_of_a_package_in_its_order(self, visit, coordinator, event, three, menus):
        diet = make.option(three[1], label="Diet")
        screen = visit("options", coordinator, event)
        assert screen.menu(diet.id) == ["Edit", "Ask with more packages", "Answers", "Stop asking", "Delete"]
        screen.enter("Questions of", three[1].id).pick(diet, "Move up")
        assert list_labels(coordinator, three[1]) == ["Diet", "Menu"]
        assert screen.enter("Questions of", three[2].id).says("No questions yet")

    def test_viewer_sees_answers_and_changes_nothing(self, visit, event, three, menus):
        make.purchase(event, three[0], answers=[{"option_id": menus[0].id, "value": ["Fish"]}])
        screen = visit("options", make.staff("viewer", event), event)
        assert "New option" not in screen.labels()
        assert screen.menu(menus[0].id) == ["Answers"]
        screen.click("Answers to “Menu”")
        assert screen.dialog() == "Answers"
        assert screen.says("**Menu** · 1 purchase has answered")
        (table,) = [each.value for each in screen.app.html if "<table" in each.value]
        assert get_row_text(table) == (
            "Answers to Menu, by package Package Answered Fish Rice Gold 1 1 0 Silver 0 0 0 Total 1 1 0"
        )

    def test_new_question_is_added_to_the_chosen_packages(self, visit, coordinator, event, three):
        screen = visit("options", coordinator, event).click("New option")
        screen.enter("Packages", [three[0].id, three[2].id]).type(QUESTION, "Song?").click("Add option")
        assert screen.says("Question added to 2 packages.")
        assert self.list_all_labels(coordinator, three) == [["Song?"], [], ["Song?"]]

    def test_new_question_needs_a_package_and_keeps_what_was_typed(self, visit, coordinator, event, three):
        screen = visit("options", coordinator, event).click("New option").enter("Packages", []).click("Add option")
        assert screen.problem("Packages") == "Choose at least one package."
        assert screen.problem(QUESTION) == "Enter a question."
        screen.type(QUESTION, "Song?").click("Add option")
        assert (screen.problem(QUESTION), screen.value(QUESTION)) == (None, "Song?")

    def test_new_question_is_for_all_packages_and_the_next_one_for_those_of_the_last(
        self, visit, coordinator, event, three
    ):
        for number in range(3):
            make.option(three[0], label=f"Question {number}", is_required=False)
        screen = visit("options", coordinator, event).click("New option")
        assert screen.value("Packages") == [each.id for each in three]
        screen.enter("Packages", [three[0].id, three[2].id]).type(QUESTION, "Song?").click("Save and add another")
        assert screen.says("Question added to 2 packages.")
        assert (screen.dialog(), screen.value(QUESTION)) == ("New option", "")
        assert screen.value("Packages") == [three[2].id]  # the other has 4 questions now

    def test_refused_question_stays_open_instead_of_another(self, visit, coordinator, event, three):
        screen = visit("options", coordinator, event).click("New option").click("Save and add another")
        assert screen.problem(QUESTION) == "Enter a question."

    def test_full_packages_are_not_offered_and_filled_ones_named(self, visit, coordinator, event, three):
        for number in range(4):
            make.option(three[0], label=f"Question {number}", is_required=False)
        screen = visit("options", coordinator, event).click("New option")
        assert screen.field("Packages").options == ["Silver", "Bronze"]
        assert screen.says("Not offered, with 4 options already: Gold.")
        screen.enter("Packages", [three[1].id, three[2].id]).type(QUESTION, "Song?")
        for number in range(4):
            make.option(three[2], label=f"Question {number}", is_required=False)
        screen.click("Add option")
        assert screen.says("Nothing was saved. Bronze: 4 questions already.")
        assert list_labels(coordinator, three[1]) == []

    def test_question_is_added_to_packages_that_do_not_ask_it(self, visit, coordinator, event, three, menus):
        screen = visit("options", coordinator, event).pick(menus[0], "Ask with more packages")
        assert screen.field("Packages").options == ["Bronze"]
        assert screen.value(CHOICES) == "Fish\nRice"
        screen.enter("Packages", [three[2].id]).click("Add option")
        assert self.list_all_labels(coordinator, three) == [["Menu"]] * 3
        assert "Ask with more packages" not in screen.menu(menus[0].id)

    def test_edit_changes_all_that_ask_the_same_and_is_undone_as_one(self, visit, coordinator, event, three, menus):
        screen = visit("options", coordinator, event).pick(menus[0], "Edit")
        assert screen.value(self.ALSO)
        screen.type(QUESTION, "Dinner").click("Save option")
        assert screen.offer() == "“Dinner” saved for 2 packages."
        assert self.list_all_labels(coordinator, three) == [["Dinner"], ["Dinner"], []]
        screen.click("Undo")
        assert screen.toasts() == ["Change undone."]
        assert self.list_all_labels(coordinator, three) == [["Menu"], ["Menu"], []]

    def test_edit_of_one_package_splits_the_question(self, visit, coordinator, event, three, menus):
        screen = visit("options", coordinator, event).pick(menus[0], "Edit")
        screen.enter(self.ALSO, False).enter("Package", menus[1].id)
        screen.type(QUESTION, "Dinner").click("Save option")
        assert self.list_all_labels(coordinator, three) == [["Menu"], ["Dinner"], []]

    def test_edit_in_the_list_of_one_package_offers_the_others(self, visit, coordinator, event, three, menus):
        screen = visit("options", coordinator, event).enter("Questions of", three[1].id).pick(menus[0], "Edit")
        assert (screen.value(self.ALSO), screen.value("Package")) == (False, menus[1].id)
        screen.enter(self.ALSO, True).type(QUESTION, "Dinner").click("Save option")
        assert self.list_all_labels(coordinator, three) == [["Dinner"], ["Dinner"], []]

    def test_colleagues_change_elsewhere_is_named_and_the_next_save_leaves_it_out(
        self, visit, coordinator, event, three, menus
    ):
        screen = visit("options", coordinator, event).pick(menus[0], "Edit")
        change_as_bea(event, menus[1], choices=["Fish", "Beef"])
        screen.type(QUESTION, "Dinner").click("Save option")
        assert screen.says("Silver: Bea Colleague changed Menu after you opened it: choices.")
        assert self.list_all_labels(coordinator, three) == [["Menu"], ["Menu"], []]
        assert (screen.value(QUESTION), self.ALSO in screen.labels()) == ("Dinner", False)
        screen.click("Save option")
        assert self.list_all_labels(coordinator, three) == [["Dinner"], ["Menu"], []]

    def test_colleagues_change_of_the_shown_option_is_merged(self, visit, coordinator, event, three, menus):
        screen = visit("options", coordinator, event).pick(menus[0], "Edit")
        for menu in menus:
            change_as_bea(event, menu, choices=["Fish", "Beef"])
        screen.type(QUESTION, "Dinner").click("Save option")
        assert screen.says("Bea Colleague changed Fish, Rice to Fish, Beef")
        assert (screen.value(CHOICES), screen.value(self.ALSO)) == ("Fish\nBeef", True)
        screen.click("Save option")
        assert self.list_all_labels(coordinator, three) == [["Dinner"], ["Dinner"], []]

    def test_undo_is_refused_for_all_when_one_changed_since(self, visit, coordinator, event, three, menus):
        screen = visit("options", coordinator, event).pick(menus[0], "Edit").type(QUESTION, "Dinner")
        screen.click("Save option")
        change_as_bea(event, menus[1], label="Supper")
        screen.click("Undo")
        assert screen.toasts() == ["Not undone. Silver: Bea Colleague changed it since."]
        assert self.list_all_labels(coordinator, three) == [["Dinner"], ["Supper"], []]

    def test_stop_asking_and_ask_again_are_for_all_and_undone_as_one(self, visit, coordinator, event, three, menus):
        screen = visit("options", coordinator, event)
        assert "Stop asking (2 packages)" in screen.menu(menus[0].id)
        screen.pick(menus[0], "Stop asking")
        assert screen.offer() == "“Menu” is no longer asked in 2 packages."
        assert self.list_all_labels(coordinator, three) == [[], [], []]
        assert self.list_all_labels(coordinator, three[:2]) == [[], []]
        screen.click("Undo")
        assert self.list_all_labels(coordinator, three) == [["Menu"], ["Menu"], []]
        screen.pick(menus[0], "Stop asking").pick(menus[0], "Ask again")
        assert screen.offer() == "“Menu” is asked again in 2 packages."
        assert self.list_all_labels(coordinator, three) == [["Menu"], ["Menu"], []]

    def test_stop_asking_in_the_list_of_one_package_is_for_that_one(self, visit, coordinator, event, three, menus):
        screen = visit("options", coordinator, event).enter("Questions of", three[1].id).pick(menus[0], "Stop asking")
        assert self.list_all_labels(coordinator, three) == [["Menu"], [], []]
        screen.enter("Questions of", "all")
        assert "Ask again (Silver)" in screen.menu(menus[0].id)

    def test_delete_is_for_all_that_nobody_answered(self, visit, coordinator, event, three, menus):
        screen = visit("options", coordinator, event).pick(menus[0], "Delete")
        assert screen.says("Nobody has answered “Menu”. This permanently deletes it from 2 packages.")
        screen.click("Delete for good")
        assert self.list_all_labels(coordinator, three) == [[], [], []]

    def test_questions_are_listed_twenty_a_page(self, visit, coordinator, event):
        for number in range(6):
            package = make.package(event, name=f"Table {number}")
            for place in range(4 if number < 5 else 1):
                make.option(package, label=f"Question {number}-{place}")
        screen = visit("options", coordinator, event)
        assert screen.says("21 questions")
        assert len([each for each in screen.app.html if "<article" in each.value]) == 20

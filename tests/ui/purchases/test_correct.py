"""The form that corrects a sale in the drawer of its purchase."""

import pytest
from sqlalchemy import select

from tests.support import make
from tests.support.database_state import get_audit_changes, snapshot
from tests.support.sales_file import run_import, sale, sales_csv
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.models import Answer, Order, Purchase
from ticketing.sales import corrections, sale_details

NAME, EMAIL, PHONE, NOTE = "Donor's name", "Donor's e-mail address", "Donor's phone (optional)", "Note (optional)"
SAVE = "Save correction"


@pytest.fixture
def seller(event):
    return make.staff(event=event, name="Ana Ruiz")


@pytest.fixture
def dinner(event):
    return make.package(event, name="Dinner")


@pytest.fixture
def bought(event, dinner):
    return make.order(event, dinner, make.package(event), donor_email=make.email(), notes="Late")


@pytest.fixture
def opened(visit, event, seller):
    """Return a function that opens the form for a line of an order."""

    def open_form(order, actor=seller):
        screen = visit("purchasers", actor, event)
        screen.app.query_params["purchase"] = str(order.lines[0].purchase.id)
        return screen.rerun().click("Correct details")

    return open_form


def list_lines(order):
    with db.read_session() as session:
        return session.scalars(select(Purchase).where(Purchase.order_id == order.order.id)).all()


def get_answer(order, option):
    with db.read_session() as session:
        return session.scalar(
            select(Answer.value).where(Answer.purchase_id == order.lines[0].purchase.id, Answer.option_id == option.id)
        )


def correct(event, order, values, answers=None):
    """Correct the sale as a colleague."""
    ben = make.staff(event=event, name="Ben Okafor")
    changed = {order.lines[0].purchase.id: answers} if answers else {}
    db.write(lambda s: sale_details.correct(s, ben, event.id, order.order.id, values, changed, seen_version=None))


def test_donor_and_note_of_all_lines_are_corrected(opened, bought):
    screen = opened(bought)
    assert screen.says("void the sale and sell again")
    assert screen.says("Donor and note are those of all 2 packages of the order.")
    assert [screen.value(label) for label in (NAME, PHONE, NOTE)] == ["Ana Ruiz", "", "Late"]
    screen.type(NAME, "Ana Ruíz").type(PHONE, "555 0199").type(NOTE, "").click(SAVE)
    assert screen.offer() == "Sale corrected."
    assert {(line.purchaser_name, line.purchaser_phone, line.notes) for line in list_lines(bought)} == {
        ("Ana Ruíz", "555 0199", None)
    }
    assert screen.says("Ana Ruíz</h3>")
    assert screen.says("Donor's name: was Ana Ruiz, now Ana Ruíz")
    assert screen.says("Note: was Late, now empty")
    screen.click("Undo")
    assert {(line.purchaser_name, line.purchaser_phone, line.notes) for line in list_lines(bought)} == {
        ("Ana Ruiz", None, "Late")
    }


def test_corrected_address_and_answer_are_undone(opened, event, dinner):
    meal = make.option(dinner, label="Meal?", option_type="multi_select", choices=["Fish", "Beef"])
    order = make.order(event, {"package_id": dinner.id, "answers": [{"option_id": meal.id, "value": ["Fish"]}]})
    before = list_lines(order)[0].purchaser_email
    screen = opened(order).type(EMAIL, make.email("ben")).type("Meal?", ["Beef"]).click(SAVE)
    assert list_lines(order)[0].purchaser_email != before
    screen.click("Undo")
    assert list_lines(order)[0].purchaser_email == before
    assert get_answer(order, meal) == ["Fish"]


def test_correction_is_not_undone_when_the_order_changed_since(opened, event, bought):
    screen = opened(bought).type(NAME, "Ana Ruíz").click(SAVE)
    correct(event, bought, {"notes": "Early"})
    screen.click("Undo")
    assert screen.toasts() == ["Not undone. Ben Okafor changed it since."]
    assert list_lines(bought)[0].purchaser_name == "Ana Ruíz"


def test_saving_without_a_change_changes_nothing(opened, event, bought):
    before = snapshot(event)
    assert opened(bought).click(SAVE).toasts() == ["Nothing was changed."]
    assert snapshot(event) == before


def test_problems_are_beside_their_fields_and_nothing_is_lost(opened, event, dinner):
    asked = make.option(dinner, label="Meal?")
    order = make.order(event, {"package_id": dinner.id, "answers": [{"option_id": asked.id, "value": "Fish"}]})
    before = snapshot(event)
    screen = opened(order).type(NAME, " ").type(EMAIL, "ana@").type("Meal?", "").type(NOTE, "Late").click(SAVE)
    assert screen.problem(NAME) == "Enter a name."
    assert screen.problem(EMAIL) == "Enter an e-mail address such as ana@example.org."
    assert (screen.value(EMAIL), screen.value(NOTE)) == ("ana@", "Late")
    assert snapshot(event) == before
    screen.type(NAME, "Ana").type(EMAIL, make.email()).click(SAVE)
    assert screen.problem("Meal?") == "Answer “Meal?”."
    screen.type("Meal?", "Beef").click(SAVE)
    assert screen.offer() == "Sale corrected."
    assert get_answer(order, asked) == "Beef"


def test_each_kind_of_answer_is_corrected(opened, event, dinner):
    meal = make.option(dinner, label="Meal?", option_type="multi_select", choices=["Beef", "Fish"])
    vegan = make.option(dinner, label="Vegan?", option_type="boolean", is_required=False)
    words = make.option(dinner, label="Wishes?", is_required=False)
    order = make.order(event, {"package_id": dinner.id, "answers": [{"option_id": meal.id, "value": ["Fish"]}]})
    screen = opened(order)
    assert (screen.value("Meal?"), screen.value("Vegan? (optional)")) == (["Fish"], None)
    screen.type("Meal?", ["Beef"]).type("Vegan? (optional)", False).type("Wishes? (optional)", "Near us").click(SAVE)
    assert [get_answer(order, each) for each in (meal, vegan, words)] == [["Beef"], False, "Near us"]
    assert screen.says("Answer to “Meal?”: was Fish, now Beef")
    assert screen.says("Answer to “Vegan?”: was empty, now No")


def test_imported_sale_names_where_to_correct_the_rest(visit, seller, event, dinner):
    run_import(event, sales_csv(sale(dinner, external_sale_id="EB-7")))
    screen = visit("purchasers", seller, event)
    next(each for each in screen.app.main.button if str(each.key).startswith("open_")).click()
    screen.rerun().click("Correct details")
    assert screen.says("This sale was imported: correct them where it was sold.")
    assert screen.type(NAME, "Zoë").click(SAVE).offer() == "Sale corrected."


def test_address_of_another_donor_asks_before_the_order_moves(opened, event, dinner, bought):
    ben = {"name": "Ben Okafor", "email": make.email("ben")}
    bens = make.order(event, dinner, donor=ben)
    before = snapshot(event)
    screen = opened(bought).type(EMAIL, ben["email"]).click(SAVE)
    assert screen.says("This is **Ben Okafor**'s address. Same person?")
    assert screen.problems() == []
    assert (SAVE in screen.labels(), screen.value(EMAIL)) == (False, ben["email"])
    assert snapshot(event) == before
    screen.click("Same person, save")
    assert screen.offer() == "Sale corrected."
    with db.read_session() as session:
        assert session.get(Order, bought.order.id).donor_id == bens.order.donor_id


def test_answering_the_question_with_another_address_saves_that(opened, event, dinner, bought):
    ben, other = make.email("ben"), make.email("other")
    make.order(event, dinner, donor_email=ben)
    screen = opened(bought).type(EMAIL, ben).click(SAVE).type(EMAIL, other).click("Same person, save")
    assert screen.offer() == "Sale corrected."
    assert {line.purchaser_email for line in list_lines(bought)} == {other}


def test_used_up_code_is_said_at_the_address(opened, event, dinner):
    promo, ben = make.promo_code(event, max_uses_per_donor=1), make.email("ben")
    make.order(event, dinner, donor_email=ben, promo_code=promo.code)
    order = make.order(event, dinner, promo_code=promo.code)
    screen = opened(order).type(EMAIL, ben).click(SAVE)
    assert screen.problem(EMAIL) == f"This donor has used promo code {promo.code} as often as it allows."


def test_changes_of_colleagues_are_merged_or_decided(opened, event, dinner):
    meal = make.option(dinner, label="*Meal*?", option_type="multi_select", choices=["Beef", "Fish", "Vegan"])
    order = make.order(event, {"package_id": dinner.id, "answers": [{"option_id": meal.id, "value": ["Fish"]}]})
    screen = opened(order)
    correct(event, order, {"donor.name": "Zoë", "donor.phone": "1"}, {meal.id: ["Beef"]})
    screen.type(NAME, "Anna").type("*Meal*?", ["Vegan"]).click(SAVE)
    assert screen.says("**Donor's phone**: Ben Okafor changed Nothing to 1")
    assert screen.says("**Donor's name**: Ben Okafor changed Ana Ruiz to Zoë")
    assert screen.says("You typed Anna.")
    assert screen.says("**Answer to “*Meal*?”**: Ben Okafor changed Fish to Beef")
    mine, theirs = (
        [each for each in screen.app.button if each.label == label] for label in ("Keep mine", "Take theirs")
    )
    mine[0].click()
    screen.rerun()
    next(each for each in screen.app.button if each.label == "Take theirs").click()
    screen.rerun().click(SAVE)
    assert len(mine) == len(theirs) == 2
    assert screen.offer() == "Sale corrected."
    (line,) = list_lines(order)
    assert (line.purchaser_name, line.purchaser_phone, get_answer(order, meal)) == ("Anna", "1", ["Beef"])


def test_void_in_the_meantime_is_said_and_the_text_kept(opened, event, bought):
    screen = opened(bought)
    db.write(lambda s: corrections.void(s, OPERATOR, event.id, bought.lines[1].purchase.id, "Twice"))
    screen.type(NAME, "Zoë").click(SAVE)
    assert list_lines(bought)[0].purchaser_name == "Ana Ruiz"
    assert screen.value(NAME) == "Zoë"
    assert screen.click(SAVE).offer() == "Sale corrected."
    assert get_audit_changes(bought.order.id, "order.corrected") == {"donor.name": ("Ana Ruiz", "Zoë")}


def test_viewer_cannot_correct(visit, event, bought):
    screen = visit("purchasers", make.staff("viewer", event), event)
    screen.app.query_params["purchase"] = str(bought.lines[0].purchase.id)
    assert "Correct details" not in screen.rerun().labels()


def test_cancel_shows_the_purchase_again(opened, bought):
    screen = opened(bought).type(NAME, "Zoë").click("Cancel")
    assert screen.says("Ana Ruiz</h3>")


def test_hostile_text_as_typed(opened, event):
    hostile = "<b>Bo</b> **x** :red[y] $z$ [l](http://evil.example)"
    package = make.package(event)
    asked = make.option(package, label=hostile, option_type="multi_select", choices=[hostile[:50], "Fish"])
    answers = [{"option_id": asked.id, "value": asked.choices[:1]}]
    other = make.order(
        event,
        {"package_id": package.id, "answers": answers},
        donor={"name": hostile, "email": make.email()},
        notes=hostile,
    )
    screen = opened(other)
    assert (screen.value(NAME), screen.value(NOTE), screen.value(hostile)) == (hostile, hostile, asked.choices[:1])
    order = make.order(event, {"package_id": package.id, "answers": answers})
    screen = opened(order).type(EMAIL, other.lines[0].purchase.purchaser_email).click(SAVE)
    assert screen.says(f"This is **{hostile}**'s address. Same person?")

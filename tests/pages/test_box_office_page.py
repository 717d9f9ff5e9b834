"""The Box office page: one sale, its total shown before it is recorded, and recorded once."""

import time

import pytest
from sqlalchemy import select

from tests.support import make
from tests.support.database_state import get_sold_count, get_use_count, snapshot
from ticketing import db
from ticketing.catalog import packages
from ticketing.errors import Unavailable
from ticketing.models import Answer, AssignedTicket, Package, Purchase

PACKAGE, QUANTITY, DONOR, EMAIL = "Package", "Quantity", "Donor's name", "Donor's e-mail address"
PHONE, GUESTS, NOTE = "Donor's phone (optional)", "Guests (optional)", "Note (optional)"
CHANNEL, PAYMENT, PROMO = "Paid by", "Status", "Promo code (optional)"


@pytest.fixture
def seller(event):
    return make.staff(event=event)


@pytest.fixture
def table(event):
    return make.package(event, name="Table of Ten", price="2500", seats_per_package=10, quantity_limit=4)


@pytest.fixture
def desk(visit, seller, event, table):
    return visit("box_office", seller, event)


def enter_donor(screen, name="Ana Ruiz", email="ana@example.org"):
    return screen.enter(DONOR, name).enter(EMAIL, email)


def list_recorded(event, model=Purchase):
    with db.read_session() as session:
        return session.scalars(select(model).where(model.event_id == event.id)).all()


def record_button_label(screen):
    """Return the label of the record button, which includes the total."""
    (label,) = (label for label in screen.labels() if label.startswith("Record sale"))
    return label


def test_nothing_on_sale_says_what_to_do(visit, seller, event):
    make.package(event, is_enabled=False)
    screen = visit("box_office", seller, event)
    assert screen.says("Nothing is on sale")
    assert screen.labels() == []


class TestTotal:
    def test_is_shown_before_recording_and_on_the_button(self, desk, event):
        assert desk.says("Total $2,500.00")
        desk.enter(QUANTITY, 3)
        assert desk.says("3 × Table of Ten · 30 seats")
        assert desk.says("Total $7,500.00")
        assert record_button_label(desk) == "Record sale, $7,500.00"
        assert list_recorded(event) == []

    def test_shows_discount_of_promo_code(self, desk, event):
        make.promo_code(event, code="EARLY10", discount_value="10")
        desk.enter(PROMO, "early10")
        assert desk.says("Subtotal $2,500.00  \nDiscount -$250.00")
        assert record_button_label(desk) == "Record sale, $2,250.00"

    def test_of_comp_sale_is_zero(self, desk, event):
        enter_donor(desk).enter(CHANNEL, "comp")
        assert desk.says("Total $0.00")
        desk.click("Record sale, $0.00")
        (purchase,) = list_recorded(event)
        assert (str(purchase.total), str(purchase.discount), purchase.channel) == ("0.00", "2500.00", "comp")

    def test_comp_with_promo_code_is_refused_beside_the_code(self, desk, event):
        make.promo_code(event, code="EARLY10")
        desk.enter(PROMO, "EARLY10").enter(CHANNEL, "comp")
        assert desk.problem(PROMO) == "A comp sale costs nothing. Remove the promo code."
        assert desk.field("Record sale").disabled


class TestRecording:
    def test_receipt_lists_ticket_codes(self, desk, event, table):
        enter_donor(desk).enter(QUANTITY, 2).click("Record sale, $5,000.00")
        (purchase,) = list_recorded(event)
        codes = [ticket.code for ticket in list_recorded(event, AssignedTicket)]
        assert (purchase.quantity, str(purchase.total), purchase.payment_status) == (2, "5000.00", "completed")
        (receipt,) = (each.value for each in desk.app.success)
        assert len(codes) == 20
        assert all(code in receipt for code in codes)
        assert desk.says("2 × Table of Ten for Ana Ruiz, $5,000.00.")
        assert get_sold_count(table) == 2

    def test_next_sale_keeps_package_channel_and_status_only(self, visit, seller, event, table):
        couple = make.package(event, name="Couple", price="180", seats_per_package=2)
        desk = visit("box_office", seller, event).enter(PACKAGE, couple.id)
        enter_donor(desk).enter(PHONE, "+1 555 0100").enter(GUESTS, "Ben Okafor").enter(NOTE, "Vegan").enter(
            QUANTITY, 2
        )
        desk.enter(CHANNEL, "cash").enter(PAYMENT, "pending").click("Record sale, $360.00")
        assert [desk.value(label) for label in (DONOR, EMAIL, PHONE, GUESTS, NOTE, PROMO)] == [""] * 6
        assert desk.value(QUANTITY) == 1
        assert (desk.value(PACKAGE), desk.value(CHANNEL), desk.value(PAYMENT)) == (couple.id, "cash", "pending")
        (purchase,) = list_recorded(event)
        assert (purchase.purchaser_phone, purchase.notes) == ("+1 555 0100", "Vegan")

    def test_guests_are_one_per_line_with_optional_email(self, desk, event):
        enter_donor(desk).enter(GUESTS, "Ana Lopez, ana.lopez@example.org\n\n  Ben Okafor \nRuiz, Carla")
        desk.click("Record sale, $2,500.00")
        tickets = sorted(list_recorded(event, AssignedTicket), key=lambda ticket: ticket.seat_number)
        assert [(ticket.guest_name, ticket.guest_email) for ticket in tickets] == [
            ("Ana Lopez", "ana.lopez@example.org"), ("Ben Okafor", None), ("Ruiz, Carla", None), *[(None, None)] * 7,
        ]  # fmt: skip

    def test_more_guests_than_seats_are_refused_beside_the_field(self, visit, seller, event):
        make.package(event, price="10")
        desk = enter_donor(visit("box_office", seller, event)).enter(GUESTS, "Ana\nBen").click("Record sale, $10.00")
        assert desk.problem(GUESTS) == "2 guests are named for 1 seat. Remove some."
        assert desk.value(GUESTS) == "Ana\nBen"
        assert list_recorded(event) == []

    def test_all_missing_fields_are_reported_at_once(self, desk, event):
        desk.enter(EMAIL, "ana at example").click("Record sale, $2,500.00")
        assert desk.problem(DONOR) == "Enter a name."
        assert desk.problem(EMAIL) == "Enter an e-mail address such as ana@example.org."
        assert desk.value(EMAIL) == "ana at example"
        assert list_recorded(event) == []

    def test_unfinished_sale_survives_a_visit_to_another_page(self, desk):
        enter_donor(desk).enter(QUANTITY, 3)
        desk.go("packages").go("box_office")
        assert [desk.value(label) for label in (DONOR, EMAIL, QUANTITY)] == ["Ana Ruiz", "ana@example.org", 3]


class TestDoubleClick:
    def test_retry_after_lost_response_records_once(self, desk, event, table, monkeypatch):
        write = db.write

        def commit_then_fail(work):
            write(work)
            raise Unavailable

        enter_donor(desk)
        monkeypatch.setattr(db, "write", commit_then_fail)
        desk.click("Record sale, $2,500.00")
        assert desk.says("The database does not answer.")
        assert desk.value(DONOR) == "Ana Ruiz"
        monkeypatch.setattr(db, "write", write)
        desk.click("Record sale, $2,500.00")
        assert desk.says("1 × Table of Ten for Ana Ruiz, $2,500.00.")
        assert len(list_recorded(event)) == 1
        assert get_sold_count(table) == 1

    def test_second_click_on_the_next_empty_form_is_ignored(self, desk, event):
        enter_donor(desk).click("Record sale, $2,500.00")
        desk.app.session_state["recorded_at"] = time.monotonic()
        desk.click("Record sale, $2,500.00")
        assert (desk.problems(), list(desk.app.error)) == ([], [])
        assert desk.says("1 × Table of Ten for Ana Ruiz, $2,500.00.")
        assert len(list_recorded(event)) == 1

    def test_later_click_on_the_empty_form_reports_missing_fields(self, desk, event):
        enter_donor(desk).click("Record sale, $2,500.00")
        desk.app.session_state["recorded_at"] = time.monotonic() - 2
        desk.click("Record sale, $2,500.00")
        assert desk.problem(DONOR) == "Enter a name."
        assert len(list_recorded(event)) == 1

    def test_next_sale_to_the_same_donor_is_recorded(self, desk, event, table):
        for _ in range(2):
            enter_donor(desk).click("Record sale, $2,500.00")
        assert len(list_recorded(event)) == 2
        assert get_sold_count(table) == 2


class TestPromoCode:
    @pytest.mark.parametrize(
        ("fields", "sentence"),
        [
            ({"is_active": False}, "Promo code GALA26 is not active."),
            ({"expires_at": "2020-01-01T00:00"}, "Promo code GALA26 has expired."),
            ({"code": "OTHER"}, "This event has no promo code GALA26. Check the spelling."),
        ],
    )
    def test_refusal_is_shown_beside_the_code_and_sells_nothing(self, desk, event, fields, sentence):
        make.promo_code(event, **{"code": "GALA26"} | fields)
        enter_donor(desk).enter(PROMO, "gala26")
        assert desk.problem(PROMO) == sentence
        assert desk.field("Record sale").disabled
        assert desk.value(PROMO) == "gala26"
        assert list_recorded(event) == []

    def test_code_used_up_after_the_total_was_shown_is_refused(self, desk, event, table):
        promo_code = make.promo_code(event, code="LAST1", max_total_uses=1)
        enter_donor(desk).enter(PROMO, "LAST1")
        make.purchase(event, table, promo_code="LAST1")
        before = snapshot(event)
        desk.click("Record sale, $2,250.00")
        assert desk.problem(PROMO) == "Promo code LAST1 is used up."
        assert snapshot(event) == before
        assert get_use_count(promo_code) == 1

    def test_code_used_up_by_this_donor_is_refused(self, desk, event, table):
        make.promo_code(event, code="ONCE", max_uses_per_donor=1)
        make.purchase(event, table, promo_code="ONCE", donor_email="ana@example.org")
        enter_donor(desk, email="ANA@example.org").enter(PROMO, "ONCE")
        assert desk.problem(PROMO) == "This donor has used promo code ONCE as often as it allows."


class TestOptions:
    @pytest.fixture
    def shuttle(self, table):
        return make.option(table, label="Shuttle *bus*?", option_type="boolean")

    @pytest.fixture
    def meal(self, table):
        return make.option(table, label="Meal", option_type="multi_select", choices=["Fish", "Vegan"])

    def test_missing_required_answer_is_reported_beside_it(self, visit, seller, event, shuttle, meal):
        desk = enter_donor(visit("box_office", seller, event))
        assert desk.value("Shuttle *bus*?") is None
        desk.enter("Meal", ["Vegan"]).click("Record sale, $2,500.00")
        assert desk.problem("Shuttle *bus*?") == "Answer “Shuttle *bus*?”."
        assert desk.problem("Meal") is None
        assert list_recorded(event) == []
        desk.enter("Shuttle *bus*?", "No").click("Record sale, $2,500.00")
        assert {answer.option_id: answer.value for answer in list_recorded(event, Answer)} == {
            shuttle.id: False,
            meal.id: ["Vegan"],
        }

    def test_skipped_optional_question_stores_no_answer(self, visit, seller, event, table):
        make.option(table, label="Allergies", is_required=False)
        desk = enter_donor(visit("box_office", seller, event))
        assert "Allergies (optional)" in desk.labels()
        desk.click("Record sale, $2,500.00")
        assert len(list_recorded(event)) == 1
        assert list_recorded(event, Answer) == []

    def test_each_package_asks_its_own_questions(self, visit, seller, event, meal):
        couple = make.package(event, name="Couple")
        desk = visit("box_office", seller, event)
        assert "Meal" in desk.labels()
        assert "Meal" not in desk.enter(PACKAGE, couple.id).labels()


class TestConcurrentChanges:
    def test_quantity_that_was_sold_elsewhere_is_refused(self, desk, event, table):
        enter_donor(desk).enter(QUANTITY, 2)
        make.purchase(event, table, quantity=3)
        desk.click("Record sale, $5,000.00")
        assert desk.problem(QUANTITY) == (
            "3 of 4 sold, 1 left. Raise the limit of Table of Ten, or choose another package."
        )
        assert get_sold_count(table) == 3
        assert len(list_recorded(event)) == 1
        desk.enter(QUANTITY, 1).click("Record sale, $2,500.00")
        assert get_sold_count(table) == 4

    def test_sold_out_package_is_labeled_and_not_preselected(self, visit, seller, event, table):
        make.purchase(event, table, quantity=4)
        couple = make.package(event, name="Couple", price="180", seats_per_package=2)
        desk = visit("box_office", seller, event)
        assert desk.value(PACKAGE) == couple.id
        assert desk.field(PACKAGE).options == [
            "Table of Ten · $2,500.00 · 10 seats · sold out",
            "Couple · $180.00 · 2 seats",
        ]

    def test_changed_price_is_refused_until_confirmed(self, desk, event, table):
        enter_donor(desk)
        change_package(event, table, price="3000")
        desk.click("Record sale, $2,500.00")
        assert desk.says(
            "Table of Ten was changed after it was quoted; it is $3,000.00 for 10 seats now. Nothing was recorded."
        )
        assert list_recorded(event) == []
        assert record_button_label(desk) == "Record sale, $3,000.00"
        assert desk.value(DONOR) == "Ana Ruiz"
        desk.click("Record sale, $3,000.00")
        assert [str(purchase.total) for purchase in list_recorded(event)] == ["3000.00"]

    def test_changed_description_does_not_matter(self, desk, event, table):
        enter_donor(desk)
        change_package(event, table, description="Other words.")
        desk.click("Record sale, $2,500.00")
        assert len(list_recorded(event)) == 1

    def test_disabled_package_is_refused(self, desk, event, table):
        make.package(event, name="Couple")
        enter_donor(desk)
        change_package(event, table, is_enabled=False)
        desk.click("Record sale, $2,500.00")
        assert list_recorded(event) == []
        assert desk.problem(PACKAGE) == (
            "Table of Ten is disabled, so it is not for sale. Enable it, or choose another package."
        )
        assert desk.value(DONOR) == "Ana Ruiz"
        desk.click("Record sale, $100.00")
        assert len(list_recorded(event)) == 1

    def test_package_disabled_before_the_next_redraw_is_reported(self, desk, event, table):
        make.package(event, name="Couple")
        enter_donor(desk)
        change_package(event, table, is_enabled=False)
        desk.enter(QUANTITY, 2)
        assert desk.problem(PACKAGE) == "The package you chose is no longer on sale. Choose another package."
        assert (desk.value(DONOR), desk.value(QUANTITY)) == ("Ana Ruiz", 2)

    def test_unfinished_sale_survives_a_visit_to_another_event(self, visit, event, table):
        other = make.event(name="Other")
        make.package(other, name="Ball", price="10")
        admin = make.staff(role="admin")
        desk = enter_donor(visit("box_office", admin, event))
        desk.enter("Event", other.id)
        assert (desk.value(DONOR), record_button_label(desk)) == ("", "Record sale, $10.00")
        desk.enter("Event", event.id)
        assert (desk.value(DONOR), record_button_label(desk)) == ("Ana Ruiz", "Record sale, $2,500.00")


def change_package(event, package, **values):
    admin = make.staff(role="admin")
    db.write(
        lambda session: packages.update(session, admin, event.id, package.id, values, seen_version=package.version)
    )


class TestVoiding:
    def test_sale_is_voided_in_its_details(self, visit, seller, event):
        package = make.package(event, quantity_limit=1)
        recorded = make.purchase(event, package, channel="cash").purchase
        screen = visit("box_office", seller, event).click("Details").click("Void")
        screen.type("Reason", "Entered twice").click("Void")
        assert screen.toasts() == ["Sale voided: its package goes back on sale."]
        assert screen.says("· voided")
        assert "Void" not in screen.labels()
        with db.read_session() as session:
            row = session.get(Purchase, recorded.id)
            assert (row.payment_status, row.void_reason) == ("voided", "Entered twice")
            assert session.get(Package, package.id).sold_count == 0

    def test_requires_a_reason(self, visit, seller, event):
        recorded = make.purchase(event, make.package(event), channel="cash").purchase
        screen = visit("box_office", seller, event).click("Details").click("Void").click("Void")
        assert screen.problem("Reason") == "Enter a reason."
        with db.read_session() as session:
            assert session.get(Purchase, recorded.id).payment_status == "completed"

    def test_opening_a_sale_keeps_the_unfinished_one(self, visit, seller, event):
        make.purchase(event, make.package(event), channel="cash")
        screen = visit("box_office", seller, event).enter(DONOR, "Bea Li").click("Details")
        assert screen.says("Ana Ruiz</h3>")
        assert screen.value(DONOR) == "Bea Li"

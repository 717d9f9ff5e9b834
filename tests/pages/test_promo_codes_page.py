"""The promo codes page: states, create, edit, delete and dry run."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from tests.support import make
from tests.support.rate_limits import shift_moments
from tests.support.screen import list_row_texts
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.catalog import promo_codes
from ticketing.models import PromoCode, RateLimit
from ticketing.sales import corrections

CODE, VALUE = "Code", "Percent off"
IN_ALL, PER_DONOR = "Total uses (optional)", "Uses per donor (optional)"


@pytest.fixture
def coordinator(event):
    return make.staff(event=event)


def list_codes(event):
    with db.read_session() as session:
        return session.scalars(select(PromoCode).where(PromoCode.event_id == event.id)).all()


def test_empty_event_explains_promo_codes(visit, coordinator, event):
    assert visit("promo_codes", coordinator, event).says("No promo codes yet")


def test_viewer_can_try_but_not_change_codes(visit, event):
    make.promo_code(event)
    labels = visit("promo_codes", make.staff(role="viewer", event=event), event).labels()
    assert "Try a code" in labels
    assert {"New promo code", "Actions"} & set(labels) == set()


class TestCreate:
    def test_code_is_created_in_capitals(self, visit, coordinator, event):
        screen = visit("promo_codes", coordinator, event).click("New promo code")
        screen.type(CODE, "early25").type(VALUE, "25").type(IN_ALL, 50).click("Create promo code")
        assert screen.dialog() is None
        assert screen.says("Code EARLY25 created.")
        assert list_row_texts(screen) == ["EARLY25 Never used Discount 25% off Orders 0 of 50 50 left Taken off $0.00"]

    def test_problems_are_beside_their_fields_and_input_stays(self, visit, coordinator, event):
        screen = visit("promo_codes", coordinator, event).click("New promo code")
        screen.type(CODE, "a b").type(VALUE, "101").click("Create promo code")
        assert screen.problem(CODE) == "Use 4 to 20 letters A-Z and digits, without spaces."
        assert screen.problem(VALUE) == "Enter a percentage from 1 to 100."
        assert [screen.value(CODE), screen.value(VALUE)] == ["a b", "101"]
        assert list_codes(event) == []

    def test_dollar_sign_is_for_amounts_only(self, visit, coordinator, event):
        screen = visit("promo_codes", coordinator, event).click("New promo code")
        screen.type(CODE, "MINUS25").type(VALUE, "$25").click("Create promo code")
        assert screen.problem(VALUE) == "Enter an amount, like 1234.50."
        screen.type("Type", "fixed_amount").click("Create promo code")
        assert [str(each.discount_value) for each in list_codes(event)] == ["25.00"]

    def test_expiry_is_in_the_time_zone_of_the_event(self, visit, coordinator, event):
        screen = visit("promo_codes", coordinator, event).click("New promo code")
        screen.type(CODE, "LATE10").type(VALUE, "10").type("Expires (optional), New York time", datetime(2031, 7, 1, 9))
        screen.click("Create promo code")
        assert list_codes(event)[0].expires_at == datetime(2031, 7, 1, 13, tzinfo=UTC)


class TestState:
    @pytest.mark.parametrize(
        ("fields", "sentence"),
        [
            ({}, "Never used"),
            ({"is_active": False}, "Off"),
            ({"expires_at": datetime.now(UTC) - timedelta(hours=1)}, "Expired"),
            ({"expires_at": datetime.now(UTC) + timedelta(days=3)}, "Expires in 3 days"),
        ],
    )
    def test_is_shown_as_a_badge(self, visit, coordinator, event, fields, sentence):
        make.promo_code(event, **fields)
        assert visit("promo_codes", coordinator, event).says(sentence)

    def test_code_without_uses_left_is_used_up(self, visit, coordinator, event):
        code = make.promo_code(event, discount_type="fixed_amount", discount_value="50", max_total_uses=1)
        make.purchase(event, make.package(event, price="80.00"), promo_code=code.code)
        screen = visit("promo_codes", coordinator, event)
        assert list_row_texts(screen) == [
            f"{code.code} Used up Discount $50.00 off Orders 1 of 1 none left Taken off $50.00"
        ]

    def test_switch_turns_a_code_off_and_on(self, visit, coordinator, event):
        code = make.promo_code(event)
        screen = visit("promo_codes", coordinator, event).enter(f"{code.code} active", False)
        assert screen.offer() == f"{code.code} is off."
        assert "Off" in list_row_texts(screen)[0]
        assert "Never used" in list_row_texts(screen.enter(f"{code.code} active", True))[0]


class TestEdit:
    def test_value_of_a_used_code_is_fixed_but_limits_change(self, visit, coordinator, event):
        code = make.promo_code(event, max_total_uses=1)
        make.purchase(event, make.package(event), promo_code=code.code)
        screen = visit("promo_codes", coordinator, event).pick(code, "Edit")
        assert screen.says("Used 1 time: its code, type and value cannot change.")
        assert screen.field(VALUE).disabled
        screen.type(IN_ALL, 2).click("Save promo code")
        assert list_codes(event)[0].max_total_uses == 2

    def test_value_of_a_code_with_only_voided_purchases_is_fixed(self, visit, coordinator, event):
        code = make.promo_code(event)
        bought = make.purchase(event, make.package(event), promo_code=code.code).purchase
        db.write(lambda session: corrections.void(session, OPERATOR, event.id, bought.id, "Typed twice"))
        screen = visit("promo_codes", coordinator, event).pick(code, "Edit")
        assert screen.says("Used by an order that no longer counts: its code, type and value cannot change.")
        assert screen.field(VALUE).disabled

    def test_limit_below_the_uses_is_refused(self, visit, coordinator, event):
        code, package = make.promo_code(event, max_total_uses=5), make.package(event)
        make.purchase(event, package, promo_code=code.code)
        make.purchase(event, package, promo_code=code.code)
        screen = visit("promo_codes", coordinator, event).pick(code, "Edit").type(IN_ALL, 1).click("Save promo code")
        assert screen.problem(IN_ALL) == "The code was used 2 times already. Enter 2 or more."
        assert list_codes(event)[0].max_total_uses == 5

    def test_colleague_edit_is_merged(self, visit, coordinator, event):
        code = make.promo_code(event)
        screen = visit("promo_codes", coordinator, event).pick(code, "Edit")
        colleague = make.staff(role="admin", name="Bea Colleague")
        db.write(lambda s: promo_codes.update(s, colleague, event.id, code.id, {"max_total_uses": 9}, seen_version=1))
        screen.type(PER_DONOR, 2).click("Save promo code")
        assert screen.says("Bea Colleague changed")
        screen.click("Save promo code")
        assert (list_codes(event)[0].max_total_uses, list_codes(event)[0].max_uses_per_donor) == (9, 2)

    def test_switching_off_and_on(self, visit, coordinator, event):
        code = make.promo_code(event)
        screen = visit("promo_codes", coordinator, event).pick(code, "Switch off")
        assert screen.says("Off")
        assert not list_codes(event)[0].is_active
        screen.pick(code, "Switch on")
        assert list_codes(event)[0].is_active


class TestDelete:
    def test_asks_for_confirmation(self, visit, coordinator, event):
        code = make.promo_code(event)
        screen = visit("promo_codes", coordinator, event).pick(code, "Delete")
        assert screen.dialog() == "Delete promo code"
        assert len(list_codes(event)) == 1
        screen.click("Delete for good")
        assert list_codes(event) == []

    def test_used_code_is_not_deleted(self, visit, coordinator, event):
        code = make.promo_code(event)
        make.purchase(event, make.package(event), promo_code=code.code)
        screen = visit("promo_codes", coordinator, event)
        assert screen.menu(code.id) == ["Edit", "Try", "History", "Switch off (used, so not deleted)"]
        assert screen.pick(code, "Switch off").offer() == f"{code.code} is off."
        assert not list_codes(event)[0].is_active

    def test_code_that_was_used_since_is_switched_off_instead(self, visit, coordinator, event):
        code = make.promo_code(event)
        screen = visit("promo_codes", coordinator, event)
        make.purchase(event, make.package(event), promo_code=code.code)
        screen.pick(code, "Delete")
        assert screen.says(f"{code.code} was used, so it stays in the records. Switch it off instead")
        assert "Delete for good" not in screen.labels()
        screen.click("Switch off")
        assert (screen.dialog(), list_codes(event)[0].is_active) == (None, False)
        screen.click("Undo")
        assert list_codes(event)[0].is_active


def list_places(screen) -> dict[int, str]:
    """Return the parts of the page by their places, which the browser compares with those of the run before."""
    return {place: block.type for place, block in screen.app.main.children.items()}


def test_what_is_said_moves_no_part_of_the_page(visit, coordinator, event):
    """Streamlit shows a part that moved to another place twice while a run goes on."""
    make.promo_code(event, code="FIRST10")
    screen = visit("promo_codes", coordinator, event)
    before = list_places(screen)
    screen.click("New promo code").type(CODE, "EARLY25").type("Percent off", "25").click("Create promo code")
    assert {code.code for code in list_codes(event)} == {"FIRST10", "EARLY25"}
    assert list_places(screen) == before


class TestUndo:
    def test_edit_is_undone_with_every_field(self, visit, coordinator, event):
        code = make.promo_code(event, code="EARLY25", expires_at="2026-11-01T12:00", max_total_uses=5)
        screen = visit("promo_codes", coordinator, event).pick(code, "Edit")
        screen.type(CODE, "LATE25").type(IN_ALL, 7).click("Save promo code")
        assert screen.offer() == "Code LATE25 saved."
        screen.click("Undo")
        (row,) = list_codes(event)
        assert (row.code, row.max_total_uses, row.expires_at, row.version) == ("EARLY25", 5, code.expires_at, 3)

    def test_undo_is_refused_when_the_code_changed_since(self, visit, coordinator, event):
        code = make.promo_code(event)
        screen = visit("promo_codes", coordinator, event).pick(code, "Switch off")
        bea = make.staff(name="Bea Colleague", event=event)
        db.write(lambda s: promo_codes.update(s, bea, event.id, code.id, {"max_total_uses": 9}, seen_version=None))
        screen.click("Undo")
        assert screen.toasts() == ["Not undone. Bea Colleague changed it since."]
        assert not list_codes(event)[0].is_active


def test_value_has_the_unit_of_the_type(visit, coordinator, event):
    screen = visit("promo_codes", coordinator, event).click("New promo code")
    assert VALUE in screen.labels()
    screen.enter("Type", "fixed_amount")
    assert "Amount off" in screen.labels()
    assert VALUE not in screen.labels()
    screen.type(CODE, "FIFTY").type("Amount off", "$1,500.50").click("Create promo code")
    assert str(list_codes(event)[0].discount_value) == "1500.50"


class TestDryRun:
    def test_shows_every_rule_and_the_price_without_a_use(self, visit, coordinator, event):
        make.package(event, price="100.00")
        make.promo_code(event, code="EARLY25", discount_value="25", max_total_uses=50)
        screen = visit("promo_codes", coordinator, event).click("Try a code").enter("Code", "early25")
        assert screen.says("This event has the promo code EARLY25.")
        assert screen.says("of at most 50.")
        assert screen.says("Total $75.00")
        assert list_codes(event)[0].current_uses == 0

    def test_failed_rule_is_shown_with_the_full_price(self, visit, coordinator, event):
        make.package(event, price="100.00")
        make.promo_code(event, code="EARLY25", is_active=False)
        screen = visit("promo_codes", coordinator, event).click("Try a code").enter("Code", "EARLY25")
        assert [line for line in screen.texts() if "Fail" in line] == [":red[:material/cancel: Fail] It is not active."]
        assert screen.says("Total $100.00, without the code")


class TestDryRunRateLimit:
    @pytest.fixture
    def opened(self, visit, coordinator, event):
        make.package(event, price="100.00")
        make.promo_code(event)
        return visit("promo_codes", coordinator, event).click("Try a code")

    def count_attempts(self, coordinator):
        with db.read_session() as session:
            row = session.get(RateLimit, ("promo_refused", str(coordinator.staff_id)))
            return len(row.moments) if row else 0

    def test_rerun_is_not_counted_again(self, coordinator, opened):
        opened.enter("Code", "NOSUCH")
        for _ in range(3):
            assert opened.rerun().says("This event has no promo code NOSUCH.")
        assert self.count_attempts(coordinator) == 1
        opened.enter("Quantity", 2)
        assert self.count_attempts(coordinator) == 2

    def test_valid_codes_are_not_counted(self, coordinator, event, opened):
        opened.enter("Code", make.promo_code(event).code).enter("Quantity", 2)
        assert self.count_attempts(coordinator) == 0

    def test_eleventh_attempt_is_refused_and_can_be_retried(self, coordinator, opened):
        for number in range(10):
            assert opened.enter("Code", f"NOSUCH{number}").says("This event has no promo code")
        opened.enter("Code", "NOSUCH")
        assert opened.says("You tried 10 promo codes that do not apply within a minute, so this one was not checked.")
        assert not opened.says("Total")
        assert opened.value("Code") == "NOSUCH"
        assert opened.rerun().click("Try again").says("You tried 10 promo codes")
        assert self.count_attempts(coordinator) == 10
        shift_moments(60, coordinator.staff_id)
        assert opened.click("Try again").says("This event has no promo code NOSUCH.")
        assert "Try again" not in opened.labels()

    def test_amount_above_the_maximum_has_no_retry(self, visit, coordinator, event):
        make.package(event, price="1000000.00")
        make.promo_code(event)
        screen = visit("promo_codes", coordinator, event).click("Try a code")
        screen.enter("Quantity", 10_000).enter("Code", "NOSUCH")
        assert len(screen.app.error) == 1
        assert "Try again" not in screen.labels()
        assert self.count_attempts(coordinator) == 0

"""The Box office page: an order of several packages, its total shown before it is recorded, and recorded once."""

import json

import pytest

from tests.support import make
from tests.support.database_state import get_sold_count, get_use_count, snapshot
from tests.support.till import (
    CHANNEL,
    EMAIL,
    GUESTS,
    NAME,
    NOTE,
    PAYMENT,
    PHONE,
    PROMO,
    RECEIVED,
    enter_donor,
    find_tiles,
    get_receipt,
    get_record_label,
    get_sums,
    list_lines,
    list_recorded,
    list_tiles,
    send,
    send_lines,
)
from ticketing import db
from ticketing.catalog import options
from ticketing.errors import Unavailable
from ticketing.models import Answer, AssignedTicket, Order


def test_nothing_on_sale_says_what_to_do(visit, seller, event):
    make.package(event, is_enabled=False)
    screen = visit("box_office", seller, event)
    assert screen.says("Nothing is on sale")
    assert screen.labels() == []


class TestTiles:
    def test_show_name_price_and_seats_of_packages_on_sale(self, visit, seller, event, table, couple):
        make.package(event, name="Old", is_enabled=False)
        desk = visit("box_office", seller, event)
        assert list_tiles(desk) == ["Table of Ten $2,500.00 10 seats", "Couple $180.00 2 seats"]
        assert find_tiles(desk)[1]["left"] == {str(table.id): 4, str(couple.id): None}

    def test_sold_out_package_is_last_and_has_no_key(self, visit, seller, event, table, couple):
        make.purchase(event, table, quantity=4)
        desk = visit("box_office", seller, event)
        assert list_tiles(desk) == ["Couple $180.00 2 seats", "Table of Ten $2,500.00 10 seats"]
        assert find_tiles(desk)[1]["html"].count("data-can-have-key") == 1

    def test_tile_stays_in_place_when_it_sells_out_during_an_order(self, visit, seller, event, table, couple):
        desk = visit("box_office", seller, event)
        make.purchase(event, table, quantity=4)
        before = list_tiles(desk)
        desk.rerun()
        assert list_tiles(desk) == before
        assert find_tiles(desk)[1]["left"][str(table.id)] == 0


class TestLines:
    def test_several_packages_are_lines_of_one_order(self, visit, seller, event, table, couple):
        desk = send_lines(visit("box_office", seller, event), (table, 2), (couple, 1))
        assert list_lines(desk) == ["2 × Table of Ten $2,500.00 10 seats", "1 × Couple $180.00 2 seats"]
        enter_donor(desk).click("Record sale, $5,180.00")
        assert [(each.quantity, str(each.total)) for each in list_recorded(event)] == [(2, "5000.00"), (1, "180.00")]
        assert len(list_recorded(event, Order)) == 1

    def test_message_that_is_late_changes_nothing(self, desk, table):
        send_lines(desk, (table, 2), number=5)
        send_lines(desk, (table, 1), number=4)
        assert list_lines(desk) == ["2 × Table of Ten $2,500.00 10 seats"]

    def test_message_of_the_order_before_changes_nothing(self, order, event, table):
        old = find_tiles(order)[1]["order"]
        enter_donor(order).click("Record sale, $2,500.00")
        send_lines(order, (table, 3), number=99, order=old)
        assert list_lines(order) == []

    @pytest.mark.parametrize(
        "sent",
        [None, [], "x", {"lines": 1}, {"lines": [[]]}, {"lines": [["x", 1]]}, {"lines": [[None, None]]}],
        ids=str,
    )
    def test_malformed_message_adds_no_line(self, desk, sent):
        data = find_tiles(desk)[1]
        sent = {"order": data["order"], "number": 1} | sent if isinstance(sent, dict) else sent
        assert list_lines(send(desk, sent)) == []

    @pytest.mark.parametrize(("sent", "quantity"), [(0, 1), (-3, 1), (10_001, 10_000)])
    def test_quantity_is_between_1_and_10000(self, desk, couple, event, sent, quantity):
        desk.rerun()
        assert list_lines(send_lines(desk, (couple, sent))) == [f"{quantity} × Couple $180.00 2 seats"]

    def test_21st_package_is_refused(self, visit, seller, event):
        many = [make.package(event, price="1", name=f"Package {number}") for number in range(21)]
        desk = enter_donor(send_lines(visit("box_office", seller, event), *((each, 1) for each in many)))
        desk.click("Record sale, $21.00")
        assert desk.says("An order has at most 20 packages. Remove some.")
        assert list_recorded(event) == []


class TestTotal:
    def test_is_shown_before_recording_and_on_the_button(self, desk, event, table):
        assert desk.field("Record sale").disabled
        send_lines(desk, (table, 3))
        assert get_sums(desk) == {"Total": "$7,500.00"}
        assert get_record_label(desk) == "Record sale, $7,500.00"
        assert list_recorded(event) == []

    def test_has_subtotal_and_discount_of_promo_code(self, order, event):
        make.promo_code(event, code="EARLY10", discount_value="10")
        order.enter(PROMO, "early10")
        assert get_sums(order) == {"Subtotal": "$2,500.00", "Discount": "-$250.00", "Total": "$2,250.00"}
        assert get_record_label(order) == "Record sale, $2,250.00"
        assert order.field(PROMO).proto.icon == ":material/check_circle:"

    def test_of_comp_sale_is_zero(self, order, event):
        enter_donor(order).enter(CHANNEL, "comp")
        assert get_sums(order)["Total"] == "$0.00"
        order.click("Record sale, $0.00")
        (purchase,) = list_recorded(event)
        assert (str(purchase.total), str(purchase.discount), purchase.channel) == ("0.00", "2500.00", "comp")

    def test_comp_with_promo_code_is_refused_beside_the_code(self, order, event):
        make.promo_code(event, code="EARLY10")
        enter_donor(order).enter(PROMO, "EARLY10").enter(CHANNEL, "comp")
        assert order.problem(PROMO) == "A comp sale costs nothing. Remove the promo code."
        order.click("Record sale, $0.00")
        assert list_recorded(event) == []

    def test_that_changed_before_it_was_shown_is_refused(self, order, event, table):
        """The button is pressed before the answer to the last tap has arrived."""
        enter_donor(order)
        states = order.app._tree.get_widget_states()
        part, data = find_tiles(order)
        button = order.field("Record sale, $2,500.00")
        sent = {"order": data["order"], "number": data["number"] + 1, "lines": [[str(table.id), 2]]}
        states.widgets.add(id=part.proto.id, json_value=json.dumps({"order": sent}))
        states.widgets.add(id=button.id, trigger_value=True)
        order.app._run(states)
        assert order.says("The total is $5,000.00 now. Check it, then record the sale.")
        assert list_recorded(event) == []
        order.click("Record sale, $5,000.00")
        assert len(list_recorded(event)) == 1

    def test_that_is_too_much_says_so(self, visit, seller, event):
        dear = make.package(event, name="Island", price="1000000")
        desk = send_lines(visit("box_office", seller, event), (dear, 10_000))
        assert desk.says("This comes to more than $9,999,999,999.99. Record it in parts.")
        assert not any(label.startswith("Record") for label in desk.labels())
        assert get_record_label(send_lines(desk, (dear, 9_000))) == "Record sale, $9,000,000,000.00"


class TestCash:
    @pytest.mark.parametrize(
        ("received", "sentence"),
        [
            ("", None),
            ("2500", "Change $0.00"),
            ("$2,600", "Change $100.00"),
            ("2499.99", "$0.01 short"),
            ("much", "Enter an amount, like 1234.50."),
        ],
    )
    def test_change_is_shown(self, order, received, sentence):
        assert RECEIVED not in order.labels()
        order.enter(CHANNEL, "cash").enter(RECEIVED, received)
        found = [each for each in order.texts() if "Change" in each or "short" in each or "amount, like" in each]
        assert len(found) == (sentence is not None)
        assert sentence is None or sentence in found[0]

    def test_amount_received_is_not_revenue(self, order, event):
        enter_donor(order).enter(CHANNEL, "cash").enter(RECEIVED, "3000").click("Record sale, $2,500.00")
        assert [str(each.total) for each in list_recorded(event)] == ["2500.00"]


class TestRecording:
    def test_receipt_lists_ticket_codes(self, desk, event, table):
        enter_donor(send_lines(desk, (table, 2))).click("Record sale, $5,000.00")
        (purchase,) = list_recorded(event)
        codes = [ticket.code for ticket in list_recorded(event, AssignedTicket)]
        assert (purchase.quantity, str(purchase.total), purchase.payment_status) == (2, "5000.00", "completed")
        receipt = get_receipt(desk)
        assert len(codes) == 20
        assert all(code in receipt for code in codes)
        assert receipt.startswith(event.name)  # for paper
        assert f", 6:00 PM Order {list_recorded(event, Order)[0].number} " in receipt
        assert " Ana Ruiz · ana@example.org 2 × Table of Ten $5,000.00 " in receipt
        assert get_sums(desk) == {"2 × Table of Ten": "$5,000.00", "Total, card terminal": "$5,000.00"}
        assert get_sold_count(table) == 2

    def test_next_order_keeps_channel_and_status_only(self, order, event, table):
        enter_donor(order).enter(PHONE, "+1 555 0100").enter(GUESTS, "Ben Okafor").enter(NOTE, "Vegan")
        order.enter(CHANNEL, "cash").enter(PAYMENT, "pending").click("Record sale, $2,500.00").click("New sale")
        assert [order.value(label) for label in (NAME, EMAIL, PHONE, NOTE, PROMO)] == [""] * 5
        assert list_lines(order) == []
        assert (order.value(CHANNEL), order.value(PAYMENT)) == ("cash", "pending")
        (purchase,) = list_recorded(event)
        assert (purchase.purchaser_phone, purchase.notes) == ("+1 555 0100", "Vegan")

    def test_guests_are_one_per_line_with_optional_email(self, order, event):
        enter_donor(order).enter(GUESTS, "Ana Lopez, ana.lopez@example.org\n\n  Ben Okafor \nRuiz, Carla")
        order.click("Record sale, $2,500.00")
        tickets = sorted(list_recorded(event, AssignedTicket), key=lambda ticket: ticket.seat_number)
        assert [(ticket.guest_name, ticket.guest_email) for ticket in tickets] == [
            ("Ana Lopez", "ana.lopez@example.org"), ("Ben Okafor", None), ("Ruiz, Carla", None), *[(None, None)] * 7,
        ]  # fmt: skip

    def test_more_guests_than_seats_are_refused_beside_the_field(self, visit, seller, event):
        single = make.package(event, price="10")
        desk = enter_donor(send_lines(visit("box_office", seller, event), (single, 1))).enter(GUESTS, "Ana\nBen")
        desk.click("Record sale, $10.00")
        assert desk.problem(GUESTS) == "2 guests are named for 1 seat. Remove some."
        assert desk.value(GUESTS) == "Ana\nBen"
        assert list_recorded(event) == []

    def test_all_missing_fields_are_reported_at_once(self, order, event):
        order.enter(EMAIL, "ana at example").click("Record sale, $2,500.00")
        assert order.problem(NAME) == "Enter a name."
        assert order.problem(EMAIL) == "Enter an e-mail address such as ana@example.org."
        assert order.value(EMAIL) == "ana at example"
        assert order.says("Please fix the 2 highlighted fields.")
        assert list_recorded(event) == []

    def test_unfinished_order_survives_a_visit_to_another_page(self, order, table):
        enter_donor(send_lines(order, (table, 3)))
        order.go("packages").go("box_office")
        assert [order.value(label) for label in (NAME, EMAIL)] == ["Ana Ruiz", "ana@example.org"]
        assert list_lines(order) == ["3 × Table of Ten $2,500.00 10 seats"]


class TestDoubleClick:
    def test_retry_after_lost_response_records_once(self, order, event, table, monkeypatch):
        write = db.write

        def commit_then_fail(work):
            write(work)
            raise Unavailable

        enter_donor(order)
        monkeypatch.setattr(db, "write", commit_then_fail)  # the connection is lost after the commit
        order.click("Record sale, $2,500.00")
        assert order.says("The database does not answer.")
        assert order.value(NAME) == "Ana Ruiz"
        monkeypatch.setattr(db, "write", write)
        order.click("Record sale, $2,500.00")
        assert "1 × Table of Ten" in get_receipt(order)
        assert len(list_recorded(event)) == 1
        assert get_sold_count(table) == 1

    def test_order_that_was_changed_after_a_lost_response_is_not_recorded_twice(self, order, event, table, monkeypatch):
        write = db.write
        enter_donor(order)
        monkeypatch.setattr(db, "write", lambda work: (write(work), (_ for _ in ()).throw(Unavailable()))[0])
        order.click("Record sale, $2,500.00")
        monkeypatch.setattr(db, "write", write)
        order.enter(NOTE, "VIP")
        assert order.says("This order was continued or finished on another till.")
        assert list_lines(order) == []
        assert len(list_recorded(event)) == 1

    def test_next_sale_to_the_same_donor_is_recorded(self, desk, event, table):
        for _ in range(2):
            enter_donor(send_lines(desk, (table, 1))).click("Record sale, $2,500.00")
        assert len(list_recorded(event, Order)) == 2
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
    def test_refusal_is_shown_beside_the_code_and_keeps_the_total(self, order, event, fields, sentence):
        make.promo_code(event, **{"code": "GALA26"} | fields)
        enter_donor(order).enter(PROMO, "gala26")
        assert order.problem(PROMO) == sentence
        assert get_sums(order) == {"Total": "$2,500.00"}
        assert not order.says("Please fix")  # which would take the focus
        assert order.field(PROMO).proto.icon == ""
        order.click("Record sale, $2,500.00")
        assert order.problem(PROMO) == sentence
        assert order.value(PROMO) == "gala26"
        assert list_recorded(event) == []
        order.enter(PROMO, "").click("Record sale, $2,500.00")
        assert len(list_recorded(event)) == 1

    def test_code_used_up_after_the_total_was_shown_is_refused(self, order, event, table):
        promo_code = make.promo_code(event, code="LAST1", max_total_uses=1)
        enter_donor(order).enter(PROMO, "LAST1")
        make.purchase(event, table, promo_code="LAST1")
        before = snapshot(event)
        order.click("Record sale, $2,250.00")
        assert order.problem(PROMO) == "Promo code LAST1 is used up."
        assert order.says("The total is $2,500.00 now. Check it, then record the sale.")
        assert snapshot(event) == before
        assert get_use_count(promo_code) == 1

    def test_code_used_up_by_this_donor_is_refused(self, order, event, table):
        make.promo_code(event, code="ONCE", max_uses_per_donor=1)
        make.purchase(event, table, promo_code="ONCE", donor_email="ana@example.org")
        enter_donor(order, email="ANA@example.org").enter(PROMO, "ONCE")
        assert order.problem(PROMO) == "This donor has used promo code ONCE as often as it allows."


def list_folds(screen):
    """Return label of each line's fold, and whether it is open."""
    return [(each.label, each.proto.expanded) for each in screen.app.expander]


class TestOptions:
    @pytest.fixture
    def shuttle(self, table):
        return make.option(table, label="Shuttle *bus*?", option_type="boolean")

    @pytest.fixture
    def meal(self, table):
        return make.option(table, label="Meal", option_type="multi_select", choices=["Fish", "Vegan"])

    def test_missing_required_answer_is_reported_beside_it(self, order, event, shuttle, meal):
        enter_donor(order)
        assert order.value("Shuttle *bus*?") is None
        order.enter("Meal", ["Vegan"]).click("Record sale, $2,500.00")
        assert order.problem("Shuttle *bus*?") == "Answer “Shuttle *bus*?”."
        assert order.problem("Meal") is None
        assert list_folds(order) == [("Guests", False)]
        assert list_recorded(event) == []
        order.enter("Shuttle *bus*?", False).click("Record sale, $2,500.00")
        assert {answer.option_id: answer.value for answer in list_recorded(event, Answer)} == {
            shuttle.id: False,
            meal.id: ["Vegan"],
        }

    def test_what_may_be_skipped_is_folded_until_it_is_wrong(self, order, event, table, meal):
        make.option(table, label="Allergies", is_required=False)
        enter_donor(order).enter("Meal", ["Fish"]).enter(GUESTS, "\n".join(["Ana"] * 11))
        assert list_folds(order) == [("More questions and guests", False)]
        order.click("Record sale, $2,500.00")
        assert order.problem(GUESTS) == "11 guests are named for 10 seats. Remove some."
        assert list_folds(order) == [("More questions and guests", True)]

    def test_list_of_which_one_is_chosen_is_asked_as_radio_buttons(self, order, event, table):
        choices = ["Sea *bass*", "Short rib"]
        dinner = make.option(table, label="Dinner", option_type="single_select", choices=choices)
        make.option(table, label="Wine", option_type="single_select", choices=["Red", "White"], is_required=False)
        enter_donor(order)
        assert (order.value("Dinner"), order.value("Wine (optional)")) == (None, None)
        assert order.field("Wine (optional)").options == ["Red", "White", "No answer"]
        order.enter("Wine (optional)", "Red").enter("Wine (optional)", None).click("Record sale, $2,500.00")
        assert order.problem("Dinner") == "Answer “Dinner”."
        order.enter("Dinner", "Sea *bass*").click("Record sale, $2,500.00")
        assert {each.option_id: each.value for each in list_recorded(event, Answer)} == {dinner.id: "Sea *bass*"}

    def test_skipped_optional_question_stores_no_answer(self, order, event, table):
        make.option(table, label="Allergies", is_required=False)
        enter_donor(order)
        assert "Allergies (optional)" in order.labels()
        order.click("Record sale, $2,500.00")
        assert len(list_recorded(event)) == 1
        assert list_recorded(event, Answer) == []

    def test_answer_to_a_question_that_is_no_longer_asked_is_left_out(self, order, event, table):
        song = make.option(table, label="Song")
        enter_donor(order).enter("Song", "Waltz")
        db.write(lambda s: options.retire(s, make.staff(role="admin"), table.id, song.id))
        order.click("Record sale, $2,500.00")
        assert len(list_recorded(event)) == 1
        assert list_recorded(event, Answer) == []

    def test_each_line_asks_its_own_questions(self, visit, seller, event, table, meal, couple):
        song = make.option(couple, label="Song")
        desk = send_lines(visit("box_office", seller, event), (couple, 1))
        assert "Meal" not in desk.labels()
        assert "Song" in desk.labels()
        send_lines(desk, (couple, 1), (table, 1))
        enter_donor(desk).enter("Song", "Waltz").enter("Meal", ["Fish"]).click("Record sale, $2,680.00")
        assert {each.option_id: each.value for each in list_recorded(event, Answer)} == {
            song.id: "Waltz",
            meal.id: ["Fish"],
        }

"""The Box office page: what others change meanwhile, the receipt, drafts, and voiding."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from tests.support import make
from tests.support.database_state import get_sold_count, snapshot
from tests.support.screen import get_row_text
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
    get_receipt,
    get_record_label,
    list_lines,
    list_recorded,
    list_tiles,
    send_lines,
)
from ticketing import db
from ticketing.catalog import archive, packages
from ticketing.models import Answer, Order, Package, Purchase
from ticketing.sales import corrections


class TestConcurrentChanges:
    def test_every_line_that_is_short_is_marked_and_nothing_is_replaced(self, visit, seller, event, table, couple):
        other = make.package(event, name="Lounge", price="50", quantity_limit=2)
        desk = enter_donor(send_lines(visit("box_office", seller, event), (table, 2), (couple, 1), (other, 2)))
        make.purchase(event, table, quantity=3)
        make.purchase(event, other, quantity=2)
        before = snapshot(event)
        desk.click("Record sale, $5,280.00")
        assert desk.problems() == [
            "3 of 4 sold, 1 left. Order 1, or raise its limit.",
            "2 of 2 sold. Remove it, or raise its limit.",
        ]
        assert list_lines(desk) == [
            "2 × Table of Ten $2,500.00 10 seats",
            "1 × Couple $180.00 2 seats",
            "2 × Lounge $50.00 1 seat",
        ]
        assert snapshot(event) == before
        send_lines(desk, (table, 1), (couple, 1)).click("Record sale, $2,680.00")
        assert get_sold_count(table) == 4

    def test_changed_price_is_refused_until_confirmed(self, order, event, table):
        enter_donor(order)
        change_package(event, table, price="3000")
        order.click("Record sale, $2,500.00")
        assert order.says("The total is $3,000.00 now. Check it, then record the sale.")
        assert list_recorded(event) == []
        assert get_record_label(order) == "Record sale, $3,000.00"
        assert order.value(NAME) == "Ana Ruiz"
        order.click("Record sale, $3,000.00")
        assert [str(purchase.total) for purchase in list_recorded(event)] == ["3000.00"]

    def test_changed_number_of_seats_is_refused_until_confirmed(self, order, event, table):
        enter_donor(order)
        change_package(event, table, seats_per_package=8)
        order.click("Record sale, $2,500.00")
        assert order.says(
            "Table of Ten was changed after it was quoted; it is $2,500.00 for 8 seats now. Nothing was recorded."
        )
        assert list_recorded(event) == []
        order.click("Record sale, $2,500.00")
        assert [each.seats for each in list_recorded(event)] == [8]

    def test_changed_description_does_not_matter(self, order, event, table):
        enter_donor(order)
        change_package(event, table, description="Other words.")
        order.click("Record sale, $2,500.00")
        assert len(list_recorded(event)) == 1

    def test_package_taken_off_sale_stays_marked_and_is_refused(self, order, event, table, couple):
        enter_donor(order)
        change_package(event, table, is_enabled=False)
        order.click("Record sale, $2,500.00")
        assert list_recorded(event) == []
        assert order.problems() == ["Table of Ten is off sale. Put it on sale, or choose another package."]
        assert list_lines(order) == ["1 × Table of Ten $2,500.00 10 seats Off sale"]
        assert list_tiles(order) == ["Couple $180.00 2 seats"]
        assert order.value(NAME) == "Ana Ruiz"

    def test_deleted_package_stays_marked_and_costs_nothing(self, order, event, table, couple):
        send_lines(order, (table, 1), (couple, 1))
        db.write(lambda s: packages.delete(s, make.staff(role="admin"), event.id, table.id))
        enter_donor(order)
        assert list_lines(order) == ["1 × Deleted package Deleted", "1 × Couple $180.00 2 seats"]
        order.click("Record sale, $180.00")
        assert order.problems() == ["This package does not exist, or it belongs to an event you are not assigned to."]
        assert list_recorded(event) == []
        send_lines(order, (couple, 1)).click("Record sale, $180.00")
        assert len(list_recorded(event)) == 1

    def test_unfinished_order_survives_a_visit_to_another_event(self, visit, event, table):
        other = make.event(name="Other")
        make.package(other, name="Ball", price="10")
        desk = visit("box_office", make.staff(role="admin"), event)
        enter_donor(send_lines(desk, (table, 1)))
        desk.enter("Event", other.id)
        assert (desk.value(NAME), get_record_label(desk)) == ("", "Record sale")
        desk.enter("Event", event.id)
        assert (desk.value(NAME), get_record_label(desk)) == ("Ana Ruiz", "Record sale, $2,500.00")


def change_package(event, package, **values):
    admin = make.staff(role="admin")
    db.write(
        lambda session: packages.update(session, admin, event.id, package.id, values, seen_version=package.version)
    )


class TestReceipt:
    @pytest.fixture
    def sold(self, order):
        return enter_donor(order).click("Record sale, $2,500.00")

    def test_stays_until_the_next_sale_is_begun(self, sold, table):
        assert get_receipt(sold)
        assert get_receipt(sold.rerun())
        send_lines(sold, (table, 1))
        assert get_receipt(sold) is None

    def test_undo_voids_the_order_and_can_be_undone(self, sold, event, table):
        sold.click("Undo")
        (order,) = list_recorded(event, Order)
        assert sold.offer() == f"Order {order.number} voided: its packages are on sale again."
        assert get_receipt(sold) is None
        (purchase,) = list_recorded(event)
        assert (purchase.payment_status, purchase.void_reason) == ("voided", "Undone at the box office")
        assert get_sold_count(table) == 0
        sold.click("Undo")
        assert [each.payment_status for each in list_recorded(event)] == ["completed"]
        assert get_sold_count(table) == 1

    def test_undo_is_refused_with_the_reason_when_a_line_was_changed_since(self, sold, event):
        (purchase,) = list_recorded(event)
        admin = make.staff(role="admin", name="Bea Colleague")
        db.write(
            lambda s: corrections.change_status(
                s, admin, event.id, purchase.id, "refunded", seen_version=purchase.version
            )
        )
        sold.click("Undo")
        assert sold.says("Bea Colleague changed order")
        assert [each.payment_status for each in list_recorded(event)] == ["refunded"]

    @pytest.mark.parametrize(("minutes", "is_offered"), [(9.9, True), (10.1, False)])
    def test_undo_is_offered_for_10_minutes(self, sold, event, minutes, is_offered):
        (line,) = sold.app.session_state[f"at_till_{event.id}"].receipt.recorded.lines
        line.purchase.purchased_at -= timedelta(minutes=minutes)
        assert ("Undo" in sold.rerun().labels()) is is_offered

    def test_names_guests_of_the_order(self, sold, event):
        sold.click("Name guests")
        assert sold.dialog() == "Purchase"
        assert "Paste a list" in " ".join(sold.labels()) or "Save" in " ".join(sold.labels())


class TestDraft:
    def test_is_there_in_a_new_session_of_the_same_till(self, visit, seller, event, table):
        make.option(table, label="Song")
        make.option(table, label="Shuttle", option_type="boolean")
        make.option(table, label="Dinner", option_type="single_select", choices=["Bass", "Rib"])
        make.option(table, label="Meal", option_type="multi_select", choices=["Fish", "Vegan"])
        desk = send_lines(visit("box_office", seller, event), (table, 2))
        enter_donor(desk).enter(PHONE, "555").enter(PROMO, "NOPE").enter(NOTE, "By the stage").enter(CHANNEL, "cash")
        desk.enter(PAYMENT, "pending").enter(RECEIVED, "6000").enter(GUESTS, "Ben Okafor").enter("Song", "Waltz")
        desk.enter("Shuttle", False).enter("Dinner", "Rib").enter("Meal", ["Vegan"])
        again = visit("box_office", seller, event)
        assert list_lines(again) == ["2 × Table of Ten $2,500.00 10 seats"]
        labels = (
            NAME,
            EMAIL,
            PHONE,
            PROMO,
            NOTE,
            CHANNEL,
            PAYMENT,
            RECEIVED,
            GUESTS,
            "Song",
            "Shuttle",
            "Dinner",
            "Meal",
        )
        assert [again.value(label) for label in labels] == [
            "Ana Ruiz", "ana@example.org", "555", "NOPE", "By the stage", "cash", "pending", "6000", "Ben Okafor",
            "Waltz", False, "Rib", ["Vegan"],
        ]  # fmt: skip
        again.enter(PROMO, "").click("Record sale, $5,000.00")
        assert len(list_recorded(event, Answer)) == 4

    def test_of_another_till_is_offered_and_moves(self, visit, seller, event, table, order):
        enter_donor(order)
        there = visit("box_office", seller, event, till="another till")
        assert list_lines(there) == []
        (offer,) = (label for label in there.labels() if label.startswith("Continue the order begun at"))
        there.click(offer)
        assert list_lines(there) == ["1 × Table of Ten $2,500.00 10 seats"]
        assert there.value(NAME) == "Ana Ruiz"
        order.enter(NOTE, "typed at the first till")
        assert order.says("This order was continued or finished on another till.")
        assert list_lines(order) == []
        there.click("Record sale, $2,500.00")
        assert len(list_recorded(event)) == 1

    def test_start_over_asks_and_deletes_it(self, visit, seller, event, order):
        enter_donor(order).click("Start over").click("Keep")
        assert order.value(NAME) == "Ana Ruiz"
        order.click("Start over").click("Clear")
        assert (order.value(NAME), list_lines(order)) == ("", [])
        assert visit("box_office", seller, event).value(NAME) == ""

    def test_is_gone_when_its_order_is_recorded(self, visit, seller, event, order):
        enter_donor(order).click("Record sale, $2,500.00")
        again = visit("box_office", seller, event)
        assert (again.value(NAME), list_lines(again)) == ("", [])


class TestEventThatIsOver:
    def test_asks_once_before_the_first_sale(self, visit, seller, event, table):
        set_start(event, datetime.now(UTC) - timedelta(hours=25))
        desk = visit("box_office", seller, event)
        assert desk.says("This event is over.")
        assert NAME not in desk.labels()
        desk.click("Sell all the same")
        enter_donor(send_lines(desk, (table, 1))).click("Record sale, $2,500.00")
        assert len(list_recorded(event)) == 1

    def test_evening_of_the_event_is_not_over(self, visit, seller, event, table):
        set_start(event, datetime.now(UTC) - timedelta(hours=23))
        assert NAME in visit("box_office", seller, event).labels()


def test_archived_event_says_that_nothing_is_sold(visit, seller, event, table):
    db.write(lambda s: archive.archive(s, make.staff(role="admin"), event.id))
    screen = visit("box_office", seller, event)
    assert screen.says("This event is archived")
    assert NAME not in screen.labels()


def set_start(event, moment):
    with db.engine().begin() as connection:
        statement = text("UPDATE events SET starts_at = :moment WHERE id = :id")
        connection.execute(statement, {"moment": moment, "id": event.id})


def list_latest_sales(screen):
    return [get_row_text(each.value) for each in screen.app.html if 'class="sale"' in each.value]


def test_latest_sales_have_donor_status_total_package_and_time(visit, seller, event, table):
    moment = datetime(2025, 10, 3, 16, tzinfo=UTC)
    make.purchase(event, table, channel="cheque", payment_status="pending", quantity=2, moment=moment)
    make.purchase(event, table, channel="online", moment=moment)
    (latest,) = list_latest_sales(visit("box_office", seller, event))
    assert latest == "Ana Ruiz Pending $5,000.00 2 × Table of Ten Oct 3, 2025, 12:00 PM"


class TestVoiding:
    def test_sale_is_voided_in_its_details(self, visit, seller, event):
        package = make.package(event, quantity_limit=1)
        recorded = make.purchase(event, package, channel="cash").purchase
        screen = visit("box_office", seller, event).click("Details").click("Void")
        screen.type("Reason", "Entered twice").click("Void")
        assert screen.offer() == "Sale voided: its package goes back on sale."
        assert list_latest_sales(screen)[0].startswith("Ana Ruiz Voided $100.00 1 × ")
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
        screen = visit("box_office", seller, event).enter(NAME, "Bea Li").click("Details")
        assert screen.says("Ana Ruiz</h3>")
        assert screen.value(NAME) == "Bea Li"

"""The drawer of one purchase: overview, price breakdown, guests, answers, history and actions."""

import re
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from tests.support import make
from tests.support.database_state import get_sold_count, get_use_count, snapshot
from tests.support.sales_file import run_import, sale, sales_csv
from tests.support.screen import unescape_markdown
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.models import AssignedTicket, Purchase
from ticketing.sales import corrections, guests, purchases

ACTION_LABELS = ("Mark as paid", "Mark as failed", "Mark as refunded", "Void")


@pytest.fixture
def seller(event):
    return make.staff(event=event)


@pytest.fixture
def table(event):
    return make.package(event, name="Table of Ten", price="2500", seats_per_package=10)


@pytest.fixture
def early(event):
    return make.promo_code(event, code="EARLY10")


@pytest.fixture
def opened(visit, event, seller):
    """Return a function that opens a purchase by its link."""

    def open_purchase(recorded, actor=seller):
        screen = visit("purchasers", actor, event)
        screen.app.query_params["purchase"] = str(recorded.purchase.id)
        return screen.rerun()

    return open_purchase


def buy(event, package, **fields):
    fields = {"donor": {"name": "Zoë Müller", "email": "zoe@example.org", "phone": "555 0100"}} | fields
    draft = make.purchase_draft(package, **fields)
    moment = datetime(2025, 10, 1, 16, tzinfo=UTC)
    return db.write(lambda session: purchases.record(session, OPERATOR, event.id, draft, moment=moment))


def get_status(recorded):
    with db.read_session() as session:
        return session.get(Purchase, recorded.purchase.id).payment_status


def list_offered_actions(screen):
    return [label for label in screen.labels() if label in ACTION_LABELS]


def read_price_breakdown(screen):
    (rendered,) = (text for text in screen.texts() if 'class="price-breakdown"' in text)
    return re.findall(r'<th scope="row">(.*?)</th><td>(.*?)</td>', rendered)


class TestContents:
    def test_overview_has_purchaser_package_and_time_in_event_zone(self, opened, event, table):
        screen = opened(buy(event, table, channel="cheque"))
        for part in (
            "Zoë Müller</h3>", "zoe@example.org · 555 0100", "1 × Table of Ten", "10 seats",
            "Bought Oct 1, 2025, 12:00 PM, New York time", "Check",
        ):  # fmt: skip
            assert screen.says(part), part

    def test_price_breakdown_leads_from_list_price_to_total(self, opened, event, table, early):
        assert read_price_breakdown(opened(buy(event, table, quantity=2, promo_code="EARLY10"))) == [
            ("List price, 2 × $2,500.00", "$5,000.00"),
            ("Discount, EARLY10", "-$500.00"),
            ("Total", "$4,500.00"),
        ]

    def test_no_discount_line_without_discount(self, opened, event, table):
        assert [label for label, _ in read_price_breakdown(opened(buy(event, table)))] == [
            "List price, 1 × $2,500.00",
            "Total",
        ]

    def test_comp_is_a_full_discount(self, opened, event, table):
        assert read_price_breakdown(opened(buy(event, table, channel="comp")))[1:] == [
            ("Discount, comp", "-$2,500.00"),
            ("Total", "$0.00"),
        ]

    def test_imported_purchase_has_difference_fee_id_and_file(self, visit, seller, event, table):
        run_import(event, sales_csv(sale(table, total_amount="2400.00", fee_amount="2.50", external_sale_id="EB-7")))
        screen = visit("purchasers", seller, event)
        next(each for each in screen.app.main.button if str(each.key).startswith("open_")).click()
        screen.rerun()
        assert read_price_breakdown(screen)[1:] == [
            ("Imported difference", "-$100.00"),
            ("Total", "$2,400.00"),
            ("Imported fee, not part of the total", "$2.50"),
        ]
        assert screen.says("external id EB-7")
        assert screen.says("sales.csv, today")
        assert list_offered_actions(screen) == ["Mark as refunded", "Void"]

    def test_answers_and_notes(self, opened, event, table):
        asked = make.option(table, label="Vegetarian?", option_type="boolean")
        screen = opened(buy(event, table, answers=[{"option_id": asked.id, "value": True}], notes="By the window"))
        assert screen.says('Vegetarian?</div><div class="answer">yes')
        assert screen.says('Notes</div><div class="answer">By the window')

    def test_twenty_seats_a_page_with_guests_and_codes(self, opened, event, table):
        bought = buy(event, table, quantity=3, guests=[{"name": "Ben Okafor", "email": "ben@example.org"}])
        (seats,) = (text for text in opened(bought).texts() if 'class="seats"' in text)
        assert [part in seats for part in ("Ben Okafor", "ben@example.org", "Not named yet")] == [True] * 3
        assert [ticket.code in seats for ticket in bought.tickets] == [True] * 20 + [False] * 10

    def test_hostile_text_as_typed(self, opened, event, table):
        hostile = "<b>Bo</b> **x** :red[y] $z$ [l](http://evil.example)"
        asked = make.option(table, label=hostile)
        screen = opened(
            buy(
                event, table, donor={"name": hostile, "email": "bo@example.org"}, notes=hostile,
                guests=[{"name": hostile}], answers=[{"option_id": asked.id, "value": hostile}],
            )
        )  # fmt: skip
        rendered = [each.value for each in screen.app.get("dialog")[0].html]
        assert sum(each.count("&lt;b&gt;Bo&lt;/b&gt; **x** :red[y] $z$") for each in rendered) == 5
        assert not any("<b>" in each for each in rendered)

    def test_viewer_sees_no_actions(self, opened, event, table):
        screen = opened(buy(event, table), make.staff(role="viewer", event=event))
        assert screen.says("Zoë Müller</h3>")
        assert (list_offered_actions(screen), "Name guests" in screen.labels()) == ([], False)


class TestActions:
    @pytest.mark.parametrize(
        ("status", "steps"),
        [
            ("pending", ["Mark as paid", "Mark as failed", "Void"]),
            ("completed", ["Mark as refunded", "Void"]),
        ],
    )
    def test_only_allowed_status_changes_are_offered(self, opened, event, table, status, steps):
        assert list_offered_actions(opened(buy(event, table, payment_status=status))) == steps

    def test_mark_as_paid_after_confirmation(self, opened, event, table):
        bought = buy(event, table, payment_status="pending")
        screen = opened(bought).click("Mark as paid")
        assert screen.says("$2,500.00 will count as revenue.")
        assert get_status(bought) == "pending"
        screen.click("Mark as paid")
        assert get_status(bought) == "completed"
        assert screen.toasts() == ["Marked as paid: $2,500.00 now counts as revenue."]
        assert screen.says("Status: was Pending, now Paid")
        assert screen.says("Sam Coordinator, today")

    def test_mark_as_failed(self, opened, event, table):
        bought = buy(event, table, payment_status="pending", quantity=2)
        screen = opened(bought).click("Mark as failed").click("Mark as failed")
        assert (get_status(bought), get_sold_count(table), list_offered_actions(screen)) == ("failed", 0, [])
        assert screen.toasts() == ["Marked as failed: its 2 packages go back on sale."]

    def test_refund_returns_seats_and_promo_use(self, opened, event, table, early):
        bought = buy(event, table, promo_code="EARLY10", guests=[{"name": "Ben Okafor"}])
        screen = opened(bought).click("Mark as refunded")
        assert screen.says(
            "$2,250.00 is taken out of revenue, and its package goes back on sale and its promo code use is returned."
        )
        screen.click("Mark as refunded")
        assert (get_status(bought), get_sold_count(table), get_use_count(early)) == ("refunded", 0, 0)
        assert screen.says("10 seats returned")
        assert "Name guests" not in screen.labels()

    def test_void_requires_a_reason(self, opened, event, table):
        bought = buy(event, table)
        before = snapshot(event)
        screen = opened(bought).click("Void").click("Void")
        assert screen.problem("Reason")
        assert snapshot(event) == before
        screen.type("Reason", "Entered twice").click("Void")
        assert (get_status(bought), get_sold_count(table)) == ("voided", 0)
        assert screen.offer() == "Sale voided: its package goes back on sale."
        assert screen.says("Reason: Entered twice")

    @pytest.mark.parametrize("step", ["Mark as refunded", "Void"])
    def test_cancel_changes_nothing(self, opened, event, table, step):
        bought = buy(event, table)
        before = snapshot(event)
        screen = opened(bought).click(step).click("Cancel")
        assert snapshot(event) == before
        assert list_offered_actions(screen) == ["Mark as refunded", "Void"]

    def test_concurrent_change_is_reported_and_nothing_is_changed(self, opened, event, table):
        bought = buy(event, table, payment_status="pending")
        screen = opened(bought).click("Mark as failed")
        db.write(
            lambda s: corrections.change_status(s, OPERATOR, event.id, bought.purchase.id, "completed", seen_version=1)
        )
        screen.click("Mark as failed")
        (error,) = screen.app.error
        assert unescape_markdown(error.value).endswith("Nothing was changed. The purchase is shown as it is now.")
        assert get_status(bought) == "completed"
        assert list_offered_actions(screen) == ["Mark as refunded", "Void"]

    def test_guests_named_here_are_in_the_history(self, opened, event, table):
        bought = buy(event, table)
        code = bought.tickets[0].code
        screen = opened(bought).click("Name guests")
        screen.enter(f"Seat 1 · {code}", "Ben Okafor").click("Save guests")
        assert screen.says("Seat 1: was empty, now Ben Okafor")
        assert screen.says("1 of 10 seats named")
        with db.read_session() as session:
            assert session.scalar(select(AssignedTicket.guest_name).where(AssignedTicket.code == code)) == "Ben Okafor"

    @pytest.mark.parametrize(("seats", "collapsed"), [(7, []), (8, ["History · 2 entries"])])
    def test_long_history_is_collapsed(self, opened, event, table, seats, collapsed):
        bought = buy(event, table)
        named = {seat: {"name": f"Guest {seat}"} for seat in range(1, seats + 1)}
        db.write(lambda s: guests.name_guests(s, OPERATOR, event.id, bought.purchase.id, named, seen_version=1))
        assert [each.label for each in opened(bought).app.get("dialog")[0].expander] == collapsed


class TestOrder:
    @pytest.fixture
    def order(self, event, table, early):
        return make.order(event, table, make.package(event, name="After-party", price="80"), promo_code=early.code)

    @pytest.fixture
    def shown(self, opened, order):
        return opened(order.lines[0])

    def test_lists_the_lines_and_opens_another(self, shown, order):
        assert any(f"Order {order.order.number}" in each for each in shown.texts())
        (party,) = (label for label in shown.labels() if "After-party" in label)
        screen = shown.click(party)
        assert screen.app.query_params["purchase"] in (
            [str(order.lines[1].purchase.id)],
            str(order.lines[1].purchase.id),
        )
        assert ("Total", "$72.00") in read_price_breakdown(screen)

    @pytest.mark.parametrize(
        ("scope", "statuses", "uses"),
        [("Only this package", ["voided", "completed"], 1), ("The whole order", ["voided", "voided"], 0)],
    )
    def test_voids_one_line_or_the_whole_order(self, shown, order, early, scope, statuses, uses):
        screen = shown.click("Void").enter("For", scope).type("Reason", "Entered twice")
        returned = "its promo code use is returned" if uses == 0 else "goes back on sale. The sale stays"
        assert any(returned in each for each in screen.texts())
        screen.click("Void")
        assert [get_status(line) for line in order.lines] == statuses
        assert get_use_count(early) == uses

    def test_refunds_only_lines_that_are_paid(self, shown, order):
        db.write(lambda s: corrections.void(s, OPERATOR, order.order.event_id, order.lines[1].purchase.id, "Twice"))
        screen = shown.click("Mark as refunded")
        assert "For" not in screen.labels()
        screen.click("Mark as refunded")
        assert [get_status(line) for line in order.lines] == ["refunded", "voided"]

    def test_order_changed_meanwhile_is_shown_as_it_is(self, shown, order):
        screen = shown.click("Void").enter("For", "The whole order").type("Reason", "Entered twice")
        line = order.lines[1].purchase
        db.write(lambda s: corrections.void(s, OPERATOR, line.event_id, line.id, "Twice"))
        screen = screen.click("Void")
        assert get_status(order.lines[0]) == "completed"
        assert any("Nothing was changed" in each for each in screen.texts())

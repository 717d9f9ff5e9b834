"""Purchase lists: pages, totals, and details of one purchase."""

import uuid
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import make, varied_sales
from tests.support.sales_file import run_import, sale, sales_csv
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.errors import NotFound
from ticketing.purchase_filter import ALL_PURCHASES, PurchaseFilter
from ticketing.reporting import purchase_list
from ticketing.reporting.purchase_list import PurchaseTotals
from ticketing.sales import corrections


def read(function, event, *arguments, actor=OPERATOR, **options):
    with db.read_session() as session:
        return function(session, actor, event.id, *arguments, **options)


def details(event, purchase, **options):
    return read(purchase_list.get_details, event, purchase.id, **options)


def list_all_pages(event, purchase_filter, per_page=20):
    lines, total = read(purchase_list.list_purchases, event, purchase_filter, per_page=per_page)
    for page in range(2, -(-total // per_page) + 1):
        lines += read(purchase_list.list_purchases, event, purchase_filter, page=page, per_page=per_page)[0]
    return lines, total


@pytest.fixture(scope="module")
def gala(database):
    return varied_sales.create_event()


class TestPage:
    def test_has_20_purchases_newest_first_with_package_and_code(self, event):
        package, promo = make.package(event, name="Gold", seats_per_package=2), make.promo_code(event)
        for number in range(20):
            make.purchase(event, package, moment=datetime(2026, 6, 1, number, tzinfo=UTC))
        last = datetime(2026, 6, 2, tzinfo=UTC)
        latest = make.purchase(event, package, moment=last, promo_code=promo.code, guests=[{"name": "Ben"}]).purchase
        (first, total), (second, _) = (
            read(purchase_list.list_purchases, event, ALL_PURCHASES, page=page) for page in (1, 2)
        )
        assert (len(first), len(second), total) == (20, 1, 21)
        top = first[0]
        assert (top.purchase.id, top.package, top.promo_code, top.seats_named) == (latest.id, "Gold", promo.code, 1)

    def test_page_after_last_is_empty_with_total(self, event):
        make.purchase(event, make.package(event))
        assert read(purchase_list.list_purchases, event, ALL_PURCHASES, page=2) == ([], 1)
        assert read(purchase_list.list_purchases, event, PurchaseFilter(search="ana"), page=2) == ([], 1)

    def test_simultaneous_purchases_appear_once_across_pages(self, event):
        package = make.package(event)
        for _ in range(7):
            make.purchase(event, package, moment=datetime(2026, 6, 1, tzinfo=UTC))
        for sort in ("newest", "oldest", "name", "total", "unnamed"):
            lines, total = list_all_pages(event, PurchaseFilter(sort=sort), per_page=2)
            assert (len({line.purchase.id for line in lines}), total) == (7, 7)

    @settings(max_examples=60, deadline=None)
    @given(data=st.data())
    def test_pages_hold_every_matching_purchase_once(self, gala, data):
        purchase_filter = data.draw(gala.filters())
        lines, total = list_all_pages(gala.event, purchase_filter, per_page=7)
        whole, _ = read(purchase_list.list_purchases, gala.event, purchase_filter, per_page=1000)
        assert [line.purchase.id for line in lines] == [line.purchase.id for line in whole]
        assert len({line.purchase.id for line in lines}) == len(lines) == total


class TestTotals:
    def test_totals_without_purchases_are_zero(self, event):
        nothing = PurchaseTotals(0, 0, 0, 0, 0, Decimal(0), Decimal(0), Decimal(0))
        assert read(purchase_list.get_totals, event, ALL_PURCHASES) == nothing
        assert read(purchase_list.get_totals, event, PurchaseFilter(search="ana")) == nothing

    def test_totals_count_every_status(self, event):
        package = make.package(event, price="10", seats_per_package=3)
        code = make.promo_code(event, discount_type="fixed_amount", discount_value="5").code
        make.purchase(event, package, quantity=2, promo_code=code, guests=[{"name": "Ben"}])
        gone = make.purchase(event, package).purchase
        db.write(lambda s: corrections.void(s, OPERATOR, event.id, gone.id, "Entered twice"))
        assert read(purchase_list.get_totals, event, ALL_PURCHASES) == PurchaseTotals(
            2, 2, 3, 9, 1, Decimal(30), Decimal(5), Decimal(25)
        )
        assert read(purchase_list.get_totals, event, PurchaseFilter(statuses=("voided",))).total == Decimal(10)

    @settings(max_examples=100, deadline=None)
    @given(data=st.data())
    def test_totals_equal_sums_of_rows(self, gala, data):
        """The totals may come from daily totals or from rows."""
        purchase_filter = data.draw(gala.filters())
        rows = [line.purchase for line in list_all_pages(gala.event, purchase_filter, per_page=1000)[0]]
        sums = (
            sum(getattr(row, name) for row in rows)
            for name in ("quantity", "seats", "seats_named", "list_price", "discount", "total")
        )
        orders = len({row.order_id for row in rows})
        assert read(purchase_list.get_totals, gala.event, purchase_filter) == PurchaseTotals(orders, len(rows), *sums)


class TestDetails:
    def test_details_of_a_sale(self, event):
        package = make.package(event, name="Gold", seats_per_package=2)
        vegan = make.option(package, option_type="boolean", label="Vegan?")
        menu = make.option(package, option_type="multi_select", label="Menu", choices=["Fish", "Rice"])
        wish = make.option(package, label="Any wish?", is_required=False)
        code, clerk = make.promo_code(event).code, make.staff(event=event, name="Cleo Clerk")
        answers = [
            {"option_id": wish.id, "value": "A window"},
            {"option_id": menu.id, "value": ["Fish", "Rice"]},
            {"option_id": vegan.id, "value": False},
        ]
        bought = make.purchase(
            event, package, clerk, channel="cash", promo_code=code, answers=answers, guests=[{"name": "Ben"}]
        ).purchase
        shown = details(event, bought)
        assert (shown.purchase.id, shown.package, shown.promo_code) == (bought.id, "Gold", code)
        assert [(ticket.seat_number, ticket.guest_name) for ticket in shown.tickets] == [(1, "Ben"), (2, None)]
        assert shown.answers == (("Vegan?", "no"), ("Menu", "Fish, Rice"), ("Any wish?", "A window"))
        assert (shown.recorded_by, shown.import_file, shown.history) == ("Cleo Clerk", None, ())

    def test_details_of_imported_sale_name_file(self, event):
        run_import(event, sales_csv(sale(make.package(event))))
        ((line,), _) = read(purchase_list.list_purchases, event, ALL_PURCHASES)
        shown = details(event, line.purchase)
        assert (shown.import_file, shown.promo_code, shown.answers) == ("sales.csv", None, ())

    def test_history_is_in_order_with_actor_and_values(self, event):
        bought = make.purchase(event, make.package(event), payment_status="pending").purchase
        make.purchase(event, make.package(event))
        clerk = make.staff(event=event, name="Cleo Clerk")
        db.write(lambda s: corrections.change_status(s, clerk, event.id, bought.id, "completed", seen_version=1))
        db.write(lambda s: corrections.void(s, OPERATOR, event.id, bought.id, "Entered twice"))
        first, *later = details(event, bought).history
        assert (first.by, first.action, first.field) == ("Cleo Clerk", "purchase.status_changed", "payment_status")
        assert (first.old, first.new) == ("pending", "completed")
        assert [(line.action, line.field, line.new) for line in later] == [
            ("purchase.voided", "payment_status", "voided"),
            ("purchase.voided", "void_reason", "Entered twice"),
        ]
        assert first.at <= later[0].at

    def test_unknown_purchase_or_other_event_is_not_found(self, event):
        other = make.event()
        bought = make.purchase(other, make.package(other)).purchase
        for purchase_id in (bought.id, uuid.uuid4()):
            with pytest.raises(NotFound):
                read(purchase_list.get_details, event, purchase_id)


def test_purchases_are_visible_only_to_assigned_staff(event):
    bought = make.purchase(event, make.package(event)).purchase
    viewer, stranger = make.staff("viewer", event), make.staff("coordinator", make.event())
    for function, argument in (
        (purchase_list.list_purchases, ALL_PURCHASES),
        (purchase_list.get_totals, ALL_PURCHASES),
        (purchase_list.get_details, bought.id),
    ):
        read(function, event, argument, actor=viewer)
        with pytest.raises(NotFound):
            read(function, event, argument, actor=stranger)

"""The purchases of an event one by one: pages of a selection, its sums, and everything about one."""

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


def read(function, event, *given, actor=OPERATOR, **options):
    with db.read_session() as session:
        return function(session, actor, event.id, *given, **options)


def details(event, purchase, **options):
    return read(purchase_list.get_details, event, purchase.id, **options)


def list_all_pages(event, selection, per_page=20):
    lines, total = read(purchase_list.list_purchases, event, selection, per_page=per_page)
    for page in range(2, -(-total // per_page) + 1):
        lines += read(purchase_list.list_purchases, event, selection, page=page, per_page=per_page)[0]
    return lines, total


@pytest.fixture(scope="module")
def gala(database):
    return varied_sales.create_event()


class TestAPage:
    def test_holds_20_the_latest_first_with_the_names_of_package_and_code(self, event):
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

    def test_after_the_last_is_empty_and_knows_how_many_there_are(self, event):
        make.purchase(event, make.package(event))
        assert read(purchase_list.list_purchases, event, ALL_PURCHASES, page=2) == ([], 1)
        assert read(purchase_list.list_purchases, event, PurchaseFilter(search="ana"), page=2) == ([], 1)

    def test_of_sales_in_the_same_moment_shows_none_twice(self, event):
        package = make.package(event)
        for _ in range(7):
            make.purchase(event, package, moment=datetime(2026, 6, 1, tzinfo=UTC))
        for sort in ("newest", "oldest", "name", "total", "unnamed"):
            lines, total = list_all_pages(event, PurchaseFilter(sort=sort), per_page=2)
            assert (len({line.purchase.id for line in lines}), total) == (7, 7)

    @settings(max_examples=60, deadline=None)
    @given(data=st.data())
    def test_belongs_to_pages_that_hold_every_selected_purchase_once(self, gala, data):
        selection = data.draw(gala.filters())
        lines, total = list_all_pages(gala.event, selection, per_page=7)
        whole, _ = read(purchase_list.list_purchases, gala.event, selection, per_page=1000)
        assert [line.purchase.id for line in lines] == [line.purchase.id for line in whole]
        assert len({line.purchase.id for line in lines}) == len(lines) == total


class TestTotals:
    def test_of_nothing_are_zeros(self, event):
        nothing = PurchaseTotals(0, 0, 0, 0, Decimal(0), Decimal(0), Decimal(0))
        assert read(purchase_list.get_totals, event, ALL_PURCHASES) == nothing
        assert read(purchase_list.get_totals, event, PurchaseFilter(search="ana")) == nothing

    def test_count_the_selected_purchases_as_they_are_whatever_their_status(self, event):
        package = make.package(event, price="10", seats_per_package=3)
        code = make.promo_code(event, discount_type="fixed_amount", discount_value="5").code
        make.purchase(event, package, quantity=2, promo_code=code, guests=[{"name": "Ben"}])
        gone = make.purchase(event, package).purchase
        db.write(lambda s: corrections.void(s, OPERATOR, event.id, gone.id, "Entered twice"))
        assert read(purchase_list.get_totals, event, ALL_PURCHASES) == PurchaseTotals(
            2, 3, 9, 1, Decimal(30), Decimal(5), Decimal(25)
        )
        assert read(purchase_list.get_totals, event, PurchaseFilter(statuses=("voided",))).total == Decimal(10)

    @settings(max_examples=100, deadline=None)
    @given(data=st.data())
    def test_are_the_sums_of_the_rows_on_all_pages(self, gala, data):
        """Whether they come from the sums by day or from the rows."""
        selection = data.draw(gala.filters())
        rows = [line.purchase for line in list_all_pages(gala.event, selection, per_page=1000)[0]]
        sums = (
            sum(getattr(row, name) for row in rows)
            for name in ("quantity", "seats", "seats_named", "list_price", "discount", "total")
        )
        assert read(purchase_list.get_totals, gala.event, selection) == PurchaseTotals(len(rows), *sums)


class TestDetails:
    def test_tell_everything_about_a_sale(self, event):
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
        told = details(event, bought)
        assert (told.purchase.id, told.package, told.promo_code) == (bought.id, "Gold", code)
        assert [(ticket.seat_number, ticket.guest_name) for ticket in told.tickets] == [(1, "Ben"), (2, None)]
        assert told.answers == (("Vegan?", "no"), ("Menu", "Fish, Rice"), ("Any wish?", "A window"))
        assert (told.recorded_by, told.import_file, told.history) == ("Cleo Clerk", None, ())

    def test_of_an_imported_sale_name_the_file(self, event):
        run_import(event, sales_csv(sale(make.package(event))))
        ((line,), _) = read(purchase_list.list_purchases, event, ALL_PURCHASES)
        told = details(event, line.purchase)
        assert (told.import_file, told.promo_code, told.answers) == ("sales.csv", None, ())

    def test_have_the_history_in_order_with_who_and_what(self, event):
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

    def test_of_a_purchase_elsewhere_or_nowhere_do_not_exist(self, event):
        other = make.event()
        bought = make.purchase(other, make.package(other)).purchase
        for purchase_id in (bought.id, uuid.uuid4()):
            with pytest.raises(NotFound):
                read(purchase_list.get_details, event, purchase_id)


def test_the_purchases_of_an_event_exist_only_for_who_is_assigned_to_it(event):
    bought = make.purchase(event, make.package(event)).purchase
    viewer, stranger = make.staff("viewer", event), make.staff("coordinator", make.event())
    for function, asked in (
        (purchase_list.list_purchases, ALL_PURCHASES),
        (purchase_list.get_totals, ALL_PURCHASES),
        (purchase_list.get_details, bought.id),
    ):
        read(function, event, asked, actor=viewer)
        with pytest.raises(NotFound):
            read(function, event, asked, actor=stranger)

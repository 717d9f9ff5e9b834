"""The sales page: what came in, against the goal, by day and package, and each purchase."""

from datetime import date
from decimal import Decimal

import pytest

from tests import make


@pytest.fixture
def viewer(event):
    return make.staff(role="viewer", event=event)


def tiles(screen):
    return {each.label: (screen_text(each.value), screen_text(each.delta)) for each in screen.app.metric}


def screen_text(markdown):
    return markdown.replace(r"\$", "$")


def charts(screen):
    return len(screen.app.get("vega_lite_chart")) + len(screen.app.get("arrow_vega_lite_chart"))


class TestWithoutSales:
    def test_says_where_sales_come_from_and_draws_no_chart(self, visit, viewer, event):
        make.package(event)
        screen = visit("sales", viewer, event)
        assert screen.says("No sales yet")
        assert tiles(screen) == {
            "Revenue": ("$0", "$0 pending"),
            "Packages sold": ("0", "in 0 purchases"),
            "Seats sold": ("0", "0 unnamed"),
        }
        assert charts(screen) == 0
        assert list(screen.app.dataframe) == []
        assert list(screen.app.get("link_button")) == []

    def test_shows_a_goal_that_is_all_ahead(self, visit):
        event = make.event(revenue_goal="50000")
        screen = visit("sales", make.staff(event=event), event)
        assert tiles(screen)["Goal"] == ("0.0%", "$50,000 to go")


class TestFigures:
    @pytest.fixture
    def event(self):
        return make.event(revenue_goal="10000")

    @pytest.fixture
    def screen(self, visit, viewer, event):
        table = make.package(event, name="Table", price="2500.50", seats_per_package=10, quantity_limit=3)
        single = make.package(event, name="Single", price="100")
        make.package(event, name="Unsold", price="100", quantity_limit=5)
        make.promo_code(event, code="EARLY10")
        make.purchase(event, table, quantity=3, guests=[{"name": "Ben Okafor"}], channel="cash")
        make.purchase(event, single, quantity=2, promo_code="EARLY10", donor={"name": "Zoë", "email": "z@example.org"})
        make.purchase(event, single, payment_status="pending")
        return visit("sales", viewer, event)

    def test_stand_in_the_tiles(self, screen):
        assert tiles(screen) == {
            "Revenue": ("$7,682", "$100 pending"),
            "Goal": ("76.8%", "$2,319 to go"),
            "Packages sold": ("6", "in 3 purchases"),
            "Seats sold": ("33", "32 unnamed"),
        }

    def test_by_package_tell_what_is_sold_of_what(self, screen):
        assert screen.table("Share of limit")[0] == {
            "Package": "Table", "Sold": "3 of 3", "Share of limit": 100.0, "Seats": 30,
            "Revenue": Decimal("7501.50"), "Status": "Sold out",
        }  # fmt: skip
        assert [(row["Package"], row["Sold"], row["Revenue"]) for row in screen.table("Share of limit")[1:]] == [
            ("Single", "3, unlimited", Decimal("180.00")),
            ("Unsold", "0 of 5", Decimal("0.00")),
        ]

    def test_each_purchase_is_a_row_the_latest_first(self, screen):
        pending, discounted, cash = screen.table("Purchaser")
        assert discounted | {"When": "", "E-mail": ""} == {
            "When": "", "Purchaser": "Zoë", "Package": "Single", "Qty": 2, "Guests named": "0 of 2", "Code": "EARLY10",
            "Discount": Decimal("20.00"), "Total": Decimal("180.00"), "Status": "Completed", "Channel": "Online",
            "E-mail": "",
        }  # fmt: skip
        assert discounted["When"].startswith("today, ")
        assert (pending["Status"], pending["Total"]) == ("Pending", Decimal("100.00"))
        assert (cash["Channel"], cash["Guests named"], cash["Code"]) == ("Cash", "1 of 30", "")

    def test_can_be_downloaded(self, screen, event):
        (link,) = screen.app.get("link_button")
        assert (link.proto.label, link.proto.url) == ("Download CSV", f"/export/{event.id}/purchases.csv")


def test_a_goal_that_is_passed_is_reached(visit):
    event = make.event(revenue_goal="150")
    make.purchase(event, make.package(event, price="100"), quantity=2)
    assert tiles(visit("sales", make.staff(event=event), event))["Goal"] == ("133.3%", "reached")


def test_one_sale_is_one_day_with_its_charts(visit, viewer, event):
    make.purchase(event, make.package(event, price="100"))
    screen = visit("sales", viewer, event)
    assert charts(screen) == 2
    (day,) = screen.table("So far")
    assert isinstance(day["Day"], date)
    assert (day["Packages sold"], day["Revenue"], day["So far"]) == (1, Decimal("100.00"), Decimal("100.00"))
    assert screen.says("1 purchase")


def test_a_day_of_pending_sales_alone_is_a_chart_at_zero(visit, viewer, event):
    make.purchase(event, make.package(event), payment_status="pending")
    assert charts(visit("sales", viewer, event)) == 2


def test_twenty_purchases_stand_on_a_page(visit, viewer, event):
    package = make.package(event)
    for number in range(1, 23):
        make.purchase(event, package, donor={"name": f"Donor {number:02}", "email": "ana@example.org"})
    screen = visit("sales", viewer, event)
    assert [row["Purchaser"] for row in screen.table("Purchaser")] == [f"Donor {n:02}" for n in range(22, 2, -1)]
    assert screen.says("22 purchases")
    screen.app.pagination(key="purchases_page").set_value(2)
    assert [row["Purchaser"] for row in screen.again().table("Purchaser")] == ["Donor 02", "Donor 01"]


def test_figures_of_another_event_stay_there(visit, viewer, event):
    other = make.event()
    make.purchase(other, make.package(other))
    assert visit("sales", viewer, event).says("No sales yet")


def test_another_event_with_fewer_purchases_shows_its_first_page(visit, event):
    busy, package = make.event(name="Busy"), make.package(event)
    crowd = make.package(busy)
    for _ in range(21):
        make.purchase(busy, crowd)
    make.purchase(event, package, donor_email="only@example.org")
    viewer = make.staff(role="viewer", event=busy)
    make.assign(viewer, event)
    screen = visit("sales", viewer, busy)
    screen.app.pagination[0].set_value(2)
    screen.again().enter("Event", event.id)
    assert [row["E-mail"] for row in screen.table("E-mail")] == ["only@example.org"]

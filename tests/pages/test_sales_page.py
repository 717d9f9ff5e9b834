"""Sales page: figures and their links, the filter of the whole page, charts, comparison with an earlier event."""

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.support import make
from tests.support.html_tables import list_tables, parse_page, read_links, read_pairs, read_table, read_tiles
from tests.support.sales_file import run_import, sale, sales_csv
from tests.support.sales_screen import count_charts, get_notes, open_query
from tests.support.screen import get_query
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.sales import corrections

BY_PACKAGE = "Packages sold of their limit"
BY_CODE = "What is paid and pending with each promo code"
BY_CHANNEL = "What is paid and pending in each channel"
SOLD = {"status": "completed,pending"}


@pytest.fixture
def viewer(event):
    return make.staff(role="viewer", event=event)


def read_download_link(screen):
    (link,) = screen.app.get("link_button")
    return link.proto.label, link.proto.url


def open_filters(screen):
    """Open the fields of the bar; a browser keeps them open, this screen for one run."""
    screen.app.session_state["sales_filters"] = True
    return screen.rerun()


class TestWithoutSales:
    def test_explains_where_sales_come_from_and_shows_nothing_else(self, visit, viewer, event):
        make.package(event)
        screen = visit("sales", viewer, event)
        assert screen.says("No sales yet")
        assert count_charts(screen) == 0
        assert list_tables(screen) == []
        assert read_links(screen) == {}
        assert [each.proto.label for each in screen.app.get("link_button")] == ["Read the guide"]

    def test_offers_next_step_to_actor_with_permission(self, visit, event):
        screen = visit("sales", make.staff(event=event), event)
        assert [link.label for link in screen.links()] == ["Add a package"]


class TestFigures:
    @pytest.fixture
    def event(self):
        return make.event(revenue_goal="10000")

    @pytest.fixture
    def packages(self, event):
        return (
            make.package(event, name="Table", price="2500.50", seats_per_package=10, quantity_limit=3),
            make.package(event, name="Single & more", price="100"),
            make.package(event, name="Unsold", price="100", quantity_limit=5),
        )

    @pytest.fixture
    def screen(self, visit, viewer, event, packages):
        table, single, _ = packages
        make.promo_code(event, code="EARLY10")
        make.purchase(event, table, quantity=3, guests=[{"name": "Ben Okafor"}], channel="cash")
        make.purchase(event, single, quantity=2, promo_code="EARLY10", donor={"name": "Zoë", "email": "z@example.org"})
        make.purchase(event, single, channel="comp")
        make.purchase(event, single, payment_status="pending")
        return visit("sales", viewer, event)

    def test_tiles_show_what_is_paid_and_what_is_pending(self, screen):
        assert read_tiles(screen) == {
            "Revenue": ("$7,682", None),
            "Average order": ("$2,561", None),
            "Packages": ("6", None),
            "Seats": ("33", None),
            "Pending": ("$100", None),
        }

    def test_goal_and_pace(self, screen):
        pairs = read_pairs(screen)
        assert parse_page(screen).find(".//p[@class='share']/strong").text == "76.8%"
        assert (pairs["To go"], pairs["Last 7 days, a day"], pairs["Last 28 days, a day"]) == (
            "$2,319", "$7,682", "$7,682",
        )  # fmt: skip

    def test_breakdown_adds_up_to_revenue_in_cents(self, screen):
        amounts = {name: amount for name, amount in read_pairs(screen).items() if re.search(r"\.\d\d$", amount)}
        assert amounts == {
            "List price": "$7,801.50",
            "Discounts": "-$120.00",
            "Revenue": "$7,681.50",
            "Pending": "$100.00",
            "Refunded": "$0.00",
        }

    def test_figures_link_to_their_purchases(self, screen):
        links = read_links(screen)
        completed = {"status": "completed"}
        assert links["3 paid orders"] == links["List price"] == links["Revenue"] == completed
        assert links["Discounts"] == completed | {"discounted_only": "true"}
        assert links["1 pending"] == links["1 order"] == links["Pending"] == {"status": "pending"}
        assert links["33 guests to name"] == {"unnamed_only": "true"}
        assert links["All purchases (4)"] == {}
        assert "Refunded" not in links

    def test_package_table_shows_sold_of_limit_beside_paid_and_pending(self, screen, packages):
        assert read_table(screen, BY_PACKAGE) == [
            ["Package", "Sold of limit", "Orders", "Seats", "Discount", "Revenue", "Pending"],
            ["Table", "3 of 3, sold out", "1", "30", "$0.00", "$7,501.50", "–"],
            ["Single & more", "4, no limit", "2", "3", "$120.00", "$180.00", "$100.00"],
            ["Unsold", "0 of 5", "0", "0", "$0.00", "$0.00", "–"],
            ["Total", "", "3", "33", "$120.00", "$7,681.50", "$100.00"],
        ]
        assert read_links(screen)["Table"] == SOLD | {"package": str(packages[0].id)}
        assert "Unsold" not in read_links(screen)
        assert "Sold of limit counts paid and pending packages of the whole event." in get_notes(screen)

    def test_bar_width_is_share_of_limit(self, screen):
        (table,) = (html for html in list_tables(screen) if "sold out" in html)
        assert re.findall(r'class="(bar[ a-z]*)"><span style="width:([\d.]+%)"', table) == [
            ("bar full", "100.0%"),
            ("bar", "0.0%"),
        ]

    def test_promo_code_and_channel_tables_have_same_totals(self, screen):
        assert read_table(screen, BY_CODE)[1:] == [
            ["EARLY10", "1", "2", "$20.00", "$180.00", "–"],
            ["Without a code", "2", "31", "$100.00", "$7,501.50", "$100.00"],
            ["Total", "3", "33", "$120.00", "$7,681.50", "$100.00"],
        ]
        assert read_table(screen, BY_CHANNEL)[1:] == [
            ["Cash", "1", "$7,501.50", "–"],
            ["Comp", "1", "$0.00", "–"],
            ["Online", "1", "$180.00", "$100.00"],
            ["Total", "3", "$7,681.50", "$100.00"],
        ]
        links = read_links(screen)
        assert links["EARLY10"] == SOLD | {"code": "EARLY10"}
        assert links["Without a code"] == SOLD | {"code": "-"}
        assert links["Cash"] == SOLD | {"channel": "cash"}

    def test_download_link_exports_all_purchases(self, screen, event):
        assert read_download_link(screen) == ("Download CSV", f"/export/{event.id}/purchases.csv")

    def test_markup_in_names_is_escaped(self, visit, viewer, event):
        hostile = '<b>Gold</b> & "more" <img src=x>'
        make.purchase(event, make.package(event, name=hostile), donor={"name": hostile, "email": "a@example.org"})
        for chart in ("total", "packages"):
            screen = open_query(visit, viewer, event, chart=chart)
            assert hostile in [row[0] for row in read_table(screen, BY_PACKAGE)]
            assert not any("<b>" in each.value or "<img src=x" in each.value for each in screen.app.get("html"))


def test_imported_total_shows_difference(visit, viewer, event):
    package = make.package(event, price="100")
    run_import(event, sales_csv(sale(package, total_amount="70.00", discount_amount="20.00")))
    screen = visit("sales", viewer, event)
    expected = {"List price": "$100.00", "Discounts": "-$20.00", "Difference": "-$10.00", "Revenue": "$70.00"}
    assert expected.items() <= read_pairs(screen).items()
    assert read_links(screen)["Difference"] == {"status": "completed", "differing_only": "true"}


def test_refunded_amount_is_not_in_revenue(visit, viewer, event):
    package = make.package(event, price="100")
    sold = [make.purchase(event, package).purchase for _ in range(2)]
    db.write(
        lambda session: corrections.change_status(
            session, OPERATOR, event.id, sold[0].id, "refunded", seen_version=sold[0].version
        )
    )
    screen = visit("sales", viewer, event)
    pairs = read_pairs(screen)
    assert (pairs["Revenue"], pairs["Refunded"]) == ("$100.00", "$100.00")
    assert read_links(screen)["Refunded"] == {"status": "refunded"}


def test_exceeded_goal_is_reached(visit):
    event = make.event(revenue_goal="150")
    make.purchase(event, make.package(event, price="100"), quantity=2)
    screen = visit("sales", make.staff(event=event), event)
    assert parse_page(screen).find(".//p[@class='share']/strong").text == "133.3%"
    assert "The goal is reached." in get_notes(screen)


class TestFilter:
    """One sale a day over 20 days: 10 packages of $100 on each of the first, 1 of $1,000 on each of the second."""

    @pytest.fixture
    def event(self):
        return make.event(revenue_goal="100000", time_zone="UTC")

    @pytest.fixture
    def packages(self, event):
        seat = make.package(event, name="Seat", price="100")
        gold = make.package(event, name="Gold", price="1000", seats_per_package=10, is_sponsorship=True)
        now = datetime.now(UTC)
        for days in range(0, 20, 2):
            make.purchase(event, seat, channel="cash", moment=now - timedelta(days=days))
            make.purchase(event, gold, moment=now - timedelta(days=days + 1))
        return seat, gold

    def test_range_applies_to_everything_and_is_compared_with_the_days_before(self, visit, viewer, event, packages):
        today = datetime.now(UTC).date()
        first, last = f"{today - timedelta(days=6)}", f"{today}"
        screen = open_query(visit, viewer, event, range="7")
        # Four days of seats and three of sponsorships, before that three and four.
        assert read_tiles(screen) == {
            "Revenue": ("$3,400", "▼ 21%"),
            "Average order": ("$486", "▼ 21%"),
            "Packages": ("7", "no change"),
            "Seats": ("34", "▼ 21%"),
            "Pending": ("$0", "no change"),
        }
        assert [row[-2] for row in read_table(screen, BY_PACKAGE)[1:]] == ["$400.00", "$3,000.00", "$3,400.00"]
        days = {"from": first, "to": last}
        assert read_links(screen)["7 paid orders"] == days | {"status": "completed"}
        assert read_links(screen)["Cash"] == days | SOLD | {"channel": "cash"}
        assert parse_qs(urlsplit(read_download_link(screen)[1]).query) == {"from": [first], "to": [last]}
        (file,) = (each for each in parse_page(screen).iter("a") if "chart.svg" in each.get("href"))
        assert parse_qs(urlsplit(file.get("href")).query) == {"from": [first], "to": [last], "chart": ["total"]}

    def test_goal_pace_and_stock_stay_those_of_the_whole_event(self, visit, viewer, event, packages):
        screen = open_query(visit, viewer, event, range="7", package=str(packages[0].id))
        assert read_pairs(screen)["To go"] == "$89,000"
        assert read_table(screen, BY_PACKAGE)[1][1] == "10, no limit"
        assert "Of the whole event, whatever is chosen above." in get_notes(screen)

    def test_packages_channels_and_sponsorships_narrow_the_page(self, visit, viewer, event, packages):
        seat, gold = packages
        for query, revenue, names in (
            ({"package": str(seat.id)}, "$1,000", ["Seat"]),
            ({"package": f"{seat.id},{gold.id}"}, "$11,000", ["Seat", "Gold"]),
            ({"channel": "cash"}, "$1,000", ["Seat", "Gold"]),
            ({"sponsorships_only": "true"}, "$10,000", ["Gold"]),
        ):
            screen = open_query(visit, viewer, event, **query)
            assert read_tiles(screen)["Revenue"][0] == revenue
            assert [row[0] for row in read_table(screen, BY_PACKAGE)[1:-1]] == names
            assert all(query.items() <= link.items() for link in read_links(screen).values() if "package" not in link)
            assert parse_qs(urlsplit(read_download_link(screen)[1]).query) == {k: [v] for k, v in query.items()}

    def test_bar_writes_the_address(self, visit, viewer, event, packages):
        gold = packages[1]
        screen = visit("sales", viewer, event)
        screen.enter("Range", "30")
        assert get_query(screen) == {"range": "30"}
        open_filters(screen).enter("Packages", [gold.id])
        assert get_query(screen) == {"range": "30", "package": str(gold.id)}
        open_filters(screen).enter("Channels", ["online"])
        open_filters(screen).enter("Sponsorships only", True)
        assert get_query(screen) == {
            "range": "30", "package": str(gold.id), "channel": "online", "sponsorships_only": "true",
        }  # fmt: skip
        screen.enter("Range", "all").enter("Chart", "packages")
        assert "range" not in get_query(screen)
        open_filters(screen).click("Clear filters")
        assert get_query(screen) == {"chart": "packages"}

    def test_custom_range_begins_with_the_days_shown_and_keeps_them_in_order(self, visit, viewer, event, packages):
        today = datetime.now(UTC).date()
        screen = visit("sales", viewer, event).enter("Range", "7").enter("Range", "custom")
        assert get_query(screen) == {"from": f"{today - timedelta(days=6)}", "to": f"{today}"}
        assert screen.value("Range") == "custom"
        screen.enter("To", today - timedelta(days=9))
        assert get_query(screen) == {"from": f"{today - timedelta(days=9)}", "to": f"{today - timedelta(days=9)}"}
        screen.enter("From", None)
        assert get_query(screen) == {"to": f"{today - timedelta(days=9)}"}
        assert read_tiles(screen)["Revenue"] == ("$6,500", None)

    def test_days_without_sales_show_an_empty_figure_and_a_way_out(self, visit, viewer, event, packages):
        screen = open_query(visit, viewer, event, to="2020-01-01")
        assert read_tiles(screen)["Revenue"] == ("$0", None)
        assert screen.says("No sales with these filters.")
        assert read_tiles(screen.click("Clear filters"))["Revenue"] == ("$11,000", None)

    @pytest.mark.parametrize(
        ("name", "value", "sentence"),
        [
            ("range", "9", "“range” takes 7 or 30."),
            ("chart", "pie", "“chart” takes total, daily, packages or channels."),
            ("from", "yesterday", "“from” takes a day such as"),
            ("status", "completed", "There is no filter “status”."),
            ("package", "7", "“package” takes ids of packages"),
        ],
    )
    def test_wrong_link_shows_no_figures(self, visit, viewer, event, packages, name, value, sentence):
        screen = open_query(visit, viewer, event, **{name: value})
        assert screen.says(sentence)
        assert list_tables(screen) == []
        assert list_tables(screen.click("Show all sales"))
        assert get_query(screen) == {}

    def test_package_of_another_event_selects_nothing(self, visit, viewer, event, packages):
        other = make.package(make.event())
        assert open_query(visit, viewer, event, package=str(other.id)).says("No sales with these filters.")


class TestLatestSales:
    def test_shows_five_newest_first_and_names_unpaid_status(self, visit, viewer, event):
        package = make.package(event, name="Single", price="100")
        for number in range(1, 7):
            make.purchase(event, package, donor={"name": f"Donor {number}", "email": "ana@example.org"})
        make.purchase(event, package, payment_status="pending", donor={"name": "<b>Zoë</b>", "email": "z@example.org"})
        rows = read_table(visit("sales", viewer, event), "The latest purchases")[1:]
        assert [re.sub(r" ?(Single|1).*", "", name) for name, _ in rows] == [
            "<b>Zoë</b>",
            "Donor 6",
            "Donor 5",
            "Donor 4",
            "Donor 3",
        ]
        assert rows[0][0].endswith("Pending")
        assert re.search(r"1 × Single · today,\s\d+:\d\d\s[AP]M$", rows[1][0])

    def test_excludes_voided_purchases(self, visit, viewer, event):
        package = make.package(event)
        make.purchase(event, package, donor={"name": "Sold", "email": "ana@example.org"})
        voided = make.purchase(event, package, channel="cash").purchase
        db.write(lambda session: corrections.void(session, OPERATOR, event.id, voided.id, "A mistake"))
        screen = visit("sales", viewer, event)
        assert len(read_table(screen, "The latest purchases")) == 2
        assert "All purchases (2)" in read_links(screen)


class TestManyRows:
    def test_table_hides_rows_from_the_eleventh_on_until_all_are_asked_for(self, visit, viewer, event):
        """All rows are in the HTML for paper; a class hides them on the screen."""
        for number in range(1, 12):
            make.package(event, name=f"Package {number:02}")
        make.purchase(event, make.package(event, name="Last", price="100"))
        screen = visit("sales", viewer, event)
        assert len(read_table(screen, BY_PACKAGE)) == 14
        (table,) = (html for html in list_tables(screen) if BY_PACKAGE in html)
        assert '<div class="figures stacked short">' in table
        (link,) = (each for each in parse_page(screen).iter("a") if each.text == "Show all 12 packages")
        assert parse_qs(urlsplit(link.get("href")).query) == {"event": [str(event.id)], "whole": ["packages"]}
        screen = open_query(visit, viewer, event, whole="packages")
        assert not any("short" in html for html in list_tables(screen))
        (link,) = (each for each in parse_page(screen).iter("a") if each.text == "Show the first 10")
        assert parse_qs(urlsplit(link.get("href")).query) == {"event": [str(event.id)]}

    def test_ten_packages_are_shown_without_a_link(self, visit, viewer, event):
        for _ in range(10):
            package = make.package(event)
        make.purchase(event, package)
        screen = visit("sales", viewer, event)
        assert not any("short" in html for html in list_tables(screen))
        assert not any((each.text or "").startswith("Show") for each in parse_page(screen).iter("a"))


def test_sales_of_other_events_are_not_counted(visit, viewer, event):
    other = make.event()
    make.purchase(other, make.package(other))
    assert visit("sales", viewer, event).says("No sales yet")

"""Sales page: figures and their links, days, packages, promo codes, channels, comparison with an earlier event."""

import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

import pytest
from streamlit.testing.v1.element_tree import Markdown, PageLink

from tests.support import make
from tests.support.sales_file import run_import, sale, sales_csv
from tests.support.screen import unescape_markdown
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.sales import corrections


@pytest.fixture
def viewer(event):
    return make.staff(role="viewer", event=event)


def read_tiles(screen):
    return {each.label: unescape_markdown(each.value) for each in screen.app.metric}


def count_charts(screen):
    return len(screen.app.get("vega_lite_chart")) + len(screen.app.get("arrow_vega_lite_chart"))


def read_table(screen, caption):
    """The rows of the table of figures whose caption begins so, as text, the totals row included."""
    (table,) = (html for html in list_tables(screen) if f"<caption>{caption}" in html)
    return [[" ".join(cell.itertext()) for cell in row] for row in parse_html(table).iterfind("table/*/tr")]


def parse_html(html):
    return ElementTree.fromstring(html)  # noqa: S314 (our own markup, which must be well-formed)


def list_tables(screen):
    return [each.value for each in screen.app.get("html") if "<caption>" in each.value]


def read_links(screen):
    """Return the query parameters of each link by its label, without the event."""
    links = {unescape_markdown(link.label).strip("*"): link.proto.query_string for link in screen.app.main.page_link}
    for html in list_tables(screen):
        links |= {a.text: urlsplit(a.get("href")).query for a in parse_html(html).iter("a")}
    queries = {label: {name: value for name, (value,) in parse_qs(query).items()} for label, query in links.items()}
    return {
        label: {name: value for name, value in query.items() if name != "event"} for label, query in queries.items()
    }


def read_download_link(screen):
    (link,) = screen.app.get("link_button")
    return link.proto.label, link.proto.url


def read_amounts(screen):
    """Return the amounts of the revenue breakdown by name, in order."""
    texts = [
        unescape_markdown(each.value).strip("*") for each in screen.app.main if isinstance(each, (Markdown, PageLink))
    ]
    return {name: amount for name, amount in pairwise(texts) if re.fullmatch(r"-?\$[\d,]+\.\d\d", amount)}


class TestWithoutSales:
    def test_explains_where_sales_come_from_and_shows_no_chart(self, visit, viewer, event):
        make.package(event)
        screen = visit("sales", viewer, event)
        assert screen.says("No sales yet")
        assert read_tiles(screen) == {"Revenue": "$0", "Packages sold": "0", "Seats sold": "0"}
        assert count_charts(screen) == 0
        assert list_tables(screen) == []
        assert read_links(screen) == {}
        assert list(screen.app.get("link_button")) == []

    def test_goal_without_sales_is_zero_percent(self, visit):
        event = make.event(revenue_goal="50000")
        screen = visit("sales", make.staff(event=event), event)
        assert read_tiles(screen)["Goal"] == "0.0%"
        assert screen.says("$50,000 to go")

    def test_offers_next_step_to_actor_with_permission(self, visit, event):
        screen = visit("sales", make.staff(event=event), event)
        assert [link.label for link in screen.app.main.page_link] == ["Add a package"]


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

    def test_tiles_show_whole_dollars(self, screen):
        assert read_tiles(screen) == {"Revenue": "$7,682", "Goal": "76.8%", "Packages sold": "7", "Seats sold": "34"}
        assert screen.says("$2,319 to go")

    def test_breakdown_adds_up_to_revenue_in_cents(self, screen):
        assert read_amounts(screen) == {
            "List price": "$7,801.50",
            "Discounts": "-$120.00",
            "Revenue": "$7,681.50",
            "Pending": "$100.00",
            "Refunded": "$0.00",
        }

    def test_figures_link_to_their_purchases(self, screen):
        links = read_links(screen)
        completed = {"status": "completed"}
        assert links["3 paid purchases"] == links["List price"] == links["Revenue"] == completed
        assert links["Discounts"] == completed | {"discounted_only": "true"}
        assert links["in 4 purchases"] == {"status": "completed,pending"}
        assert links["33 guests to name"] == {"unnamed_only": "true"}
        assert links["Pending"] == {"status": "pending"}
        assert links["All purchases (4)"] == {}
        assert "Refunded" not in links

    def test_package_table_shows_sold_count_and_limit(self, screen, packages):
        assert read_table(screen, "Packages sold") == [
            ["Package", "Sold", "Seats", "Revenue"],
            ["Table", "3 of 3, sold out", "30", "$7,501.50"],
            ["Single & more", "4, no limit", "4", "$180.00"],
            ["Unsold", "0 of 5", "0", "$0.00"],
            ["Total", "7", "34", "$7,681.50"],
        ]
        assert read_links(screen)["Table"] == {"package": str(packages[0].id), "status": "completed,pending"}
        assert "Unsold" not in read_links(screen)

    def test_bar_width_is_share_of_limit(self, screen):
        (table,) = (html for html in list_tables(screen) if "sold out" in html)
        assert re.findall(r'class="(bar[ a-z]*)"><span style="width:([\d.]+%)"', table) == [
            ("bar full", "100.0%"),
            ("bar", "0.0%"),
        ]

    def test_promo_code_and_channel_tables_have_same_totals(self, screen):
        assert read_table(screen, "Purchases, discount and revenue of each promo code")[1:] == [
            ["EARLY10", "1", "$20.00", "$180.00"],
            ["Without a code", "3", "$100.00", "$7,501.50"],
            ["Total", "4", "$120.00", "$7,681.50"],
        ]
        assert read_table(screen, "Purchases and revenue of each channel")[1:] == [
            ["Cash", "1", "$7,501.50"],
            ["Comp", "1", "$0.00"],
            ["Online", "2", "$180.00"],
            ["Total", "4", "$7,681.50"],
        ]
        links = read_links(screen)
        assert links["EARLY10"] == {"code": "EARLY10", "status": "completed,pending"}
        assert links["Without a code"] == {"code": "-", "status": "completed,pending"}
        assert links["Cash"] == {"channel": "cash", "status": "completed,pending"}

    def test_download_link_exports_all_purchases(self, screen, event):
        assert read_download_link(screen) == ("Download CSV", f"/export/{event.id}/purchases.csv")


def test_imported_total_shows_difference(visit, viewer, event):
    package = make.package(event, price="100")
    run_import(event, sales_csv(sale(package, total_amount="70.00", discount_amount="20.00")))
    screen = visit("sales", viewer, event)
    expected = {"List price": "$100.00", "Discounts": "-$20.00", "Difference": "-$10.00", "Revenue": "$70.00"}
    assert list(read_amounts(screen).items())[:4] == list(expected.items())
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
    assert (read_amounts(screen)["Revenue"], read_amounts(screen)["Refunded"]) == ("$100.00", "$100.00")
    assert read_links(screen)["Refunded"] == {"status": "refunded"}


def test_exceeded_goal_is_reached(visit):
    event = make.event(revenue_goal="150")
    make.purchase(event, make.package(event, price="100"), quantity=2)
    screen = visit("sales", make.staff(event=event), event)
    assert read_tiles(screen)["Goal"] == "133.3%"
    assert screen.says("reached")


class TestDays:
    @pytest.mark.parametrize("status", ["completed", "pending"])
    def test_single_sale_of_either_status_shows_both_charts(self, visit, viewer, event, status):
        make.purchase(event, make.package(event, price="100"), payment_status=status)
        assert count_charts(visit("sales", viewer, event)) == 2

    def test_table_of_days_opens_with_links_to_purchases(self, visit, viewer, event):
        """Days are in the event's time zone: 3 AM in London is the evening before in New York."""
        package = make.package(event, price="100")
        run_import(
            event,
            sales_csv(
                sale(package, purchase_date="2025-10-03T12:00:00"),
                sale(package, purchase_date="2025-10-06T03:00:00+01:00", quantity=2),
            ),
        )
        screen = visit("sales", viewer, event)
        assert not any("Sales of each day" in html for html in list_tables(screen))
        screen.app.session_state["table_of_days"] = True
        screen.rerun()
        assert read_table(screen, "Sales of each day, the latest first")[1:] == [
            ["5 Oct 2025", "2", "$200.00", "$300.00"],
            ["4 Oct 2025", "0", "$0.00", "$100.00"],
            ["3 Oct 2025", "1", "$100.00", "$100.00"],
        ]
        links = read_links(screen)
        assert links["5 Oct 2025"] == {"from": "2025-10-05", "to": "2025-10-05", "status": "completed,pending"}
        assert "4 Oct 2025" not in links


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


class TestSponsorshipsOnly:
    @pytest.fixture
    def event(self):
        return make.event(revenue_goal="100000")

    @pytest.fixture
    def screen(self, visit, viewer, event):
        gold = make.package(event, name="Gold", price="5000", seats_per_package=10, is_sponsorship=True)
        make.purchase(event, gold, donor={"name": "Acme", "email": "acme@example.org"})
        make.purchase(event, make.package(event, name="Single", price="100"), channel="cash")
        return visit("sales", viewer, event).enter("Sponsorships only", True)

    def test_toggle_applies_to_whole_page(self, screen, event):
        assert read_tiles(screen) == {"Revenue": "$5,000", "Goal": "5.0%", "Packages sold": "1", "Seats sold": "10"}
        assert read_amounts(screen)["Revenue"] == "$5,000.00"
        assert [row[0] for row in read_table(screen, "Packages sold")] == ["Package", "Gold", "Total"]
        assert [row[0] for row in read_table(screen, "Purchases and revenue")] == ["Channel", "Online", "Total"]
        assert len(read_table(screen, "The latest purchases")) == 2

    def test_toggle_applies_to_links_and_download(self, screen, event):
        assert {query["sponsorships_only"] for query in read_links(screen).values()} == {"true"}
        assert read_download_link(screen)[1] == f"/export/{event.id}/purchases.csv?sponsorships_only=true"

    def test_goal_tile_names_goal_of_whole_event(self, screen):
        assert screen.says("of the $100,000 event goal")
        assert not screen.says("$95,000 to go")

    def test_toggle_is_read_from_url(self, visit, viewer, event, screen):
        screen.app.query_params["sponsorships_only"] = "true"
        assert read_tiles(screen.rerun())["Revenue"] == "$5,000"

    def test_without_sponsorships_explains_how_to_show_all_sales(self, visit, viewer):
        event = make.event()
        make.purchase(event, make.package(event))
        screen = visit("sales", make.staff(event=event), event).enter("Sponsorships only", True)
        assert screen.says("No sponsorships sold yet")
        assert screen.says("Turn off **Sponsorships only**")
        assert screen.enter("Sponsorships only", False).says("Revenue breakdown")


class TestManyRows:
    def test_package_table_shows_ten_rows_and_all_on_request(self, visit, viewer, event):
        for number in range(1, 12):
            make.package(event, name=f"Package {number:02}")
        make.purchase(event, make.package(event, name="Last", price="100"))
        screen = visit("sales", viewer, event)
        names = [row[0] for row in read_table(screen, "Packages sold")]
        assert names == ["Package", *(f"Package {n:02}" for n in range(1, 11)), "Total"]
        screen.click("Show all 12 packages")
        assert [row[0] for row in read_table(screen, "Packages sold")][-3:] == ["Package 11", "Last", "Total"]
        screen.click("Show the first 10")
        assert len(read_table(screen, "Packages sold")) == 12

    def test_ten_packages_are_shown_without_button(self, visit, viewer, event):
        for _ in range(10):
            package = make.package(event)
        make.purchase(event, package)
        screen = visit("sales", viewer, event)
        assert len(read_table(screen, "Packages sold")) == 12
        assert not any("Show" in label for label in screen.labels())


class TestComparison:
    """Both events have sales on the same days before the event."""

    @pytest.fixture
    def event(self):
        return make_event_in_days(1, name="Gala")

    @pytest.fixture
    def earlier(self, event):
        return make_event_in_days(-364, name="Spring *Gala*")

    @pytest.fixture
    def screen(self, visit, event, earlier):
        package = make.package(event, price="100", seats_per_package=2)
        gold = make.package(event, price="1000", is_sponsorship=True)
        make.purchase(event, package)
        make.purchase(event, gold)
        earlier_package = make.package(earlier, name="Then", price="250")
        run_import(
            earlier,
            sales_csv(
                sale(earlier_package, purchase_date=days_ago(370), quantity=2),
                sale(earlier_package, purchase_date=days_ago(364)),
            ),
        )
        viewer = make.staff(role="viewer", event=event)
        make.assign(viewer, earlier)
        return visit("sales", viewer, event)

    def test_no_event_is_chosen_at_first(self, screen, earlier):
        assert screen.value("Compare with") is None
        assert screen.says("the same number of days before each")
        assert count_charts(screen) == 2

    def test_chosen_event_shows_sentence_and_two_charts(self, screen, earlier):
        screen.enter("Compare with", earlier.id)
        assert screen.says("Ahead of Spring *Gala* by $600 and 1 seat, 1 day before the event.")
        assert count_charts(screen) == 4

    def test_sponsorships_only_compares_sponsorships(self, screen, earlier):
        screen.enter("Sponsorships only", True).enter("Compare with", earlier.id)
        assert screen.says("Ahead of Spring *Gala* by $1,000 and 1 seat, 1 day before the event.")

    def test_comparison_table_opens(self, screen, earlier):
        screen.enter("Compare with", earlier.id)
        screen.app.session_state["table_of_comparison"] = True
        rows = read_table(screen.rerun(), "Revenue and seats of both events")
        assert rows[0] == ["Day", "This event", "Spring *Gala*"]
        assert rows[1] == ["On the day", "–", "$750.00, 3 seats"]
        assert rows[2] == ["1 day before", "$1,100.00, 3 seats", "$500.00, 2 seats"]
        assert rows[-1] == ["6 days before", "$0.00, 0 seats", "$500.00, 2 seats"]

    def test_not_offered_without_other_events_with_sales(self, visit, viewer, event):
        make.event()
        make.purchase(event, make.package(event))
        assert "Compare with" not in visit("sales", viewer, event).labels()


def make_event_in_days(days, **fields):
    """Create an event at noon UTC, `days` from today."""
    return make.event(starts_at=f"{datetime.now(UTC) + timedelta(days=days):%Y-%m-%dT12:00}", time_zone="UTC", **fields)


def days_ago(days):
    return f"{datetime.now(UTC) - timedelta(days=days):%Y-%m-%dT12:00:00}"


def test_sales_of_other_events_are_not_counted(visit, viewer, event):
    other = make.event()
    make.purchase(other, make.package(other))
    assert visit("sales", viewer, event).says("No sales yet")

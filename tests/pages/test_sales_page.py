"""The sales page: figures that add up, what is behind each, days, packages, codes, channels, and an earlier event."""

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
    """The rows of the table of figures whose caption begins so, as an eye reads them; sums included."""
    (found,) = (html for html in list_tables(screen) if f"<caption>{caption}" in html)
    return [[" ".join(cell.itertext()) for cell in row] for row in parse_html(found).iterfind("table/*/tr")]


def parse_html(html):
    return ElementTree.fromstring(html)  # noqa: S314 (ours; and that it is well-formed is worth knowing)


def list_tables(screen):
    return [each.value for each in screen.app.get("html") if "<caption>" in each.value]


def read_links(screen):
    """The queries that the words of a figure or a row lead to, without the event."""
    links = {unescape_markdown(link.label).strip("*"): link.proto.query_string for link in screen.app.main.page_link}
    for html in list_tables(screen):
        links |= {a.text: urlsplit(a.get("href")).query for a in parse_html(html).iter("a")}
    queries = {words: {name: one for name, (one,) in parse_qs(query).items()} for words, query in links.items()}
    return {words: {name: one for name, one in query.items() if name != "event"} for words, query in queries.items()}


def read_download_link(screen):
    (link,) = screen.app.get("link_button")
    return link.proto.label, link.proto.url


def read_amounts(screen):
    """The amounts of the bridge by name, in the order in which they stand."""
    words = [
        unescape_markdown(each.value).strip("*") for each in screen.app.main if isinstance(each, (Markdown, PageLink))
    ]
    return {name: amount for name, amount in pairwise(words) if re.fullmatch(r"-?\$[\d,]+\.\d\d", amount)}


class TestWithoutSales:
    def test_says_where_sales_come_from_and_draws_no_chart(self, visit, viewer, event):
        make.package(event)
        screen = visit("sales", viewer, event)
        assert screen.says("No sales yet")
        assert read_tiles(screen) == {"Revenue": "$0", "Packages sold": "0", "Seats sold": "0"}
        assert count_charts(screen) == 0
        assert list_tables(screen) == []
        assert read_links(screen) == {}
        assert list(screen.app.get("link_button")) == []

    def test_shows_a_goal_that_is_all_ahead(self, visit):
        event = make.event(revenue_goal="50000")
        screen = visit("sales", make.staff(event=event), event)
        assert read_tiles(screen)["Goal"] == "0.0%"
        assert screen.says("$50,000 to go")

    def test_offers_the_first_step_to_who_may_take_it(self, visit, event):
        screen = visit("sales", make.staff(event=event), event)
        assert [link.label for link in screen.app.main.page_link] == ["Add what is sold"]


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

    def test_stand_in_the_tiles_in_whole_dollars(self, screen):
        assert read_tiles(screen) == {"Revenue": "$7,682", "Goal": "76.8%", "Packages sold": "7", "Seats sold": "34"}
        assert screen.says("$2,319 to go")

    def test_add_up_to_the_revenue_by_the_cent(self, screen):
        assert read_amounts(screen) == {
            "List price": "$7,801.50",
            "Discounts": "-$120.00",
            "Revenue": "$7,681.50",
            "Pending": "$100.00",
            "Refunded": "$0.00",
        }

    def test_lead_to_the_purchases_behind_them(self, screen):
        links = read_links(screen)
        completed = {"status": "completed"}
        assert links["3 paid purchases"] == links["List price"] == links["Revenue"] == completed
        assert links["Discounts"] == completed | {"discounted_only": "true"}
        assert links["in 4 purchases"] == {"status": "completed,pending"}
        assert links["33 unnamed"] == {"unnamed_only": "true"}
        assert links["Pending"] == {"status": "pending"}
        assert links["All purchases (4)"] == {}
        assert "Refunded" not in links

    def test_by_package_tell_what_is_sold_of_what(self, screen, packages):
        assert read_table(screen, "Packages sold") == [
            ["Package", "Sold", "Seats", "Revenue"],
            ["Table", "3 of 3, sold out", "30", "$7,501.50"],
            ["Single & more", "4, no limit", "4", "$180.00"],
            ["Unsold", "0 of 5", "0", "$0.00"],
            ["Together", "7", "34", "$7,681.50"],
        ]
        assert read_links(screen)["Table"] == {"package": str(packages[0].id), "status": "completed,pending"}
        assert "Unsold" not in read_links(screen)

    def test_fill_the_bar_of_a_package_as_far_as_it_is_sold(self, screen):
        (found,) = (html for html in list_tables(screen) if "sold out" in html)
        assert re.findall(r'class="(bar[ a-z]*)"><span style="width:([\d.]+%)"', found) == [
            ("bar full", "100.0%"),
            ("bar", "0.0%"),
        ]

    def test_by_promo_code_and_channel_add_up_to_the_same(self, screen):
        assert read_table(screen, "Purchases, discount and revenue of each promo code")[1:] == [
            ["EARLY10", "1", "$20.00", "$180.00"],
            ["Without a code", "3", "$100.00", "$7,501.50"],
            ["Together", "4", "$120.00", "$7,681.50"],
        ]
        assert read_table(screen, "Purchases and revenue of each channel")[1:] == [
            ["Cash", "1", "$7,501.50"],
            ["Comp", "1", "$0.00"],
            ["Online", "2", "$180.00"],
            ["Together", "4", "$7,681.50"],
        ]
        links = read_links(screen)
        assert links["EARLY10"] == {"code": "EARLY10", "status": "completed,pending"}
        assert links["Without a code"] == {"code": "-", "status": "completed,pending"}
        assert links["Cash"] == {"channel": "cash", "status": "completed,pending"}

    def test_can_be_downloaded(self, screen, event):
        assert read_download_link(screen) == ("Download CSV", f"/export/{event.id}/purchases.csv")


def test_an_imported_total_that_is_its_own_is_told_as_a_difference(visit, viewer, event):
    package = make.package(event, price="100")
    run_import(event, sales_csv(sale(package, total_amount="70.00", discount_amount="20.00")))
    screen = visit("sales", viewer, event)
    told = {"List price": "$100.00", "Discounts": "-$20.00", "Difference": "-$10.00", "Revenue": "$70.00"}
    assert list(read_amounts(screen).items())[:4] == list(told.items())
    assert read_links(screen)["Difference"] == {"status": "completed", "differing_only": "true"}


def test_what_was_paid_back_is_apart_from_the_revenue(visit, viewer, event):
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


def test_a_goal_that_is_passed_is_reached(visit):
    event = make.event(revenue_goal="150")
    make.purchase(event, make.package(event, price="100"), quantity=2)
    screen = visit("sales", make.staff(event=event), event)
    assert read_tiles(screen)["Goal"] == "133.3%"
    assert screen.says("reached")


class TestDays:
    def test_one_sale_is_one_day_with_its_charts(self, visit, viewer, event):
        make.purchase(event, make.package(event, price="100"))
        screen = visit("sales", viewer, event)
        assert count_charts(screen) == 2

    def test_a_day_of_pending_sales_alone_is_a_chart_at_zero(self, visit, viewer, event):
        make.purchase(event, make.package(event), payment_status="pending")
        assert count_charts(visit("sales", viewer, event)) == 2

    def test_stand_in_a_table_when_it_is_opened_each_with_its_purchases(self, visit, viewer, event):
        """Of the event's own calendar: 3 AM in London is the evening before in New York."""
        package = make.package(event, price="100")
        run_import(event, sales_csv(
            sale(package, purchase_date="2025-10-03T12:00:00"),
            sale(package, purchase_date="2025-10-06T03:00:00+01:00", quantity=2),
        ))  # fmt: skip
        screen = visit("sales", viewer, event)
        assert not any("Sales of each day" in html for html in list_tables(screen))
        screen.app.session_state["table_of_days"] = True
        screen.rerun()
        assert read_table(screen, "Sales of each day, the latest first")[1:] == [
            ["5 Oct 2025", "2", "$200.00", "$300.00"],
            ["4 Oct 2025", "0", "$0.00", "$100.00"],
            ["3 Oct 2025", "1", "$100.00", "$100.00"],
        ]
        assert read_links(screen)["5 Oct 2025"] == {
            "from": "2025-10-05",
            "to": "2025-10-05",
            "status": "completed,pending",
        }
        assert "4 Oct 2025" not in read_links(screen)


class TestLatestSales:
    def test_are_five_the_newest_first_with_what_is_not_paid_named(self, visit, viewer, event):
        package = make.package(event, name="Single", price="100")
        for number in range(1, 7):
            make.purchase(event, package, donor={"name": f"Donor {number}", "email": "ana@example.org"})
        make.purchase(event, package, payment_status="pending", donor={"name": "<b>Zoë</b>", "email": "z@example.org"})
        rows = read_table(visit("sales", viewer, event), "The latest purchases")[1:]
        assert [re.sub(r" ?(Single|1).*", "", name) for name, _ in rows] == [
            "<b>Zoë</b>", "Donor 6", "Donor 5", "Donor 4", "Donor 3",
        ]  # fmt: skip
        assert rows[0][0].endswith("Pending")
        assert re.search(r"1 × Single · today,\s\d+:\d\d\s[AP]M$", rows[1][0])

    def test_are_without_what_did_not_sell(self, visit, viewer, event):
        package = make.package(event)
        make.purchase(event, package, donor={"name": "Sold", "email": "ana@example.org"})
        gone = make.purchase(event, package, channel="cash").purchase
        db.write(lambda session: corrections.void(session, OPERATOR, event.id, gone.id, "A mistake"))
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

    def test_is_a_switch_for_the_whole_page(self, screen, event):
        assert read_tiles(screen) == {"Revenue": "$5,000", "Goal": "5.0%", "Packages sold": "1", "Seats sold": "10"}
        assert read_amounts(screen)["Revenue"] == "$5,000.00"
        assert [row[0] for row in read_table(screen, "Packages sold")] == ["Package", "Gold", "Together"]
        assert [row[0] for row in read_table(screen, "Purchases and revenue")] == ["Channel", "Online", "Together"]
        assert len(read_table(screen, "The latest purchases")) == 2

    def test_holds_for_what_is_behind_the_figures_and_for_the_file(self, screen, event):
        assert {query["sponsorships_only"] for query in read_links(screen).values()} == {"true"}
        assert read_download_link(screen)[1] == f"/export/{event.id}/purchases.csv?sponsorships_only=true"

    def test_does_not_say_what_is_to_go_since_the_goal_is_the_whole_events(self, screen):
        assert screen.says("of $100,000 for all")
        assert not screen.says("$95,000 to go")

    def test_opens_from_an_address(self, visit, viewer, event, screen):
        screen.app.query_params["sponsorships_only"] = "true"
        assert read_tiles(screen.rerun())["Revenue"] == "$5,000"

    def test_without_any_says_so_and_how_to_get_back(self, visit, viewer):
        event = make.event()
        make.purchase(event, make.package(event))
        screen = visit("sales", make.staff(event=event), event).enter("Sponsorships only", True)
        assert screen.says("No sponsorships sold yet")
        assert screen.says("Switch off **Sponsorships only**")
        assert screen.enter("Sponsorships only", False).says("How the revenue adds up")


class TestManyRows:
    def test_of_packages_begin_with_ten_and_their_sum_and_all_come_on_request(self, visit, viewer, event):
        for number in range(1, 12):
            make.package(event, name=f"Package {number:02}")
        make.purchase(event, make.package(event, name="Last", price="100"))
        screen = visit("sales", viewer, event)
        names = [row[0] for row in read_table(screen, "Packages sold")]
        assert names == ["Package", *(f"Package {n:02}" for n in range(1, 11)), "Together"]
        screen.click("Show all 12 packages")
        assert [row[0] for row in read_table(screen, "Packages sold")][-3:] == ["Package 11", "Last", "Together"]
        screen.click("Show the first 10")
        assert len(read_table(screen, "Packages sold")) == 12

    def test_up_to_ten_are_shown_as_they_are(self, visit, viewer, event):
        for _ in range(10):
            package = make.package(event)
        make.purchase(event, package)
        screen = visit("sales", viewer, event)
        assert len(read_table(screen, "Packages sold")) == 12
        assert not any("Show" in label for label in screen.labels())


class TestAgainstAnEarlierEvent:
    """Both are tomorrow in their own calendar of sales, so that their days before are the same."""

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
        then = make.package(earlier, name="Then", price="250")
        run_import(earlier, sales_csv(
            sale(then, purchase_date=days_ago(370), quantity=2),
            sale(then, purchase_date=days_ago(364)),
        ))  # fmt: skip
        viewer = make.staff(role="viewer", event=event)
        make.assign(viewer, earlier)
        return visit("sales", viewer, event)

    def test_is_offered_and_not_chosen_at_first(self, screen, earlier):
        assert screen.value("Compare with") is None
        assert screen.says("at equal days before each")
        assert count_charts(screen) == 2

    def test_is_told_in_a_sentence_and_two_charts(self, screen, earlier):
        screen.enter("Compare with", earlier.id)
        assert screen.says("Ahead of Spring *Gala* by $600 and 1 seat at 1 day before.")
        assert count_charts(screen) == 4

    def test_compares_sponsorships_with_sponsorships(self, screen, earlier):
        screen.enter("Sponsorships only", True).enter("Compare with", earlier.id)
        assert screen.says("Ahead of Spring *Gala* by $1,000 and 1 seat at 1 day before.")

    def test_stands_in_a_table_when_it_is_opened(self, screen, earlier):
        screen.enter("Compare with", earlier.id)
        screen.app.session_state["table_of_comparison"] = True
        rows = read_table(screen.rerun(), "Revenue and seats of both events")
        assert rows[0] == ["Day", "This event", "Spring *Gala*"]
        assert rows[1] == ["On the day", "–", "$750.00, 3 seats"]
        assert rows[2] == ["1 day before", "$1,100.00, 3 seats", "$500.00, 2 seats"]
        assert rows[-1] == ["6 days before", "$0.00, 0 seats", "$500.00, 2 seats"]

    def test_is_not_offered_where_no_other_event_has_sales(self, visit, viewer, event):
        make.event()
        make.purchase(event, make.package(event))
        assert "Compare with" not in visit("sales", viewer, event).labels()


def make_event_in_days(days, **fields):
    """An event at noon, so many days from today."""
    return make.event(starts_at=f"{datetime.now(UTC) + timedelta(days=days):%Y-%m-%dT12:00}", time_zone="UTC", **fields)


def days_ago(days):
    return f"{datetime.now(UTC) - timedelta(days=days):%Y-%m-%dT12:00:00}"


def test_figures_of_another_event_stay_there(visit, viewer, event):
    other = make.event()
    make.purchase(other, make.package(other))
    assert visit("sales", viewer, event).says("No sales yet")

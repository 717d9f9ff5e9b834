"""Sales page: its chart and the table behind it, the comparison with an earlier event, and the forecast."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.support import make
from tests.support.html_tables import list_tables, read_links, read_pairs, read_table
from tests.support.sales_file import run_import, sale, sales_csv
from tests.support.sales_screen import count_charts, get_notes, open_query
from tests.support.screen import get_query

SOLD = {"status": "completed,pending"}


@pytest.fixture
def viewer(event):
    return make.staff(role="viewer", event=event)


class TestCharts:
    @pytest.mark.parametrize("status", ["completed", "pending"])
    @pytest.mark.parametrize("chart", ["total", "daily", "packages", "channels"])
    def test_single_sale_of_either_status_shows_a_chart(self, visit, viewer, event, status, chart):
        make.purchase(event, make.package(event, price="100"), payment_status=status)
        assert count_charts(open_query(visit, viewer, event, chart=chart)) == 1

    def test_table_of_days_opens_with_links_to_purchases(self, visit, viewer, event):
        """Days are in the event's time zone: 3 AM in London is the evening before in New York."""
        package = make.package(event, price="100")
        run_import(
            event,
            sales_csv(
                sale(package, purchase_date="2025-10-03T12:00:00"),
                sale(package, purchase_date="2025-10-06T03:00:00+01:00", quantity=2),
                sale(package, purchase_date="2025-10-06T03:00:00+01:00", payment_status="pending"),
            ),
        )
        screen = visit("sales", viewer, event)
        assert not any("Sales of each day" in html for html in list_tables(screen))
        screen.app.session_state["table_of_days"] = True
        screen.rerun()
        assert read_table(screen, "Sales of each day, the latest first") == [
            ["Day", "Packages", "Revenue", "Total", "Pending"],
            ["Oct 5, 2025", "2", "$200.00", "$300.00", "$100.00"],
            ["Oct 3, 2025", "1", "$100.00", "$100.00", "–"],
        ]
        assert read_links(screen)["Oct 5, 2025"] == {"from": "2025-10-05", "to": "2025-10-05"} | SOLD

    def test_table_behind_a_stacked_chart_has_its_series(self, visit, viewer, event):
        package, other = make.package(event, name="Seat", price="100"), make.package(event, name="Gold", price="900")
        run_import(
            event,
            sales_csv(
                sale(package, purchase_date="2025-10-03T12:00:00"), sale(other, purchase_date="2025-10-05T12:00:00")
            ),
        )
        screen = open_query(visit, viewer, event, chart="packages", to="2025-10-06")
        screen.app.session_state["table_of_days"] = True
        assert read_table(screen.rerun(), "Revenue of each day by package, the latest first") == [
            ["Day", "Gold", "Seat", "All"],
            ["Sun, Oct 5, 2025", "$900.00", "–", "$900.00"],
            ["Fri, Oct 3, 2025", "–", "$100.00", "$100.00"],
        ]

    def test_sales_of_2000_and_2099_are_shown(self, visit, admin, event):
        package, earlier = make.package(event, price="100"), make.event(name="Spring Gala")
        for gala, its_package in ((event, package), (earlier, make.package(earlier, price="100"))):
            rows = [sale(its_package, purchase_date=f"{year}-06-01") for year in (2000, 2099)]
            run_import(gala, sales_csv(*rows), accept_dates=True)
        screen = open_query(visit, admin, event, compare=str(earlier.id))
        assert count_charts(screen) == 3
        screen.app.session_state["table_of_days"] = True
        assert [row[0] for row in read_table(screen.rerun(), "Sales of each day")[1:]] == ["Jun 1, 2099", "Jun 1, 2000"]


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
        screen = visit("sales", viewer, event)
        screen.app.session_state["comparison"] = True
        return screen.rerun()

    def test_no_event_is_chosen_at_first(self, screen, earlier):
        assert screen.value("Compare with") is None
        assert screen.says("the same number of days before each")
        assert count_charts(screen) == 1

    def test_chosen_event_shows_sentence_and_two_charts(self, screen, earlier):
        screen.enter("Compare with", earlier.id)
        assert screen.says("Ahead of Spring *Gala* by $600 and 1 seat, 1 day before the event.")
        assert count_charts(screen) == 3
        assert get_query(screen) == {"compare": str(earlier.id)}

    def test_sponsorships_only_compares_sponsorships(self, screen, earlier):
        screen.app.query_params["sponsorships_only"] = "true"
        screen.rerun().enter("Compare with", earlier.id)
        assert screen.says("Ahead of Spring *Gala* by $1,000 and 1 seat, 1 day before the event.")

    def test_comparison_table_opens(self, screen, earlier):
        screen.enter("Compare with", earlier.id)
        screen.app.session_state["table_of_comparison"] = True
        rows = read_table(screen.rerun(), "Revenue and seats of both events")
        assert rows[0] == ["Day", "This event", "Spring *Gala*"]
        assert rows[1] == ["On the day", "–", "$750.00, 3 seats"]
        assert rows[2] == ["1 day before", "$1,100.00, 3 seats", "$500.00, 2 seats"]
        assert rows[-1] == ["6 days before", "$0.00, 0 seats", "$500.00, 2 seats"]

    def test_link_opens_it_and_is_read_again(self, visit, admin, event, screen, earlier):
        assert open_query(visit, admin, event, compare=str(earlier.id)).value("Compare with") == earlier.id

    def test_without_other_events_it_says_so(self, visit, viewer, event):
        make.purchase(event, make.package(event))
        screen = visit("sales", viewer, event)
        screen.app.session_state["comparison"] = True
        assert screen.rerun().says("There is no other event with sales yet.")


class TestForecast:
    @pytest.fixture
    def galas(self):
        """Return an event in 10 days with 10 orders, and three that are over, all of them sold evenly."""
        event = make_event_in_days(10, name="Gala", revenue_goal="10000")
        past = [make_event_in_days(-365 * years, name=f"Gala {2026 - years}") for years in (1, 2, 3)]
        for gala, days in ((event, range(11, 21)), *((each, range(1, 21)) for each in past)):
            package = make.package(gala, price="100")
            for before in days:
                make.purchase(gala, package, moment=gala.starts_at - timedelta(days=before))
        return event, past

    def test_chosen_events_give_a_range_and_a_backtest(self, visit, admin, galas):
        event, past = galas
        screen = visit("sales", admin, event)
        assert "Forecast" not in read_pairs(screen)
        screen.app.session_state["sales_forecast"] = True
        screen.rerun().enter("Learn from", [each.id for each in past])
        assert get_query(screen) == {"learn": ",".join(str(each.id) for each in past)}
        pairs = read_pairs(screen)
        assert (pairs["Forecast"], pairs["8 in 10 end between"]) == ("$2,000", "20 and 20")
        assert "From 3 earlier events." in get_notes(screen)
        rows = read_table(screen, "The forecast, so many days before the chosen events")
        assert rows[0] == ["Days before", "Inside", "Median miss", "Too early"]
        assert [row[0] for row in rows[1:]] == ["60", "30", "14", "7", "3"]
        assert rows[1] == ["60", "–", "–", "3"]
        assert rows[4] == ["7", "–", "0%", "–"]

    def test_one_event_gives_a_figure_without_a_range(self, visit, admin, galas):
        event, past = galas
        screen = open_query(visit, admin, event, learn=str(past[0].id))
        assert read_pairs(screen)["Forecast"] == "$2,000"
        assert "8 in 10 end between" not in read_pairs(screen)
        assert "As in Gala 2025. Choose 3 or more events for a range." in get_notes(screen)

    def test_event_that_is_over_has_no_forecast(self, visit, admin, galas):
        _, past = galas
        assert "Forecast" not in visit("sales", admin, past[0]).labels()


def make_event_in_days(days, **fields):
    """Create an event at noon UTC, `days` from today."""
    return make.event(starts_at=f"{datetime.now(UTC) + timedelta(days=days):%Y-%m-%dT12:00}", time_zone="UTC", **fields)


def days_ago(days):
    return f"{datetime.now(UTC) - timedelta(days=days):%Y-%m-%dT12:00:00}"

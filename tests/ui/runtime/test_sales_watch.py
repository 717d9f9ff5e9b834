"""Sales made elsewhere are noticed, at the price of one query for a whole server."""

import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from tests.support import make
from tests.support.database import use_database
from tests.support.metric_values import assert_increases, get_value
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.catalog import events, packages
from ticketing.errors import Unavailable
from ticketing.reporting import figures
from ui.runtime import sales_watch


class Clock:
    def __init__(self):
        self.now = 1000.0

    def tick(self, seconds):
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    """Time that passes when told to, and a server on which nobody has looked yet."""
    clock = Clock()
    monkeypatch.setattr(sales_watch, "time", SimpleNamespace(monotonic=lambda: clock.now))
    monkeypatch.setattr(sales_watch, "_last_poll_at", 0.0)
    monkeypatch.setattr(sales_watch, "_last_requested_at", {})
    monkeypatch.setattr(sales_watch, "_watches", {})
    monkeypatch.setattr(sales_watch, "_states", {})
    monkeypatch.setattr(sales_watch, "_poll_error", None)
    return clock


@pytest.fixture
def page(clock, event):
    """What the ring of an open page means, which shows the event as it is now: "news", "nothing" or "look"."""
    shown = sales_watch.find_state(event.id)
    sales_watch._watches["tab"] = sales_watch.Watch("its timer", event.id, shown, last_tick_at=clock.now)

    return lambda session="tab", timer="its timer": sales_watch.on_tick(session, timer)


@pytest.fixture
def looks(monkeypatch):
    """The events that each query asked for."""
    asked = []
    state = figures.compute_fingerprints

    def counted(session, event_ids):
        asked.append(set(event_ids))
        return state(session, event_ids)

    monkeypatch.setattr(figures, "compute_fingerprints", counted)
    return asked


def test_many_watchers_of_one_event_cost_one_query(clock, looks, event):
    with ThreadPoolExecutor(16) as pool:
        marks = set(pool.map(lambda _: sales_watch.find_state(event.id), range(64)))
    assert len(marks) == 1
    assert looks == [{event.id}]


def test_the_next_look_is_one_query_for_all_events_that_are_watched(clock, looks, event):
    other = make.event()
    for watched in (event, other):
        sales_watch.find_state(watched.id)
    clock.tick(sales_watch.POLL_SECONDS + 0.1)
    del looks[:]
    for watched in (event, other, event):
        sales_watch.find_state(watched.id)
    assert looks == [{event.id, other.id}]


def test_an_event_that_nobody_watches_any_more_is_not_asked_for(clock, looks, event):
    sales_watch.find_state(make.event().id)
    clock.tick(sales_watch.WATCH_EXPIRY_SECONDS + 1)
    sales_watch.find_state(event.id)
    assert looks[-1] == {event.id}


def sell(event, package):
    make.purchase(event, package)


def change_price(event, package):
    values = {"price": "1.00"}
    db.write(lambda session: packages.update(session, OPERATOR, event.id, package.id, values, seen_version=1))


def add_package(event, _package):
    make.package(event)


def delete_package(event, package):
    db.write(lambda session: packages.delete(session, OPERATOR, event.id, package.id))


def set_goal(event, _package):
    values = {"revenue_goal": "5"}
    db.write(lambda session: events.update(session, OPERATOR, event.id, values, seen_version=1))


@pytest.mark.parametrize("change", [sell, change_price, add_package, delete_package, set_goal])
def test_a_change_is_noticed_at_the_next_look_and_not_before(clock, event, change):
    package = make.package(event)
    before = sales_watch.find_state(event.id)
    change(event, package)
    clock.tick(sales_watch.POLL_SECONDS - 0.1)
    assert sales_watch.find_state(event.id) == before
    clock.tick(0.2)
    assert sales_watch.find_state(event.id) != before


def test_nothing_changed_is_no_change(clock, event):
    make.purchase(event, make.package(event))
    before = sales_watch.find_state(event.id)
    clock.tick(60)
    assert sales_watch.find_state(event.id) == before


def test_a_sale_of_another_event_is_no_change(clock, event):
    other = make.event()
    package = make.package(other)
    before = sales_watch.find_state(event.id)
    make.purchase(other, package)
    clock.tick(60)
    assert sales_watch.find_state(event.id) == before


class TestATimerRings:
    def test_in_vain_as_long_as_nothing_is_new_and_it_is_not_time_to_look(self, clock, page):
        assert page() == "nothing"
        clock.tick(sales_watch.POLL_SECONDS - 0.1)
        assert page() == "nothing"
        clock.tick(0.2)
        assert page() == "look"

    def test_for_news_when_another_page_found_them(self, clock, page, event):
        make.purchase(event, make.package(event))
        assert page() == "nothing"
        clock.tick(sales_watch.POLL_SECONDS + 0.1)
        sales_watch.find_state(event.id)
        assert page() == "news"

    def test_to_look_while_the_database_is_away(self, clock, page, event, database):
        use_database("postgresql://nobody@127.0.0.1:1/nothing")
        clock.tick(sales_watch.POLL_SECONDS + 0.1)
        with pytest.raises(Unavailable):
            sales_watch.find_state(event.id)
        use_database(database)
        assert page() == "look"

    def test_for_news_when_the_page_shows_that_it_was_away(self, page):
        sales_watch._watches["tab"].shown_state = sales_watch.NO_STATE
        assert page() == "news"

    def test_unknown_to_us_when_it_is_of_another_page_or_has_another_purpose(self, page):
        assert page("another tab") == "look"
        assert page("tab", "another timer") == "look"

    def test_in_vain_and_yet_its_event_is_asked_for_at_the_next_look(self, clock, page, event, looks):
        clock.tick(sales_watch.WATCH_EXPIRY_SECONDS - 1)
        page()
        clock.tick(2)
        sales_watch.find_state(make.event().id)
        assert event.id in looks[-1]

    def test_unknown_to_us_when_the_page_was_closed_and_forgotten(self, clock, page, event):
        clock.tick(sales_watch.WATCH_EXPIRY_SECONDS + 1)
        sales_watch.find_state(event.id)
        assert not sales_watch._watches
        assert page() == "look"


def test_while_the_database_is_away_one_look_answers_all_and_the_next_finds_it_back(clock, event, database, caplog):
    before = sales_watch.find_state(event.id)
    use_database("postgresql://nobody@127.0.0.1:1/nothing")
    clock.tick(2)

    def is_away(event_id):
        with pytest.raises(Unavailable, match="does not answer"):
            sales_watch.find_state(event_id)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(is_away, [event.id, uuid.uuid4()] * 16))
    assert caplog.text.count("could not be read") == 1
    use_database(database)
    is_away(event.id)
    clock.tick(2)
    assert sales_watch.find_state(event.id) == before


def test_the_oldest_answer_and_the_longest_wait_leave_time_to_draw_within_three_seconds():
    """Another page may have looked just before the sale."""
    assert sales_watch.POLL_SECONDS + sales_watch.TICK_SECONDS <= 2.5


def test_looks_are_counted_and_those_that_fail_apart(clock, event, monkeypatch):
    looks, failures = "ticketdesk_watch_looks_total", "ticketdesk_watch_failures_total"
    with assert_increases(1, looks), assert_increases(0, failures):
        sales_watch.find_state(event.id)
        sales_watch.find_state(event.id)
    assert time.time() - get_value("ticketdesk_watch_last_look_timestamp_seconds") < 60

    def broken(_session, _event_ids):
        raise Unavailable

    monkeypatch.setattr(figures, "compute_fingerprints", broken)
    clock.tick(sales_watch.POLL_SECONDS + 0.1)
    with assert_increases(1, looks), assert_increases(1, failures), pytest.raises(Unavailable):
        sales_watch.find_state(event.id)

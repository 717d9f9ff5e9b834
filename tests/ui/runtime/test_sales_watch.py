"""Sales made elsewhere are noticed, with one query for all pages of a server."""

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

pytestmark = pytest.mark.system  # waits for real ticks


class Clock:
    def __init__(self):
        self.now = 1000.0

    def tick(self, seconds):
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test moves, and a server that has not polled yet."""
    clock = Clock()
    monkeypatch.setattr(sales_watch, "time", SimpleNamespace(monotonic=lambda: clock.now))
    monkeypatch.setattr(sales_watch, "_last_poll_at", 0.0)
    monkeypatch.setattr(sales_watch, "_last_requested_at", {})
    monkeypatch.setattr(sales_watch, "_watches", {})
    monkeypatch.setattr(sales_watch, "_states", {})
    monkeypatch.setattr(sales_watch, "_poll_error", None)
    return clock


@pytest.fixture
def tick(clock, event):
    """Send a tick of an open page, which shows the present state, and return what the page has to do."""
    shown_state = sales_watch.find_state(event.id)
    sales_watch._watches["tab"] = sales_watch.Watch("fragment", event.id, shown_state, last_tick_at=clock.now)

    return lambda session="tab", fragment="fragment": sales_watch.on_tick(session, fragment)


@pytest.fixture
def polls(monkeypatch):
    """The events of each poll."""
    polls = []
    compute_fingerprints = figures.compute_fingerprints

    def record(session, event_ids):
        polls.append(set(event_ids))
        return compute_fingerprints(session, event_ids)

    monkeypatch.setattr(figures, "compute_fingerprints", record)
    return polls


def test_many_watchers_of_one_event_cost_one_query(clock, polls, event):
    with ThreadPoolExecutor(16) as pool:
        marks = set(pool.map(lambda _: sales_watch.find_state(event.id), range(64)))
    assert len(marks) == 1
    assert polls == [{event.id}]


def test_poll_is_one_query_for_all_watched_events(clock, polls, event):
    other = make.event()
    for watched in (event, other):
        sales_watch.find_state(watched.id)
    clock.tick(sales_watch.POLL_SECONDS + 0.1)
    polls.clear()
    for watched in (event, other, event):
        sales_watch.find_state(watched.id)
    assert polls == [{event.id, other.id}]


def test_event_without_watchers_is_not_polled(clock, polls, event):
    sales_watch.find_state(make.event().id)
    clock.tick(sales_watch.WATCH_EXPIRY_SECONDS + 1)
    sales_watch.find_state(event.id)
    assert polls[-1] == {event.id}


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
def test_change_is_noticed_at_next_poll_and_not_before(clock, event, change):
    package = make.package(event)
    before = sales_watch.find_state(event.id)
    change(event, package)
    clock.tick(sales_watch.POLL_SECONDS - 0.1)
    assert sales_watch.find_state(event.id) == before
    clock.tick(0.2)
    assert sales_watch.find_state(event.id) != before


def test_state_stays_without_a_change(clock, event):
    make.purchase(event, make.package(event))
    before = sales_watch.find_state(event.id)
    clock.tick(60)
    assert sales_watch.find_state(event.id) == before


def test_state_stays_after_sale_of_another_event(clock, event):
    other = make.event()
    package = make.package(other)
    before = sales_watch.find_state(event.id)
    make.purchase(other, package)
    clock.tick(60)
    assert sales_watch.find_state(event.id) == before


class TestOnTick:
    def test_idle_page_has_nothing_to_do_until_poll_is_due(self, clock, tick):
        assert tick() == "unchanged"
        clock.tick(sales_watch.POLL_SECONDS - 0.1)
        assert tick() == "unchanged"
        clock.tick(0.2)
        assert tick() == "poll_due"

    def test_change_found_by_another_page_redraws(self, clock, tick, event):
        make.purchase(event, make.package(event))
        assert tick() == "unchanged"
        clock.tick(sales_watch.POLL_SECONDS + 0.1)
        sales_watch.find_state(event.id)
        assert tick() == "changed"

    def test_every_tick_polls_during_outage(self, clock, tick, event, database):
        use_database("postgresql://user@127.0.0.1:1/nothing")
        clock.tick(sales_watch.POLL_SECONDS + 0.1)
        with pytest.raises(Unavailable):
            sales_watch.find_state(event.id)
        use_database(database)
        assert tick() == "poll_due"

    def test_page_that_showed_an_outage_redraws(self, tick):
        sales_watch._watches["tab"].shown_state = sales_watch.NO_STATE
        assert tick() == "changed"

    def test_tick_of_unknown_session_or_fragment_polls(self, tick):
        assert tick("another tab") == "poll_due"
        assert tick("tab", "another fragment") == "poll_due"

    def test_idle_tick_keeps_event_in_next_poll(self, clock, tick, event, polls):
        clock.tick(sales_watch.WATCH_EXPIRY_SECONDS - 1)
        tick()
        clock.tick(2)
        sales_watch.find_state(make.event().id)
        assert event.id in polls[-1]

    def test_tick_of_expired_watch_polls(self, clock, tick, event):
        clock.tick(sales_watch.WATCH_EXPIRY_SECONDS + 1)
        sales_watch.find_state(event.id)
        assert not sales_watch._watches
        assert tick() == "poll_due"


def test_during_outage_one_poll_answers_all_pages_and_a_later_one_recovers(clock, event, database, caplog):
    before = sales_watch.find_state(event.id)
    use_database("postgresql://user@127.0.0.1:1/nothing")
    clock.tick(2)

    def assert_unavailable(event_id):
        with pytest.raises(Unavailable, match="does not answer"):
            sales_watch.find_state(event_id)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(assert_unavailable, [event.id, uuid.uuid4()] * 16))
    assert caplog.text.count("could not be read") == 1
    use_database(database)
    assert_unavailable(event.id)
    clock.tick(2)
    assert sales_watch.find_state(event.id) == before


def test_oldest_state_and_longest_wait_leave_time_to_redraw_within_three_seconds():
    """Another page may have polled just before the sale."""
    assert sales_watch.POLL_SECONDS + sales_watch.TICK_SECONDS <= 2.5


def test_polls_and_failures_are_counted(clock, event, monkeypatch):
    polls, failures = "ticketdesk_watch_looks_total", "ticketdesk_watch_failures_total"
    with assert_increases(1, polls), assert_increases(0, failures):
        sales_watch.find_state(event.id)
        sales_watch.find_state(event.id)
    assert time.time() - get_value("ticketdesk_watch_last_look_timestamp_seconds") < 60

    def fail(_session, _event_ids):
        raise Unavailable

    monkeypatch.setattr(figures, "compute_fingerprints", fail)
    clock.tick(sales_watch.POLL_SECONDS + 0.1)
    with assert_increases(1, polls), assert_increases(1, failures), pytest.raises(Unavailable):
        sales_watch.find_state(event.id)

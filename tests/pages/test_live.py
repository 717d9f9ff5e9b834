"""Sales made elsewhere are noticed, at the price of one query for a whole server."""

import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from tests import make
from tests.database import use_database
from tests.figures import figure, rises
from ticketing import db, events, packages, sales
from ticketing.actors import OPERATOR
from ticketing.errors import Unavailable
from ui import live


class Clock:
    def __init__(self):
        self.now = 1000.0

    def tick(self, seconds):
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    """Time that passes when told to, and a server on which nobody has looked yet."""
    clock = Clock()
    monkeypatch.setattr(live, "time", SimpleNamespace(monotonic=lambda: clock.now))
    monkeypatch.setattr(live, "_looked_at", 0.0)
    monkeypatch.setattr(live, "_watched", {})
    monkeypatch.setattr(live, "_watches", {})
    monkeypatch.setattr(live, "_states", {})
    monkeypatch.setattr(live, "_failed", None)
    return clock


@pytest.fixture
def page(clock, event):
    """What the ring of an open page means, which shows the event as it is now: "news", "nothing" or "look"."""
    shown = live.state(event.id)
    live._watches["tab"] = live.Watch("its timer", event.id, shown, rang_at=clock.now)

    return lambda session="tab", timer="its timer": live.ring(session, timer)


@pytest.fixture
def looks(monkeypatch):
    """The events that each query asked for."""
    asked = []
    state = sales.state

    def counted(session, event_ids):
        asked.append(set(event_ids))
        return state(session, event_ids)

    monkeypatch.setattr(sales, "state", counted)
    return asked


def test_many_watchers_of_one_event_cost_one_query(clock, looks, event):
    with ThreadPoolExecutor(16) as pool:
        marks = set(pool.map(lambda _: live.state(event.id), range(64)))
    assert len(marks) == 1
    assert looks == [{event.id}]


def test_the_next_look_is_one_query_for_all_events_that_are_watched(clock, looks, event):
    other = make.event()
    for watched in (event, other):
        live.state(watched.id)
    clock.tick(live.SECONDS_BETWEEN_LOOKS + 0.1)
    del looks[:]
    for watched in (event, other, event):
        live.state(watched.id)
    assert looks == [{event.id, other.id}]


def test_an_event_that_nobody_watches_any_more_is_not_asked_for(clock, looks, event):
    live.state(make.event().id)
    clock.tick(live.SECONDS_OF_INTEREST + 1)
    live.state(event.id)
    assert looks[-1] == {event.id}


def sell(event, package):
    make.purchase(event, package)


def change_price(event, package):
    values = {"price": "1.00"}
    db.write(lambda session: packages.change(session, OPERATOR, event.id, package.id, values, seen_version=1))


def add_package(event, _package):
    make.package(event)


def delete_package(event, package):
    db.write(lambda session: packages.delete(session, OPERATOR, event.id, package.id))


def set_goal(event, _package):
    values = {"revenue_goal": "5"}
    db.write(lambda session: events.change(session, OPERATOR, event.id, values, seen_version=1))


@pytest.mark.parametrize("change", [sell, change_price, add_package, delete_package, set_goal])
def test_a_change_is_noticed_at_the_next_look_and_not_before(clock, event, change):
    package = make.package(event)
    before = live.state(event.id)
    change(event, package)
    clock.tick(live.SECONDS_BETWEEN_LOOKS - 0.1)
    assert live.state(event.id) == before
    clock.tick(0.2)
    assert live.state(event.id) != before


def test_nothing_changed_is_no_change(clock, event):
    make.purchase(event, make.package(event))
    before = live.state(event.id)
    clock.tick(60)
    assert live.state(event.id) == before


def test_a_sale_of_another_event_is_no_change(clock, event):
    other = make.event()
    package = make.package(other)
    before = live.state(event.id)
    make.purchase(other, package)
    clock.tick(60)
    assert live.state(event.id) == before


class TestATimerRings:
    def test_in_vain_as_long_as_nothing_is_new_and_it_is_not_time_to_look(self, clock, page):
        assert page() == "nothing"
        clock.tick(live.SECONDS_BETWEEN_LOOKS - 0.1)
        assert page() == "nothing"
        clock.tick(0.2)
        assert page() == "look"

    def test_for_news_when_another_page_found_them(self, clock, page, event):
        make.purchase(event, make.package(event))
        assert page() == "nothing"
        clock.tick(live.SECONDS_BETWEEN_LOOKS + 0.1)
        live.state(event.id)
        assert page() == "news"

    def test_to_look_while_the_database_is_away(self, clock, page, event, database):
        use_database("postgresql://nobody@127.0.0.1:1/nothing")
        clock.tick(live.SECONDS_BETWEEN_LOOKS + 0.1)
        with pytest.raises(Unavailable):
            live.state(event.id)
        use_database(database)
        assert page() == "look"

    def test_for_news_when_the_page_shows_that_it_was_away(self, page):
        live._watches["tab"].shown = live.NOTHING
        assert page() == "news"

    def test_unknown_to_us_when_it_is_of_another_page_or_has_another_purpose(self, page):
        assert page("another tab") == "look"
        assert page("tab", "another timer") == "look"

    def test_in_vain_and_yet_its_event_is_asked_for_at_the_next_look(self, clock, page, event, looks):
        clock.tick(live.SECONDS_OF_INTEREST - 1)
        page()
        clock.tick(2)
        live.state(make.event().id)
        assert event.id in looks[-1]

    def test_unknown_to_us_when_the_page_was_closed_and_forgotten(self, clock, page, event):
        clock.tick(live.SECONDS_OF_INTEREST + 1)
        live.state(event.id)
        assert not live._watches
        assert page() == "look"


def test_while_the_database_is_away_one_look_answers_all_and_the_next_finds_it_back(clock, event, database, caplog):
    before = live.state(event.id)
    use_database("postgresql://nobody@127.0.0.1:1/nothing")
    clock.tick(2)

    def is_away(event_id):
        with pytest.raises(Unavailable, match="does not answer"):
            live.state(event_id)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(is_away, [event.id, uuid.uuid4()] * 16))
    assert caplog.text.count("could not be read") == 1
    use_database(database)
    is_away(event.id)
    clock.tick(2)
    assert live.state(event.id) == before


def test_the_oldest_answer_and_the_longest_wait_leave_time_to_draw_within_three_seconds():
    """Another page may have looked just before the sale."""
    assert live.SECONDS_BETWEEN_LOOKS + live.SECONDS_BETWEEN_TICKS <= 2.5


def test_looks_are_counted_and_those_that_fail_apart(clock, event, monkeypatch):
    looks, failures = "ticketdesk_watch_looks_total", "ticketdesk_watch_failures_total"
    with rises(1, looks), rises(0, failures):
        live.state(event.id)
        live.state(event.id)
    assert time.time() - figure("ticketdesk_watch_last_look_timestamp_seconds") < 60

    def broken(_session, _event_ids):
        raise Unavailable

    monkeypatch.setattr(sales, "state", broken)
    clock.tick(live.SECONDS_BETWEEN_LOOKS + 0.1)
    with rises(1, looks), rises(1, failures), pytest.raises(Unavailable):
        live.state(event.id)

"""Pages that are drawn anew because of a sale elsewhere wait for each other, but not for one that hangs."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from ui import turns


@pytest.fixture(autouse=True)
def nobody_draws(monkeypatch):
    monkeypatch.setattr(turns, "_turn", None)
    monkeypatch.setattr(turns, "_next_begins", 0.0)
    monkeypatch.setattr(turns, "_waiting", 0)
    monkeypatch.setattr(turns, "SECONDS_BETWEEN_CHECKS", 0.01)


def take_until_it_is_given(session):
    until = time.monotonic() + 30
    while not turns.take(session):
        assert time.monotonic() < until, "waited in vain"


def test_one_page_is_drawn_at_a_time():
    assert turns.take("first")
    assert not turns.take("second")
    turns.end("first", seconds=0)
    assert turns.take("second")


def test_twenty_pages_are_drawn_one_after_the_other():
    drawing = []

    def draw(session):
        take_until_it_is_given(session)
        drawing.append(session)
        among = len(drawing)
        drawing.remove(session)
        turns.end(session, seconds=0)
        return among

    with ThreadPoolExecutor(20) as pool:
        assert set(pool.map(draw, map(str, range(20)))) == {1}


@pytest.mark.parametrize(("waiting", "least"), [(0, 0), (10, 0.3 * turns.PAUSE * 10), (20, 0.3 * turns.PAUSE * 20)])
def test_the_more_pages_wait_the_longer_is_the_pause_between_two(monkeypatch, waiting, least):
    monkeypatch.setattr(turns, "_waiting", waiting)
    assert turns.take("first")
    began = time.monotonic()
    turns.end("first", seconds=0.3)
    take_until_it_is_given("second")
    assert least <= time.monotonic() - began < least + 5


def test_a_page_that_hangs_loses_its_turn_and_ends_nobody_elses(monkeypatch):
    monkeypatch.setattr(turns, "LONGEST_TURN", 0.05)
    assert turns.take("hanging")
    take_until_it_is_given("second")
    monkeypatch.setattr(turns, "LONGEST_TURN", 60)
    take_until_it_is_given("third")
    for late in ("hanging", "second"):
        turns.end(late, seconds=0)
        assert not turns.take("fourth"), "the turn is the third's"
    turns.end("third", seconds=0)
    assert turns.take("fourth")


def test_who_waited_too_long_asks_again_later_and_stands_in_no_line(monkeypatch):
    monkeypatch.setattr(turns, "LONGEST_WAIT", 0.05)
    assert turns.take("somebody")
    assert turns.wait() is False
    assert turns._waiting == 0
    turns.end("somebody", seconds=0)
    assert turns.wait() is True


def test_the_end_of_a_run_ends_its_turn_whatever_ended_it():
    assert turns.wait() is True
    with pytest.raises(ZeroDivisionError), turns.ended():
        raise ZeroDivisionError
    assert turns.take("another")

"""Pages that are drawn anew because of a sale elsewhere wait for each other, but not for one that hangs."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from ui import turns


@pytest.fixture(autouse=True)
def nobody_draws(monkeypatch):
    monkeypatch.setattr(turns, "_turn", None)
    monkeypatch.setattr(turns, "_next_begins", 0.0)
    monkeypatch.setattr(turns, "SECONDS_BETWEEN_CHECKS", 0.01)


def take_until_it_is_given(turn):
    until = time.monotonic() + 30
    while not turns.take(turn):
        assert time.monotonic() < until, "waited in vain"
    return turn


def test_one_page_is_drawn_at_a_time():
    first, second = object(), object()
    assert turns.take(first)
    assert not turns.take(second)
    turns.end(first, seconds=0)
    assert turns.take(second)


def test_twenty_pages_are_drawn_one_after_the_other():
    drawing = []

    def draw(_):
        turn = take_until_it_is_given(object())
        drawing.append(turn)
        among = len(drawing)
        drawing.remove(turn)
        turns.end(turn, seconds=0)
        return among

    with ThreadPoolExecutor(20) as pool:
        assert set(pool.map(draw, range(20))) == {1}


def test_between_two_pages_is_a_pause_of_a_quarter_of_what_drawing_took():
    first, second = object(), object()
    assert turns.take(first)
    began = time.monotonic()
    turns.end(first, seconds=0.4)
    take_until_it_is_given(second)
    assert 0.1 <= time.monotonic() - began < 5


def test_a_page_that_hangs_loses_its_turn_and_ends_nobody_elses(monkeypatch):
    monkeypatch.setattr(turns, "LONGEST_TURN", 0.05)
    hanging, second, third = object(), object(), object()
    assert turns.take(hanging)
    take_until_it_is_given(second)
    monkeypatch.setattr(turns, "LONGEST_TURN", 60)
    turns.end(hanging, seconds=0)
    take_until_it_is_given(third)
    assert not turns.take(object())
    turns.end(second, seconds=0)
    assert not turns.take(object()), "the second was late, too: the turn is the third's"

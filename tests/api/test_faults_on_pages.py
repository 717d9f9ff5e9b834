"""A page that breaks shows a sentence; the traceback is in the log and nowhere else."""

from __future__ import annotations

import pytest
import streamlit

import app
from ticketing.errors import NotFound


@pytest.fixture
def shown(monkeypatch):
    """What st.error was given."""
    shown = []
    monkeypatch.setattr(streamlit, "error", shown.append)
    return shown


def test_a_fault_is_a_reference(shown, caplog):
    assert app.show_fault(RuntimeError("the inside of the house")) is True

    (sentence,) = shown
    reference = sentence.rstrip(".").rsplit(" ", 1)[1]
    assert "inside of the house" not in sentence
    assert reference in caplog.text
    assert "the inside of the house" in caplog.text


def test_a_refusal_is_its_own_sentence(shown, caplog):
    assert app.show_fault(NotFound("event")) is True

    assert "This event does not exist" in shown[0]
    assert caplog.text == ""

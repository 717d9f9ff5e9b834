"""A page that breaks shows a sentence; the traceback is in the log and nowhere else."""

from __future__ import annotations

import pytest
import streamlit
from streamlit import error_util

import app
from ticketing.errors import NotFound


@pytest.fixture
def shown(monkeypatch):
    """What st.error was given."""
    shown = []
    monkeypatch.setattr(streamlit, "error", shown.append)
    return shown


def test_a_fault_is_a_reference(shown, caplog):
    assert app.show_script_error(RuntimeError("the inside of the house")) is True

    (sentence,) = shown
    reference = sentence.rstrip(".").rsplit(" ", 1)[1]
    assert "inside of the house" not in sentence
    assert reference in caplog.text
    assert "the inside of the house" in caplog.text


def test_a_fault_is_told_once_with_its_reference_and_traceback(shown, caplog):
    """As Streamlit handles what a page raised: it has a line of its own for it, which ours replaces."""
    error_util.handle_user_script_exception(RuntimeError("the inside of the house"), app.show_script_error)

    (line,) = caplog.records
    assert line.reference in shown[0]
    assert str(line.exc_info[1]) == "the inside of the house"


def test_a_refusal_is_its_own_sentence(shown, caplog):
    assert app.show_script_error(NotFound("event")) is True

    assert "This event does not exist" in shown[0]
    assert caplog.text == ""

"""A fault in a page shows a sentence; its traceback is in the log only."""

from __future__ import annotations

import pytest
import streamlit
from streamlit import error_util

import app
from ticketing.errors import NotFound


@pytest.fixture
def shown(monkeypatch):
    """Return the list of what st.error was called with."""
    messages = []
    monkeypatch.setattr(streamlit, "error", messages.append)
    return messages


def test_fault_shows_reference(shown, caplog):
    assert app.show_script_error(RuntimeError("internal detail")) is True

    (sentence,) = shown
    reference = sentence.rstrip(".").rsplit(" ", 1)[1]
    assert "internal detail" not in sentence
    assert reference in caplog.text
    assert "internal detail" in caplog.text


def test_fault_is_logged_once_with_reference_and_traceback(shown, caplog):
    """Our line replaces the one that Streamlit logs for an exception in a page."""
    error_util.handle_user_script_exception(RuntimeError("internal detail"), app.show_script_error)

    (line,) = caplog.records
    assert line.reference in shown[0]
    assert str(line.exc_info[1]) == "internal detail"


def test_domain_error_shows_its_sentence(shown, caplog):
    assert app.show_script_error(NotFound("event")) is True

    assert "This event does not exist" in shown[0]
    assert caplog.text == ""

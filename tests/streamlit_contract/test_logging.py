"""Streamlit's log lines go where those of Ticket Desk go, and a page's error is logged once."""

from __future__ import annotations

import logging

import pytest
import streamlit.logger
from streamlit import error_util

from ui.runtime import script_run


@pytest.fixture
def formatted(monkeypatch):
    """The loggers that were handed to the function that script_run replaces."""
    formatted: list[logging.Logger] = []
    monkeypatch.setattr(streamlit.logger, "setup_formatter", formatted.append)
    monkeypatch.setattr(streamlit.logger, "_loggers", dict(streamlit.logger._loggers))
    return formatted


def test_new_logger_is_set_up_by_the_replaced_function(formatted):
    logger = streamlit.logger.get_logger("tests.streamlit_contract")
    assert formatted == [logger]


def test_existing_loggers_are_set_up_again_by_the_replaced_function(formatted):
    streamlit.logger.update_formatter()
    assert formatted == list(streamlit.logger._loggers.values())
    assert logging.getLogger("streamlit.error_util") in formatted


def test_uncaught_error_of_a_page_is_recognized_by_logger_and_message():
    records: list[logging.LogRecord] = []
    logger = logging.getLogger(script_run.ERROR_LOGGER)
    handler = logging.Handler()
    handler.emit = records.append  # type: ignore[method-assign]
    filters, logger.filters = logger.filters, []
    logger.addHandler(handler)
    try:
        error_util.handle_user_script_exception(RuntimeError("a fault"), lambda _error: True)
    finally:
        logger.removeHandler(handler)
        logger.filters = filters
    assert [record.msg for record in records] == [script_run.UNCAUGHT_ERROR_MESSAGE]

"""FaultMiddleware: unexpected errors are answered once, inside all other middleware."""

from __future__ import annotations

import logging

import pytest
from starlette.testclient import TestClient

import app

SESSION_LOOKUP = "api.middleware.authentication.find_session_actor"


@pytest.fixture
def fault_in_middleware(monkeypatch):
    """Make authentication fail with a bug, which cannot be provoked from outside."""

    def broken(_connection):
        raise RuntimeError("internal detail")

    monkeypatch.setattr(SESSION_LOOKUP, broken)


@pytest.mark.usefixtures("server", "fault_in_middleware")
def test_fault_is_not_raised_to_the_server_and_logged_once(caplog):
    strict_client = TestClient(app.app, raise_server_exceptions=True)

    with caplog.at_level(logging.WARNING):
        response = strict_client.get("/packages")

    assert response.status_code == 500
    (record,) = caplog.records
    assert record.reference in response.text
    assert str(record.exc_info[1]) == "internal detail"


@pytest.mark.usefixtures("fault_in_middleware")
def test_fault_in_middleware_keeps_request_id(browser):
    response = browser.get("/packages", headers={"X-Request-Id": "site-0123.abc"})

    assert response.status_code == 500
    assert response.headers["x-request-id"] == "site-0123.abc"

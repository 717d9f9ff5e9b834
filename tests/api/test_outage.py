"""Responses while the database is down."""

from __future__ import annotations

import pytest

from api import errors as problems
from tests.api.conftest import ACCEPT_HTML
from tests.support.database import use_database
from ticketing import errors

pytestmark = pytest.mark.system  # waits for a database that does not answer


@pytest.fixture
def away(database):
    """Return a function that replaces the database by one that refuses connections."""
    yield lambda: use_database("postgresql://nobody@127.0.0.1:9/nothing")
    use_database(database)


def test_page_reloads_itself_during_outage(browser, sign_in, away):
    sign_in()
    away()

    answer = browser.get("/packages", headers=ACCEPT_HTML)

    assert answer.status_code == 503
    assert "The database does not answer. This page tries again by itself." in answer.text
    assert (answer.headers["refresh"], answer.headers["retry-after"]) == ("5", "5")


def test_form_is_not_sent_again_by_itself(browser, away):
    away()

    answer = browser.post("/session/sign-in", data={"email": "ana@example.org", "password": "x"}, headers=ACCEPT_HTML)

    assert answer.status_code == 503
    assert "refresh" not in answer.headers


@pytest.mark.parametrize(
    ("kind", "code", "seconds"),
    [
        (errors.Unavailable, "unavailable", "5"),
        (errors.OutcomeUnknown, "outcome_unknown", "5"),
        (errors.TooBusy, "too_busy", "5"),
        (errors.TooManyDownloads, "too_busy", "5"),
        (errors.ReadOnly, "read_only", "5"),
        (errors.DatabaseTimeout, "took_too_long", "60"),
        (errors.DiskFull, "disk_full", "60"),
    ],
)
def test_every_kind_of_outage_is_503_with_retry_after(kind, code, seconds):
    for path, accepts in (("/api/v1/admin/events", b"application/json"), ("/packages", b"text/html")):
        scope = {"type": "http", "method": "GET", "path": path, "headers": [(b"accept", accepts)]}
        answer = problems.refusal_response(scope, kind())
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == seconds
        assert code.encode() in answer.body or kind.summary.encode() in answer.body
        assert ("refresh" in answer.headers) == (accepts == b"text/html" and seconds == "5")

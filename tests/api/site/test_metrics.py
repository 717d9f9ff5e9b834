"""/metrics: who may read it, and what it says of requests."""

from __future__ import annotations

import logging
import re

import pytest

from tests.api.conftest import ACCEPT_HTML
from tests.support import make
from tests.support.metric_values import assert_increases, get_value
from ticketing import logs

TOKEN = "a token of sixteen or more"
REQUESTS = "ticketdesk_http_requests_total"


@pytest.fixture
def on(monkeypatch):
    monkeypatch.setenv("TICKETDESK_METRICS_TOKEN", TOKEN)


def scrape(browser, token: str = TOKEN):
    return browser.get("/metrics", headers={"Authorization": f"Bearer {token}"})


def test_without_a_token_there_are_no_metrics_not_even_for_this_machine_or_an_admin(browser, sign_in):
    sign_in(role="admin")
    answer = browser.get("/metrics")
    assert answer.status_code == 404
    assert "ticketdesk_" not in answer.text


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", f"Bearer {TOKEN}x", f"Basic {TOKEN}", "Bearer é"])
def test_without_the_token_nothing_is_told(browser, on, header):
    answer = browser.get("/metrics", headers={} if header is None else {"Authorization": header.encode()})
    assert (answer.status_code, answer.headers["www-authenticate"][:6]) == (401, "Bearer")
    assert "ticketdesk_" not in answer.text


def test_a_token_of_the_interface_is_not_the_token(browser, on, admin):
    assert scrape(browser, make.token(admin)).status_code == 401


def test_with_the_token_prometheus_gets_its_format_and_no_cookie_or_cache(browser, on):
    answer = scrape(browser)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert answer.headers["cache-control"] == "no-store"
    assert "set-cookie" not in answer.headers
    assert "ticketdesk_ready 1.0" in answer.text
    assert re.search(r'ticketdesk_build_info\{schema="\d+",streamlit="[\d.]+"\} 1.0', answer.text)


def test_a_server_that_is_not_ready_says_why(browser, on, database_without_schema):
    told = scrape(browser).text
    assert "ticketdesk_ready 0.0" in told
    assert 'ticketdesk_not_ready{reason="schema_missing"} 1.0' in told
    assert 'ticketdesk_not_ready{reason="database_unreachable"} 0.0' in told


def test_a_request_counts_under_its_declared_address(browser, sign_in):
    sign_in()
    for path, route, method, status in [
        ("/healthz", "/healthz", "GET", "2xx"),
        ("/sales", "/sales", "GET", "3xx"),
        ("/export/7/purchases.csv", "/export/{event_id}/purchases.csv", "GET", "4xx"),
        ("/nothing/like/this", "/*", "GET", "2xx"),
        ("/packages", "/*", "BREW", "4xx"),
    ]:
        counted_as = method if method == "GET" else "other"
        with (
            assert_increases(1, REQUESTS, route=route, method=counted_as, status=status),
            assert_increases(1, "ticketdesk_http_request_duration_seconds_count", route=route),
        ):
            browser.request(method, path)


def test_an_endpoint_counts_under_its_declared_address_with_what_it_answers(call, event):
    one = "/api/v1/admin/events/{event_id}/promo-codes/validate/{code}"
    with assert_increases(1, REQUESTS, route=one, method="POST", status="4xx"):
        assert call("POST", f"/admin/events/{event.id}/promo-codes/validate/NOBODY", {}).status_code == 422


def test_who_is_turned_away_counts_without_the_address_that_was_tried(browser):
    with assert_increases(1, REQUESTS, route="(refused)", method="GET", status="4xx"):
        assert browser.get("/export/secret-donor-name/x").status_code == 401


def test_a_fault_counts(call, event, monkeypatch):
    monkeypatch.setattr("ticketing.catalog.packages.list_page", lambda *_a, **_n: 1 / 0)
    path = f"/admin/events/{event.id}/tickets/packages"
    declared = "/api/v1/admin/events/{event_id}/tickets/packages"
    with (
        assert_increases(1, "ticketdesk_faults_total"),
        assert_increases(1, REQUESTS, route=declared, method="GET", status="5xx"),
    ):
        assert call("GET", path).status_code == 500


def test_a_sale_over_http_counts_once_however_often_it_is_sent(call, event, on, browser):
    body = {"package_id": str(make.package(event).id), "quantity": 1, "donor": {"name": "Ana", "email": make.email()}}
    with assert_increases(1, "ticketdesk_purchases_total", channel="online"):
        for _ in range(3):
            call("POST", f"/events/{event.id}/tickets/purchases", body, **{"Idempotency-Key": "the-same"})


def test_an_open_websocket_is_an_open_page(browser, sign_in):
    sign_in()
    before = get_value("ticketdesk_websockets_open")
    with browser.websocket_connect("/_stcore/stream", headers={"Origin": "http://testserver"}):
        assert get_value("ticketdesk_websockets_open") == before + 1
    assert get_value("ticketdesk_websockets_open") == before


def get_record(caplog, message: str) -> logging.LogRecord:
    (found,) = [each for each in caplog.records if message in each.getMessage()]
    return found


@pytest.fixture
def known(caplog):
    """The log with what each line would carry."""
    caplog.handler.addFilter(logs.add_context)
    yield caplog
    caplog.handler.removeFilter(logs.add_context)


def test_a_request_makes_one_line_with_ids_and_never_the_address_that_was_typed(call, event, admin, known):
    answer = call("GET", f"/admin/events/{event.id}/promo-codes", **{"X-Request-Id": "site-0123.abc"})

    line = get_record(known, "GET /api/v1/admin/events/{event_id}/promo-codes 200 in")
    assert (line.request, line.actor, line.event) == ("site-0123.abc", str(admin.staff_id), str(event.id))
    assert (line.method, line.status, line.route) == ("GET", 200, "/api/v1/admin/events/{event_id}/promo-codes")
    assert answer.headers["x-request-id"] == "site-0123.abc"
    assert admin.email not in known.text


@pytest.mark.parametrize("given", [None, "short", "x" * 65, "with blanks in it", "line\tbreak--", "ümlaut-umlaut"])
def test_an_id_that_is_not_well_formed_is_replaced(browser, given, known):
    answer = browser.get("/session/sign-in", headers={} if given is None else {"X-Request-Id": given.encode()})
    made = answer.headers["x-request-id"]
    assert re.fullmatch("[0-9a-f]{32}", made)
    assert get_record(known, "GET /session/sign-in").request == made


def test_a_reference_is_found_in_the_log_with_the_request_and_its_person(call, event, admin, monkeypatch, known):
    monkeypatch.setattr("ticketing.catalog.packages.list_page", lambda *_a, **_n: 1 / 0)
    answer = call("GET", f"/admin/events/{event.id}/tickets/packages")

    line = get_record(known, "unexpected error")
    assert line.reference == answer.json()["reference"]
    assert (line.request, line.actor, line.event) == (
        answer.headers["x-request-id"],
        str(admin.staff_id),
        str(event.id),
    )
    assert line.exc_info[0] is ZeroDivisionError


@pytest.mark.parametrize(
    "path", ["/healthz", "/livez", "/metrics", "/static/x.js", "/_stcore/health", "/session/style.css"]
)
def test_what_machines_ask_all_the_time_makes_no_line(browser, path, known):
    browser.get(path)
    assert [each for each in known.records if each.name == "ticketing.requests"] == []


def test_a_page_makes_a_line_also_for_who_is_turned_away(browser, known, admin):
    browser.get("/packages", headers=ACCEPT_HTML)
    line = get_record(known, "GET (refused) 303 in")
    assert not hasattr(line, "actor")

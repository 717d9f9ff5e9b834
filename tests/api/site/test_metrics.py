"""/metrics: its token, and how requests are counted and logged."""

from __future__ import annotations

import logging
import re

import pytest

from tests.api.conftest import ACCEPT_HTML
from tests.support import make
from tests.support.metric_values import assert_increases, get_value
from ticketing import logs

TOKEN = "a-token-of-sixteen-or-more"
REQUESTS = "ticketdesk_http_requests_total"


@pytest.fixture
def metrics_enabled(monkeypatch):
    monkeypatch.setenv("TICKETDESK_METRICS_TOKEN", TOKEN)


def scrape(browser, token: str = TOKEN):
    return browser.get("/metrics", headers={"Authorization": f"Bearer {token}"})


def test_metrics_are_404_without_configured_token_even_for_admin(browser, sign_in):
    sign_in(role="admin")
    answer = browser.get("/metrics")
    assert answer.status_code == 404
    assert "ticketdesk_" not in answer.text


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", f"Bearer {TOKEN}x", f"Basic {TOKEN}", "Bearer é"])
def test_wrong_or_missing_token_is_401(browser, metrics_enabled, header):
    answer = browser.get("/metrics", headers={} if header is None else {"Authorization": header.encode()})
    assert (answer.status_code, answer.headers["www-authenticate"][:6]) == (401, "Bearer")
    assert "ticketdesk_" not in answer.text


def test_api_token_does_not_open_metrics(browser, metrics_enabled, admin):
    assert scrape(browser, make.token(admin)).status_code == 401


def test_metrics_are_in_prometheus_format_without_cookie_or_cache(browser, metrics_enabled):
    answer = scrape(browser)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert answer.headers["cache-control"] == "no-store"
    assert "set-cookie" not in answer.headers
    assert "ticketdesk_ready 1.0" in answer.text
    assert re.search(r'ticketdesk_build_info\{schema="\d+",streamlit="[\d.]+"\} 1.0', answer.text)


def test_unready_server_exports_reason(browser, metrics_enabled, database_without_schema):
    text = scrape(browser).text
    assert "ticketdesk_ready 0.0" in text
    assert 'ticketdesk_not_ready{reason="schema_missing"} 1.0' in text
    assert 'ticketdesk_not_ready{reason="database_unreachable"} 0.0' in text


def test_request_is_counted_under_its_route(browser, sign_in):
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


def test_api_request_is_counted_under_its_route_and_status(call, event):
    route = "/api/v1/admin/events/{event_id}/promo-codes/validate/{code}"
    with assert_increases(1, REQUESTS, route=route, method="POST", status="4xx"):
        assert call("POST", f"/admin/events/{event.id}/promo-codes/validate/NOBODY", {}).status_code == 422


def test_refused_request_is_counted_without_its_path(browser):
    with assert_increases(1, REQUESTS, route="(refused)", method="GET", status="4xx"):
        assert browser.get("/export/secret-donor-name/x").status_code == 401


def test_fault_is_counted(call, event, monkeypatch):
    monkeypatch.setattr("ticketing.catalog.packages.list_page", lambda *_a, **_n: 1 / 0)
    path = f"/admin/events/{event.id}/tickets/packages"
    route = "/api/v1/admin/events/{event_id}/tickets/packages"
    with (
        assert_increases(1, "ticketdesk_faults_total"),
        assert_increases(1, REQUESTS, route=route, method="GET", status="5xx"),
    ):
        assert call("GET", path).status_code == 500


def test_repeated_purchase_is_counted_once(call, event, metrics_enabled, browser):
    body = {"package_id": str(make.package(event).id), "quantity": 1, "donor": {"name": "Ana", "email": make.email()}}
    with assert_increases(1, "ticketdesk_purchases_total", channel="online"):
        for _ in range(3):
            call("POST", f"/events/{event.id}/tickets/purchases", body, **{"Idempotency-Key": "the-same"})


def test_open_websocket_is_counted(browser, sign_in):
    sign_in()
    before = get_value("ticketdesk_websockets_open")
    with browser.websocket_connect("/_stcore/stream", headers={"Origin": "http://testserver"}):
        assert get_value("ticketdesk_websockets_open") == before + 1
    assert get_value("ticketdesk_websockets_open") == before


def get_record(caplog, message: str) -> logging.LogRecord:
    (record,) = [each for each in caplog.records if message in each.getMessage()]
    return record


@pytest.fixture
def log_records(caplog):
    """Return caplog with the context fields that each line of the log has."""
    caplog.handler.addFilter(logs.add_context)
    yield caplog
    caplog.handler.removeFilter(logs.add_context)


def test_request_is_logged_with_ids_and_route_not_path(call, event, admin, log_records):
    answer = call("GET", f"/admin/events/{event.id}/promo-codes", **{"X-Request-Id": "site-0123.abc"})

    line = get_record(log_records, "GET /api/v1/admin/events/{event_id}/promo-codes 200 in")
    assert (line.request, line.actor, line.event) == ("site-0123.abc", str(admin.staff_id), str(event.id))
    assert (line.method, line.status, line.route) == ("GET", 200, "/api/v1/admin/events/{event_id}/promo-codes")
    assert answer.headers["x-request-id"] == "site-0123.abc"
    assert admin.email not in log_records.text


@pytest.mark.parametrize("sent_id", [None, "short", "x" * 65, "with blanks in it", "line\tbreak--", "ümlaut-umlaut"])
def test_malformed_request_id_is_replaced(browser, sent_id, log_records):
    answer = browser.get("/session/sign-in", headers={} if sent_id is None else {"X-Request-Id": sent_id.encode()})
    request_id = answer.headers["x-request-id"]
    assert re.fullmatch("[0-9a-f]{32}", request_id)
    assert get_record(log_records, "GET /session/sign-in").request == request_id


def test_fault_is_logged_with_reference_request_and_actor(call, event, admin, monkeypatch, log_records):
    monkeypatch.setattr("ticketing.catalog.packages.list_page", lambda *_a, **_n: 1 / 0)
    answer = call("GET", f"/admin/events/{event.id}/tickets/packages")

    line = get_record(log_records, "unexpected error")
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
def test_frequent_paths_are_not_logged(browser, path, log_records):
    browser.get(path)
    assert [each for each in log_records.records if each.name == "ticketing.requests"] == []


def test_refused_page_request_is_logged_without_actor(browser, log_records, admin):
    browser.get("/packages", headers=ACCEPT_HTML)
    line = get_record(log_records, "GET (refused) 303 in")
    assert not hasattr(line, "actor")

"""Addresses below /api that Streamlit would answer by itself are answered with problem details."""

from __future__ import annotations

import pytest

from tests.api.conftest import ACCEPT_HTML
from tests.support.problems import assert_problem

UNREACHABLE_PATHS = {
    "dot segments": "/v1/admin/%2e%2e/events",
    "dot segments at the end": "/v1/admin/events/%2e%2e",
    "out of the API": "/%2e%2e/session/sign-in",
    "back into the API": "/%2e%2e/api/v1/admin/events",
    "dot segments between backslashes": "/v1/admin%5c%2e%2e%5cevents",
    "NUL": "/v1/admin/events/%00",
    "line feed": "/v1/admin/events%0a",
    "carriage return": "/v1/admin/%0devents",
    "below the documentation": "/docs/%2e%2e/v1/admin/events",
    "no path": "",
}


@pytest.mark.parametrize("headers", [{}, ACCEPT_HTML], ids=["program", "browser"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize("path", UNREACHABLE_PATHS.values(), ids=UNREACHABLE_PATHS.keys())
def test_address_that_no_route_of_the_api_matches_is_a_problem(browser, call, method, path, headers):
    answer = browser.request(method, f"/api{path}", headers=headers | {"Authorization": f"Bearer {call.token}"})

    assert_problem(answer, 404, "not_found")


@pytest.mark.parametrize("path", UNREACHABLE_PATHS.values(), ids=UNREACHABLE_PATHS.keys())
def test_anonymous_program_learns_nothing_about_such_addresses(browser, admin, path):
    assert browser.get(f"/api{path}").status_code == 401


@pytest.mark.parametrize("path", ["/apis", "/%2e%2e/api"])
def test_addresses_outside_of_the_api_are_left_to_streamlit(browser, sign_in, path):
    sign_in()

    assert browser.get(path).headers.get("content-type") != "application/problem+json"

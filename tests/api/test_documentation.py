"""/api/docs and /api/openapi.json: true, and served by us alone."""

from __future__ import annotations

import re

import pytest

from tests.api.conftest import ACCEPT_HTML
from tests.support import make


@pytest.fixture
def document(browser, sign_in):
    sign_in()
    return browser.get("/api/openapi.json").json()


def test_the_documentation_opens_to_whoever_is_signed_in_or_has_a_token(browser, sign_in):
    token = make.token(make.staff("viewer"))
    assert browser.get("/api/openapi.json", headers={"Authorization": f"Bearer {token}"}).status_code == 200
    sign_in(role="viewer")
    assert browser.get("/api/docs", headers=ACCEPT_HTML).status_code == 200


def test_it_loads_nothing_from_elsewhere(browser, sign_in):
    sign_in()
    page = browser.get("/api/docs", headers=ACCEPT_HTML)

    loaded = re.findall(r'(?:src|href)="([^"]+)"', page.text)

    assert len(loaded) == 4
    for path in loaded:
        assert path.startswith("/")
        assert browser.get(path).status_code == 200
    assert "validatorUrl: null" in browser.get("/api/docs/start.js").text
    assert "default-src 'self'" in page.headers["content-security-policy"]


def test_its_addresses_are_the_real_ones(browser, call, event, document):
    assert document["servers"] == [{"url": "/api"}]
    assert "/v1/admin/events/{event_id}/tickets/packages/{package_id}/enable" in document["paths"]
    assert all(path.startswith("/v1/") for path in document["paths"])
    assert call("GET", "/admin/events").status_code == 200


def test_every_endpoint_needs_a_token_and_tells_its_problems_as_problem_details(document):
    for path, verbs in document["paths"].items():
        for verb, endpoint in verbs.items():
            assert endpoint["security"] == [{"HTTPBearer": []}], (path, verb)
            for status, answer in endpoint["responses"].items():
                if int(status) >= 400:
                    assert list(answer["content"]) == ["application/problem+json"], (path, verb, status)
            assert endpoint["description"], (path, verb)


def test_every_shape_that_is_named_is_there(document):
    named = set(re.findall(r"#/components/schemas/([\w\[\]-]+)", str(document)))

    assert named <= set(document["components"]["schemas"])
    assert "HTTPValidationError" not in named


def test_amounts_are_text(document):
    package = document["components"]["schemas"]["PackageAnswer"]["properties"]

    assert package["price"]["type"] == "string"


def test_a_change_needs_its_version_and_nothing_else(document):
    change = document["components"]["schemas"]["PackageChange"]

    assert change["required"] == ["version"]
    assert "default" not in change["properties"]["name"]
    assert set(change["properties"]) >= {"name", "price", "quantity_limit", "is_enabled"}


@pytest.mark.parametrize("name", ["PromoCodeChange", "OptionChange"])
def test_a_change_of_a_code_or_a_question_needs_nothing(document, name):
    change = document["components"]["schemas"][name]

    assert "required" not in change
    assert change["properties"]["version"]["anyOf"][0]["minimum"] == 1
    assert len(change["properties"]) > 4


def test_the_reasons_of_a_trial_are_listed(document):
    shapes = document["components"]["schemas"]
    reasons = ["unknown", "inactive", "expired", "used_up", "used_up_by_donor"]

    assert "/v1/admin/events/{event_id}/promo-codes/validate/{code}" in document["paths"]
    assert shapes["TrialAnswer"]["properties"]["reason"]["anyOf"][0]["enum"] == reasons
    assert shapes["RuleAnswer"]["required"] == ["rule", "passed", "sentence"]
    assert shapes["TrialAnswer"]["properties"]["total"]["type"] == "string"

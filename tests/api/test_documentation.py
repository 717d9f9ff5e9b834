"""/api/docs and /api/openapi.json: complete, true, and served without other hosts."""

from __future__ import annotations

import re

import pytest

from tests.api.conftest import ACCEPT_HTML
from tests.support import make


@pytest.fixture
def document(browser, sign_in):
    sign_in()
    return browser.get("/api/openapi.json").json()


def test_documentation_requires_session_or_token(browser, sign_in):
    token = make.token(make.staff("viewer"))
    assert browser.get("/api/openapi.json", headers={"Authorization": f"Bearer {token}"}).status_code == 200
    sign_in(role="viewer")
    assert browser.get("/api/docs", headers=ACCEPT_HTML).status_code == 200


def test_documentation_loads_own_files_only(browser, sign_in):
    sign_in()
    page = browser.get("/api/docs", headers=ACCEPT_HTML)

    loaded = re.findall(r'(?:src|href)="([^"]+)"', page.text)

    assert len(loaded) == 4
    for path in loaded:
        assert path.startswith("/")
        assert browser.get(path).status_code == 200
    assert "validatorUrl: null" in browser.get("/api/docs/start.js").text
    assert "default-src 'self'" in page.headers["content-security-policy"]


def test_paths_are_those_of_the_api(browser, call, event, document):
    assert document["servers"] == [{"url": "/api"}]
    assert "/v1/admin/events/{event_id}/tickets/packages/{package_id}/enable" in document["paths"]
    assert all(path.startswith("/v1/") for path in document["paths"])
    assert call("GET", "/admin/events").status_code == 200


def test_every_endpoint_requires_token_and_answers_problem_details(document):
    for path, verbs in document["paths"].items():
        for verb, endpoint in verbs.items():
            assert endpoint["security"] == [{"HTTPBearer": []}], (path, verb)
            for status, answer in endpoint["responses"].items():
                if int(status) >= 400:
                    assert list(answer["content"]) == ["application/problem+json"], (path, verb, status)
            assert endpoint["description"], (path, verb)


def test_every_referenced_schema_exists(document):
    referenced = set(re.findall(r"#/components/schemas/([\w\[\]-]+)", str(document)))

    assert referenced <= set(document["components"]["schemas"])
    assert "HTTPValidationError" not in document["components"]["schemas"], "the API answers with Problem"


def has_examples(field):
    """Return whether a property or parameter has examples, or refers to schemas whose properties have them."""
    schema = field.get("schema", field)
    return "examples" in field or "examples" in schema or "$ref" in str(schema)


def test_every_field_has_description_and_example(document):
    fields = {
        f"{name}.{property_name}": field
        for name, schema in document["components"]["schemas"].items()
        for property_name, field in schema.get("properties", {}).items()
    }
    assert len(fields) > 150

    assert [name for name, field in fields.items() if not field.get("description")] == []
    assert [name for name, field in fields.items() if not has_examples(field)] == []


def test_every_parameter_has_description_and_example(document):
    parameters = {
        f"{verb} {path} {parameter['name']}": parameter
        for path, verbs in document["paths"].items()
        for verb, endpoint in verbs.items()
        for parameter in endpoint.get("parameters", [])
    }
    assert len(parameters) > 50

    assert [name for name, parameter in parameters.items() if not parameter.get("description")] == []
    assert [name for name, parameter in parameters.items() if not has_examples(parameter)] == []


def test_amounts_are_strings(document):
    package = document["components"]["schemas"]["PackageAnswer"]["properties"]

    assert package["price"]["type"] == "string"


def test_package_change_requires_version_only(document):
    change = document["components"]["schemas"]["PackageChange"]

    assert change["required"] == ["version"]
    assert "default" not in change["properties"]["name"]
    assert set(change["properties"]) >= {"name", "price", "quantity_limit", "is_enabled"}


@pytest.mark.parametrize("name", ["PromoCodeChange", "OptionChange"])
def test_change_of_promo_code_or_option_requires_nothing(document, name):
    change = document["components"]["schemas"][name]

    assert "required" not in change
    assert change["properties"]["version"]["anyOf"][0]["minimum"] == 1
    assert len(change["properties"]) > 4


def test_reasons_of_promo_code_check_are_listed(document):
    schemas = document["components"]["schemas"]
    reasons = ["unknown", "inactive", "expired", "used_up", "used_up_by_donor"]

    assert "/v1/admin/events/{event_id}/promo-codes/validate/{code}" in document["paths"]
    assert schemas["DryRunAnswer"]["properties"]["reason"]["anyOf"][0]["enum"] == reasons
    assert schemas["RuleAnswer"]["required"] == ["rule", "passed", "sentence"]
    assert schemas["DryRunAnswer"]["properties"]["total"]["type"] == "string"

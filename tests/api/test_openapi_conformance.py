"""The API against its OpenAPI document (Schemathesis): hundreds of valid and invalid requests to each endpoint.

Each request is sent as admin and as viewer. Every response must be one that the document describes.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.internal.conjecture import providers
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.config import SchemathesisConfig
from schemathesis.generation.feedback import NO_FEEDBACK

import app
from api.app import api_app
from tests.support import make
from tests.support.callers import EVENT_ROLES
from tests.support.shop import create_shop

pytestmark = pytest.mark.system  # sends thousands of generated requests
MAX_EXAMPLES = 25  # valid requests to one endpoint, and as many invalid ones
load_all_checks()
RESPONSE_CHECKS = [
    CHECKS.get_one(name)
    for name in (
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
        "negative_data_rejection",
    )
]
HYPOTHESIS_SETTINGS = settings(
    max_examples=MAX_EXAMPLES,
    derandomize=True,  # the same requests in each run
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


async def app_without_lifespan(scope: Any, receive: Any, send: Any) -> None:
    """Pass requests to the server that the fixture started, which the client must not start again."""
    if scope["type"] != "lifespan":
        await app.app(scope, receive, send)
        return
    while (message := await receive())["type"] == "lifespan.startup":
        await send({"type": "lifespan.startup.complete"})
    await send({"type": f"{message['type']}.complete"})


def load_endpoints() -> dict[str, Any]:
    generation = {"with-security-parameters": False, "allow-extra-parameters": False}
    document = schemathesis.openapi.from_dict(
        api_app.openapi(), config=SchemathesisConfig.from_dict({"generation": generation})
    )
    document.app = app_without_lifespan
    return {operation.ok().label: operation.ok() for operation in document.get_all_operations()}


ENDPOINTS = load_endpoints()
ANSWER_COUNTS: Counter[str] = Counter()


def has_array_in_form(case: schemathesis.Case) -> bool:
    """Return whether an invalid case has an array in a form, which has none: an empty one is sent as an empty field."""
    is_form = case.media_type == "multipart/form-data" and isinstance(case.body, dict)
    return is_form and any(isinstance(value, list) for value in case.body.values())


@pytest.fixture(autouse=True)
def same_requests_in_each_run(monkeypatch):
    """Hypothesis draws constants from all loaded modules, which depend on the tests that ran before."""
    monkeypatch.setattr(providers, "_get_local_constants", providers.Constants)
    providers.CONSTANTS_CACHE.cache.clear()


@pytest.mark.parametrize("label", sorted(ENDPOINTS))
def test_every_response_is_documented(server, label):
    endpoint, event = ENDPOINTS[label], make.event()
    shop, people = (
        create_shop(event),
        {role: make.token(make.staff(role, event)) for role in EVENT_ROLES if role != "coordinator"},
    )
    path_parameters = {each.name: str(shop.names[each.name]) for each in endpoint.path_parameters}

    def send(case: schemathesis.Case) -> None:
        if has_array_in_form(case):
            return
        for token in people.values():
            headers = {"Authorization": f"Bearer {token}"}
            answer = case.call(headers=headers)
            case.validate_response(answer, RESPONSE_CHECKS, headers=headers)
            ANSWER_COUNTS[label] += 1

    can_be_invalid = endpoint.body or endpoint.query
    valid = endpoint.as_strategy(GenerationMode.POSITIVE, path_parameters=path_parameters, feedback=NO_FEEDBACK)
    invalid = endpoint.as_strategy(GenerationMode.NEGATIVE, path_parameters=path_parameters if can_be_invalid else None)
    HYPOTHESIS_SETTINGS(given(case=valid)(send))()
    if can_be_invalid or path_parameters:
        HYPOTHESIS_SETTINGS(given(case=invalid)(send))()
    assert ANSWER_COUNTS[label] >= 2

"""The OpenAPI document against the interface: what it describes is asked for in hundreds of ways, good and bad ones.

Each request is sent as an admin and as a viewer. Whatever the answer is, it must be one that the document describes.
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
from tests.api.test_matrix import create_shop
from tests.support import make
from tests.support.callers import EVENT_ROLES

MAX_EXAMPLES = 25  # requests to one endpoint, and so many again that break its rules
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
    """The server that the fixture started, for a client that would start it once more."""
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
    return {found.ok().label: found.ok() for found in document.get_all_operations()}


ENDPOINTS = load_endpoints()
ANSWER_COUNTS: Counter[str] = Counter()


@pytest.fixture(autouse=True)
def same_requests_in_each_run(monkeypatch):
    """Hypothesis draws from the constants of whatever modules are loaded, which depends on the tests before these."""
    monkeypatch.setattr(providers, "_get_local_constants", providers.Constants)
    providers.CONSTANTS_CACHE.cache.clear()


@pytest.mark.parametrize("label", sorted(ENDPOINTS))
def test_every_answer_is_one_that_the_document_describes(server, label):
    endpoint, event = ENDPOINTS[label], make.event()
    shop, people = (
        create_shop(event),
        {role: make.token(make.staff(role, event)) for role in EVENT_ROLES if role != "coordinator"},
    )
    there = {each.name: str(shop.names[each.name]) for each in endpoint.path_parameters}

    def send(case: schemathesis.Case) -> None:
        for token in people.values():
            headers = {"Authorization": f"Bearer {token}"}
            answer = case.call(headers=headers)
            case.validate_response(answer, RESPONSE_CHECKS, headers=headers)
            ANSWER_COUNTS[label] += 1

    can_be_wrong = endpoint.body or endpoint.query
    good = endpoint.as_strategy(GenerationMode.POSITIVE, path_parameters=there, feedback=NO_FEEDBACK)
    bad = endpoint.as_strategy(GenerationMode.NEGATIVE, path_parameters=there if can_be_wrong else None)
    HYPOTHESIS_SETTINGS(given(case=good)(send))()
    if can_be_wrong or there:
        HYPOTHESIS_SETTINGS(given(case=bad)(send))()
    assert ANSWER_COUNTS[label] >= 2

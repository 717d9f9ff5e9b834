"""Every route of the server against every kind of caller: the status, and that a refusal changes and reveals nothing.

The routes are listed from the server. A route without a row here fails: add who may call it, and with what body.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

import app
from api.app import api_app
from api.middleware import authentication
from api.v1 import import_mapping, import_tokens
from tests.support import database_state, image_samples, make
from tests.support.callers import (
    ALL_CALLERS,
    EVENT_ROLES,
    OTHER_EVENT_COORDINATOR,
    UNAUTHENTICATED_CALLERS,
    Caller,
    create_callers,
    revoke_callers,
)
from tests.support.sales_file import sale, sales_csv
from tests.support.shop import Shop, create_shop
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.catalog import archive, images, packages
from ticketing.models import Event
from ticketing.sales import corrections
from ui import menu

pytestmark = pytest.mark.system  # every route with every caller

ALLOWED = "allowed"
# Expected status by kind of caller; callers that are not named get 401.
READ = {"viewer": ALLOWED, "coordinator": ALLOWED, "admin": ALLOWED, OTHER_EVENT_COORDINATOR: 404}
CHANGE = {"viewer": 403, "coordinator": ALLOWED, "admin": ALLOWED, OTHER_EVENT_COORDINATOR: 404}
ADMINISTER = {"viewer": 403, "coordinator": 403, "admin": ALLOWED, OTHER_EVENT_COORDINATOR: 403}
ADMINISTER_EVENT = ADMINISTER | {OTHER_EVENT_COORDINATOR: 404}
READ_OWN = dict.fromkeys((*EVENT_ROLES, OTHER_EVENT_COORDINATOR), ALLOWED)  # not about one event: all see their own

EVENT = {"name": "Gala", "starts_at": "2026-12-05T18:00", "time_zone": "America/New_York", "venue": "Pier 4"}
PICTURE = ("table.png", image_samples.make_image_file(), "image/png")


@dataclass(frozen=True)
class Row:
    """The expected result by caller, the status of success, and a valid body or form."""

    results: dict[str, Any]
    status: int = 200
    body: Callable[[Shop], Any] = lambda _shop: None
    form: Callable[[Shop, Caller], dict[str, Any]] = lambda _shop, _caller: {}
    clean_up: Callable[[Shop], Any] = lambda _shop: None


def reorder_body(shop: Shop) -> dict[str, Any]:
    with db.read_session() as session:
        return {"package_ids": [str(one) for one in packages.list_names(session, OPERATOR, shop.event.id)]}


def package_body(_shop: Shop) -> dict[str, Any]:
    return {"name": make.unique("Seat"), "price": "10", "seats_per_package": 1, "description": "A seat."}


def question_body(shop: Shop) -> dict[str, Any]:
    return {"package_ids": [str(shop.package.id)], "label": make.unique("Vegan"), "option_type": "boolean"}


def name_option(shop: Shop) -> dict[str, Any]:
    return {"options": [{"id": str(shop.option.id)}]}


def code_body(_shop: Shop) -> dict[str, Any]:
    return {"code": make.unique("C").replace("-", ""), "discount_type": "percentage", "discount_value": "5"}


def purchase_body(shop: Shop) -> dict[str, Any]:
    return {"package_id": str(shop.package.id), "quantity": 1, "donor": {"name": "Ana", "email": "ana@example.org"}}


def order_body(shop: Shop) -> dict[str, Any]:
    lines = [{"package_id": str(shop.package.id), "quantity": 1}]
    return {"lines": lines, "donor": {"name": "Ana", "email": "ana@example.org"}}


def void_first(shop: Shop) -> dict[str, Any]:
    """Void the order, whose version this raises, so that there is something to undo."""
    voided = db.write(
        lambda s: (
            corrections.void_order(s, OPERATOR, shop.event.id, shop.order.id, "Typed twice", seen_version=None)
            if shop.order.version == 1
            else shop.order
        )
    )
    shop.order.version = voided.version
    return {"version": voided.version}


def restore_event(shop: Shop) -> None:
    db.write(lambda s: archive.restore(s, OPERATOR, shop.event.id))


def promo_check_body(shop: Shop) -> dict[str, Any]:
    return {"package_id": str(shop.package.id), "quantity": 1, "donor_email": "ana@example.org"}


def image_form(_shop: Shop, _caller: Caller) -> dict[str, Any]:
    return {"files": {"image": PICTURE}}


def import_form(shop: Shop, caller: Caller) -> dict[str, Any]:
    """Return a file of one sale, with a token as a check of this file by this caller would answer."""
    content = sales_csv(sale(shop.package))
    hashes = (
        hashlib.sha256(content).hexdigest(),
        import_mapping.compute_hash(import_mapping.ImportMapping(id_prefix="")),
    )
    token, _ = import_tokens.create(caller.actor or OPERATOR, shop.event.id, *hashes)
    return {"files": {"file": ("sales.csv", content)}, "data": {"token": token}}


PACKAGES, ONE = "/admin/events/{event_id}/tickets/packages", "/admin/events/{event_id}/tickets/packages/{package_id}"
OPTIONS, OPTION = "/admin/packages/{package_id}/options", "/admin/packages/{package_id}/options/{option_id}"
QUESTIONS = "/admin/events/{event_id}/tickets/questions"
ORDERS = "/events/{event_id}/tickets/orders"
CODES, CODE = "/admin/events/{event_id}/promo-codes", "/admin/events/{event_id}/promo-codes/{promo_id}"
IMPORTS = "/admin/events/{event_id}/tickets/imports"
UNDO = IMPORTS + "/{batch_id}/undo"
API_PERMISSIONS = {
    ("GET", "/admin/events"): Row(READ_OWN),
    ("POST", "/admin/events"): Row(ADMINISTER, 201, lambda _: EVENT),
    ("GET", "/admin/events/overview"): Row(READ_OWN),
    ("POST", "/admin/search"): Row(READ_OWN, body=lambda _: {"search": "ana"}),
    ("GET", "/admin/events/{event_id}"): Row(READ),
    ("PATCH", "/admin/events/{event_id}"): Row(
        CHANGE, body=lambda shop: {"version": get_version(shop.event), "venue": make.unique("Hall")}
    ),
    ("POST", "/admin/events/{event_id}/archive"): Row(ADMINISTER_EVENT, clean_up=restore_event),
    ("POST", "/admin/events/{event_id}/restore"): Row(ADMINISTER_EVENT),
    ("GET", PACKAGES): Row(READ),
    ("POST", PACKAGES): Row(CHANGE, 201, package_body),
    ("POST", PACKAGES + "/reorder"): Row(CHANGE, body=reorder_body),
    ("GET", ONE): Row(READ),
    ("PATCH", ONE): Row(CHANGE, body=lambda _: {"version": 1, "price": "11"}),
    ("DELETE", ONE): Row(CHANGE, 204),
    ("POST", ONE + "/enable"): Row(CHANGE),
    ("POST", ONE + "/disable"): Row(CHANGE),
    ("POST", ONE + "/image"): Row(CHANGE, form=image_form),
    ("DELETE", ONE + "/image"): Row(CHANGE, 204),
    ("GET", ONE + "/sales"): Row(READ),
    ("GET", ONE + "/audit"): Row(READ),
    ("GET", OPTIONS): Row(READ),
    ("POST", OPTIONS): Row(CHANGE, 201, lambda _: {"label": "Vegan?", "option_type": "boolean"}),
    ("POST", OPTIONS + "/reorder"): Row(CHANGE, body=lambda shop: {"option_ids": [str(shop.option.id)]}),
    ("PATCH", OPTION): Row(CHANGE, body=lambda _: {"label": "Any wishes?"}),
    ("DELETE", OPTION): Row(CHANGE, 204),
    ("POST", OPTION + "/retire"): Row(CHANGE),
    ("POST", OPTION + "/ask-again"): Row(CHANGE),
    ("GET", QUESTIONS): Row(READ),
    ("POST", QUESTIONS): Row(CHANGE, 201, question_body),
    ("PATCH", QUESTIONS): Row(CHANGE, body=lambda shop: name_option(shop) | {"label": "Any wishes?"}),
    ("POST", QUESTIONS + "/retire"): Row(CHANGE, body=name_option),
    ("POST", QUESTIONS + "/ask-again"): Row(CHANGE, body=name_option),
    ("POST", QUESTIONS + "/delete"): Row(CHANGE, 204, name_option),
    ("GET", CODES): Row(READ),
    ("POST", CODES): Row(CHANGE, 201, code_body),
    ("GET", CODE): Row(READ),
    ("PATCH", CODE): Row(CHANGE, body=lambda _: {"is_active": False}),
    ("DELETE", CODE): Row(CHANGE, 204),
    ("POST", CODES + "/validate/{code}"): Row(READ, body=promo_check_body),
    ("GET", "/admin/events/{event_id}/tickets/sales/summary"): Row(READ),
    ("GET", "/admin/events/{event_id}/tickets/sales/export"): Row(READ),
    ("GET", IMPORTS): Row(READ),
    ("POST", IMPORTS): Row(CHANGE, 201, form=import_form),
    ("POST", IMPORTS + "/check"): Row(CHANGE, form=import_form),
    ("GET", UNDO): Row(CHANGE),
    ("POST", UNDO): Row(CHANGE, body=lambda _: {"reason": "Wrong year"}),
    ("GET", "/events/{event_id}/tickets/packages"): Row(READ),
    ("POST", "/events/{event_id}/tickets/purchases"): Row(CHANGE, 201, purchase_body),
    ("POST", ORDERS): Row(CHANGE, 201, order_body),
    ("GET", ORDERS + "/{order_id}"): Row(READ),
    ("PATCH", ORDERS + "/{order_id}"): Row(
        CHANGE, body=lambda _: {"version": 1, "donor": {"name": make.unique("Ana")}}
    ),
    ("POST", ORDERS + "/{order_id}/void"): Row(CHANGE, body=lambda _: {"reason": "Typed twice"}),
    ("POST", ORDERS + "/{order_id}/void/undo"): Row(CHANGE, body=void_first),
    ("POST", ORDERS + "/{order_id}/status"): Row(CHANGE, body=lambda _: {"status": "completed", "version": 1}),
}
SAFE_METHODS = {"GET"}

# Plain routes, for browsers with a cookie; callers that are not named get 401.
PLAIN_ROUTE_PERMISSIONS: dict[tuple[str, str], dict[str, Any]] = {
    # The HTML of pages is the same for all; each page checks permissions itself (tests/pages/test_matrix.py).
    **{("GET", f"/{entry.name}"): READ_OWN for entry in menu.ENTRIES},
    ("GET", "/"): READ_OWN,
    ("GET", "/sales"): dict.fromkeys((*EVENT_ROLES, OTHER_EVENT_COORDINATOR), 307),
    ("GET", "/session/sign-in"): dict.fromkeys((*EVENT_ROLES, OTHER_EVENT_COORDINATOR), 303)
    | dict.fromkeys(UNAUTHENTICATED_CALLERS, 200),
    ("POST", "/session/sign-in"): dict.fromkeys(ALL_CALLERS, 422),
    ("GET", "/session/sign-out"): dict.fromkeys(ALL_CALLERS, 200),
    ("POST", "/session/sign-out"): dict.fromkeys(ALL_CALLERS, 303),
    ("GET", "/session/first-run"): dict.fromkeys(ALL_CALLERS, 303),
    ("POST", "/session/first-run"): dict.fromkeys(ALL_CALLERS, 303),
    ("GET", "/session/invitation"): dict.fromkeys(ALL_CALLERS, 409),
    ("POST", "/session/invitation"): dict.fromkeys(ALL_CALLERS, 409),
    ("GET", "/session/openid"): dict.fromkeys(ALL_CALLERS, 404),
    ("POST", "/session/openid"): dict.fromkeys(ALL_CALLERS, 404),
    ("GET", "/session/openid/back"): dict.fromkeys(ALL_CALLERS, 404),
    ("GET", "/session/style.css"): dict.fromkeys(ALL_CALLERS, 200),
    ("GET", "/session/icon.svg"): dict.fromkeys(ALL_CALLERS, 200),
    ("GET", "/healthz"): dict.fromkeys(ALL_CALLERS, 200),
    ("GET", "/livez"): dict.fromkeys(ALL_CALLERS, 200),
    ("GET", "/metrics"): dict.fromkeys(ALL_CALLERS, 404),  # off; tests/api/site/test_metrics.py turns it on
    ("GET", "/export/{event_id}/purchases.csv"): READ,
    ("GET", "/export/{event_id}/guests.csv"): READ,
    ("GET", "/export/{event_id}/purchases.xlsx"): READ,
    ("GET", "/export/{event_id}/guests.xlsx"): READ,
    ("GET", "/export/{event_id}/audit.csv"): READ,
    ("GET", "/export/{event_id}/chart.svg"): READ,
    ("GET", "/pictures/{event_id}/{sha256}.{ending}"): READ,
    ("GET", "/pictures/{event_id}/thumbnails/{sha256}.{ending}"): READ,
    ("GET", "/till/stock/{event_id}"): CHANGE,
    ("POST", "/till/donors/{event_id}"): CHANGE | {"coordinator": 422, "admin": 422},  # without a prefix
    ("GET", "/guide"): READ_OWN,
    ("GET", "/guide/{name}"): READ_OWN,
    ("GET", "/guide/pictures/{name}"): dict.fromkeys((*EVENT_ROLES, OTHER_EVENT_COORDINATOR), 404),
    ("GET", "/api/docs"): READ_OWN,
    ("GET", "/api/openapi.json"): READ_OWN,
    ("GET", "/api/docs/swagger-ui-bundle.js"): READ_OWN,
    ("GET", "/api/docs/swagger-ui.css"): READ_OWN,
    ("GET", "/api/docs/start.js"): READ_OWN,
}


def list_api_routes() -> set[tuple[str, str]]:
    documented = api_app.openapi()["paths"]
    return {(verb.upper(), path.removeprefix("/v1")) for path, verbs in documented.items() for verb in verbs}


def list_plain_routes() -> set[tuple[str, str]]:
    """Return every route of the server and of the API app that is not an endpoint."""
    routes = [("", each) for each in app.app._user_routes] + [("/api", each) for each in api_app.routes]
    return {
        (verb, prefix + route.path)
        for prefix, route in routes
        if isinstance(route, Route)
        for verb in route.methods - {"HEAD"}
    }


def get_version(event: Event) -> int:
    with db.read_session() as session:
        return session.get(Event, event.id).version


def test_every_endpoint_has_a_row():
    assert list_api_routes() - API_PERMISSIONS.keys() == set(), "Add them to API_PERMISSIONS."
    assert API_PERMISSIONS.keys() - list_api_routes() == set(), "These rows have no endpoint."


def test_every_plain_route_has_a_row():
    assert list_plain_routes() - PLAIN_ROUTE_PERMISSIONS.keys() == set(), "Add them to PLAIN_ROUTE_PERMISSIONS."
    assert PLAIN_ROUTE_PERMISSIONS.keys() - list_plain_routes() == set(), "These rows have no route."


def test_nothing_else_is_mounted_and_no_endpoint_is_undocumented():
    assert [each.path for each in app.app._user_routes if not isinstance(each, Route)] == ["/api"]
    assert all(isinstance(each, Route | Mount) for each in app.app._user_routes)
    hidden = [
        route.path
        for included in api_app.routes
        for route in getattr(getattr(included, "original_router", None), "routes", [])
        if not route.include_in_schema
    ]
    assert hidden == []


@dataclass(frozen=True)
class Scene:
    """An event with every kind of caller, and the cookie of each who ever signed in."""

    event: Event
    people: dict[str, Caller]
    cookies: dict[str, str]
    shop: Shop
    picture: str

    @property
    def names(self) -> dict[str, Any]:
        """Return the values of path parameters of plain routes by name."""
        return {"event_id": self.event.id, "sha256": self.picture, "ending": "png", "name": "packages"}


@pytest.fixture(scope="module")
def scene(server: TestClient) -> Scene:
    event = make.event(name="The gala")
    people = create_callers(event)
    cookies = {who: sign_in_cookie(server, person) for who, person in people.items() if person.actor}
    revoke_callers(people)
    shop = create_shop(event, has_import=True)
    package = db.write(
        lambda s: images.set_image(
            s,
            OPERATOR,
            event.id,
            shop.package.id,
            images.prepare(image_samples.make_image_file()),
            None,
            seen_version=None,
        )
    )
    with db.read_session() as session:
        sha256 = images.find_by_package(session, [package])[package.id].sha256
    return Scene(event, people, cookies, shop, sha256)


def sign_in_cookie(server: TestClient, person: Caller) -> str:
    server.cookies.clear()
    credentials = {"email": person.actor.email, "password": make.PASSWORD}
    assert server.post("/session/sign-in", data=credentials).status_code == 303
    cookie = str(server.cookies[authentication.COOKIE_NAME])
    server.cookies.clear()
    return cookie


@pytest.mark.parametrize("who", ALL_CALLERS)
@pytest.mark.parametrize(("verb", "path"), sorted(API_PERMISSIONS), ids=lambda part: part)
def test_endpoint(browser, scene, verb, path, who):
    row = API_PERMISSIONS[verb, path]
    expected = row.results.get(who, 401)
    is_new = expected is ALLOWED and verb not in SAFE_METHODS
    shop = create_shop(scene.event, has_import=path == UNDO) if is_new else scene.shop
    content = row.form(shop, scene.people[who]) or {"json": row.body(shop)}
    before = database_state.fingerprint(scene.event)

    answer = browser.request(
        verb,
        "/api/v1" + path.format(**shop.names),
        headers={"Authorization": f"Bearer {scene.people[who].token}"} if scene.people[who].token else {},
        **content,
    )

    row.clean_up(shop)
    assert answer.status_code == (row.status if expected is ALLOWED else expected), answer.text
    if expected is not ALLOWED:
        assert answer.headers["content-type"] == "application/problem+json"
        assert "gala" not in answer.text.lower()
    if expected is not ALLOWED or verb in SAFE_METHODS:
        assert database_state.list_changed(scene.event, before) == list_expected_changes(path, expected)


@pytest.mark.parametrize("who", ALL_CALLERS)
@pytest.mark.parametrize(("verb", "path"), sorted(PLAIN_ROUTE_PERMISSIONS), ids=lambda part: part)
def test_plain_route(browser, scene, verb, path, who):
    expected = PLAIN_ROUTE_PERMISSIONS[verb, path].get(who, 401)
    cookie = scene.cookies.get(who)
    if (verb, path) == ("POST", "/session/sign-out") and who not in UNAUTHENTICATED_CALLERS:
        cookie = sign_in_cookie(browser, scene.people[who])  # signing out ends it
    if cookie:
        browser.cookies.set(authentication.COOKIE_NAME, cookie)
    before = database_state.fingerprint(scene.event)

    answer = browser.request(verb, path.format(**scene.names), headers={"Accept": "*/*"})

    assert answer.status_code == (200 if expected is ALLOWED else expected), answer.text
    if answer.status_code >= 400:
        assert "gala" not in answer.text.lower()
    if "sign-out" not in path:
        assert database_state.list_changed(scene.event, before) == list_expected_changes(path, expected)


def list_expected_changes(path, expected):
    """Only a download of rows changes something though it is a GET: it is recorded in the audit log."""
    is_download = "export" in path and not path.endswith("chart.svg")
    return {"audit_log", "audit_seals", "audit_chains"} if is_download and expected is ALLOWED else set()


@pytest.mark.parametrize("who", [who for who in ALL_CALLERS if who not in UNAUTHENTICATED_CALLERS])
@pytest.mark.parametrize(
    "path", sorted({path for _, path in PLAIN_ROUTE_PERMISSIONS if not path.startswith(("/pictures", "/api"))})
)
def test_token_opens_no_plain_route(browser, scene, path, who):
    """A token makes no difference: the response is that to an anonymous caller."""
    expected = PLAIN_ROUTE_PERMISSIONS.get(("GET", path), {}).get("anonymous", 401)
    headers = {"Accept": "*/*", "Authorization": f"Bearer {scene.people[who].token}"}
    answer = browser.get(path.format(**scene.names), headers=headers)
    assert answer.status_code == expected

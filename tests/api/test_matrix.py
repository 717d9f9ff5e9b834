"""Every route of the server against everybody who may call it: who is let in, who is told what, what stays as it is.

The rows are generated from the routes themselves. A route without a row here fails: say who may, and what it takes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

import app
from api.app import api_app
from api.middleware import authentication
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
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.catalog import images, packages
from ticketing.models import Event, Option, Package, PromoCode
from ui import menu

ALLOWED = "let in"
# What each answers to viewer, coordinator, admin, and the coordinator of another event. Everybody else is 401.
READ = {"viewer": ALLOWED, "coordinator": ALLOWED, "admin": ALLOWED, OTHER_EVENT_COORDINATOR: 404}
CHANGE = {"viewer": 403, "coordinator": ALLOWED, "admin": ALLOWED, OTHER_EVENT_COORDINATOR: 404}
ADMINISTER = {"viewer": 403, "coordinator": 403, "admin": ALLOWED, OTHER_EVENT_COORDINATOR: 403}
READ_OWN = dict.fromkeys((*EVENT_ROLES, OTHER_EVENT_COORDINATOR), ALLOWED)  # of no event: everybody has their own

EVENT = {"name": "Gala", "starts_at": "2026-12-05T18:00", "time_zone": "America/New_York", "venue": "Pier 4"}
PICTURE = ("table.png", image_samples.make_image_file(), "image/png")


@dataclass(frozen=True)
class Shop:
    """What the addresses name: made anew for everybody who may change it."""

    event: Event
    package: Package
    option: Option
    promo: PromoCode

    @property
    def names(self) -> dict[str, Any]:
        return {
            "event_id": self.event.id,
            "package_id": self.package.id,
            "option_id": self.option.id,
            "promo_id": self.promo.id,
            "code": self.promo.code,
        }


def create_shop(event: Event) -> Shop:
    package = make.package(event)
    return Shop(event, package, make.option(package, is_required=False), make.promo_code(event))


@dataclass(frozen=True)
class Row:
    """Who may, the status of who does, and the body that works."""

    who: dict[str, Any]
    status: int = 200
    body: Callable[[Shop], Any] = lambda _shop: None
    files: dict[str, Any] = field(default_factory=dict)


def reorder_body(shop: Shop) -> dict[str, Any]:
    with db.read_session() as session:
        return {"package_ids": [str(one) for one in packages.list_names(session, OPERATOR, shop.event.id)]}


def package_body(_shop: Shop) -> dict[str, Any]:
    return {"name": make.unique("Seat"), "price": "10", "seats_per_package": 1, "description": "A seat."}


def code_body(_shop: Shop) -> dict[str, Any]:
    return {"code": make.unique("C").replace("-", ""), "discount_type": "percentage", "discount_value": "5"}


def purchase_body(shop: Shop) -> dict[str, Any]:
    return {"package_id": str(shop.package.id), "quantity": 1, "donor": {"name": "Ana", "email": "ana@example.org"}}


def promo_check_body(shop: Shop) -> dict[str, Any]:
    return {"package_id": str(shop.package.id), "quantity": 1, "donor_email": "ana@example.org"}


PACKAGES, ONE = "/admin/events/{event_id}/tickets/packages", "/admin/events/{event_id}/tickets/packages/{package_id}"
OPTIONS, OPTION = "/admin/packages/{package_id}/options", "/admin/packages/{package_id}/options/{option_id}"
CODES, CODE = "/admin/events/{event_id}/promo-codes", "/admin/events/{event_id}/promo-codes/{promo_id}"
API_PERMISSIONS = {
    ("GET", "/admin/events"): Row(READ_OWN),
    ("POST", "/admin/events"): Row(ADMINISTER, 201, lambda _: EVENT),
    ("GET", "/admin/events/{event_id}"): Row(READ),
    ("PATCH", "/admin/events/{event_id}"): Row(
        CHANGE, body=lambda shop: {"version": get_version(shop.event), "venue": make.unique("Hall")}
    ),
    ("GET", PACKAGES): Row(READ),
    ("POST", PACKAGES): Row(CHANGE, 201, package_body),
    ("POST", PACKAGES + "/reorder"): Row(CHANGE, body=reorder_body),
    ("GET", ONE): Row(READ),
    ("PATCH", ONE): Row(CHANGE, body=lambda _: {"version": 1, "price": "11"}),
    ("DELETE", ONE): Row(CHANGE, 204),
    ("POST", ONE + "/enable"): Row(CHANGE),
    ("POST", ONE + "/disable"): Row(CHANGE),
    ("POST", ONE + "/image"): Row(CHANGE, files={"image": PICTURE}),
    ("DELETE", ONE + "/image"): Row(CHANGE, 204),
    ("GET", ONE + "/sales"): Row(READ),
    ("GET", ONE + "/audit"): Row(READ),
    ("GET", OPTIONS): Row(READ),
    ("POST", OPTIONS): Row(CHANGE, 201, lambda _: {"label": "Vegan?", "option_type": "boolean"}),
    ("POST", OPTIONS + "/reorder"): Row(CHANGE, body=lambda shop: {"option_ids": [str(shop.option.id)]}),
    ("PATCH", OPTION): Row(CHANGE, body=lambda _: {"label": "Any wishes?"}),
    ("DELETE", OPTION): Row(CHANGE, 204),
    ("POST", OPTION + "/retire"): Row(CHANGE),
    ("GET", CODES): Row(READ),
    ("POST", CODES): Row(CHANGE, 201, code_body),
    ("GET", CODE): Row(READ),
    ("PATCH", CODE): Row(CHANGE, body=lambda _: {"is_active": False}),
    ("DELETE", CODE): Row(CHANGE, 204),
    ("POST", CODES + "/validate/{code}"): Row(READ, body=promo_check_body),
    ("GET", "/admin/events/{event_id}/tickets/sales/summary"): Row(READ),
    ("GET", "/admin/events/{event_id}/tickets/sales/export"): Row(READ),
    ("GET", "/events/{event_id}/tickets/packages"): Row(READ),
    ("POST", "/events/{event_id}/tickets/purchases"): Row(CHANGE, 201, purchase_body),
}
SAFE_METHODS = {"GET"}

# Plain routes, for browsers with a cookie; who is not named gets 401.
PLAIN_ROUTE_PERMISSIONS: dict[tuple[str, str], dict[str, Any]] = {
    # The frame, which is the same for all; whose page it becomes is judged by the page (tests/pages/test_matrix.py).
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
    ("GET", "/session/openid/back"): dict.fromkeys(ALL_CALLERS, 404),
    ("GET", "/session/style.css"): dict.fromkeys(ALL_CALLERS, 200),
    ("GET", "/session/icon.svg"): dict.fromkeys(ALL_CALLERS, 200),
    ("GET", "/healthz"): dict.fromkeys(ALL_CALLERS, 200),
    ("GET", "/livez"): dict.fromkeys(ALL_CALLERS, 200),
    ("GET", "/metrics"): dict.fromkeys(ALL_CALLERS, 404),  # switched off; tests/api/test_metrics.py has it on
    ("GET", "/export/{event_id}/purchases.csv"): READ,
    ("GET", "/export/{event_id}/guests.csv"): READ,
    ("GET", "/export/{event_id}/audit.csv"): READ,
    ("GET", "/pictures/{event_id}/{sha256}.{ending}"): READ,
    ("GET", "/pictures/{event_id}/thumbnails/{sha256}.{ending}"): READ,
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
    """Every route of the server and of the interface that is not an endpoint of it."""
    found = [("", each) for each in app.app._user_routes] + [("/api", each) for each in api_app.routes]
    return {
        (verb, prefix + route.path)
        for prefix, route in found
        if isinstance(route, Route)
        for verb in route.methods - {"HEAD"}
    }


def get_version(event: Event) -> int:
    with db.read_session() as session:
        return session.get(Event, event.id).version


def test_every_endpoint_of_the_interface_has_its_row():
    assert list_api_routes() - API_PERMISSIONS.keys() == set(), (
        "Say in INTERFACE who may call them, and with what body."
    )
    assert API_PERMISSIONS.keys() - list_api_routes() == set(), "These rows are of no endpoint."


def test_every_plain_route_has_its_row():
    assert list_plain_routes() - PLAIN_ROUTE_PERMISSIONS.keys() == set(), "Say in PLAIN what they answer to whom."
    assert PLAIN_ROUTE_PERMISSIONS.keys() - list_plain_routes() == set(), "These rows are of no route."


def test_nothing_is_mounted_beside_the_interface_and_no_endpoint_is_left_out_of_its_document():
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
    """The event with everybody around it, and the cookie of each who ever signed in."""

    event: Event
    people: dict[str, Caller]
    cookies: dict[str, str]
    shop: Shop
    picture: str

    @property
    def names(self) -> dict[str, Any]:
        """What stands for the parameters of plain routes."""
        return {"event_id": self.event.id, "sha256": self.picture, "ending": "png"}


@pytest.fixture(scope="module")
def door(server: TestClient) -> Scene:
    event = make.event(name="The gala")
    people = create_callers(event)
    cookies = {who: sign_in_cookie(server, person) for who, person in people.items() if person.actor}
    revoke_callers(people)
    shop = create_shop(event)
    shown = db.write(
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
        sha256 = images.find_by_package(session, [shown])[shown.id].sha256
    return Scene(event, people, cookies, shop, sha256)


def sign_in_cookie(server: TestClient, person: Caller) -> str:
    server.cookies.clear()
    typed = {"email": person.actor.email, "password": make.PASSWORD}
    assert server.post("/session/sign-in", data=typed).status_code == 303
    cookie = str(server.cookies[authentication.COOKIE_NAME])
    server.cookies.clear()
    return cookie


@pytest.mark.parametrize("who", ALL_CALLERS)
@pytest.mark.parametrize(("verb", "path"), sorted(API_PERMISSIONS), ids=lambda part: part)
def test_the_interface(browser, door, verb, path, who):
    row = API_PERMISSIONS[verb, path]
    expected = row.who.get(who, 401)
    is_new = expected is ALLOWED and verb not in SAFE_METHODS
    shop = create_shop(door.event) if is_new else door.shop
    body, before = row.body(shop), database_state.fingerprint(door.event)

    answer = browser.request(
        verb,
        "/api/v1" + path.format(**shop.names),
        headers={"Authorization": f"Bearer {door.people[who].token}"} if door.people[who].token else {},
        **({"files": row.files} if row.files else {"json": body}),
    )

    assert answer.status_code == (row.status if expected is ALLOWED else expected), answer.text
    if expected is not ALLOWED:
        assert answer.headers["content-type"] == "application/problem+json"
        assert "gala" not in answer.text.lower()
    if expected is not ALLOWED or verb in SAFE_METHODS:
        assert database_state.fingerprint(door.event) == before


@pytest.mark.parametrize("who", ALL_CALLERS)
@pytest.mark.parametrize(("verb", "path"), sorted(PLAIN_ROUTE_PERMISSIONS), ids=lambda part: part)
def test_the_plain_routes(browser, door, verb, path, who):
    expected = PLAIN_ROUTE_PERMISSIONS[verb, path].get(who, 401)
    cookie = door.cookies.get(who)
    if (verb, path) == ("POST", "/session/sign-out") and who not in UNAUTHENTICATED_CALLERS:
        cookie = sign_in_cookie(browser, door.people[who])  # this one is gone afterwards
    if cookie:
        browser.cookies.set(authentication.COOKIE_NAME, cookie)
    before = database_state.fingerprint(door.event)

    answer = browser.request(verb, path.format(**door.names), headers={"Accept": "*/*"})

    assert answer.status_code == (200 if expected is ALLOWED else expected), answer.text
    if answer.status_code >= 400:
        assert "gala" not in answer.text.lower()
    if "sign-out" not in path:
        assert database_state.fingerprint(door.event) == before


@pytest.mark.parametrize("who", [who for who in ALL_CALLERS if who not in UNAUTHENTICATED_CALLERS])
@pytest.mark.parametrize(
    "path", sorted({path for _, path in PLAIN_ROUTE_PERMISSIONS if not path.startswith(("/pictures", "/api"))})
)
def test_a_token_opens_no_plain_route(browser, door, path, who):
    """What it may not open it opens to nobody; what anybody may see does not know the token's owner."""
    stranger = PLAIN_ROUTE_PERMISSIONS.get(("GET", path), {}).get("anonymous", 401)
    headers = {"Accept": "*/*", "Authorization": f"Bearer {door.people[who].token}"}
    answer = browser.get(path.format(**door.names), headers=headers)
    assert answer.status_code == stranger

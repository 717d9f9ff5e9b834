"""Events and packages over HTTP: every verb and its permissions."""

from __future__ import annotations

import json
import uuid

import pytest

from tests.support import make
from tests.support.problems import assert_problem

EVENT = {
    "name": "Harbor Lights Gala 2026",
    "starts_at": "2026-12-05T18:00:00-05:00",
    "time_zone": "America/New_York",
    "venue": "Pier 4 Hall",
    "revenue_goal": "500000.00",
}
PACKAGE = {
    "name": "Table of Ten",
    "price": "2500.00",
    "seats_per_package": 10,
    "description": "A table near the stage.",
    "quantity_limit": 60,
    "is_sponsorship": True,
    "is_enabled": True,
}


def packages_of(event):
    return f"/admin/events/{event.id}/tickets/packages"


def test_event_is_created_read_and_updated(call):
    made = call("POST", "/admin/events", EVENT)

    assert made.status_code == 201
    assert made.json() == EVENT | {"id": made.json()["id"], "is_archived": False, "version": 1}
    assert uuid.UUID(made.json()["id"])
    path = f"/admin/events/{made.json()['id']}"
    assert call("GET", path).json() == made.json()
    changed = call("PATCH", path, {"version": 1, "venue": "Pier 5 Hall"})
    assert changed.status_code == 200
    assert changed.json() == made.json() | {"venue": "Pier 5 Hall", "version": 2}


def test_times_have_the_offset_of_the_event(call):
    made = call("POST", "/admin/events", EVENT | {"starts_at": "2026-07-04T20:00:00Z"})

    assert made.json()["starts_at"] == "2026-07-04T16:00:00-04:00"


def test_null_empties_optional_fields_only(call):
    path = f"/admin/events/{call('POST', '/admin/events', EVENT).json()['id']}"

    assert call("PATCH", path, {"version": 1, "revenue_goal": None}).json()["revenue_goal"] is None
    assert_problem(call("PATCH", path, {"version": 2, "name": None}), 422, "invalid_input")


def test_lists_have_20_items_per_page(call, event):
    for number in range(21):
        make.package(event, name=f"Package {number}")

    first, second = call("GET", packages_of(event)).json(), call("GET", packages_of(event) + "?page=2").json()

    assert {key: first[key] for key in ("total", "page", "per_page")} == {"total": 21, "page": 1, "per_page": 20}
    assert [item["name"] for item in first["items"]] == [f"Package {number}" for number in range(20)]
    assert (second["page"], [item["name"] for item in second["items"]]) == (2, ["Package 20"])


def test_events_are_those_of_the_token_owner(program, event):
    make.event()
    coordinator = program(make.staff("coordinator", event))

    listed = coordinator("GET", "/admin/events").json()

    assert [item["id"] for item in listed["items"]] == [str(event.id)]
    assert listed["total"] == 1


def test_package_is_created_and_read(call, event):
    made = call("POST", packages_of(event), PACKAGE)

    assert made.status_code == 201
    assert made.json() == PACKAGE | {
        "id": made.json()["id"],
        "event_id": str(event.id),
        "sold_count": 0,
        "available": 60,
        "is_sold_out": False,
        "display_order": 1,
        "image_url": None,
        "thumbnail_url": None,
        "image_alt": None,
        "version": 1,
    }
    assert call("GET", f"{packages_of(event)}/{made.json()['id']}").json() == made.json()


def test_package_without_limit_is_unlimited(call, event):
    body = {key: PACKAGE[key] for key in ("name", "price", "seats_per_package", "description")}

    made = call("POST", packages_of(event), body).json()

    assert (made["quantity_limit"], made["available"], made["is_sold_out"]) == (None, None, False)
    assert (made["is_sponsorship"], made["is_enabled"]) == (False, True)


@pytest.mark.parametrize("price", ["19.9", 19.9])
def test_price_may_be_text_or_number_and_is_returned_as_text(call, event, price):
    assert call("POST", packages_of(event), PACKAGE | {"price": price}).json()["price"] == "19.90"


def test_update_changes_only_the_sent_fields(call, event):
    made = call("POST", packages_of(event), PACKAGE).json()
    path = f"{packages_of(event)}/{made['id']}"

    changed = call("PATCH", path, {"version": 1, "price": "2750", "quantity_limit": None})

    assert changed.status_code == 200
    expected = made | {"price": "2750.00", "quantity_limit": None, "available": None, "version": 2}
    assert changed.json() == expected


def test_stale_version_is_a_conflict_with_the_changes(call, program, event):
    package = make.package(event, price="100.00")
    path = f"{packages_of(event)}/{package.id}"
    colleague = make.staff("coordinator", event, name="Bo Lind")
    program(colleague)("PATCH", path, {"version": 1, "price": "120.00"})

    problem = assert_problem(call("PATCH", path, {"version": 1, "name": "Chair"}), 409, "stale_version")

    assert problem["current_version"] == 2
    (change,) = problem["changes"]
    assert (change["field"], change["old"], change["new"], change["by"]) == ("price", "100.00", "120.00", "Bo Lind")
    assert call("GET", path).json()["name"] == package.name


def test_update_without_version_is_refused(call, event):
    package = make.package(event)

    problem = assert_problem(
        call("PATCH", f"{packages_of(event)}/{package.id}", {"name": "Chair"}), 422, "invalid_input"
    )

    assert problem["errors"] == [{"field": "version", "message": "Enter a value."}]


def test_used_name_is_a_conflict(call, event):
    make.package(event, name="Table of Ten")

    assert_problem(call("POST", packages_of(event), PACKAGE | {"name": "TABLE of ten"}), 409, "duplicate_name")


def test_limit_below_sold_is_a_conflict(call, event):
    package = make.package(event, quantity_limit=10)
    make.purchase(event, package, quantity=4)

    answer = call("PATCH", f"{packages_of(event)}/{package.id}", {"version": 1, "quantity_limit": 3})

    assert assert_problem(answer, 409, "limit_below_sold")["detail"].startswith("4 are sold already")


def test_unsold_package_is_deleted(call, event):
    path = f"{packages_of(event)}/{make.package(event).id}"

    deleted = call("DELETE", path)

    assert (deleted.status_code, deleted.content) == (204, b"")
    assert_problem(call("GET", path), 404, "not_found")


def test_package_with_purchases_is_not_deleted(call, event):
    package = make.package(event)
    make.purchase(event, package)

    assert_problem(call("DELETE", f"{packages_of(event)}/{package.id}"), 409, "has_sales")


def test_enable_and_disable_are_idempotent(call, event):
    path = f"{packages_of(event)}/{make.package(event).id}"

    for verb, is_enabled in (("disable", False), ("enable", True)):
        first, second = call("POST", f"{path}/{verb}"), call("POST", f"{path}/{verb}")
        assert first.status_code == 200
        assert first.json()["is_enabled"] is is_enabled
        assert second.json() == first.json()


def test_whole_order_is_saved(call, event):
    a, b, c = (make.package(event, name=name) for name in "ABC")

    answer = call("POST", f"{packages_of(event)}/reorder", {"package_ids": [str(c.id), str(a.id), str(b.id)]})

    assert answer.status_code == 200
    assert [(item["name"], item["display_order"]) for item in answer.json()["items"]] == [("C", 1), ("A", 2), ("B", 3)]
    for path in (packages_of(event), f"/events/{event.id}/tickets/packages"):
        assert [item["name"] for item in call("GET", path).json()["items"]] == ["C", "A", "B"]


def test_order_that_is_not_exactly_the_packages_is_refused(call, event):
    package = make.package(event, name="A")
    for package_ids in ([], [str(package.id)] * 2, [str(package.id), str(uuid.uuid4())]):
        problem = assert_problem(
            call("POST", f"{packages_of(event)}/reorder", {"package_ids": package_ids}), 422, "invalid_input"
        )
        assert [error["field"] for error in problem["errors"]] == ["package_ids"]


BOUND = [
    ("read", "GET", "/admin/events/{event}", None),
    ("change", "PATCH", "/admin/events/{event}", {"version": 1}),
    ("read", "GET", "/admin/events/{event}/tickets/packages", None),
    ("change", "POST", "/admin/events/{event}/tickets/packages", PACKAGE),
    ("read", "GET", "/admin/events/{event}/tickets/packages/{package}", None),
    ("change", "PATCH", "/admin/events/{event}/tickets/packages/{package}", {"version": 1}),
    ("change", "POST", "/admin/events/{event}/tickets/packages/{package}/enable", None),
    ("change", "POST", "/admin/events/{event}/tickets/packages/{package}/disable", None),
    ("change", "DELETE", "/admin/events/{event}/tickets/packages/{package}", None),
    ("change", "DELETE", "/admin/events/{event}/tickets/packages/{package}/image", None),
    ("change", "POST", "/admin/events/{event}/tickets/packages/reorder", {"package_ids": ["{package}"]}),
    ("read", "GET", "/admin/packages/{package}/options", None),
    ("change", "POST", "/admin/packages/{package}/options", {"label": "Vegan?", "option_type": "boolean"}),
    ("read", "GET", "/admin/events/{event}/promo-codes", None),
    (
        "change",
        "POST",
        "/admin/events/{event}/promo-codes",
        {"code": "EARLY10", "discount_type": "percentage", "discount_value": "10"},
    ),
    ("change", "PATCH", "/admin/packages/{package}/options/{option}", {"label": "Vegan?"}),
    ("change", "POST", "/admin/packages/{package}/options/{option}/retire", None),
    ("change", "POST", "/admin/packages/{package}/options/{option}/ask-again", None),
    ("change", "POST", "/admin/packages/{package}/options/reorder", {"option_ids": ["{option}"]}),
    ("change", "DELETE", "/admin/packages/{package}/options/{option}", None),
    ("read", "GET", "/admin/events/{event}/promo-codes/{promo}", None),
    ("change", "PATCH", "/admin/events/{event}/promo-codes/{promo}", {"is_active": False}),
    ("change", "DELETE", "/admin/events/{event}/promo-codes/{promo}", None),
    (
        "read",
        "POST",
        "/admin/events/{event}/promo-codes/validate/EARLY10",
        {"package_id": "{package}", "quantity": 1, "donor_email": "ana@example.org"},
    ),
    ("read", "GET", "/admin/events/{event}/tickets/sales/summary", None),
    ("read", "GET", "/admin/events/{event}/tickets/sales/export", None),
    ("read", "GET", "/events/{event}/tickets/packages", None),
    (
        "change",
        "POST",
        "/events/{event}/tickets/purchases",
        {"package_id": "{package}", "quantity": 1, "donor": {"name": "Ana", "email": "ana@example.org"}},
    ),
]


@pytest.mark.parametrize(("action", "verb", "path", "body"), BOUND, ids=[f"{b[1]} {b[2]}" for b in BOUND])
@pytest.mark.parametrize(
    ("role", "is_theirs", "refused"),
    [
        ("admin", False, None),
        ("coordinator", True, None),
        ("viewer", True, {"change": 403}),
        ("coordinator", False, {"read": 404, "change": 404}),
        ("viewer", False, {"read": 404, "change": 404}),
    ],
    ids=["admin", "coordinator", "viewer", "coordinator of another event", "viewer of another event"],
)
def test_permissions(program, role, is_theirs, refused, action, verb, path, body):
    event = make.event()
    package = make.package(event)
    names = {
        "{event}": event.id,
        "{package}": package.id,
        "{option}": make.option(package, is_required=False).id,
        "{promo}": make.promo_code(event).id,
    }
    sent = json.dumps(body)
    for name, value in names.items():
        path, sent = path.replace(name, str(value)), sent.replace(name, str(value))
    body = json.loads(sent)

    answer = program(make.staff(role, event if is_theirs else make.event()))(verb, path, body)

    expected = (refused or {}).get(action)
    if expected is None:
        assert answer.status_code in (200, 201, 204)
    else:
        assert_problem(answer, expected, {403: "not_allowed", 404: "not_found"}[expected])


@pytest.mark.parametrize(("role", "status"), [("admin", 201), ("coordinator", 403), ("viewer", 403)])
def test_creating_an_event_requires_admin(program, event, role, status):
    assert program(make.staff(role, event))("POST", "/admin/events", EVENT).status_code == status


def test_package_of_another_event_is_not_found(call, event):
    package = make.package(make.event())

    assert_problem(call("GET", f"{packages_of(event)}/{package.id}"), 404, "not_found")
    assert_problem(call("PATCH", f"{packages_of(event)}/{package.id}", {"version": 1}), 404, "not_found")
    assert_problem(call("DELETE", f"{packages_of(event)}/{package.id}"), 404, "not_found")

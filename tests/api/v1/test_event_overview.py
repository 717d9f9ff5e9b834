"""The figures of all events over HTTP."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from tests.support import make
from tests.support.problems import assert_problem
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.catalog import archive


def create_event(days_to_go, **fields):
    starts_at = datetime.now(UTC) + timedelta(days=days_to_go)
    return make.event(starts_at=starts_at.isoformat(), time_zone="America/New_York", **fields)


def test_events_of_the_token_owner_have_their_figures(program):
    event = create_event(10, revenue_goal="1000")
    package = make.package(event, price="100.00", seats_per_package=2)
    make.purchase(event, package)
    make.purchase(event, package, payment_status="pending")
    ends_at = datetime.now(UTC) + timedelta(days=2)
    make.promo_code(event, code="EARLY25", expires_at=ends_at.isoformat())
    call = program(make.staff("viewer", event))

    answer = call("GET", "/admin/events/overview").json()

    (item,) = answer["items"]
    assert {kind: answer[kind] for kind in ("upcoming", "past", "archived")} == {
        "upcoming": 1,
        "past": 0,
        "archived": 0,
    }
    assert item["id"] == str(event.id)
    assert (item["revenue"], item["pending"], item["pending_orders"]) == ("100.00", "100.00", 1)
    assert (item["seats_sold"], item["seats_named"], item["is_archived"]) == (4, 0, False)
    assert item["recent_revenue"] == ["0.00"] * 6 + ["100.00"]
    assert item["revenue_a_day"] == "100.00"
    unnamed, code = item["attention"]
    assert unnamed == {"kind": "unnamed", "number": 100, "code": None, "ends_at": None}
    assert (code["kind"], code["number"], code["code"]) == ("code_ends", 1, "EARLY25")
    assert datetime.fromisoformat(code["ends_at"]) == ends_at
    for shown in (item["starts_at"], code["ends_at"]):
        moment = datetime.fromisoformat(shown)
        assert moment.utcoffset() == moment.astimezone(ZoneInfo("America/New_York")).utcoffset()


def test_past_and_archived_events_are_lists_of_their_own(program):
    past, archived = create_event(-3), create_event(10)
    viewer = make.staff("viewer", past)
    make.assign(viewer, archived)
    db.write(lambda s: archive.archive(s, OPERATOR, archived.id))
    call = program(viewer)
    for kind, expected in (("upcoming", []), ("past", [past]), ("archived", [archived])):
        answer = call("GET", f"/admin/events/overview?kind={kind}").json()
        assert [item["id"] for item in answer["items"]] == [str(event.id) for event in expected]
    assert_problem(call("GET", "/admin/events/overview?kind=all"), 422, "invalid_input")


def test_archived_events_leave_the_list(program, call):
    event = create_event(10)
    viewer = program(make.staff("viewer", event))
    archived = call("POST", f"/admin/events/{event.id}/archive")
    assert (archived.status_code, archived.json()["is_archived"], archived.json()["version"]) == (200, True, 2)
    assert viewer("GET", "/admin/events").json()["items"] == []
    (item,) = viewer("GET", "/admin/events?archived=true").json()["items"]
    assert item == archived.json()
    package = {"name": "Seat", "price": "10", "seats_per_package": 1, "description": "A seat."}
    assert_problem(call("POST", f"/admin/events/{event.id}/tickets/packages", package), 409, "event_archived")
    assert viewer("GET", f"/events/{event.id}/tickets/packages").json()["items"] == []
    restored = call("POST", f"/admin/events/{event.id}/restore").json()
    assert (restored["is_archived"], restored["version"]) == (False, 3)
    assert call("POST", f"/admin/events/{event.id}/tickets/packages", package).status_code == 201

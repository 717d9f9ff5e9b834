"""Search over everything, over HTTP."""

from tests.support import make
from tests.support.problems import assert_problem


def test_answers_matches_by_kind(program):
    event = make.event(name="Harbor Gala")
    order = make.order(
        event, make.package(event, name="Ruiz table"), donor={"name": "Ana Ruiz", "email": "ana@example.org"}
    )
    call = program(make.staff("viewer", event))

    answer = call("POST", "/admin/search", {"search": "ruiz"})

    assert answer.headers["cache-control"] == "no-store"
    purchaser, package = answer.json()["items"]
    assert purchaser == {
        "kind": "order",
        "rank": 2,
        "id": str(order.lines[0].purchase.id),
        "name": "Ana Ruiz",
        "event_id": str(event.id),
        "event": "Harbor Gala",
        "starts_at": f"{make.EVENT_STARTS_AT}:00-05:00",
        "is_archived": False,
        "detail": "ana@example.org",
        "number": order.order.number,
        "code": None,
        "orders": 1,
    }
    assert (package["kind"], package["name"], package["detail"]) == ("package", "Ruiz table", None)


def test_refuses_short_and_too_many_searches(program):
    call = program(make.staff("viewer"))
    assert_problem(call("POST", "/admin/search", {"search": "a"}), 422, "invalid_input")
    assert_problem(call("POST", "/admin/search", {}), 422, "invalid_input")
    for _ in range(60):
        assert call("POST", "/admin/search", {"search": "ana"}).json() == {"items": []}
    refused = call("POST", "/admin/search", {"search": "ana"})
    assert_problem(refused, 429, "rate_limited")
    assert int(refused.headers["retry-after"]) > 0

"""Read problem details (RFC 9457) from API responses."""

from __future__ import annotations

from typing import Any

PACKAGE = {"name": "Seat", "price": "100.00", "seats_per_package": 1, "description": "One seat."}


def packages_path(event: Any) -> str:
    """Return the path of an event's packages, below /api/v1."""
    return f"/admin/events/{event.id}/tickets/packages"


def assert_problem(response: Any, status: int, code: str) -> dict[str, Any]:
    """Check that a response is the given problem, and return its members."""
    assert response.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = response.json()
    assert (response.status_code, problem["status"], problem["code"]) == (status, status, code)
    assert problem["type"] == "about:blank"
    assert problem["title"]
    assert problem["detail"].endswith(".")
    return problem


def field_messages(response: Any) -> dict[str, str]:
    """Return the messages of a 422 by field."""
    return {error["field"]: error["message"] for error in assert_problem(response, 422, "invalid_input")["errors"]}

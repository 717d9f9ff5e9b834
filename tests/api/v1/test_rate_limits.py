"""Rate limits over HTTP: 429 with Retry-After, counted per person across all tokens."""

from __future__ import annotations

import pytest

from tests.api.conftest import Program
from tests.support import make
from tests.support.database_state import snapshot
from tests.support.problems import PACKAGE, assert_problem, packages_path


@pytest.fixture
def person(event):
    return make.staff(event=event)


def assert_rate_limited(answer_of, event):
    """Return the problem of a 429 response after checking Retry-After and that nothing changed."""
    before = snapshot(event)
    answer = answer_of()
    problem = assert_problem(answer, 429, "rate_limited")
    assert snapshot(event) == before
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert f"Try again in {answer.headers['retry-after']} second" in problem["detail"]
    return problem


def test_eleventh_package_within_a_minute_is_refused(browser, program, person, event):
    one, two = program(person), Program(browser, make.token(person, "Second"))
    made = [(one, two)[n % 2]("POST", packages_path(event), PACKAGE | {"name": f"Seat {n}"}) for n in range(10)]
    assert [answer.status_code for answer in made] == [201] * 10

    for call in (one, two):
        problem = assert_rate_limited(lambda call=call: call("POST", packages_path(event), PACKAGE), event)
        assert problem["detail"].startswith("You made 10 packages within a minute, so this one was not saved.")

    assert program(make.staff(event=event))("POST", packages_path(event), PACKAGE).status_code == 201
    path = f"{packages_path(event)}/{made[0].json()['id']}"
    assert one("PATCH", path, {"version": 1, "price": "5"}).status_code == 200


def test_refused_packages_are_not_counted(program, person, event):
    call = program(person)
    make.package(event, name="Seat")
    for _ in range(6):
        assert_problem(call("POST", packages_path(event), PACKAGE), 409, "duplicate_name")
        assert_problem(call("POST", packages_path(event), PACKAGE | {"price": "-1"}), 422, "invalid_input")
    answers = [call("POST", packages_path(event), PACKAGE | {"name": f"Seat {n}"}).status_code for n in range(11)]
    assert answers == [201] * 10 + [429]


class TestPromoCodes:
    @pytest.fixture
    def package(self, event):
        return make.package(event, price="40.00")

    @pytest.fixture
    def validate(self, program, person, package):
        call = program(person)
        body = {"package_id": str(package.id), "quantity": 1, "donor_email": "ana@example.org"}
        path = f"/admin/events/{package.event_id}/promo-codes/validate"
        return lambda code, **more: call("POST", f"{path}/{code}", body | more)

    def test_eleventh_inapplicable_code_gets_no_result(self, event, validate):
        code = make.promo_code(event).code
        for _ in range(10):
            assert validate(code).json()["valid"] is True
            assert validate("NOSUCH").json()["reason"] == "unknown"

        problem = assert_rate_limited(lambda: validate("NOSUCH"), event)
        assert problem["detail"].startswith("You tried 10 promo codes that do not apply within a minute")
        assert assert_rate_limited(lambda: validate(code), event).keys() == problem.keys()

    def test_invalid_request_is_not_counted(self, validate):
        for _ in range(11):
            assert_problem(validate("NOSUCH", quantity=0), 422, "invalid_input")
        assert validate("NOSUCH").status_code == 200

    def test_purchases_refused_for_their_code_are_not_limited(self, event, program, person, package, validate):
        call = program(person)
        body = {"package_id": str(package.id), "quantity": 1, "donor": {"name": "Ana", "email": "ana@example.org"}}
        for _ in range(12):
            answer = call("POST", f"/events/{event.id}/tickets/purchases", body | {"promo_code": "NOSUCH"})
            assert assert_problem(answer, 409, "promo_refused")["reason"] == "unknown"
        assert validate("NOSUCH").json()["reason"] == "unknown"

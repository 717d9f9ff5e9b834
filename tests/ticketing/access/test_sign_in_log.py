"""Each sign-in, failed or not, is a log line with account, method and outcome, and is counted."""

from __future__ import annotations

import logging

import pytest

from tests.support import make
from tests.support.metric_values import assert_increases
from ticketing import db
from ticketing.access import sign_in, staff
from ticketing.access.sign_in import PasswordDraft
from ticketing.actors import OPERATOR
from ticketing.errors import InvalidInput, RateLimited
from ticketing.models import Staff

SIGN_INS = "ticketdesk_sign_ins_total"


@pytest.fixture
def lines(caplog):
    """Return the outcomes that were logged: level, method, account and outcome, with the reason of a failure."""
    caplog.set_level(logging.INFO, logger="ticketing.sign_in")

    def list_lines():
        return [
            (each.levelname, each.method, getattr(each, "actor", None), each.outcome, getattr(each, "reason", None))
            for each in caplog.records
            if each.name == "ticketing.sign_in" and hasattr(each, "method")
        ]

    return list_lines


@pytest.fixture
def ben(lines, caplog):
    person = make.staff(password=make.PASSWORD)
    caplog.clear()
    return person


def test_right_password(ben, lines):
    with assert_increases(1, SIGN_INS, method="password", outcome="succeeded"):
        make.sign_in(ben.email)
    assert lines() == [("INFO", "password", str(ben.staff_id), "succeeded", None)]


def test_wrong_password(ben, lines):
    with assert_increases(1, SIGN_INS, method="password", outcome="failed"), pytest.raises(InvalidInput):
        make.sign_in(ben.email, "wrong")
    assert lines() == [("WARNING", "password", str(ben.staff_id), "failed", "wrong_password")]


def test_unknown_address_is_not_quoted(lines, caplog):
    email = make.email("stranger")
    with assert_increases(1, SIGN_INS, method="password", outcome="failed"), pytest.raises(InvalidInput):
        make.sign_in(email, "wrong")
    assert lines() == [("WARNING", "password", None, "failed", "unknown_account")]
    assert email not in caplog.text


def test_deactivated_account(ben, lines):
    db.write(lambda session: staff.deactivate(session, OPERATOR, ben.staff_id))
    with pytest.raises(InvalidInput):
        make.sign_in(ben.email)
    assert lines() == [("WARNING", "password", str(ben.staff_id), "failed", "deactivated")]


def test_lock_out(ben, lines):
    for _ in range(5):
        with pytest.raises(InvalidInput):
            make.sign_in(ben.email, "wrong")
    with assert_increases(1, SIGN_INS, method="password", outcome="locked_out"), pytest.raises(RateLimited):
        make.sign_in(ben.email)
    assert lines()[-1] == ("WARNING", "password", str(ben.staff_id), "locked_out", None)


def test_wrong_current_password_and_its_lock_out(ben, lines):
    draft = PasswordDraft(current="wrong", password="a new password 2026")

    def change():
        db.write(lambda session: sign_in.count_password_check(session, ben))
        db.write(lambda session: sign_in.change_password(session, ben, draft))

    for _ in range(5):
        with pytest.raises(InvalidInput):
            change()
    with pytest.raises(RateLimited):
        change()
    assert [line[1:4] for line in lines()] == [("own_password", str(ben.staff_id), "failed")] * 5 + [
        ("own_password", str(ben.staff_id), "locked_out")
    ]


def test_rolled_back_sign_in_is_not_logged(ben, lines):
    def work(session):
        sign_in.open_session(session, session.get_one(Staff, ben.staff_id), user_agent="tests")
        raise LookupError

    with assert_increases(0, SIGN_INS, method="password", outcome="succeeded"), pytest.raises(LookupError):
        db.write(work)
    assert lines() == []


def test_sign_out_is_logged_once(ben, caplog):
    signed_in = make.sign_in(ben.email)
    for _ in range(2):
        db.write(lambda session: sign_in.sign_out(session, signed_in.secret))
    outcomes = [each for each in caplog.records if getattr(each, "outcome", None) == "signed_out"]
    assert [each.actor for each in outcomes] == [str(ben.staff_id)]

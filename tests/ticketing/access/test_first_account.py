"""The first account, and the sample visitor before it."""

import threading

import pytest

from tests.support import make
from tests.support.credentials import count_rows, find_session_actor, require
from ticketing import db
from ticketing.access import sign_in, staff
from ticketing.access.staff import SAMPLE_VISITOR_EMAIL, InvitationDraft, StaffDraft
from ticketing.actors import OPERATOR
from ticketing.errors import Conflict, InvalidInput, NotSignedIn
from ticketing.models import Staff
from ticketing.validation import validate


def draft(**values):
    given = {"email": make.email(), "name": "Ana Ruiz", "role": "coordinator", "password": make.PASSWORD}
    return validate(StaffDraft, given | values)


def create_first_admin(**values):
    return db.write(lambda session: staff.create_first_admin(session, draft(**values)))


def open_sample_session():
    def work(session):
        return sign_in.open_session(session, staff.get_or_create_sample_visitor(session), user_agent="tests")

    return db.write(work)


def test_first_account_is_always_admin(empty_database):
    with db.read_session() as session:
        assert staff.is_first_run(session)
    assert create_first_admin(role="viewer").role == "admin"
    with db.read_session() as session:
        assert not staff.is_first_run(session)


def test_first_admin_is_created_once(empty_database):
    create_first_admin()
    with pytest.raises(Conflict):
        create_first_admin()
    assert count_rows(Staff) == 1


def test_two_concurrent_first_admins_create_one(empty_database):
    start, outcomes = threading.Barrier(2), []

    def attempt():
        start.wait()
        try:
            create_first_admin()
            outcomes.append("made")
        except Conflict:
            outcomes.append("refused")

    threads = [threading.Thread(target=attempt) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["made", "refused"]
    assert count_rows(Staff) == 1


def test_sample_visitor_loses_access_when_first_admin_is_created(empty_database):
    secrets = [open_sample_session().secret for _ in range(2)]
    visitor = find_session_actor(secrets[0])
    assert (visitor.email, visitor.role) == (SAMPLE_VISITOR_EMAIL, "admin")
    assert count_rows(Staff) == 1
    with db.read_session() as session:
        assert staff.is_first_run(session)

    create_first_admin()

    assert [find_session_actor(secret) for secret in secrets] == [None, None]
    with pytest.raises(NotSignedIn):
        require(visitor, "read")
    with pytest.raises(Conflict):
        open_sample_session()


def test_sample_visitor_cannot_sign_in_with_password(empty_database):
    open_sample_session()
    for password in ("", "None", make.PASSWORD):
        with pytest.raises(InvalidInput):
            make.sign_in(SAMPLE_VISITOR_EMAIL, password)


def test_sample_visitor_loses_access_when_operator_creates_account(empty_database):
    secret = open_sample_session().secret
    db.write(lambda session: staff.create(session, OPERATOR, draft()))
    assert find_session_actor(secret) is None


def test_sample_visitor_cannot_invite(empty_database):
    visitor = find_session_actor(open_sample_session().secret)
    invitation = InvitationDraft(email=make.email(), name="Ana Ruiz", role="admin")
    with pytest.raises(Conflict, match="create your admin account, then invite"):
        db.write(lambda session: staff.invite(session, visitor, invitation))
    assert count_rows(Staff) == 1

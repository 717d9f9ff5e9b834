"""Concurrent changes of accounts: the last admin stays, and an invitation link works once."""

from __future__ import annotations

from sqlalchemy import func, select

from tests.races.racing import THREADS, count_by_type, race
from tests.support import make
from tests.support.credentials import count_rows, get_row, require
from ticketing import db
from ticketing.access import invitations, staff
from ticketing.access.invitations import AcceptDraft
from ticketing.access.staff import InvitationDraft
from ticketing.errors import TicketingError
from ticketing.models import Invitation, SignInSession, Staff


def count_admins() -> int:
    with db.read_session() as session:
        return session.scalar(select(func.count()).where(Staff.role == "admin", Staff.is_active)) or 0


def test_control_count_then_write_deactivates_both_admins(stock):
    """A counter of two admins that every thread lowers stands for the two rows."""
    stock.insert_row(sold=2)

    def naive(_number, session, wait_for_others):
        admins = stock.read_in(session).sold
        wait_for_others()
        if admins > 1:
            stock.change(session, "sold = sold - 1")

    stock.race(naive)
    assert stock.read().sold == 2 - THREADS


def test_admins_who_deactivate_each_other_leave_one(empty_database):
    for _ in range(3):
        people = [make.staff(role="admin", password=make.PASSWORD) for _ in range(4)]
        outcomes = race(THREADS, lambda number, people=people: deactivate(people, number))
        assert count_admins() == 1
        assert count_by_type(outcomes).keys() <= {"Staff", "NotSignedIn"}
        (last_admin,) = [person for person in people if get_row(Staff, person.staff_id).is_active]
        require(last_admin, "administer")
        demote(last_admin)


def deactivate(people, number):
    actor, person = people[number % 4], people[(number + 1 + number // 4 % 3) % 4]
    return db.write(lambda session: staff.deactivate(session, actor, person.staff_id))


def demote(actor) -> None:
    """Leave no admin for the next round."""
    with db.engine().begin() as connection:
        connection.execute(Staff.__table__.update().where(Staff.id == actor.staff_id).values(role="viewer"))


def test_admins_who_step_down_at_once_leave_one(empty_database):
    people = [make.staff(role="admin", password=make.PASSWORD) for _ in range(4)]
    outcomes = race(
        THREADS,
        lambda number: db.write(
            lambda s: staff.update(
                s, people[number % 4], people[number % 4].staff_id, {"role": "viewer"}, seen_version=None
            )
        ),
    )
    assert count_admins() == 1
    assert count_by_type(outcomes)["Staff"] == 3


def test_link_accepted_many_times_at_once_opens_one_session(admin):
    draft = InvitationDraft(email=make.email(), name="Ana Ruiz", role="viewer")
    person, secret = db.write(lambda session: staff.invite(session, admin, draft))

    def accept(number):
        draft = AcceptDraft(password=f"password number {number}")
        db.write(lambda session: invitations.accept(session, secret, draft, user_agent="tests"))
        return number

    outcomes = race(THREADS, accept)
    assert count_by_type(outcomes) == {"int": 1, "LinkRefused": THREADS - 1}
    assert {each.reason for each in outcomes if isinstance(each, TicketingError)} == {"used"}
    assert count_rows(SignInSession, staff_id=person.id) == 1
    (first,) = [each for each in outcomes if isinstance(each, int)]
    assert make.sign_in(person.email, f"password number {first}")


def test_links_created_at_once_leave_one_valid(admin):
    person = make.staff()
    outcomes = race(
        THREADS, lambda _: db.write(lambda session: staff.create_invitation_link(session, admin, person.staff_id))[1]
    )
    assert count_by_type(outcomes) == {"str": THREADS}
    assert count_rows(Invitation, staff_id=person.staff_id, revoked_at=None) == 1


def test_link_accepted_while_others_are_created_never_deadlocks(admin):
    person = make.staff()
    for _ in range(3):
        _, secret = db.write(lambda session: staff.create_invitation_link(session, admin, person.staff_id))

        def accept_or_renew(number, secret=secret):
            if number % 2:
                return db.write(lambda session: staff.create_invitation_link(session, admin, person.staff_id))[1]
            draft = AcceptDraft(password="another battery staple")
            return db.write(lambda session: invitations.accept(session, secret, draft, user_agent="tests"))

        outcomes = race(THREADS, accept_or_renew)
        assert count_by_type(outcomes)["str"] == THREADS // 2
        assert count_by_type(outcomes)["SignIn"] <= 1
        assert count_by_type(outcomes).keys() <= {"str", "SignIn", "LinkRefused"}


def test_concurrent_invitations_of_one_email_create_one_account(admin):
    email = make.email()
    draft = InvitationDraft(email=email, name="Ana Ruiz", role="viewer")
    outcomes = race(THREADS, lambda _: db.write(lambda session: staff.invite(session, admin, draft)))
    assert count_by_type(outcomes) == {"tuple": 1, "DuplicateAccount": THREADS - 1}
    assert count_rows(Staff, email=email) == 1

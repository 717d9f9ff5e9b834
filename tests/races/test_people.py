"""The last admin, one link, the last try at a password: raced for by many at once."""

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


def test_control_counting_first_and_writing_then_puts_both_admins_out(shelf):
    """Two rows would do; one that both lower to nothing shows the same."""
    shelf.insert_row(sold=2)

    def naive(_number, session, meet):
        left = shelf.read_in(session).sold
        meet()
        if left > 1:
            shelf.change(session, "sold = sold - 1")

    shelf.race(naive)
    assert shelf.read().sold == 2 - THREADS


def test_of_admins_who_put_each_other_out_one_stays(empty_database):
    for _ in range(3):
        people = [make.staff(role="admin", password=make.PASSWORD) for _ in range(4)]
        outcomes = race(THREADS, lambda number, people=people: deactivate(people, number))
        assert count_admins() == 1
        assert count_by_type(outcomes).keys() <= {"Staff", "NotSignedIn"}
        (left,) = [person for person in people if get_row(Staff, person.staff_id).is_active]
        require(left, "administer")
        demote(left)


def deactivate(people, number):
    actor, person = people[number % 4], people[(number + 1 + number // 4 % 3) % 4]
    return db.write(lambda session: staff.deactivate(session, actor, person.staff_id))


def demote(left) -> None:
    """The next round begins without this one: somebody else could come in meanwhile."""
    with db.engine().begin() as connection:
        connection.execute(Staff.__table__.update().where(Staff.id == left.staff_id).values(role="viewer"))


def test_of_admins_who_step_down_at_once_one_stays(empty_database):
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


def test_a_link_that_is_sent_many_times_at_once_opens_one_session(admin):
    draft = InvitationDraft(email=make.email(), name="Ana Ruiz", role="viewer")
    person, secret = db.write(lambda session: staff.invite(session, admin, draft))

    def accept(number):
        chosen = AcceptDraft(password=f"password number {number}")
        db.write(lambda session: invitations.accept(session, secret, chosen, user_agent="tests"))
        return number

    outcomes = race(THREADS, accept)
    assert count_by_type(outcomes) == {"int": 1, "LinkRefused": THREADS - 1}
    assert {each.reason for each in outcomes if isinstance(each, TicketingError)} == {"used"}
    assert count_rows(SignInSession, staff_id=person.id) == 1
    (first,) = [each for each in outcomes if isinstance(each, int)]
    assert make.sign_in(person.email, f"password number {first}")


def test_links_that_are_made_at_once_leave_one_that_opens(admin):
    person = make.staff()
    outcomes = race(
        THREADS, lambda _: db.write(lambda session: staff.create_invitation_link(session, admin, person.staff_id))[1]
    )
    assert count_by_type(outcomes) == {"str": THREADS}
    assert count_rows(Invitation, staff_id=person.staff_id, revoked_at=None) == 1


def test_a_link_that_is_used_while_newer_ones_are_made_waits_in_no_circle(admin):
    person = make.staff()
    for _ in range(3):
        _, secret = db.write(lambda session: staff.create_invitation_link(session, admin, person.staff_id))

        def either(number, secret=secret):
            if number % 2:
                return db.write(lambda session: staff.create_invitation_link(session, admin, person.staff_id))[1]
            chosen = AcceptDraft(password="another battery staple")
            return db.write(lambda session: invitations.accept(session, secret, chosen, user_agent="tests"))

        outcomes = race(THREADS, either)
        assert count_by_type(outcomes)["str"] == THREADS // 2
        assert count_by_type(outcomes)["SignIn"] <= 1
        assert count_by_type(outcomes).keys() <= {"str", "SignIn", "LinkRefused"}


def test_of_invitations_to_one_address_at_once_one_is_made(admin):
    email = make.email()
    draft = InvitationDraft(email=email, name="Ana Ruiz", role="viewer")
    outcomes = race(THREADS, lambda _: db.write(lambda session: staff.invite(session, admin, draft)))
    assert count_by_type(outcomes) == {"tuple": 1, "DuplicateAccount": THREADS - 1}
    assert count_rows(Staff, email=email) == 1

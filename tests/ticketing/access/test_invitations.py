"""The link by which a person chooses a password: once, in time, and only the newest."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from tests.support import make
from tests.support.credentials import count_rows, find_session_actor, find_token_actor, get_row, update_row
from tests.support.database_state import get_audit_changes
from ticketing import db
from ticketing.access import invitations, staff
from ticketing.access.invitations import AcceptDraft
from ticketing.access.staff import InvitationDraft
from ticketing.errors import InvalidInput, LinkRefused
from ticketing.models import AuditEntry, Invitation, SignInSession
from ticketing.validation import validate


@pytest.fixture
def invited(admin):
    """A person, and the secret of their link."""
    draft = InvitationDraft(email=make.email(), name="Ana Ruiz", role="viewer")
    return db.write(lambda session: staff.invite(session, admin, draft))


def accept(secret, password=make.PASSWORD, **how):
    draft = validate(AcceptDraft, {"password": password})
    return db.write(lambda session: invitations.accept(session, secret, draft, user_agent="tests", **how))


def get_refusal_reason(secret):
    """Why, having seen that nothing came of it: for the page and for the password alike."""
    before = count_rows(SignInSession), count_rows(AuditEntry)
    with db.read_session() as session, pytest.raises(LinkRefused) as on_page:
        invitations.get_account(session, secret)
    with pytest.raises(LinkRefused) as refusal:
        accept(secret, "one that must not be taken")
    assert (count_rows(SignInSession), count_rows(AuditEntry)) == before
    assert refusal.value.reason == on_page.value.reason
    return refusal.value.reason


def get_invitation(person):
    with db.read_session() as session:
        return session.scalars(select(Invitation).where(Invitation.staff_id == person.id)).one()


def test_it_chooses_the_password_and_signs_in(invited):
    person, secret = invited
    signed_in = accept(secret)
    assert find_session_actor(signed_in.secret).staff_id == person.id
    assert get_row(SignInSession, signed_in.session_id).method == "invitation"
    assert make.sign_in(person.email)
    assert get_audit_changes(person.id, "staff.invitation_accepted") == {None: (None, None)}


def test_it_works_once(invited):
    person, secret = invited
    accept(secret)
    assert get_refusal_reason(secret) == "used"
    assert make.sign_in(person.email)


def test_it_is_valid_for_7_days(invited):
    person, secret = invited
    link = get_invitation(person)
    assert abs(link.expires_at - link.created_at - timedelta(days=7)) < timedelta(minutes=1)
    update_row(Invitation, link.id, expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert get_refusal_reason(secret) == "expired"
    update_row(Invitation, link.id, expires_at=datetime.now(UTC) + timedelta(minutes=1))
    accept(secret)


def test_a_newer_one_takes_its_place(admin, invited):
    person, old = invited
    _, new = db.write(lambda session: staff.create_invitation_link(session, admin, person.id))
    assert get_refusal_reason(old) == "revoked"
    accept(new)


def test_it_does_not_open_a_deactivated_account_nor_one_that_is_active_again(admin, invited):
    person, secret = invited
    db.write(lambda session: staff.deactivate(session, admin, person.id))
    assert get_refusal_reason(secret) == "deactivated"
    db.write(lambda session: staff.activate(session, admin, person.id))
    assert get_refusal_reason(secret) == "revoked"


@pytest.mark.parametrize("secret", ["", "guessed", "\x00"])
def test_one_that_was_never_made_leads_nowhere(secret):
    assert get_refusal_reason(secret) == "unknown"


def test_a_password_that_is_too_short_leaves_the_link_as_it_was(invited):
    _, secret = invited
    with pytest.raises(InvalidInput):
        accept(secret, "x" * 9)
    accept(secret, "x" * 10)


def test_only_a_hash_of_it_is_kept(invited):
    person, secret = invited
    link = get_invitation(person)
    assert len(link.secret_hash) == 32
    assert secret.encode() not in link.secret_hash
    with db.read_session() as session:
        told = session.scalars(select(AuditEntry).where(AuditEntry.subject_id == person.id)).all()
    assert not any(secret in str(entry.new_value) for entry in told)


def test_a_forgotten_password_is_replaced_and_every_session_ends_but_the_new_one(admin):
    person = make.staff(password=make.PASSWORD)
    before, token = make.sign_in(person.email), make.token(person)
    _, link = db.write(lambda session: staff.create_invitation_link(session, admin, person.staff_id))
    signed_in = accept(link, "another battery staple")
    assert find_session_actor(before.secret) is None
    assert find_session_actor(signed_in.secret)
    assert find_token_actor(token)
    with pytest.raises(InvalidInput):
        make.sign_in(person.email)


def test_it_opens_although_the_password_was_wrong_too_often(admin):
    person = make.staff(password=make.PASSWORD)
    for _ in range(5):
        with pytest.raises(InvalidInput):
            make.sign_in(person.email, "not the password")
    _, link = db.write(lambda session: staff.create_invitation_link(session, admin, person.staff_id))
    accept(link, "another battery staple")
    assert make.sign_in(person.email, "another battery staple")


def test_the_session_that_the_browser_had_ends(admin, invited):
    somebody = make.sign_in(make.staff(password=make.PASSWORD).email)
    accept(invited[1], replaced=somebody.secret)
    assert find_session_actor(somebody.secret) is None


def test_an_account_has_one_open_link_whatever_the_code_does(invited):
    person, _ = invited
    statement = Invitation.__table__.insert().values(
        id=person.id, staff_id=person.id, secret_hash=b"x", expires_at=datetime.now(UTC)
    )
    with pytest.raises(Exception, match="uq_invitations_open"):
        db.write(lambda session: session.execute(statement))

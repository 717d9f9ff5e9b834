"""Invitation links: once, for 7 days, and only the newest."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from tests.support import make
from tests.support.credentials import count_rows, find_session_actor, find_token_actor, get_row, update_row
from tests.support.database_state import get_audit_changes
from ticketing import db
from ticketing.access import api_tokens, invitations, staff
from ticketing.access.api_tokens import TokenDraft
from ticketing.access.invitations import AcceptDraft
from ticketing.access.staff import InvitationDraft
from ticketing.actors import OPERATOR
from ticketing.errors import InvalidInput, LinkRefused
from ticketing.models import AuditEntry, Invitation, SignInSession
from ticketing.validation import validate


@pytest.fixture
def invited(admin):
    """Invite a person, and return the account and the secret of the link."""
    draft = InvitationDraft(email=make.email(), name="Ana Ruiz", role="viewer")
    return db.write(lambda session: staff.invite(session, admin, draft))


def accept(secret, password=make.PASSWORD, **how):
    draft = validate(AcceptDraft, {"password": password})
    return db.write(lambda session: invitations.accept(session, secret, draft, user_agent="tests", **how))


def get_refusal_reason(secret):
    """Return the reason of the refusal, which is the same for showing the form and for setting a password."""
    before = count_rows(SignInSession), count_rows(AuditEntry)
    with db.read_session() as session, pytest.raises(LinkRefused) as on_page:
        invitations.get_account(session, secret)
    with pytest.raises(LinkRefused) as refusal:
        accept(secret, "must not be accepted")
    assert (count_rows(SignInSession), count_rows(AuditEntry)) == before
    assert refusal.value.reason == on_page.value.reason
    return refusal.value.reason


def get_invitation(person):
    with db.read_session() as session:
        return session.scalars(select(Invitation).where(Invitation.staff_id == person.id)).one()


def test_link_sets_password_and_signs_in(invited):
    person, secret = invited
    signed_in = accept(secret)
    assert find_session_actor(signed_in.secret).staff_id == person.id
    assert get_row(SignInSession, signed_in.session_id).method == "invitation"
    assert make.sign_in(person.email)
    assert get_audit_changes(person.id, "staff.invitation_accepted") == {None: (None, None)}


def test_link_works_once(invited):
    person, secret = invited
    accept(secret)
    assert get_refusal_reason(secret) == "used"
    assert make.sign_in(person.email)


def test_link_is_valid_for_7_days(invited):
    person, secret = invited
    link = get_invitation(person)
    assert abs(link.expires_at - link.created_at - timedelta(days=7)) < timedelta(minutes=1)
    update_row(Invitation, link.id, expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert get_refusal_reason(secret) == "expired"
    update_row(Invitation, link.id, expires_at=datetime.now(UTC) + timedelta(minutes=1))
    accept(secret)


def test_newer_link_replaces_older(admin, invited):
    person, old = invited
    _, new = db.write(lambda session: staff.create_invitation_link(session, admin, person.id))
    assert get_refusal_reason(old) == "revoked"
    accept(new)


def test_link_is_refused_after_deactivation_and_activation(admin, invited):
    person, secret = invited
    db.write(lambda session: staff.deactivate(session, admin, person.id))
    assert get_refusal_reason(secret) == "deactivated"
    db.write(lambda session: staff.activate(session, admin, person.id))
    assert get_refusal_reason(secret) == "revoked"


@pytest.mark.parametrize("secret", ["", "guessed", "\x00"])
def test_unknown_link_is_refused(secret):
    assert get_refusal_reason(secret) == "unknown"


def test_short_password_keeps_link_valid(invited):
    _, secret = invited
    with pytest.raises(InvalidInput):
        accept(secret, "x" * 9)
    accept(secret, "x" * 10)


def test_link_is_stored_as_hash_only(invited):
    person, secret = invited
    link = get_invitation(person)
    assert len(link.secret_hash) == 32
    assert secret.encode() not in link.secret_hash
    with db.read_session() as session:
        entries = session.scalars(select(AuditEntry).where(AuditEntry.subject_id == person.id)).all()
    assert not any(secret in str(entry.new_value) for entry in entries)


def test_first_password_keeps_tokens_that_an_admin_created(invited):
    person, secret = invited
    draft = TokenDraft(name="Donor site")
    token = db.write(lambda session: api_tokens.create(session, OPERATOR, draft, email=person.email))
    accept(secret)
    assert find_token_actor(token)


def test_link_replaces_forgotten_password_and_ends_sessions_and_tokens(admin):
    person = make.staff(password=make.PASSWORD)
    before, token = make.sign_in(person.email), make.token(person)
    _, link = db.write(lambda session: staff.create_invitation_link(session, admin, person.staff_id))
    signed_in = accept(link, "another battery staple")
    assert find_session_actor(before.secret) is None
    assert find_session_actor(signed_in.secret)
    assert find_token_actor(token) is None
    with db.read_session() as session:
        actions = session.scalars(select(AuditEntry.action).where(AuditEntry.staff_id == person.staff_id)).all()
    assert actions.count("token.revoked") == 1
    with pytest.raises(InvalidInput):
        make.sign_in(person.email)


def test_link_works_while_sign_in_is_rate_limited(admin):
    person = make.staff(password=make.PASSWORD)
    for _ in range(5):
        with pytest.raises(InvalidInput):
            make.sign_in(person.email, "not the password")
    _, link = db.write(lambda session: staff.create_invitation_link(session, admin, person.staff_id))
    accept(link, "another battery staple")
    assert make.sign_in(person.email, "another battery staple")


def test_previous_session_of_browser_is_ended(admin, invited):
    previous = make.sign_in(make.staff(password=make.PASSWORD).email)
    accept(invited[1], previous_secret=previous.secret)
    assert find_session_actor(previous.secret) is None


def test_database_allows_one_open_link_per_account(invited):
    person, _ = invited
    statement = Invitation.__table__.insert().values(
        id=person.id, staff_id=person.id, secret_hash=b"x", expires_at=datetime.now(UTC)
    )
    with pytest.raises(Exception, match="uq_invitations_open"):
        db.write(lambda session: session.execute(statement))

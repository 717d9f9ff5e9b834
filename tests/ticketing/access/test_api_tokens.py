"""API tokens: create, list, revoke."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func

from tests.support import make
from tests.support.credentials import count_rows, find_token_actor, get_row, require, update_row
from tests.support.database_state import get_audit_changes
from ticketing import db
from ticketing.access import api_tokens
from ticketing.access.api_tokens import TokenDraft
from ticketing.actors import OPERATOR
from ticketing.errors import InvalidInput, NotAllowed, NotFound, NotSignedIn
from ticketing.models import ApiToken, SignInSession, Staff
from ticketing.validation import validate


def create(actor, email=None, **fields):
    draft = validate(TokenDraft, {"name": "Donor site"} | fields)
    return db.write(lambda session: api_tokens.create(session, actor, draft, email=email or actor.email))


def revoke(actor, secret_or_id):
    token_id = find_token_actor(secret_or_id).token_id if isinstance(secret_or_id, str) else secret_or_id
    db.write(lambda session: api_tokens.revoke(session, actor, token_id))
    return token_id


def list_tokens(actor, **how):
    with db.read_session() as session:
        rows, total = api_tokens.list_page(session, actor, **how)
    return [(token.name, owner.id) for token, owner in rows], total


def test_token_has_role_of_owner(event):
    actor = make.staff(role="viewer", event=event)
    by_token = find_token_actor(make.token(actor))
    assert (by_token.staff_id, by_token.via) == (actor.staff_id, "api")
    require(by_token, "read", event)
    with pytest.raises(NotAllowed):
        require(by_token, "change", event)


@pytest.mark.parametrize(
    "ending",
    [
        {"revoked_at": func.now()},
        {"expires_at": datetime(2020, 1, 1, tzinfo=UTC)},
    ],
)
def test_ended_token_is_refused_also_in_running_request(event, ending):
    secret = make.token(make.staff(event=event))
    under_way = find_token_actor(secret)
    update_row(ApiToken, under_way.token_id, **ending)
    assert find_token_actor(secret) is None
    with pytest.raises(NotSignedIn):
        require(under_way, "read", event)


def test_token_outlives_session_but_not_owner(event):
    actor = make.staff(event=event)
    secret = make.token(actor)
    update_row(SignInSession, actor.session_id, ended_at=func.now())
    assert find_token_actor(secret) is not None
    update_row(Staff, actor.staff_id, is_active=False)
    assert find_token_actor(secret) is None


def test_only_admins_create_tokens_for_others(admin):
    person, other = make.staff(), make.staff()

    def token_for(actor):
        return create(actor, other.email)

    with pytest.raises(NotAllowed):
        token_for(person)
    assert find_token_actor(token_for(admin)).staff_id == other.staff_id


def test_token_requires_existing_account():
    with pytest.raises(NotFound):
        create(OPERATOR, make.email("nobody"))


def test_secret_is_stored_as_hash_only():
    person = make.staff()
    secret = create(person)
    token = get_row(ApiToken, find_token_actor(secret).token_id)
    assert secret.startswith("td_")
    assert len(token.secret_hash) == 32
    assert secret.encode() not in token.secret_hash
    assert get_audit_changes(token.id, "token.created") == {"owner": (None, person.email)}


def test_signed_out_user_cannot_create_token():
    person = make.staff()
    update_row(SignInSession, person.session_id, ended_at=func.now())
    with pytest.raises(NotSignedIn):
        create(person)
    assert count_rows(ApiToken, staff_id=person.staff_id) == 0


@pytest.mark.parametrize("name", ["", "x" * 101])
def test_name_has_1_to_100_characters(name):
    person = make.staff()
    assert find_token_actor(create(person, name="x" * 100))
    with pytest.raises(InvalidInput):
        create(person, name=name)
    assert count_rows(ApiToken, staff_id=person.staff_id) == 1


def test_expiry_must_be_in_future():
    person = make.staff()
    ahead = datetime.now(UTC) + timedelta(days=30)
    token = find_token_actor(create(person, expires_at=ahead))
    assert get_row(ApiToken, token.token_id).expires_at == ahead
    with pytest.raises(InvalidInput, match="Choose a time in the future"):
        create(person, expires_at=datetime.now(UTC) - timedelta(seconds=1))


def test_revoked_token_is_refused_and_others_are_not(event):
    person = make.staff(event=event)
    secret, other = create(person), create(person)
    under_way = find_token_actor(secret)
    revoke(person, secret)
    assert find_token_actor(secret) is None
    with pytest.raises(NotSignedIn):
        require(under_way, "read", event)
    assert find_token_actor(other)


def test_revoking_twice_is_audited_once(admin):
    token_id = revoke(admin, create(make.staff()))
    at = get_row(ApiToken, token_id).revoked_at
    revoke(admin, token_id)
    assert get_row(ApiToken, token_id).revoked_at == at
    assert get_audit_changes(token_id, "token.revoked") == {None: (None, None)}


def test_users_revoke_own_tokens_and_admins_all(admin):
    person, other = make.staff(), make.staff()
    secret = create(person)
    with pytest.raises(NotAllowed):
        revoke(other, secret)
    assert find_token_actor(secret)
    revoke(admin, secret)
    assert find_token_actor(secret) is None


def test_unknown_token_is_not_found_for_admins_only(admin):
    with pytest.raises(NotFound, match=r"This token does not exist\.$"):
        revoke(admin, admin.staff_id)
    with pytest.raises(NotAllowed):
        revoke(make.staff(), admin.staff_id)


def test_users_see_own_tokens_and_admins_all(empty_database):
    admin, person = make.staff(role="admin"), make.staff()
    create(admin, name="Admin's")
    create(person, name="Person's")
    assert list_tokens(person) == ([("Person's", person.staff_id)], 1)
    assert list_tokens(admin) == ([("Person's", person.staff_id), ("Admin's", admin.staff_id)], 2)


def test_active_tokens_come_first_newest_first():
    person = make.staff()
    for name in ("old", "revoked", "expired", "new"):
        secret = create(person, name=name)
        if name == "revoked":
            revoke(person, secret)
        if name == "expired":
            update_row(ApiToken, find_token_actor(secret).token_id, expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert [name for name, _ in list_tokens(person)[0]] == ["new", "old", "expired", "revoked"]


def test_list_has_20_per_page():
    person = make.staff()
    for number in range(21):
        create(person, name=f"Token {number}")
    assert (len(list_tokens(person)[0]), list_tokens(person)[1]) == (20, 21)
    assert list_tokens(person, page=2) == ([("Token 0", person.staff_id)], 21)

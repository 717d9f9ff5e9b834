import threading
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, update

from tests import make
from ticketing import accounts, db, packages, sign_in, staff, tokens
from ticketing.actors import OPERATOR
from ticketing.errors import Conflict, InvalidInput, NotAllowed, NotFound, NotSignedIn
from ticketing.fields import validated
from ticketing.models import ApiToken, AuditEntry, SignInSession, Staff
from ticketing.staff import SAMPLE_VISITOR, StaffDraft


def draft(**values):
    return validated(
        StaffDraft,
        {"email": make.email(), "name": "Ana Ruiz", "role": "coordinator", "password": make.PASSWORD} | values,
    )


def try_sign_in(email, password=make.PASSWORD):
    return db.write(lambda session: sign_in.sign_in(session, email, password, user_agent="tests"))


def who(secret):
    with db.reading() as session:
        return accounts.find_signed_in(session, secret)


def bearer(secret):
    with db.reading() as session:
        return accounts.find_token(session, secret)


def require(actor, action, event=None):
    with db.reading() as session:
        accounts.require(session, actor, action, event.id if event else None)


def set_rows(model, row_id, **values):
    db.write(lambda session: session.execute(update(model).where(model.id == row_id).values(**values)))


def count(model):
    with db.reading() as session:
        return session.scalar(select(func.count()).select_from(model))


def first_admin(**values):
    return db.write(lambda session: staff.add_first_admin(session, draft(**values)))


def visit_sample():
    def work(session):
        return sign_in.open_session(session, staff.sample_visitor(session), user_agent="tests")

    return db.write(work)


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        ("admin", {"read", "change", "administer"}),
        ("coordinator", {"read", "change"}),
        ("viewer", {"read"}),
    ],
)
def test_each_role_may_do_what_the_table_says(event, role, allowed):
    actor = make.staff(role=role, event=event)
    for action in ("read", "change", "administer"):
        assert accounts.may(actor, action) == (action in allowed)
        if action in allowed:
            require(actor, action, event)
        else:
            with pytest.raises(NotAllowed):
                require(actor, action, event)


@pytest.mark.parametrize("role", ["coordinator", "viewer"])
@pytest.mark.parametrize("action", ["read", "change", "administer"])
def test_another_event_is_not_found_whatever_is_asked_of_it(event, role, action):
    with pytest.raises(NotFound):
        require(make.staff(role=role, event=make.event()), action, event)


def test_an_event_that_does_not_exist_looks_the_same_as_another_one(event):
    stranger, messages = make.staff(), set()
    for event_id in (event.id, uuid.uuid4()):
        with db.reading() as session, pytest.raises(NotFound) as refusal:
            accounts.require(session, stranger, "read", event_id)
        messages.add(str(refusal.value))
    assert len(messages) == 1


def test_an_admin_needs_no_assignment_but_the_event_must_exist(admin, event):
    require(admin, "change", event)
    with db.reading() as session, pytest.raises(NotFound):
        accounts.require(session, admin, "read", uuid.uuid4())


def test_the_role_counts_as_the_row_has_it_now_and_not_as_a_page_remembers(event):
    actor = make.staff(role="coordinator", event=event)
    set_rows(Staff, actor.staff_id, role="viewer")
    with pytest.raises(NotAllowed):
        require(actor, "change", event)
    with pytest.raises(NotAllowed):
        require(replace(actor, role="admin"), "change", event)


def test_signing_in_finds_the_person_whatever_the_case_of_the_address():
    actor = make.staff(password=make.PASSWORD)
    signed_in = try_sign_in(f"  {actor.email.upper()} ")
    assert who(signed_in.secret).staff_id == actor.staff_id


def test_an_unknown_address_and_a_wrong_password_get_the_same_answer():
    actor = make.staff(password=make.PASSWORD)
    without_password = make.staff()
    answers = set()
    for email, password in (
        (actor.email, make.PASSWORD + "x"),
        (make.email("nobody"), make.PASSWORD),
        (without_password.email, make.PASSWORD),
        (actor.email, ""),
    ):
        with pytest.raises(InvalidInput) as refusal:
            try_sign_in(email, password)
        answers.add(str(refusal.value.fields))
    assert len(answers) == 1


def test_a_refused_sign_in_opens_no_session():
    actor = make.staff(password=make.PASSWORD)
    before = count(SignInSession)
    with pytest.raises(InvalidInput):
        try_sign_in(actor.email, "wrong password")
    assert count(SignInSession) == before


def test_a_deactivated_person_cannot_sign_in_and_is_out_at_the_next_click(event):
    actor = make.staff(password=make.PASSWORD, event=event)
    secret = try_sign_in(actor.email).secret
    set_rows(Staff, actor.staff_id, is_active=False)
    assert who(secret) is None
    with pytest.raises(NotSignedIn):
        require(actor, "read", event)
    with pytest.raises(InvalidInput):
        try_sign_in(actor.email)


def test_signing_out_ends_that_session_and_no_other():
    actor = make.staff(password=make.PASSWORD)
    phone, laptop = try_sign_in(actor.email), try_sign_in(actor.email)
    for _ in range(2):
        db.write(lambda session: sign_in.sign_out(session, phone.secret))
    assert who(phone.secret) is None
    assert who(laptop.secret).staff_id == actor.staff_id
    with db.reading() as session, pytest.raises(NotSignedIn):
        accounts.get_signed_in(session, phone.session_id)


def test_a_session_that_ended_refuses_a_page_that_is_still_open(event):
    actor = make.staff(event=event)
    set_rows(SignInSession, actor.session_id, ended_at=func.now())
    with pytest.raises(NotSignedIn):
        db.write(lambda session: packages.create(session, actor, event.id, make.package_draft()))


def test_a_session_lasts_14_days():
    actor = make.staff()
    with db.reading() as session:
        row = session.get(SignInSession, actor.session_id)
    assert abs(row.expires_at - row.created_at - timedelta(days=14)) < timedelta(minutes=1)
    set_rows(SignInSession, actor.session_id, expires_at=datetime.now(UTC) - timedelta(seconds=1))
    with pytest.raises(NotSignedIn):
        require(actor, "read")


def test_an_actor_without_session_or_token_is_nobody(event):
    with pytest.raises(NotSignedIn):
        require(replace(make.staff(event=event), session_id=None), "read", event)


def test_the_session_of_another_person_is_not_taken_for_ones_own(event):
    admin, other = make.staff(role="admin"), make.staff(event=event)
    with pytest.raises(NotSignedIn):
        require(replace(admin, session_id=other.session_id), "administer")


def test_a_session_secret_is_kept_only_as_a_hash():
    actor = make.staff(password=make.PASSWORD)
    signed_in = try_sign_in(actor.email)
    with db.reading() as session:
        row = session.get(SignInSession, signed_in.session_id)
    assert signed_in.secret.encode() not in row.secret_hash
    assert len(row.secret_hash) == 32


def test_a_token_carries_its_owners_role(event):
    actor = make.staff(role="viewer", event=event)
    by_token = bearer(make.token(actor))
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
def test_a_token_that_ended_is_nobody_and_stops_requests_under_way(event, ending):
    secret = make.token(make.staff(event=event))
    under_way = bearer(secret)
    set_rows(ApiToken, under_way.token_id, **ending)
    assert bearer(secret) is None
    with pytest.raises(NotSignedIn):
        require(under_way, "read", event)


def test_a_token_outlives_the_session_in_which_it_was_made_but_not_its_owner(event):
    actor = make.staff(event=event)
    secret = make.token(actor)
    set_rows(SignInSession, actor.session_id, ended_at=func.now())
    assert bearer(secret) is not None
    set_rows(Staff, actor.staff_id, is_active=False)
    assert bearer(secret) is None


def test_only_admins_make_tokens_for_others(admin):
    person, other = make.staff(), make.staff()

    def token_for(actor):
        return db.write(lambda session: tokens.create(session, actor, email=other.email, name="Site"))

    with pytest.raises(NotAllowed):
        token_for(person)
    assert bearer(token_for(admin)).staff_id == other.staff_id


def test_a_token_is_made_only_for_someone_with_an_account():
    with pytest.raises(NotFound):
        db.write(lambda s: tokens.create(s, OPERATOR, email=make.email("nobody"), name="Site"))


@pytest.mark.parametrize("secret", ["", "td_", "td_unknown", "\x00"])
def test_an_unknown_secret_is_nobody(secret):
    assert who(secret) is None
    assert bearer(secret) is None


def test_a_password_has_10_characters_at_least():
    assert draft(password="x" * 10)
    with pytest.raises(InvalidInput) as refusal:
        draft(password="x" * 9)
    assert refusal.value.fields == {"password": "Use at least 10 characters."}


def test_a_password_has_200_characters_at_most_and_keeps_its_spaces():
    assert draft(password=" " * 10).password == " " * 10
    assert draft(password="x" * 200)
    with pytest.raises(InvalidInput):
        draft(password="x" * 201)


def test_a_password_is_kept_as_an_argon2_hash():
    actor = make.staff(password=make.PASSWORD)
    with db.reading() as session:
        assert session.get(Staff, actor.staff_id).password_hash.startswith("$argon2id$")


def test_only_admins_add_people(admin):
    added = db.write(lambda session: staff.add(session, admin, draft()))
    assert added.role == "coordinator"
    coordinator = make.staff()
    before = count(Staff)
    with pytest.raises(NotAllowed):
        db.write(lambda session: staff.add(session, coordinator, draft()))
    assert count(Staff) == before


def test_an_address_has_one_account_whatever_its_case(admin):
    email = make.email()
    db.write(lambda session: staff.add(session, admin, draft(email=email)))
    with pytest.raises(Conflict, match="has an account already"):
        db.write(lambda session: staff.add(session, admin, draft(email=email.upper())))


def test_a_person_is_assigned_to_events_that_exist(admin, event):
    with pytest.raises(NotFound):
        db.write(lambda s: staff.add(s, admin, draft(), event_ids=(event.id, admin.staff_id)))
    person = db.write(lambda s: staff.add(s, admin, draft(), event_ids=(event.id,)))
    signed_in = try_sign_in(person.email)
    require(who(signed_in.secret), "change", event)


def test_passwords_do_not_reach_the_audit_log(admin):
    person = db.write(lambda session: staff.add(session, admin, draft()))
    with db.reading() as session:
        rows = session.scalars(select(AuditEntry).where(AuditEntry.subject_id == person.id)).all()
    assert {row.field for row in rows} == {"email", "role"}
    assert {row.actor for row in rows} == {admin.name}


def test_the_first_account_is_an_admin_whatever_was_asked(empty_database):
    with db.reading() as session:
        assert staff.is_first_run(session)
    assert first_admin(role="viewer").role == "admin"
    with db.reading() as session:
        assert not staff.is_first_run(session)


def test_there_is_one_first_admin(empty_database):
    first_admin()
    with pytest.raises(Conflict):
        first_admin()
    assert count(Staff) == 1


def test_of_two_first_admins_at_once_one_is_made(empty_database):
    start, outcomes = threading.Barrier(2), []

    def attempt():
        start.wait()
        try:
            first_admin()
            outcomes.append("made")
        except Conflict:
            outcomes.append("refused")

    threads = [threading.Thread(target=attempt) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["made", "refused"]
    assert count(Staff) == 1


def test_the_sample_visitor_looks_around_until_the_first_admin_is_made(empty_database):
    secrets = [visit_sample().secret for _ in range(2)]
    visitor = who(secrets[0])
    assert (visitor.email, visitor.role) == (SAMPLE_VISITOR, "admin")
    assert count(Staff) == 1
    with db.reading() as session:
        assert staff.is_first_run(session)

    first_admin()

    assert [who(secret) for secret in secrets] == [None, None]
    with pytest.raises(NotSignedIn):
        require(visitor, "read")
    with pytest.raises(Conflict):
        visit_sample()


def test_nobody_signs_in_with_a_password_as_the_sample_visitor(empty_database):
    visit_sample()
    for password in ("", "None", make.PASSWORD):
        with pytest.raises(InvalidInput):
            try_sign_in(SAMPLE_VISITOR, password)

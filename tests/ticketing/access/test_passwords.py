"""Password rules and hashes."""

import os
import sys
from contextlib import ExitStack

import pytest

from tests.support import make
from ticketing import db
from ticketing.access import invitations, passwords, sign_in, staff
from ticketing.access.invitations import AcceptDraft
from ticketing.access.sign_in import PasswordDraft
from ticketing.access.staff import StaffDraft
from ticketing.actors import OPERATOR
from ticketing.errors import InvalidInput, TooBusy
from ticketing.models import Staff
from ticketing.validation import validate

IS_COMMON = "This password is one of the most common ones. Choose another one."
IS_PRODUCT_NAME = "This password is the name of this program. Choose another one."
IS_EMAIL = "This password is your e-mail address. Choose another one."


def draft(**values):
    return validate(StaffDraft, {"email": make.email(), "name": "Ana Ruiz", "role": "coordinator"} | values)


def test_password_has_at_least_10_characters():
    assert draft(password="x" * 10)
    with pytest.raises(InvalidInput) as refusal:
        draft(password="x" * 9)
    assert refusal.value.fields == {"password": "Use at least 10 characters."}


def test_password_has_at_most_200_characters_and_keeps_spaces():
    assert draft(password=" " * 10).password == " " * 10
    assert draft(password="x" * 200)
    with pytest.raises(InvalidInput):
        draft(password="x" * 201)


@pytest.mark.parametrize(
    ("password", "sentence"),
    [
        ("qwertyuiop", IS_COMMON),
        ("PassWord123", IS_COMMON),
        ("1234567890", IS_COMMON),
        ("Ticket Desk", IS_PRODUCT_NAME),
        ("ticketdesk", IS_PRODUCT_NAME),
        ("Ticket-Desk 2026!", IS_PRODUCT_NAME),
    ],
)
@pytest.mark.parametrize(
    ("draft_type", "others"),
    [
        (StaffDraft, {"email": "ana@example.org", "name": "Ana Ruiz", "role": "viewer"}),
        (AcceptDraft, {}),
        (PasswordDraft, {"current": "old"}),
    ],
)
def test_common_password_and_product_name_are_refused(draft_type, others, password, sentence):
    with pytest.raises(InvalidInput) as refusal:
        validate(draft_type, others | {"password": password})
    assert refusal.value.fields == {"password": sentence}


@pytest.mark.parametrize("password", ["the ticket desk opens", "ticketdesks", "qwertyuiop and more"])
def test_password_that_contains_a_common_word_is_accepted(password):
    assert draft(password=password)


def test_every_common_password_of_the_list_is_refused():
    from zxcvbn.frequency_lists import FREQUENCY_LISTS

    commonest = FREQUENCY_LISTS["passwords"][:10_000]
    accepted = []
    for password in commonest:
        try:
            draft(password=password)
        except InvalidInput:
            continue
        accepted.append(password)
    assert len(commonest) == 10_000
    assert accepted == []


def create_account(email, password):
    make.staff(email=email, password=password)


def accept_invitation(email, password):
    person = make.staff(email=email)
    _, secret = db.write(lambda session: staff.create_invitation_link(session, OPERATOR, person.staff_id))
    accepted = validate(AcceptDraft, {"password": password})
    db.write(lambda session: invitations.accept(session, secret, accepted, user_agent="tests"))


def change_password(email, password):
    person = make.staff(email=email, password=make.PASSWORD)
    changed = validate(PasswordDraft, {"current": make.PASSWORD, "password": password})
    db.write(lambda session: sign_in.change_password(session, person, changed))


@pytest.mark.parametrize("choose", [create_account, accept_invitation, change_password])
@pytest.mark.parametrize("variant", ["{email}", "{local}", "{upper}2026!", "{spaced}"])
def test_email_address_as_password_is_refused(choose, variant):
    email = f"{make.unique('maria.lopez')}.a@example.org"
    local = email.partition("@")[0]
    password = variant.format(email=email, local=local, upper=local.upper(), spaced=local.replace(".", " "))
    with pytest.raises(InvalidInput) as refusal:
        choose(email, password)
    assert refusal.value.fields == {"password": IS_EMAIL}


def test_blanks_of_a_password_count_as_typed():
    spaced = f"  {make.PASSWORD} "
    actor = make.staff(password=spaced)
    assert make.sign_in(actor.email, spaced)
    with pytest.raises(InvalidInput):
        make.sign_in(actor.email, make.PASSWORD)


def test_password_is_stored_as_argon2_hash():
    actor = make.staff(password=make.PASSWORD)
    with db.read_session() as session:
        assert session.get(Staff, actor.staff_id).password_hash.startswith("$argon2id$")


def test_hash_without_free_slot_is_refused_after_the_wait(monkeypatch):
    monkeypatch.setattr(passwords, "MAX_WAIT_SECONDS", 0.05)  # a clock
    with ExitStack() as taken:
        for _ in range(passwords.MAX_CONCURRENT_HASHES):
            taken.enter_context(passwords._hashing_slot())
        for work in (
            lambda: passwords.verify_password(make.PASSWORD, None),
            lambda: passwords.hash_password(make.PASSWORD, email=""),
        ):
            with pytest.raises(TooBusy):
                work()
    assert not passwords.verify_password(make.PASSWORD, None)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a thread has no priority of its own")
def test_hashes_yield_the_processor_to_sales():
    def get_niceness() -> int:
        return os.getpriority(os.PRIO_PROCESS, 0)  # of the calling thread

    before = get_niceness()
    assert passwords._threads.submit(get_niceness).result() == min(before + passwords.NICENESS, 19)
    assert passwords.verify_password(make.PASSWORD, passwords.hash_password(make.PASSWORD, email=""))
    assert get_niceness() == before

"""Password rules and hashes."""

import pytest

from tests.support import make
from ticketing import db
from ticketing.access.staff import StaffDraft
from ticketing.errors import InvalidInput
from ticketing.models import Staff
from ticketing.validation import validate


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


def test_password_is_stored_as_argon2_hash():
    actor = make.staff(password=make.PASSWORD)
    with db.read_session() as session:
        assert session.get(Staff, actor.staff_id).password_hash.startswith("$argon2id$")

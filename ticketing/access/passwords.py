"""Password rules and argon2 hashes."""

from __future__ import annotations

import secrets
from typing import Annotated

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error
from pydantic import AfterValidator, StringConstraints

_hasher = PasswordHasher()
# Checked for unknown addresses, so that the time of a response does not reveal who has an account.
_DUMMY_HASH = _hasher.hash(secrets.token_urlsafe())


def _validate_length(value: str) -> str:
    if len(value) < 10:
        raise ValueError("Use at least 10 characters.")
    return value


Password = Annotated[str, StringConstraints(strip_whitespace=False, max_length=200), AfterValidator(_validate_length)]


def hash_password(password: str) -> str:
    return _hasher.hash(password)


def verify_password(password: str, password_hash: str | None) -> bool:
    """Return whether the password matches the hash. Without a hash: False, after the same time."""
    try:
        return _hasher.verify(password_hash or _DUMMY_HASH, password) and password_hash is not None
    except Argon2Error:
        return False

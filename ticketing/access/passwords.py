"""Password rules and argon2 hashes (docs/product.md, "Access")."""

from __future__ import annotations

import os
import re
import secrets
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import cache
from threading import BoundedSemaphore
from typing import Annotated

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error
from pydantic import AfterValidator, StringConstraints

from ticketing import settings
from ticketing.errors import Conflict, InvalidInput, TooBusy

MIN_LENGTH = 10
PRODUCT_NAME = "Ticket Desk"
# A hash takes 64 MB and both of two cores, so more at the same time are not faster.
MAX_CONCURRENT_HASHES = 1
MAX_WAIT_SECONDS = 5
NICENESS = 5  # sales and pages come first

_hasher = PasswordHasher()
# Checked for unknown addresses, so that the time of a response does not reveal who has an account.
_DUMMY_HASH = _hasher.hash(secrets.token_urlsafe())
_slots = BoundedSemaphore(MAX_CONCURRENT_HASHES)


def _yield_processor() -> None:
    """Lower the priority of this thread, and so of those that argon2 starts from it."""
    if sys.platform == "linux":  # elsewhere this would concern the whole process
        with suppress(OSError):  # a process that may not do so hashes as well
            os.nice(NICENESS)


# They do nothing else: a thread of low priority must not hold what others wait for, such as a database connection.
_threads = ThreadPoolExecutor(MAX_CONCURRENT_HASHES, thread_name_prefix="hash", initializer=_yield_processor)


def _validate(value: str) -> str:
    if len(value) < MIN_LENGTH:
        raise ValueError(f"Use at least {MIN_LENGTH} characters.")
    if value.lower() in _load_common_passwords():
        raise ValueError("This password is one of the most common ones. Choose another one.")
    if _is_variant(value, PRODUCT_NAME):
        raise ValueError("This password is the name of this program. Choose another one.")
    return value


Password = Annotated[str, StringConstraints(strip_whitespace=False, max_length=200), AfterValidator(_validate)]


def require_enabled() -> None:
    """Raise Conflict where people sign in by OpenID only (TICKETDESK_PASSWORD_SIGN_IN)."""
    if provider := settings.load().only_provider:
        raise Conflict(f"Passwords are switched off here. Sign in with {provider}.")


def hash_password(password: str, *, email: str) -> str:
    """Return the hash to store for a password of the account with this e-mail address.

    Raises:
        InvalidInput: The password is the address or its name, apart from punctuation, case and digits at the end.
        TooBusy: Other hashes took all slots for MAX_WAIT_SECONDS.
    """
    if _is_variant(password, email) or _is_variant(password, email.partition("@")[0]):
        raise InvalidInput({"password": "This password is your e-mail address. Choose another one."})
    with _hashing_slot():
        return _threads.submit(_hasher.hash, password).result()


def verify_password(password: str, password_hash: str | None) -> bool:
    """Return whether the password matches the hash. Without a hash: False, after the same time. Raises TooBusy."""
    with _hashing_slot():
        try:
            is_right = _threads.submit(_hasher.verify, password_hash or _DUMMY_HASH, password).result()
            return is_right and password_hash is not None
        except Argon2Error:
            return False


@contextmanager
def _hashing_slot() -> Iterator[None]:
    if not _slots.acquire(timeout=MAX_WAIT_SECONDS):
        raise TooBusy
    try:
        yield
    finally:
        _slots.release()


@cache
def _load_common_passwords() -> frozenset[str]:
    """Return the passwords of MIN_LENGTH or more among the 30,000 commonest. Imported late: the lists take 15 MB."""
    from zxcvbn.frequency_lists import FREQUENCY_LISTS

    return frozenset(each for each in FREQUENCY_LISTS["passwords"] if len(each) >= MIN_LENGTH)


def _is_variant(password: str, name: str) -> bool:
    """Return whether a password is a name with other case, punctuation, blanks, or digits at the end."""
    folded, folded_name = _fold(password), _fold(name)
    if folded == folded_name:
        return folded != ""
    return folded.rstrip("0123456789") == folded_name.rstrip("0123456789") != ""


def _fold(value: str) -> str:
    return re.sub(r"[\W_]+", "", value).casefold()

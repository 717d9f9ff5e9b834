"""Limits on sign-in attempts: of strangers by account and network, of browsers that signed in before by browser."""

import uuid
from datetime import timedelta
from secrets import token_hex

import pytest
from sqlalchemy import text

from tests.races.racing import count_by_type, race
from tests.support import make
from tests.support.credentials import count_rows
from ticketing import db
from ticketing.access.sign_in import Browser
from ticketing.errors import InvalidInput, RateLimited
from ticketing.models import RateLimit, SignInSession
from ticketing.validation import email_key

OTHER_NETWORK = Browser("203.0.113.9")


@pytest.fixture
def person():
    return make.staff(password=make.PASSWORD)


def fail_sign_in(email, times=1, **how):
    for _ in range(times):
        with pytest.raises(InvalidInput):
            make.sign_in(email, "not the password", **how)


def age_attempts(email, **by):
    """Move the attempts into the past."""
    move = text(
        "UPDATE rate_limits SET moments = ARRAY(SELECT m - :by FROM unnest(moments) AS m) WHERE caller LIKE :who"
    )
    db.write(lambda session: session.execute(move, {"by": timedelta(**by), "who": f"{email_key(email)} %"}))


def test_sixth_attempt_is_refused_even_with_right_password(person):
    fail_sign_in(person.email, 4)
    assert make.sign_in(person.email)
    fail_sign_in(person.email, 5)
    before = count_rows(SignInSession)
    with pytest.raises(RateLimited) as refusal:
        make.sign_in(person.email)
    assert 14 * 60 < refusal.value.retry_after <= 15 * 60
    assert (
        str(refusal.value)
        == "There were 5 wrong passwords for this account from your network. Try again in 15 minutes."
    )
    assert count_rows(SignInSession) == before


def test_right_password_resets_count(person):
    for _ in range(3):
        fail_sign_in(person.email, 4)
        make.sign_in(person.email)


def test_oldest_attempt_expires_after_15_minutes(person):
    fail_sign_in(person.email)
    age_attempts(person.email, minutes=10)
    fail_sign_in(person.email, 4)
    age_attempts(person.email, minutes=4, seconds=50)
    with pytest.raises(RateLimited) as refusal:
        make.sign_in(person.email)
    assert refusal.value.retry_after <= 10
    age_attempts(person.email, seconds=11)
    fail_sign_in(person.email)
    with pytest.raises(RateLimited):
        make.sign_in(person.email)


def test_refused_attempts_do_not_extend_wait(person):
    fail_sign_in(person.email, 5)
    age_attempts(person.email, minutes=14)
    with pytest.raises(RateLimited):
        make.sign_in(person.email)
    age_attempts(person.email, minutes=1)
    assert make.sign_in(person.email)


def test_case_of_email_gives_no_more_attempts(person):
    for spelling in (person.email, person.email.upper(), f" {person.email} ", person.email.title(), person.email):
        fail_sign_in(spelling)
    with pytest.raises(RateLimited):
        make.sign_in(person.email)


def test_other_accounts_are_not_limited(person):
    fail_sign_in(person.email, 5)
    assert make.sign_in(make.staff(password=make.PASSWORD).email)


def test_unknown_email_is_counted_alike(person):
    unknown = make.email("unknown")
    sentences = set()
    for email in (unknown, person.email):
        fail_sign_in(email, 5)
        with pytest.raises(RateLimited) as refusal:
            make.sign_in(email)
        sentences.add(str(refusal.value))
    assert len(sentences) == 1


def test_overlong_email_is_refused_like_unknown_one():
    email = token_hex(50_000) + "@example.org"  # nothing that PostgreSQL could make shorter
    fail_sign_in(email, 5)
    with pytest.raises(RateLimited):
        make.sign_in(email)


def test_five_of_many_concurrent_passwords_are_checked(person):
    outcomes = race(32, lambda number: make.sign_in(person.email, f"guess number {number}"))
    assert count_by_type(outcomes) == {"InvalidInput": 5, "RateLimited": 27}


def test_expired_attempts_of_other_emails_are_deleted(person):
    stranger = make.email("stranger")
    fail_sign_in(stranger)
    age_attempts(stranger, minutes=16)
    recent = make.email("recent")
    fail_sign_in(recent)
    make.sign_in(person.email)
    assert count_rows(RateLimit, caller=f"{stranger} {make.BROWSER.network}") == 0
    assert count_rows(RateLimit, caller=f"{recent} {make.BROWSER.network}") == 1


def assert_limited(email, browser, password=make.PASSWORD):
    with pytest.raises(RateLimited):
        make.sign_in(email, password, browser=browser)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("198.51.100.7", "198.51.100.0/24"),
        ("198.51.100.255", "198.51.100.0/24"),
        ("198.51.101.0", "198.51.101.0/24"),
        ("::ffff:198.51.100.7", "198.51.100.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("testclient", "unknown"),
        ("", "unknown"),
    ],
)
def test_network_is_24_or_64_bits(address, network):
    assert Browser(address).network == network


def test_strangers_of_another_network_do_not_lock_anybody_out(person):
    fail_sign_in(person.email, 5, browser=OTHER_NETWORK)
    assert_limited(person.email, OTHER_NETWORK)
    assert make.sign_in(person.email)
    assert_limited(person.email, OTHER_NETWORK)


def test_addresses_of_one_network_are_counted_together(person):
    for number in range(5):
        fail_sign_in(person.email, browser=Browser(f"2001:db8::{number}"))
    assert_limited(person.email, Browser("2001:db8::ffff"))
    assert make.sign_in(person.email, browser=Browser("2001:db8:0:1::"))


def test_known_browser_has_ten_attempts_of_its_own(person):
    known = Browser(make.BROWSER.address, "laptop", frozenset({uuid.uuid4(), person.staff_id}))
    fail_sign_in(person.email, 5)
    assert_limited(person.email, make.BROWSER)
    fail_sign_in(person.email, 9, browser=known)
    assert make.sign_in(person.email, browser=known)
    fail_sign_in(person.email, 10, browser=known)
    with pytest.raises(RateLimited) as refusal:
        make.sign_in(person.email, browser=known)
    sentence = "There were 10 wrong passwords for this account from your browser. Try again in 15 minutes."
    assert str(refusal.value) == sentence
    assert make.sign_in(person.email, browser=Browser(make.BROWSER.address, "phone", known.accounts))


def test_browser_known_to_another_account_is_a_stranger(person):
    colleague = Browser(make.BROWSER.address, "desk", frozenset({make.staff().staff_id}))
    fail_sign_in(person.email, 5, browser=colleague)
    assert_limited(person.email, colleague)
    assert_limited(person.email, make.BROWSER)


def test_account_is_open_after_many_attempts_from_many_networks(person):
    for number in range(40):
        fail_sign_in(person.email, 5, browser=Browser(f"10.0.{number}.1"))
        assert_limited(person.email, Browser(f"10.0.{number}.2"))
    assert make.sign_in(person.email, browser=Browser("10.1.0.1"))

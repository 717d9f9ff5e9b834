"""Random codes: every letter is as likely as any other, and one read of random bytes gives many."""

from __future__ import annotations

import secrets
from collections import Counter

import pytest

from ticketing.sales import ticket_codes


def test_every_letter_is_as_likely(monkeypatch):
    monkeypatch.setattr(secrets, "token_bytes", lambda _length: bytes(range(256)))
    codes = ticket_codes.new_ticket_codes(31)  # 248 letters, all that 256 different bytes give
    assert Counter("".join(codes)) == dict.fromkeys(ticket_codes.ALPHABET, 8)


@pytest.mark.parametrize("count", [0, 1, 1000])
def test_so_many_codes_as_asked_for(count):
    codes, numbers = ticket_codes.new_ticket_codes(count), ticket_codes.new_order_numbers(count)
    assert (len(set(codes)), len(numbers)) == (count, count)
    assert {len(code) for code in codes} <= {8}
    assert {len(number) for number in numbers} <= {6}
    assert set("".join(codes + numbers)) <= set(ticket_codes.ALPHABET)


def test_bytes_that_run_short_are_read_again(monkeypatch):
    reads = iter([bytes([255] * 20), b"\x00" * 20])
    monkeypatch.setattr(secrets, "token_bytes", lambda _length: next(reads))
    assert ticket_codes.new_ticket_code() == "A" * 8

"""Cells that are read without their validation, or once for many rows, are what the validation returns."""

from __future__ import annotations

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ticketing.imports import parsing

ASCII = st.text(string.printable, min_size=1, max_size=20)
WORDS = st.lists(st.sampled_from(["Ana", "O'Hara", "'=1", "#N/A", "=1", "-", "a\\b", "  ", "é", "\u200b"]), min_size=1)
ADDRESSES = st.from_regex(r"[a-zA-Z0-9._+@ -]{1,8}@[a-z0-9.-]{1,8}", fullmatch=True)
CELLS = (ASCII | WORDS.map(" ".join) | ADDRESSES).filter(str.strip)


@settings(derandomize=True, database=None, max_examples=300, deadline=None)
@given(column=st.sampled_from(sorted(parsing._PLAIN_TEXTS)), cell=CELLS)
def test_plain_text_is_what_its_validation_returns(column, cell):
    assert parsing._create_cell_reader()(column, cell) == parsing._validate_cell(column, cell)


@pytest.mark.parametrize(("length", "is_accepted"), [(100, True), (101, False)])
def test_long_package_name_is_refused_in_plain_text_too(length, is_accepted):
    value, problem = parsing._create_cell_reader()("ticket_type", "a" * length)
    assert ((value, problem) == ("a" * length, "")) is is_accepted
    assert bool(problem) is not is_accepted


def test_repeated_cell_is_validated_once_and_a_wrong_one_is_wrong_each_time():
    read = parsing._create_cell_reader()
    assert read("total_amount", "12.50") is read("total_amount", "12.50")
    assert read("quantity", "0") == read("quantity", "0") == (None, "Enter a whole number from 1 to 10,000.")

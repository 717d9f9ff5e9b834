"""Cells that are read without their validation, or once for many rows, are what the validation returns."""

from __future__ import annotations

import string
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ticketing.imports import parsing
from ticketing.imports.rows import Record

ASCII = st.text(string.printable, min_size=1, max_size=20)
WORDS = st.lists(st.sampled_from(["Ana", "O'Hara", "'=1", "#N/A", "=1", "-", "a\\b", "  ", "é", "\u200b"]), min_size=1)
ADDRESSES = st.from_regex(r"[a-zA-Z0-9._+@ -]{1,8}@[a-z0-9.-]{1,8}", fullmatch=True)
CELLS = (ASCII | WORDS.map(" ".join) | ADDRESSES).filter(str.strip)


@settings(derandomize=True, database=None, max_examples=300, deadline=None)
@given(column=st.sampled_from(sorted(parsing._PLAIN_TEXTS)), cell=CELLS)
def test_plain_text_is_what_its_validation_returns(column, cell):
    assert read(column, cell) == parsing._validate_cell(column, cell)


@pytest.mark.parametrize(("length", "is_accepted"), [(100, True), (101, False)])
def test_long_package_name_is_refused_in_plain_text_too(length, is_accepted):
    value, problem = read("ticket_type", "a" * length)
    assert ((value, problem) == ("a" * length, "")) is is_accepted
    assert bool(problem) is not is_accepted


@pytest.mark.parametrize(
    ("column", "cell", "expected"),
    [
        ("total_amount", "12.50", (Decimal("12.50"), "")),
        ("total_amount", "12.3456", (Decimal("12.35"), "")),
        ("quantity", "0", (None, "Enter a whole number from 1 to 10,000.")),
        ("quantity", " ", (None, "This cell is empty. Enter a value.")),
        ("purchase_date", "2026-11-01T01:30:00", (datetime(2026, 11, 1, 5, 30, tzinfo=UTC), "")),
    ],
)
def test_repeated_cell_is_validated_once_and_read_alike_each_time(monkeypatch, column, cell, expected):
    validated = []
    validate = parsing._validate_cell
    monkeypatch.setattr(parsing, "_validate_cell", lambda *cells: validated.append(cells) or validate(*cells))
    parser = parsing._RowParser({column: 0}, "America/New_York")
    assert [get_reading(parser.parse_row(row, [cell]), column) for row in range(3)] == [expected] * 3
    assert len(validated) == (1 if cell.strip() else 0)


def test_cells_beyond_the_cache_are_read_too(monkeypatch):
    monkeypatch.setattr(parsing, "_MAX_CACHED_CELLS", 2)
    parser = parsing._RowParser({"quantity": 0}, "UTC")
    cells = [*"123", *"321"]
    assert [parser.parse_row(row, [cell]).values["quantity"] for row, cell in enumerate(cells)] == list(map(int, cells))


def test_time_is_read_in_the_zone_of_its_row():
    parser = parsing._RowParser({"purchase_date": 0, "time_zone": 1}, "America/New_York")
    rows = [["2026-10-01 12:00", zone] for zone in ("", "UTC", "America/Los_Angeles", "")]
    hours = [parser.parse_row(row, cells).values["purchase_date"].hour for row, cells in enumerate(rows)]
    assert hours == [16, 12, 19, 16]


def test_cells_missing_at_the_end_of_a_row_are_blank():
    parser = parsing._RowParser({"quantity": 0, "notes": 1, "total_amount": 2}, "UTC")
    record = parser.parse_row(5, ["2"])
    assert (record.values, record.problems) == ({"quantity": 2}, {"total_amount": "This cell is empty. Enter a value."})


def read(column: str, cell: str) -> tuple[Any, str]:
    """Return the value of a cell and what is wrong with it, in a row with only this cell and a guest's name."""
    if not column.startswith("guest_"):
        return get_reading(parsing._RowParser({column: 0}, "UTC").parse_row(1, [cell]), column)
    row = {"guest_name": "Bo", column: cell}
    record = parsing._RowParser({name: place for place, name in enumerate(row)}, "UTC").parse_row(1, list(row.values()))
    [(_, name, email)] = record.values.get("guests", [(0, None, None)])
    return name if column == "guest_name" else email, record.problems.get(column, "")


def get_reading(record: Record, column: str) -> tuple[Any, str]:
    return record.values.get(column), record.problems.get(column, "")

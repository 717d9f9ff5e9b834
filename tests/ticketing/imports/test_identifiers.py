"""Order numbers and codes that a spreadsheet turned into numbers or dates."""

import pytest

from ticketing.imports.identifiers import DATE_MESSAGE, SHORTENED_MESSAGE, find_damage, find_damaged_ids


@pytest.mark.parametrize(
    "cell", ["1.04823E+11", "1,04823E+11", "1.2e+46", "1.2E46", "1E+05", "1.5E-05", "1.04823E+11-7"]
)
def test_shortened_numbers_are_recognized(cell):
    assert find_damage(cell) == SHORTENED_MESSAGE


@pytest.mark.parametrize(
    "cell", ["2026-12-25", "2026-12-25T00:00:00", "25-Dec", "Dec-25", "25-Dec-26", "10:12", "10:12:00"]
)
def test_dates_that_were_codes_are_recognized(cell):
    assert find_damage(cell) == DATE_MESSAGE


@pytest.mark.parametrize(
    "cell",
    [
        "",
        "1",
        "00042",
        "DEC25",
        "12E45",
        "1E45",
        "MAR-01",
        "DECK-25",
        "A-1E+05x",
        "12345678901234567",
        "2026-001",
        "10-12",
        "R1",
    ],
)
def test_other_ids_are_kept(cell):
    assert find_damage(cell) == ""


def test_numeric_dates_are_damage_only_among_other_numbers():
    assert find_damaged_ids(["3/4/2026", "03/05/2026"]) == {}
    assert find_damaged_ids(["3/4/2026", "13-4"]) == {"3/4/2026": DATE_MESSAGE}


@pytest.mark.parametrize(
    ("ids", "is_damaged"),
    [
        (["1234567890123450"], False),  # one of ten ends with 0 by chance
        (["1234567890123450", "1234567890123460"], False),
        (["1234567890123450", "1234567890123460", "1234567890123470"], True),
        (["1234567890123450", "1234567890123460", "1234567890123471"], False),
        (["12345678901234500", "12345678901234600"], True),
        (["123456789012345000", "7"], True),
        (["123456789012345", "123456789012340", "123456789012000"], False),
    ],
)
def test_long_numbers_that_all_end_with_zeros_are_damaged(ids, is_damaged):
    assert find_damaged_ids(ids) == ({text: SHORTENED_MESSAGE for text in ids if len(text) > 15} if is_damaged else {})

"""Dates as other programs write them; one that cannot be read without guessing is returned unchanged."""

from zoneinfo import ZoneInfo

import pytest

from ticketing.imports.dates import (
    detect_date_orders,
    is_date,
    is_half_converted,
    is_local_time,
    normalize_datetime,
)


@pytest.mark.parametrize(
    ("cell", "iso"),
    [
        ("2026-10-01", "2026-10-01"),
        ("2026/10/1", "2026-10-01"),
        ("2026-10-01 18:30:00", "2026-10-01T18:30:00"),
        ("2026-10-01T18:30:00.5+02:00", "2026-10-01T18:30:00+02:00"),
        ("2024-02-23 10:00:00 +0100", "2024-02-23T10:00:00+01:00"),
        ("2026-09-26 20:00 UTC", "2026-09-26T20:00:00Z"),
        ("Sep 26, 2026 7:05 PM", "2026-09-26T19:05:00"),
        ("Saturday, September 26, 2026 at 7:05 p.m.", "2026-09-26T19:05:00"),
        ("26 Sep 2026 12:30am", "2026-09-26T00:30:00"),
        ("26-Sep-2026", "2026-09-26"),
        ("1st", "1st"), ("26 Foo 2026", "26 Foo 2026"), ("2026-02-30", "2026-02-30"),
        ("2026-10-01 24:00", "2026-10-01 24:00"), ("2026-09-26 20:00 XYZ", "2026-09-26 20:00 XYZ"),
        ("10/01/2026", "10/01/2026"), ("", ""), ("46296", "46296"),
    ],
)  # fmt: skip
def test_unambiguous_date_is_read_whatever_the_order(cell, iso):
    assert normalize_datetime(cell, "iso") == normalize_datetime(cell, None) == iso


@pytest.mark.parametrize(
    ("cell", "month_first", "day_first"),
    [
        ("03/04/2026", "2026-03-04", "2026-04-03"),
        ("3.4.26 7:05", "2026-03-04T07:05:00", "2026-04-03T07:05:00"),
        ("11/29/24 22:28", "2024-11-29T22:28:00", None),
        ("29-11-2024", None, "2024-11-29"),
        ("10/01/2026 12:00 AM", "2026-10-01T00:00:00", "2026-01-10T00:00:00"),
        ("10/01/2026 12:00 PM", "2026-10-01T12:00:00", "2026-01-10T12:00:00"),
        ("10/01/2026 13:00 PM", None, None),
        ("10/01/2026 0:30 AM", None, None),
        ("31/31/2026", None, None),
    ],
)
def test_numeric_date_is_read_in_the_chosen_order(cell, month_first, day_first):
    assert normalize_datetime(cell, "month_first") == (month_first or cell)
    assert normalize_datetime(cell, "day_first") == (day_first or cell)


@pytest.mark.parametrize(
    ("cells", "orders"),
    [
        (["2026-01-02", "Jan 3, 2026"], ("iso",)),
        ([], ("iso",)),
        (["never"], ("iso",)),
        (["01/02/2026"], ("month_first", "day_first")),
        (["01/02/2026", "2026-01-13"], ("month_first", "day_first")),
        (["01/02/2026", "13/02/2026"], ("day_first",)),
        (["01/02/2026", "02/13/2026"], ("month_first",)),
        (["01/02/2026", "02/13/2026", "never"], ("month_first",)),
        (["13/02/2026", "02/13/2026"], ("month_first", "day_first")),
        (["05/05/2026", "06/06/2026"], ("month_first",)),
    ],
)
def test_date_order_is_ambiguous_only_when_both_readings_are_possible_and_differ(cells, orders):
    assert detect_date_orders(cells) == orders


@pytest.mark.parametrize(
    ("cell", "iso"),
    [
        ("2026-10-02 02:30:00+00", "2026-10-02T02:30:00Z"),
        ("2026-10-02 02:30:00.123456-04", "2026-10-02T02:30:00-04:00"),
        ("2026-10-02T02:30:00.123Z", "2026-10-02T02:30:00Z"),
        ("2026-10-02T02:30:00+0000", "2026-10-02T02:30:00Z"),
        ("2026-10-02 2:30 PM UTC-4", "2026-10-02T14:30:00-04:00"),
        ("2026-10-02 02:30 GMT+5:30", "2026-10-02T02:30:00+05:30"),
        ("Fri Oct 02 2026 02:30:00 GMT+0000 (Coordinated Universal Time)", "2026-10-02T02:30:00Z"),
        ("Fri Oct 02 2026 02:30:00 GMT-0400 (Eastern Daylight Time)", "2026-10-02T02:30:00-04:00"),
        ("Fri, 02 Oct 2026 02:30:00 GMT", "2026-10-02T02:30:00Z"),
        ("2026-10-02 02:30:00 EDT", "2026-10-02T02:30:00-04:00"),
        ("2026-10-02 02:30 (PDT)", "2026-10-02T02:30:00-07:00"),
        ("2026-10-02T02:30:00-04:00[America/New_York]", "2026-10-02T02:30:00-04:00"),
        ("2026-12-02 02:30 America/New_York", "2026-12-02T02:30:00-05:00"),
        ("Oct 2, 2026, 2:30 p.m. ET", "2026-10-02T14:30:00-04:00"),
        ("2-Oct-26", "2026-10-02"), ("2 Oct 26 14:30", "2026-10-02T14:30:00"), ("02/Oct/2026", "2026-10-02"),
        ("2026-Oct-02", "2026-10-02"), ("Oct-02-2026", "2026-10-02"),
        ("2026-10-02 02:30 IST", "2026-10-02 02:30 IST"), ("2026-10-02 02:30 +25", "2026-10-02 02:30 +25"),
        ("Oct 2, 26", "Oct 2, 26"), (f"2026-10-02 02:30 ({'x' * 100})", f"2026-10-02 02:30 ({'x' * 100})"),
    ],
)  # fmt: skip
def test_offset_or_zone_behind_a_time_is_read(cell, iso):
    assert normalize_datetime(cell, None) == iso


def test_zone_holds_for_times_without_an_offset_and_not_for_days():
    pacific = ZoneInfo("America/Los_Angeles")
    assert normalize_datetime("2026-10-02 02:30", None, pacific) == "2026-10-02T02:30:00-07:00"
    assert normalize_datetime("2026-12-02 02:30", None, pacific) == "2026-12-02T02:30:00-08:00"
    assert normalize_datetime("2026-10-02 02:30Z", None, pacific) == "2026-10-02T02:30:00Z"
    assert normalize_datetime("2026-10-02", None, pacific) == "2026-10-02"


def test_local_times_are_times_without_offset_or_zone():
    assert is_local_time("2026-10-02 02:30")
    assert is_local_time("10/13/2026 2:30 PM")
    assert not any(map(is_local_time, ("2026-10-02", "2026-10-02 02:30 PDT", "2026-10-02T02:30Z", "never")))


@pytest.mark.parametrize(
    ("cells", "is_half"),
    [
        (["2026-03-04", "13/4/2026"], True),
        (["2026-03-04T18:30:00", "13/4/2026 18:30"], True),
        (["2026-03-04", "2026-12-01", "13/4/2026", "14/4/2026"], True),
        (["2026-03-13", "13/4/2026"], False),  # a 13th is no month that was taken for a day
        (["2026-03-03", "13/4/2026"], False),  # the same day either way
        (["2026-03-04", "2026-04-05"], False),
        (["3/4/2026", "13/4/2026"], False),
        (["2026-03-04", "13 April 2026"], False),
        (["2026-03-04 02:30Z", "13/4/2026"], False),  # no spreadsheet keeps an offset
        (["2026-03-04 02:30 EDT", "2026-03-04T02:30:00.5", "13/4/2026"], False),
        (["2026-03-04", "n/a"], False),
        ([], False),
    ],
)
def test_dates_of_which_a_spreadsheet_converted_some_are_recognized(cells, is_half):
    assert is_half_converted(cells) is is_half


def test_converted_dates_are_read_with_day_and_month_exchanged():
    assert normalize_datetime("2026-03-04", None, swaps_iso=True) == "2026-04-03"
    assert normalize_datetime("2026-03-04T18:30:00", None, swaps_iso=True) == "2026-04-03T18:30:00"
    assert normalize_datetime("2026-03-13", None, swaps_iso=True) == "2026-03-13"
    assert normalize_datetime("2026-03-04T18:30:00Z", None, swaps_iso=True) == "2026-03-04T18:30:00Z"
    assert normalize_datetime("13/4/2026", "day_first", swaps_iso=True) == "2026-04-13"


def test_dates_are_recognized():
    assert is_date("2026-10-01")
    assert is_date("01/02/2026")
    assert not is_date("12.50")
    assert not is_date("2026-02-30")

"""Names of time zones in cells and titles of other programs."""

from datetime import datetime

import pytest

from ticketing.imports.time_zones import find, find_in_title, strip_from_title


def get_offset(zone, moment="2026-07-01T12:00"):
    return zone and datetime.fromisoformat(moment).replace(tzinfo=zone).strftime("%z")


@pytest.mark.parametrize(
    ("name", "summer", "winter"),
    [
        ("UTC", "+0000", "+0000"), ("gmt", "+0000", "+0000"), ("Z", "+0000", "+0000"), ("+00", "+0000", "+0000"),
        ("-04", "-0400", "-0400"), ("GMT+0530", "+0530", "+0530"), ("UTC-4", "-0400", "-0400"),
        ("\u22124", "-0400", "-0400"), ("PDT", "-0700", "-0700"), ("EST", "-0500", "-0500"), ("ET", "-0400", "-0500"),
        ("Pacific Time (US & Canada)", "-0700", "-0800"), ("Eastern  Time (US & Canada)", "-0400", "-0500"),
        ("(GMT-08:00) Pacific Time (US & Canada)", "-0700", "-0800"), ("Arizona", "-0700", "-0700"),
        ("America/New_York", "-0400", "-0500"), ("america/new_york", "-0400", "-0500"),
    ],
)  # fmt: skip
def test_zone_is_found_by_the_names_of_other_programs(name, summer, winter):
    assert (get_offset(find(name)), get_offset(find(name), "2026-12-01T12:00")) == (summer, winter)


@pytest.mark.parametrize("name", ["", "IST", "BST", "localtime", "Factory", "+25", "-04:75", "local time", "5"])
def test_unknown_and_ambiguous_names_are_not_guessed(name):
    assert find(name) is None


@pytest.mark.parametrize(
    ("title", "offset", "rest"),
    [
        ("Created date (UTC)", "+0000", "Created date"),
        ("date_created_gmt", "+0000", "date created"),
        ("Order date UTC", "+0000", "Order date"),
        ("Created [UTC+2]", "+0200", "Created"),
        ("Paid at (America/New_York)", "-0400", "Paid at"),
        ("Date (Pacific Time (US & Canada))", "-0700", "Date"),
        ("Time EST", "-0500", "Time EST"),
        ("Date", None, "Date"),
        ("Date (local time)", None, "Date (local time)"),
        ("DATE AND TIME", None, "DATE AND TIME"),
        ("Total (USD)", None, "Total (USD)"),
    ],
)
def test_zone_in_a_title_is_found(title, offset, rest):
    assert (get_offset(find_in_title(title)), strip_from_title(title)) == (offset, rest)

"""User text is escaped for Markdown; money, dates and counts have one format."""

import html
import re
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from tests.support.screen import unescape_markdown
from ui import text

NOW = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
NEW_YORK = "America/New_York"


class TestEscapeMarkdown:
    @pytest.mark.parametrize(
        "typed",
        [
            "**bold** and _italic_ and __main__",
            "[click](http://evil.example)",
            "![pixel](https://evil.example/p.png)",
            "<script>alert(1)</script><img src=x onerror=alert(1)>",
            "# heading",
            "- list",
            "1. list",
            "> quote",
            "`code` and ~~struck~~",
            "$x^2$ and \\(x\\)",
            ":red[color] :smile: :material/home:",
            "&lt;b&gt; &amp; &#42;",
            "a | b\n--- | ---",
            "see http://evil.example and HTTPS://evil.example",
            "see www.evil.example and WWW.evil.example",
            "write ana@example.org",
        ],
    )
    def test_text_is_shown_as_typed_without_effect(self, typed):
        escaped = text.escape_markdown(typed)
        assert unescape_markdown(escaped) == typed.replace("\n", " ")
        without_entities = "".join(part.partition(";")[2] if n else part for n, part in enumerate(escaped.split("&#")))
        assert all(letter.isalnum() or letter in " \u2060" for letter in without_entities)

    @pytest.mark.parametrize(
        "typed", ["http://evil.example", "HTTPS://evil.example", "www.evil.example", "a@evil.example"]
    )
    def test_bare_address_gets_word_joiner_so_that_it_is_no_link(self, typed):
        assert "\u2060" in text.escape_markdown(typed)

    @pytest.mark.parametrize("typed", [":smile:", ":+1:", ":streamlit:", ":material/home:", "a :100: b", ":a::b:"])
    def test_emoji_and_icon_codes_get_word_joiner(self, typed):
        shown = html.unescape(text.escape_markdown(typed))
        assert not re.search(r":[\w+/-]+:", shown)
        assert unescape_markdown(text.escape_markdown(typed)) == typed

    @pytest.mark.parametrize("typed", ["6:00 PM", "Dinner: fish", "a::b", "12:30"])
    def test_single_colon_stays(self, typed):
        assert html.unescape(text.escape_markdown(typed)) == typed

    @pytest.mark.parametrize("typed", ["two\nlines", "two\r\nlines", "two\x00lines", "two\u2028lines"])
    def test_line_breaks_become_spaces(self, typed):
        assert text.escape_markdown(typed) == "two lines"

    def test_text_is_cut_at_limit(self):
        assert text.escape_markdown("*" * 10, limit=3) == "&#42;" * 3

    def test_letters_of_every_script_stay(self):
        assert text.escape_markdown("José 北京 Łódź") == "José 北京 Łódź"


@pytest.mark.parametrize(
    ("amount", "exact", "whole"),
    [
        ("0", r"\$0.00", r"\$0"),
        ("1234.5", r"\$1,234.50", r"\$1,235"),
        ("1234.49", r"\$1,234.49", r"\$1,234"),
        ("-20", r"-\$20.00", r"-\$20"),
    ],
)
def test_dollar_sign_is_escaped(amount, exact, whole):
    assert text.format_dollars(Decimal(amount)) == exact
    assert text.format_whole_dollars(Decimal(amount)) == whole


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((0, "seat"), "0 seats"),
        ((1, "seat"), "1 seat"),
        ((2, "seat"), "2 seats"),
        ((1204, "seat"), "1,204 seats"),
        ((1, "row is", "rows are"), "1 row is"),
        ((2, "row is", "rows are"), "2 rows are"),
    ],
)
def test_count_agrees_with_its_noun(arguments, expected):
    assert text.format_count(*arguments) == expected


@pytest.mark.parametrize(
    ("moment", "zone", "expected"),
    [
        ("2026-11-23T14:42:00+00:00", NEW_YORK, "today, 9:42 AM"),
        ("2026-11-23T05:00:00+00:00", NEW_YORK, "today, 12:00 AM"),
        ("2026-11-23T04:59:00+00:00", NEW_YORK, "yesterday, 11:59 PM"),
        ("2026-11-21T17:00:00+00:00", NEW_YORK, "21 Nov, 12:00 PM"),
        ("2026-11-24T17:00:00+00:00", NEW_YORK, "24 Nov, 12:00 PM"),
        ("2025-11-23T14:42:00+00:00", NEW_YORK, "23 Nov 2025, 9:42 AM"),
        ("2026-11-23T15:30:00+00:00", "Asia/Tokyo", "today, 12:30 AM"),
        ("2026-11-23T14:59:00+00:00", "Asia/Tokyo", "yesterday, 11:59 PM"),
    ],
)
def test_datetime_is_in_the_zone_of_the_event(moment, zone, expected):
    assert text.format_datetime(datetime.fromisoformat(moment), zone, NOW) == expected


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date(2026, 1, 1), "today"),
        (date(2025, 12, 31), "yesterday"),
        (date(2025, 12, 30), "30 Dec 2025"),
        (date(2026, 1, 2), "2 Jan"),
    ],
)
def test_day_has_its_year_unless_it_is_the_current_one(day, expected):
    assert text.format_day(day, date(2026, 1, 1)) == expected


@pytest.mark.parametrize(
    ("starts_at", "expected"),
    [
        ("2026-12-05T23:00:00+00:00", "Gala & *More* · Sat 5 Dec, 6:00 PM New York · 12 days to go"),
        ("2026-11-24T23:00:00+00:00", "Gala & *More* · Tue 24 Nov, 6:00 PM New York · 1 day to go"),
        ("2026-11-23T23:00:00+00:00", "Gala & *More* · Mon 23 Nov, 6:00 PM New York · today"),
        ("2026-11-22T23:00:00+00:00", "Gala & *More* · Sun 22 Nov, 6:00 PM New York · 1 day ago"),
        ("2027-01-02T23:00:00+00:00", "Gala & *More* · Sat 2 Jan 2027, 6:00 PM New York · 40 days to go"),
    ],
)
def test_event_line_has_name_date_place_and_days_to_go(starts_at, expected):
    line = text.format_event_line("Gala & *More*", datetime.fromisoformat(starts_at), NEW_YORK, NOW)
    assert "*" not in line
    assert unescape_markdown(line) == expected


@pytest.mark.parametrize(
    ("field", "stored", "expected"),
    [
        ("quantity_limit", None, "Unlimited"),
        ("revenue_goal", None, "Nothing"),
        ("venue", None, "Nothing"),
        ("is_enabled", True, "Yes"),
        ("is_enabled", False, "No"),
        ("price", "2500", "$2,500.00"),
        ("seats_per_package", 10, "10"),
        ("name", "Table", "Table"),
    ],
)
def test_stored_value_is_shown_in_words(field, stored, expected):
    assert text.format_value(field, stored) == expected

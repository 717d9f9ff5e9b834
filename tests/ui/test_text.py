"""User text is escaped for Markdown; money, dates and counts have one format."""

import html
import re
import unicodedata
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from streamlit.testing.v1 import AppTest

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
        without_spans = re.sub(r":color\[(.*?)\]", r"\1", escaped)
        assert all(letter.isalnum() or letter == " " for letter in re.sub(r"&#[0-9]+;", "", without_spans))

    @pytest.mark.parametrize(
        ("typed", "escaped"),
        [
            ("http://x", "h:color[t]tp&#58;&#47;&#47;x"),
            ("HTTPS://x", "H:color[T]TPS&#58;&#47;&#47;x"),
            ("www.x", ":color[w]ww&#46;x"),
            ("wwwww.x", "ww:color[w]ww&#46;x"),
            ("a@x", "a:color[&#64;]x"),
            (":smile:", ":color[&#58;]smile&#58;"),
            (":+1:", ":color[&#58;]&#43;1&#58;"),
            (":material/home:", ":color[&#58;]material&#47;home&#58;"),
            (":thumbs_up: :100:", ":color[&#58;]thumbs&#95;up&#58; :color[&#58;]100&#58;"),
            (":a::b:", ":color[&#58;]a&#58;:color[&#58;]b&#58;"),
            ("T18:30:00", "T18:color[&#58;]30&#58;00"),
        ],
    )
    def test_bare_address_and_emoji_code_are_broken_by_a_span_without_a_color(self, typed, escaped):
        assert text.escape_markdown(typed) == escaped

    def test_no_invisible_character_is_added(self):
        typed = "".join(map(chr, range(32, 127))) + " :smile: a@b.example https://b.example www.b.example 18:30:00"
        shown = text.escape_markdown(typed)
        assert not [letter for letter in shown if unicodedata.category(letter) == "Cf"]
        assert unescape_markdown(shown) == typed

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
        ("2026-11-21T17:00:00+00:00", NEW_YORK, "Nov 21, 12:00 PM"),
        ("2026-11-24T17:00:00+00:00", NEW_YORK, "Nov 24, 12:00 PM"),
        ("2025-11-23T14:42:00+00:00", NEW_YORK, "Nov 23, 2025, 9:42 AM"),
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
        (date(2025, 12, 30), "Dec 30, 2025"),
        (date(2026, 1, 2), "Jan 2"),
    ],
)
def test_day_has_its_year_unless_it_is_the_current_one(day, expected):
    assert text.format_day(day, date(2026, 1, 1)) == expected


@pytest.mark.parametrize(
    ("starts_at", "expected"),
    [
        ("2026-12-05T23:00:00+00:00", "Gala & *More* · Sat, Dec 5, 6:00 PM New York · 12 days to go"),
        ("2026-11-24T23:00:00+00:00", "Gala & *More* · Tue, Nov 24, 6:00 PM New York · 1 day to go"),
        ("2026-11-23T23:00:00+00:00", "Gala & *More* · Mon, Nov 23, 6:00 PM New York · today"),
        ("2026-11-22T23:00:00+00:00", "Gala & *More* · Sun, Nov 22, 6:00 PM New York · 1 day ago"),
        ("2027-01-02T23:00:00+00:00", "Gala & *More* · Sat, Jan 2, 2027, 6:00 PM New York · 40 days to go"),
    ],
)
def test_event_line_has_name_date_place_and_days_to_go(starts_at, expected):
    line = text.format_event_line("Gala & *More*", datetime.fromisoformat(starts_at), NEW_YORK, NOW)
    assert "*" not in line
    assert unescape_markdown(line) == expected


def test_event_line_without_the_date_leaves_room_for_figures():
    starts_at = datetime.fromisoformat("2026-12-05T23:00:00+00:00")
    assert text.format_event_line("Gala", starts_at, NEW_YORK, NOW, has_date=False) == "Gala · 12 days to go"


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


def dates_page() -> None:
    """A page that shows the same moment in each form."""
    from datetime import UTC, datetime

    import streamlit as st

    from ui import text

    when = datetime(2026, 12, 12, 23, 0, tzinfo=UTC)
    st.text(text.format_event_date(when, "America/New_York", now=when))
    st.text(text.format_datetime(when, "America/New_York", now=datetime(2027, 2, 1, tzinfo=UTC)))
    st.text(text.format_date(when.date(), has_year=False))
    st.text(text.get_date_input_format())


US_FORMS = ["Sat, Dec 12, 6:00 PM New York", "Dec 12, 2026, 6:00 PM", "Dec 12", "MM/DD/YYYY"]
DAY_FIRST_FORMS = ["Sat, 12 Dec, 18:00 New York", "12 Dec 2026, 18:00", "12 Dec", "DD/MM/YYYY"]


@pytest.mark.parametrize(
    ("locale", "forms"),
    [
        ("en-US", US_FORMS),
        ("es-US", US_FORMS),
        ("en-CA", US_FORMS),
        ("en", US_FORMS),
        ("", US_FORMS),
        ("en-GB", DAY_FIRST_FORMS),
        ("de-DE", DAY_FIRST_FORMS),
        ("de", DAY_FIRST_FORMS),
        ("zh-Hans-SG", DAY_FIRST_FORMS),
    ],
)
def test_dates_have_the_form_of_the_browsers_region(locale, forms):
    at = AppTest.from_function(dates_page, default_timeout=30)
    at.context = {"locale": locale}
    assert [unescape_markdown(each.value) for each in at.run().text] == forms

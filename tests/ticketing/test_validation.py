"""Field types of drafts: what they accept, and their sentences."""

import re
import sys
import unicodedata
from decimal import Decimal

import pytest
from pydantic import TypeAdapter

from ticketing.errors import InvalidInput
from ticketing.formatting import remove_invisible_characters
from ticketing.settings import ROOT
from ticketing.validation import (
    Amount,
    Draft,
    Email,
    Identifier,
    Name,
    Notes,
    PersonName,
    Phone,
    email_key,
    name_key,
    validate,
)

EMAIL_NORMALIZATION = re.compile(
    r"def \w*email_key\(|\b\w*email\w*\b.*\.(casefold|lower)\(|\b(lower|normalize)\([^\")]*email", re.ASCII
)


class Card(Draft):
    name: Name = "A"
    person: PersonName = "A"
    email: Email = "a@b.co"
    phone: Phone = None
    notes: Notes = None
    amount: Amount = Decimal(1)


def get_errors(**values):
    with pytest.raises(InvalidInput) as refusal:
        validate(Card, values)
    return refusal.value.fields


@pytest.mark.parametrize(("field", "longest"), [("name", 100), ("person", 200), ("phone", 50), ("notes", 2000)])
def test_text_is_accepted_up_to_its_maximum_length(field, longest):
    assert getattr(validate(Card, {field: "é" * longest}), field) == "é" * longest
    assert get_errors(**{field: "é" * (longest + 1)}) == {
        field: f"Use at most {longest:,} characters; this has {longest + 1:,}."
    }


def test_length_is_counted_after_cleaning():
    assert validate(Card, {"name": "  " + "x" * 100 + "\n"}).name == "x" * 100


@pytest.mark.parametrize("blank", ["", "   ", "\n\t", "\u00a0"])
def test_blank_name_is_refused(blank):
    assert get_errors(name=blank) == {"name": "Enter a name."}


def test_line_breaks_are_kept_only_in_multi_line_text():
    card = validate(Card, {"name": "Table \r\n for\tten", "notes": "one\r\ntwo\rthree\n"})
    assert card.name == "Table for ten"
    assert card.notes == "one\ntwo\nthree"


@pytest.mark.parametrize("control", ["\x00", "\x1b", "\x7f"])
def test_control_characters_are_refused(control):
    assert get_errors(name=f"a{control}b") == {"name": "Remove the control characters."}


@pytest.mark.parametrize("blank", [None, "", "  "])
def test_optional_field_may_be_blank(blank):
    card = validate(Card, {"phone": blank, "notes": blank})
    assert (card.phone, card.notes) == (None, None)


@pytest.mark.parametrize("good", ["a@b.co", "o'neil+gala@sub.example.org", "josé@exämple.es", "A@B.CO"])
def test_valid_email_addresses_are_accepted(good):
    assert validate(Card, {"email": f" {good} "}).email == good


@pytest.mark.parametrize(
    "bad", ["a", "a@b", "@b.co", "a@", "a b@c.co", "a@b..co", "a@b.co,c@d.co", "Ana <a@b.co>", "a@@b.co", "a@.co"]
)
def test_invalid_email_addresses_are_refused(bad):
    assert get_errors(email=bad) == {"email": "Enter an e-mail address such as ana@example.org."}


def test_email_address_may_have_254_characters():
    local = "a" * (254 - len("@example.org"))
    assert validate(Card, {"email": f"{local}@example.org"})
    assert "254" in get_errors(email=f"a{local}@example.org")["email"]


@pytest.mark.parametrize(("value", "stored"), [("0.10", "0.10"), (0.1, "0.10"), (5, "5.00"), (Decimal("7.5"), "7.50")])
def test_amounts_are_parsed_by_their_digits(value, stored):
    assert str(validate(Card, {"amount": value}).amount) == stored


@pytest.mark.parametrize("bad", [True, "1,000", "1e3", 1e-7, float("nan"), float("inf"), None, [], "0.001", 0.001])
def test_invalid_amounts_are_refused(bad):
    assert set(get_errors(amount=bad)) == {"amount"}


def test_all_invalid_fields_are_reported_together():
    assert set(get_errors(name="", email="x", amount="y")) == {"name", "email", "amount"}


@pytest.mark.parametrize(
    ("typed", "key"),
    [
        ("  Ana@Example.ORG ", "ana@example.org"),
        ("jose\u0301@EXAMPLE.org", "jos\u00e9@example.org"),
        ("\uff21na@example.org", "ana@example.org"),
        ("\ufb01ona@example.org", "fiona@example.org"),
        ("\u2115ina@example.org", "nina@example.org"),
        ("GRO\u1e9e@example.org", "gro\u00df@example.org"),
        ("GROSS@example.org", "gross@example.org"),
        ("\u039a\u038c\u03a3\u039c\u039f\u03a3@example.org", "\u03ba\u03cc\u03c3\u03bc\u03bf\u03c2@example.org"),
        ("\u03aa\u0301@example.org", "\u0390@example.org"),
    ],
)
def test_email_key_ignores_case_width_and_surrounding_space(typed, key):
    assert email_key(typed) == email_key(key) == key


@pytest.mark.parametrize(
    "invisible",
    [chr(code_point) for code_point in (0x00, 0x7F, 0xAD, 0x34F, 0x61C, 0x1160, 0x17B5, 0x180E, 0x200B, 0x200D, 0x200F)]
    + [chr(code_point) for code_point in (0x202E, 0x2060, 0x3164, 0xFE0F, 0xFEFF, 0xFFA0, 0xFFFB, 0x1D173, 0xE0061)],
    ids=ascii,
)
def test_email_key_ignores_invisible_characters(invisible):
    for place in range(len("ana@example.org") + 1):
        typed = "ana@example.org"[:place] + invisible + "ana@example.org"[place:]
        assert email_key(typed) == "ana@example.org"
    assert email_key(f"jose{invisible}\u0301 {invisible}") == "jos\u00e9"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("gross", "gro\u00df"),
        ("\u03ba\u03cc\u03c3\u03bc\u03bf\u03c2", "\u03ba\u03cc\u03c3\u03bc\u03bf\u03c3"),
        ("jose", "jos\u00e9"),
        ("ana", "anna"),
    ],
)
def test_email_keys_of_two_people_differ(one, other):
    assert email_key(f"{one}@example.org") != email_key(f"{other}@example.org")


@pytest.mark.system
def test_email_key_of_a_key_is_itself():
    for code_point in {*range(sys.maxunicode + 1)} - {*range(0xD800, 0xE000)}:
        for typed in (f"a{chr(code_point)}b@x.org", f"{chr(code_point)}\u0301", f"e{chr(code_point)}\u0301"):
            key = email_key(typed)
            assert email_key(key) == key


@pytest.mark.parametrize(
    "address",
    [
        "ana\uff20home@example.org",
        "\u200b@example.org",
        "ana@example\u2026org",
        "ana\xb4@example.org",
        "\ufdfa" * 20 + "@x.org",
    ],
    ids=ascii,
)
def test_email_whose_key_is_none_is_refused(address):
    assert get_errors(email=address) == {"email": "Enter an e-mail address such as ana@example.org."}


def test_email_keeps_its_spelling_without_invisible_characters():
    assert validate(Card, {"email": "\ufeffJose\u0301\u200b@Exam\u00adple.org"}).email == "Jose\u0301@Example.org"
    assert get_errors(email="\u200b") == {"email": "Enter an e-mail address."}


@pytest.mark.parametrize(
    "invisible",
    ["\u00ad", "\u061c", "\u180e", "\u200b", "\u200f", "\u202e", "\u2060", "\ufeff", "\ufffb", "\U000e0061"],
    ids=ascii,
)
class TestInvisibleCharacters:
    def test_are_removed_at_the_ends_of_every_text(self, invisible):
        typed = f"{invisible} Ana{invisible}Ruiz {invisible}{invisible}"
        card = validate(Card, {"name": typed, "notes": typed, "phone": invisible})
        assert (card.name, card.notes, card.phone) == (f"Ana{invisible}Ruiz",) * 2 + (None,)
        assert set(get_errors(name=f"{invisible} ")) == {"name"}

    def test_are_removed_inside_ids_and_keys(self, invisible):
        assert TypeAdapter(Identifier).validate_python(f"{invisible}A-{invisible}1{invisible}") == "A-1"
        assert name_key(f"VIP {invisible} Ta{invisible}ble{invisible}") == "vip table"


@pytest.mark.parametrize(
    "text",
    [
        "\u2764\ufe0f",
        "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
        "\U0001f469\u200d\U0001f467",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
    ],
    ids=["heart", "flag of England", "family", "Persian"],
)
def test_parts_of_emojis_and_joiners_of_letters_stay(text):
    assert validate(Card, {"name": f"{text}\u200b "}).name == text


def test_every_character_that_unicode_calls_a_format_and_nobody_sees_is_removed():
    visible = {*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD, *range(0x13430, 0x13440)}
    formats = {place for place in range(sys.maxunicode + 1) if unicodedata.category(chr(place)) == "Cf"} - visible
    assert remove_invisible_characters("".join(map(chr, formats))) == ""


def test_email_key_is_the_only_normalization_of_addresses():
    """Other code calls email_key, and no SQL lowers an address: PostgreSQL's lower() depends on the locale."""
    places = [
        str(path.relative_to(ROOT))
        for folder in ("api", "bench", "migrations", "pages", "ticketing", "ui", "tests")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for line in path.read_text().splitlines()
        if EMAIL_NORMALIZATION.search(line)
    ]
    assert places == ["ticketing/validation.py"]


def test_name_key_ignores_case_width_and_extra_space():
    assert name_key("VIP  Table") == name_key("vip table ") == name_key("ＶＩＰ Table")
    assert name_key("Straße") == name_key("STRASSE")
    assert name_key("VIP Table") != name_key("VIP Tables")

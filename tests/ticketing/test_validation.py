"""Field types of drafts: what they accept, and their sentences."""

from decimal import Decimal

import pytest

from ticketing.errors import InvalidInput
from ticketing.validation import Amount, Draft, Email, Name, Notes, PersonName, Phone, email_key, name_key, validate


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


def test_email_key_ignores_case_and_surrounding_space():
    assert email_key("  Ana@Example.ORG ") == email_key("ana@example.org")
    assert email_key("jose\u0301@example.org") == email_key("jos\u00e9@EXAMPLE.org")
    assert email_key("ana@example.org") != email_key("anna@example.org")


def test_name_key_ignores_case_width_and_extra_space():
    assert name_key("VIP  Table") == name_key("vip table ") == name_key("ＶＩＰ Table")
    assert name_key("Straße") == name_key("STRASSE")
    assert name_key("VIP Table") != name_key("VIP Tables")

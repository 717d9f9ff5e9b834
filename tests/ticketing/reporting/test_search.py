"""Search over everything: what is found, in which order, and that nobody finds what they may not see."""

import pytest

from tests.support import make
from tests.support.sales_file import run_import, sale, sales_csv
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.catalog import archive
from ticketing.errors import InvalidInput, RateLimited
from ticketing.reporting import search
from ticketing.reporting.search import EXACT_ADDRESS, EXACT_CODE, PREFIX, WORD
from ticketing.sales import corrections, guests


def find(typed, actor=OPERATOR):
    return db.write(lambda s: search.search(s, actor, typed))


def find_ids(typed, actor):
    return {kind: [match.id for match in matches] for kind, matches in find(typed, actor).items()}


@pytest.fixture
def event():
    return make.event(name="Harbor Gala")


@pytest.fixture
def viewer(event):
    return make.staff("viewer", event)


def buy(event, name, email, package=None, **fields):
    donor = {"name": name, "email": email}
    return make.order(event, package or make.package(event), donor=donor, **fields)


def name_guest(event, order, name, email=None):
    purchase = order.lines[0].purchase
    db.write(
        lambda s: guests.name_guests(
            s, OPERATOR, event.id, purchase.id, {1: {"name": name, "email": email}}, seen_version=1
        )
    )
    return purchase


class TestPurchasers:
    @pytest.mark.parametrize(
        "typed",
        ["José", "jose", "JOSE L", "łukasz", "Lukasz", "jose lukasz", "lukasz jose", "jose@ex", "jose@example.org"],
    )
    def test_found_by_first_and_last_name_and_address(self, event, viewer, typed):
        order = buy(event, "José Łukasz", "jose@example.org")
        buy(event, "Zoë Other", "zoe@example.org")
        assert find_ids(typed, viewer) == {"order": [order.lines[0].purchase.id]}

    @pytest.mark.parametrize("typed", ["ose", "ukasz", "jose other", "example", "lukasz ben"])
    def test_not_found_within_a_word_or_by_other_words(self, event, viewer, typed):
        buy(event, "José Łukasz", "jose@example.org")
        assert find(typed, viewer) == {}

    @pytest.mark.parametrize("typed", ["lucia", "LUC", "del", "rosa lucia", "lucia mar"])
    def test_word_in_the_middle_of_a_name_comes_after_beginnings(self, event, viewer, typed):
        middle = buy(event, "Rosa Lucía del Mar", "rosa@example.org")
        first = buy(event, "Lucia Delgado Marín", "zoe@example.org") if typed.lower() in ("lucia", "luc") else None
        matches = find(typed, viewer)["order"]
        expected = [*([PREFIX] if first else []), PREFIX if typed == "rosa lucia" else WORD]
        if typed == "lucia mar":  # begins the last name
            expected = [PREFIX]
        assert [match.rank for match in matches] == expected
        assert matches[-1].id == middle.lines[0].purchase.id

    def test_shows_the_latest_order_of_a_purchaser_and_how_many_there_are(self, event, viewer):
        buy(event, "Ana Ruiz", "ana@example.org")
        latest = buy(event, "Ana Ruiz", "ana@example.org")
        (match,) = find("ana", viewer)["order"]
        assert (match.id, match.number, match.orders) == (latest.lines[0].purchase.id, latest.order.number, 2)
        assert (match.name, match.detail, match.event, match.rank) == (
            "Ana Ruiz",
            "ana@example.org",
            "Harbor Gala",
            PREFIX,
        )

    def test_exact_address_comes_before_beginnings(self, event, viewer):
        buy(event, "Al Berg", "al@example.org.uk")
        exact = buy(event, "Zed Berg", "al@example.org")
        matches = find("AL@example.org", viewer)["order"]
        assert [match.rank for match in matches] == [EXACT_ADDRESS, PREFIX]
        assert matches[0].id == exact.lines[0].purchase.id

    def test_at_most_twenty(self, event, viewer):
        package = make.package(event)
        for number in range(21):
            buy(event, f"Ana Ruiz {number}", f"ana{number}@example.org", package)
        assert len(find("ana", viewer)["order"]) == search.MAX_MATCHES == 20


class TestCodes:
    def test_order_number(self, event, viewer):
        order = buy(event, "Ana Ruiz", "ana@example.org")
        buy(event, "Ben Okafor", "ben@example.org")
        typed = order.order.number.lower()
        (match,) = find(f" {typed[:3]} {typed[3:]} ", viewer)["order"]
        assert (match.rank, match.id) == (EXACT_CODE, order.lines[0].purchase.id)

    def test_ticket_code_of_a_seat_with_and_without_a_guest(self, event, viewer):
        order = buy(event, "Ana Ruiz", "ana@example.org", make.package(event, seats_per_package=2))
        name_guest(event, order, "Zoë Half")
        tickets = order.lines[0].tickets
        for ticket, name in zip(tickets, ("Zoë Half", "Ana Ruiz"), strict=True):
            (match,) = find(f"{ticket.code[:4]}-{ticket.code[4:].lower()}", viewer)["guest"]
            assert (match.rank, match.name, match.code) == (EXACT_CODE, name, ticket.code)
            assert match.id == order.lines[0].purchase.id

    def test_external_id_also_of_a_voided_sale(self, event, viewer):
        package = make.package(event)
        number = make.unique("EB")
        run_import(event, sales_csv(sale(package, external_sale_id=number)))
        (match,) = find(number, viewer)["order"]
        assert match.rank == EXACT_CODE
        db.write(lambda s: corrections.void(s, OPERATOR, event.id, match.id, "Wrong year"))
        assert find_ids(number, viewer) == {"order": [match.id]}

    def test_kind_with_an_exact_code_comes_first(self, event, viewer):
        make.package(event, name="Early seat")
        make.promo_code(event, code="EARLY")
        buy(event, "Early Bird", "early@example.org")
        assert list(find("early", viewer)) == ["promo_code", "order", "package"]


class TestGuests:
    @pytest.mark.parametrize("typed", ["zoe", "Zoë Half", "half", "half zoe", "zoe@example.org", "zoe@exam"])
    def test_found_by_first_and_last_name_and_address(self, event, viewer, typed):
        order = buy(event, "Ana Ruiz", "ana@example.org")
        purchase = name_guest(event, order, "Zoë Half", "zoe@example.org")
        (match,) = find(typed, viewer)["guest"]
        assert (match.id, match.name, match.detail) == (purchase.id, "Zoë Half", "zoe@example.org")
        assert match.rank == (EXACT_ADDRESS if typed == "zoe@example.org" else PREFIX)

    @pytest.mark.parametrize("typed", ["maria", "luz", "luz maria"])
    def test_found_by_a_word_in_the_middle(self, event, viewer, typed):
        name_guest(event, buy(event, "Ben Okafor", "ben@example.org"), "Ana María Luz Ruiz", "ana@example.org")
        (match,) = find(typed, viewer)["guest"]
        assert (match.name, match.rank) == ("Ana María Luz Ruiz", WORD)

    def test_seat_without_a_guest_is_not_found_by_a_name(self, event, viewer):
        buy(event, "Ana Ruiz", "ana@example.org")
        assert set(find("ana", viewer)) == {"order"}


class TestSetUp:
    def test_packages_codes_and_events_are_found_by_words(self, event, viewer):
        package = make.package(event, name="Table of Ten")
        code = make.promo_code(event, code="TENOFF")
        assert find_ids("ten", viewer) == {"promo_code": [code.id], "package": [package.id]}
        assert [match.rank for match in find("ten", viewer)["package"]] == [WORD]
        assert find_ids("table of", viewer) == {"package": [package.id]}
        assert find_ids("gala", viewer) == {"event": [event.id]}
        assert find("able", viewer) == {}


class TestWhoFindsWhat:
    def test_nothing_of_an_event_that_one_may_not_see(self, event):
        name = make.unique("Secret")
        order = buy(event, f"{name} Donor", f"{name}@example.org", make.package(event, name=f"{name} table"))
        name_guest(event, order, f"{name} Guest", f"{name}@guest.example.org")
        code = make.promo_code(event, code="SECRET99")
        stranger, admin = make.staff("coordinator", make.event()), make.staff("admin")
        everything = (name, order.order.number, order.lines[0].tickets[0].code, code.code, f"{name}@example.org")
        for typed in everything:
            assert find(typed, stranger) == {}
            assert find(typed, admin) != {}

    def test_archived_events_are_found_last_and_marked(self, event):
        other = make.event(name="Other Gala", starts_at="2001-01-01T18:00")
        person = make.staff("viewer", event)
        make.assign(person, other)
        for each in (event, other):
            buy(each, "Ana Ruiz", "ana@example.org")
        db.write(lambda s: archive.archive(s, OPERATOR, event.id))
        matches = find("ana", person)["order"]
        assert [(match.event, match.is_archived) for match in matches] == [("Other Gala", False), ("Harbor Gala", True)]

    def test_person_without_events_finds_nothing(self):
        assert find("ana", make.staff("viewer")) == {}

    def test_61st_search_within_a_minute_is_refused(self, viewer):
        for _ in range(60):
            find("ana", viewer)
        with pytest.raises(RateLimited, match="You searched 60 times within a minute"):
            find("ana", viewer)


@pytest.mark.parametrize(
    ("typed", "is_refused"),
    [("a", True), (" a ", True), ("al", False), ("a" * 100, False), ("a" * 101, True), ("", True)],
)
def test_length_of_what_is_typed(viewer, typed, is_refused):
    if is_refused:
        with pytest.raises(InvalidInput):
            find(typed, viewer)
    else:
        find(typed, viewer)


@pytest.mark.parametrize(
    "typed", ["%%%", "__", "''", "\\\\", "a\0b", "'; DROP TABLE x", "\u200b\u200bab", "😀😀", "🎟 火"]
)
def test_hostile_text_finds_nothing_and_breaks_nothing(viewer, typed):
    assert find(typed, viewer) == {}

"""Looking for packages: by kind, by words of the name, page by page."""

import pytest

from tests.support import make
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.catalog import packages
from ticketing.errors import NotFound


@pytest.fixture
def shelf(event):
    """A plain one, a disabled sponsorship, a sold-out one and a sold-out sponsorship, in this order."""
    make.package(event, name="Café Table", quantity_limit=2)
    make.package(event, name="Gold Sponsorship", is_sponsorship=True, is_enabled=False)
    make.purchase(event, make.package(event, name="Table 100%", quantity_limit=1))
    make.purchase(event, make.package(event, name="Silver Sponsorship", is_sponsorship=True, quantity_limit=1))
    return event


def found(event, **options):
    with db.read_session() as session:
        return packages.search_page(session, OPERATOR, event.id, **options)


def names_of(event, **options):
    return [package.name for package in found(event, **options).packages]


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("all", ["Café Table", "Gold Sponsorship", "Table 100%", "Silver Sponsorship"]),
        ("sponsorships", ["Gold Sponsorship", "Silver Sponsorship"]),
        ("disabled", ["Gold Sponsorship"]),
        ("sold_out", ["Table 100%", "Silver Sponsorship"]),
    ],
)
def test_a_kind_is_those_and_no_others_in_display_order(shelf, kind, names):
    assert names_of(shelf, kind=kind) == names


def test_each_kind_is_counted_whichever_is_shown(shelf):
    counts = {"all": 4, "sponsorships": 2, "disabled": 1, "sold_out": 2}
    assert all(found(shelf, kind=kind).count_by_kind == counts for kind in packages.KINDS)


@pytest.mark.parametrize(
    ("search", "names"),
    [
        ("table", ["Café Table", "Table 100%"]),
        ("CAFE", ["Café Table"]),
        ("table café", ["Café Table"]),
        ("  ", ["Café Table", "Gold Sponsorship", "Table 100%", "Silver Sponsorship"]),
        ("\x00", ["Café Table", "Gold Sponsorship", "Table 100%", "Silver Sponsorship"]),
        ("0%", ["Table 100%"]),
        ("%", ["Table 100%"]),
        ("t_ble", []),
        ("nothing", []),
    ],
)
def test_every_word_is_in_the_name_without_regard_to_accents_and_case(shelf, search, names):
    assert names_of(shelf, search=search) == names


def test_the_counts_are_of_what_the_search_found_and_the_event_is_counted_as_well(shelf):
    seen = found(shelf, search="table")
    assert seen.count_by_kind == {"all": 2, "sponsorships": 0, "disabled": 0, "sold_out": 1}
    assert seen.total_in_event == 4


def test_it_comes_page_by_page(shelf):
    assert names_of(shelf, page=2, per_page=3) == ["Silver Sponsorship"]
    assert names_of(shelf, kind="sold_out", page=2, per_page=1) == ["Silver Sponsorship"]
    assert names_of(shelf, page=3, per_page=3) == []


def test_other_events_have_nothing_to_do_with_it(shelf):
    make.package(make.event(), name="Table elsewhere")
    assert found(shelf).total_in_event == 4
    assert "Table elsewhere" not in names_of(shelf)


def test_an_event_of_others_does_not_exist(shelf):
    with db.read_session() as session, pytest.raises(NotFound):
        packages.search_page(session, make.staff(), shelf.id)
    with db.read_session() as session, pytest.raises(NotFound):
        packages.list_all(session, make.staff(), shelf.id)


def test_all_of_them_stand_in_display_order(shelf):
    with db.read_session() as session:
        assert [each.name for each in packages.list_all(session, OPERATOR, shelf.id)] == names_of(shelf)

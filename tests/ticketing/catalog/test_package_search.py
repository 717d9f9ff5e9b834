"""Search for packages by kind and by words of the name, with pagination."""

import pytest

from tests.support import make
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.catalog import packages
from ticketing.errors import NotFound


@pytest.fixture
def event_with_packages(event):
    """Return an event with a plain package, a disabled sponsorship, a sold-out package and a sold-out sponsorship."""
    make.package(event, name="Café Table", quantity_limit=2)
    make.package(event, name="Gold Sponsorship", is_sponsorship=True, is_enabled=False)
    make.purchase(event, make.package(event, name="Table 100%", quantity_limit=1))
    make.purchase(event, make.package(event, name="Silver Sponsorship", is_sponsorship=True, quantity_limit=1))
    return event


def search_packages(event, **options):
    with db.read_session() as session:
        return packages.search_page(session, OPERATOR, event.id, **options)


def list_names(event, **options):
    return [package.name for package in search_packages(event, **options).packages]


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("all", ["Café Table", "Gold Sponsorship", "Table 100%", "Silver Sponsorship"]),
        ("sponsorships", ["Gold Sponsorship", "Silver Sponsorship"]),
        ("disabled", ["Gold Sponsorship"]),
        ("sold_out", ["Table 100%", "Silver Sponsorship"]),
    ],
)
def test_kind_filters_packages_in_display_order(event_with_packages, kind, names):
    assert list_names(event_with_packages, kind=kind) == names


def test_every_kind_is_counted(event_with_packages):
    counts = {"all": 4, "sponsorships": 2, "disabled": 1, "sold_out": 2}
    assert all(search_packages(event_with_packages, kind=kind).count_by_kind == counts for kind in packages.KINDS)


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
def test_search_ignores_accents_and_case(event_with_packages, search, names):
    assert list_names(event_with_packages, search=search) == names


def test_counts_cover_the_search_and_the_event(event_with_packages):
    seen = search_packages(event_with_packages, search="table")
    assert seen.count_by_kind == {"all": 2, "sponsorships": 0, "disabled": 0, "sold_out": 1}
    assert seen.total_in_event == 4


def test_results_are_paginated(event_with_packages):
    assert list_names(event_with_packages, page=2, per_page=3) == ["Silver Sponsorship"]
    assert list_names(event_with_packages, kind="sold_out", page=2, per_page=1) == ["Silver Sponsorship"]
    assert list_names(event_with_packages, page=3, per_page=3) == []


def test_other_events_are_not_searched(event_with_packages):
    make.package(make.event(), name="Table elsewhere")
    assert search_packages(event_with_packages).total_in_event == 4
    assert "Table elsewhere" not in list_names(event_with_packages)


def test_unassigned_event_is_not_found(event_with_packages):
    with db.read_session() as session, pytest.raises(NotFound):
        packages.search_page(session, make.staff(), event_with_packages.id)
    with db.read_session() as session, pytest.raises(NotFound):
        packages.list_all(session, make.staff(), event_with_packages.id)


def test_list_all_is_in_display_order(event_with_packages):
    with db.read_session() as session:
        assert [each.name for each in packages.list_all(session, OPERATOR, event_with_packages.id)] == list_names(
            event_with_packages
        )

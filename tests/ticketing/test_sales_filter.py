"""Filter of the sales page: its query parameters, and the days before."""

import uuid
from datetime import date

import pytest

from ticketing import purchase_filter, sales_filter
from ticketing.errors import InvalidInput
from ticketing.purchase_filter import PurchaseFilter
from ticketing.sales_filter import ALL_SALES, SalesFilter, SalesQuery

TODAY = date(2026, 11, 29)
PACKAGES = (uuid.UUID(int=1), uuid.UUID(int=2))


@pytest.mark.parametrize(
    ("first", "last", "before"),
    [
        (date(2026, 11, 23), TODAY, (date(2026, 11, 16), date(2026, 11, 22))),
        (date(2026, 11, 23), None, (date(2026, 11, 16), date(2026, 11, 22))),
        (TODAY, TODAY, (date(2026, 11, 28), date(2026, 11, 28))),
        (date(2026, 10, 1), date(2026, 10, 31), (date(2026, 8, 31), date(2026, 9, 30))),
        (date(2000, 1, 10), date(2000, 1, 30), (date(2000, 1, 1), date(2000, 1, 9))),
    ],
)
def test_days_before_are_as_many_and_directly_before(first, last, before):
    chosen = SalesFilter(PACKAGES, ("cash",), first, last, sponsorships_only=True)
    assert chosen.find_days_before(TODAY) == SalesFilter(PACKAGES, ("cash",), *before, sponsorships_only=True)


@pytest.mark.parametrize(
    ("first", "last"), [(None, None), (None, TODAY), (date(2026, 11, 30), None), (date(2000, 1, 1), date(2000, 1, 2))]
)
def test_no_first_day_or_none_before_it_has_no_days_before(first, last):
    assert SalesFilter(first_day=first, last_day=last).find_days_before(TODAY) is None


def test_parameters_are_those_of_purchases():
    chosen = SalesFilter(PACKAGES, ("cash", "online"), date(2026, 10, 1), TODAY, sponsorships_only=True)
    query = sales_filter.to_query(chosen)
    assert query == {
        "package": f"{PACKAGES[0]},{PACKAGES[1]}",
        "channel": "cash,online",
        "from": "2026-10-01",
        "to": "2026-11-29",
        "sponsorships_only": "true",
    }
    assert SalesQuery.parse(query, ()).to_filter() == chosen
    assert purchase_filter.parse(query) == PurchaseFilter.of_sales(chosen)
    assert sales_filter.to_query(ALL_SALES) == {}


@pytest.mark.parametrize(
    "query", [{"status": "completed"}, {"package": "7"}, {"from": "2026-10-02", "to": "2026-10-01"}]
)
def test_unknown_and_wrong_parameters_are_refused(query):
    with pytest.raises(InvalidInput):
        SalesQuery.parse(query, ())


@pytest.mark.parametrize(
    ("chosen", "selects"),
    [
        (SalesFilter(), False),
        (SalesFilter(channels=("cash",), first_day=TODAY), False),
        (SalesFilter(package_ids=PACKAGES[:1]), True),
        (SalesFilter(sponsorships_only=True), True),
    ],
)
def test_orders_may_count_with_some_of_their_lines_when_packages_are_selected(chosen, selects):
    assert chosen.selects_packages == selects

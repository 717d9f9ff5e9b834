"""Files whose dates were once read wrongly or ended a page, each with its right result, and siblings of each kind."""

from __future__ import annotations

import asyncio
import csv
import io
from datetime import date, datetime

import pytest

from api.schemas import to_time_zone
from tests.support import make
from tests.support.sales_file import check_import, list_problem_cells, read_data, run_import, sale, sales_csv
from ticketing import db, imports
from ticketing.actors import OPERATOR
from ticketing.purchase_filter import PurchaseFilter
from ticketing.reporting import csv_export, purchase_list, timeline
from ui import text


def make_event(**fields):
    event = make.event(**fields)
    make.package(event, name="Seat", price="100.00", seats_per_package=1)
    make.package(event, name="Table", price="500.00", seats_per_package=10)
    return event


def read_case(name):
    return read_data(f"import_cases/{name}")


def read(query, event, *more):
    with db.read_session() as session:
        return query(session, OPERATOR, event.id, *more)


def export_rows(event):
    prepared = read(csv_export.build_sales_export, event, PurchaseFilter())

    async def collect():
        return b"".join([chunk async for chunk in csv_export.stream(prepared)])

    return list(csv.DictReader(io.StringIO(asyncio.run(collect()).decode("utf-8-sig"))))


def test_21b_mistyped_year_is_a_problem_and_can_be_accepted():
    event, content = make_event(), read_case("21b-typo-year.csv")
    checked = check_import(event, content)
    assert list_problem_cells(checked) == [(22, "purchase_date")]
    assert checked.problem_count == "1 problem in 1 row of 21"
    assert checked.problems[0].message == (
        "2062-10-01 is after today. Correct the date, or accept the dates of this file as they are."
    )
    with pytest.raises(imports.ImportRefused):
        run_import(event, content)
    assert run_import(event, content, accept_dates=True).rows_imported == 21
    days = read(timeline.get_timeline, event).days
    assert (len(days), days[-1].day, days[-1].cumulative) == (21, date(2062, 10, 1), 2100)


@pytest.mark.parametrize(
    "cell",
    ["2000-10-01", "2026-10-01T00:00:00", "2026-10-01T23:59:59.999+14:00", "2099-12-31", "2206-10-01", "0206-10-01"],
)
def test_21b_siblings_one_wrong_year_among_right_ones(cell):
    """A slip of one digit, and years that no import takes."""
    checked = check_import(make_event(), sales_csv(sale("Seat"), sale("Seat", purchase_date=cell)))
    is_right = cell.startswith("2026")
    assert list_problem_cells(checked) == ([] if is_right else [(3, "purchase_date")])
    assert checked.has_unlikely_dates == cell.startswith(("2000", "2099"))


@pytest.mark.parametrize("zone", ["America/Vancouver", "America/New_York", "Asia/Kathmandu", "Africa/Casablanca"])
def test_49_sale_before_midnight_is_on_one_day_everywhere(zone):
    event = make_event(time_zone=zone)
    run_import(event, read_case("49-vancouver.csv"))
    evening, day = datetime(2026, 11, 27, 23, 30), date(2026, 11, 27)
    [row] = read(purchase_list.list_page, event, PurchaseFilter(first_day=day, last_day=day))
    moment = row.purchase.purchased_at
    assert to_time_zone(moment, zone).replace(tzinfo=None) == evening
    assert text.format_datetime(moment, zone).startswith(("Nov 27, 11:30 PM", "yesterday", "Nov 27, 2026, 11:30 PM"))
    assert [line.day for line in read(timeline.get_timeline, event).days] == [day]
    assert datetime.fromisoformat(export_rows(event)[0]["purchased_at"]) == moment
    assert export_rows(event)[0]["purchased_at"].startswith("2026-11-27T23:30:00")

"""Dates that cannot be right are problems, unless the dates of the file are accepted."""

from datetime import UTC, datetime

import pytest

from tests.support import make
from tests.support.sales_file import check_import, list_problem_cells, run_import, sale, sales_csv
from ticketing import imports
from ticketing.errors import TicketingError
from ticketing.imports.date_range import DateRange
from ticketing.imports.rows import Record

ADVICE = " Correct the date, or accept the dates of this file as they are."


def find_problem(moment, *, starts_at="2026-12-05T18:00-05:00", now="2026-11-29T12:00-05:00", zone="America/New_York"):
    record = Record(2, {"purchase_date": datetime.fromisoformat(moment).astimezone(UTC)}, {})
    dates = DateRange.of_event(datetime.fromisoformat(starts_at), zone, datetime.fromisoformat(now))
    dates.add_problems([record])
    return record.problems.get("purchase_date", "").removesuffix(ADVICE)


@pytest.mark.unit
@pytest.mark.parametrize(
    ("moment", "problem"),
    [
        ("2026-11-29T12:00:00-05:00", ""),
        ("2026-11-29T12:00:01-05:00", "2026-11-29 12:00 is later than now."),
        ("2026-11-29T23:59:59-05:00", "2026-11-29 23:59 is later than now."),
        ("2026-11-30T00:00:00-05:00", "2026-11-30 is after today."),
        ("2062-10-10T00:00:00-04:00", "2062-10-10 is after today."),
        ("2023-12-05T00:00:00-05:00", ""),
        ("2023-12-04T23:59:59-05:00", "2023-12-04 is more than 3 years before the day of the event, 2026-12-05."),
        ("2000-01-01T00:00:00-05:00", "2000-01-01 is more than 3 years before the day of the event, 2026-12-05."),
    ],
)
def test_both_sides_of_each_limit(moment, problem):
    assert find_problem(moment) == problem


@pytest.mark.unit
@pytest.mark.parametrize(
    ("moment", "problem"),
    [
        ("2026-12-05T23:59:59-05:00", ""),  # at the door, after the start
        ("2026-12-06T00:00:00-05:00", "2026-12-06 is after the day of the event, 2026-12-05."),
        ("2026-12-06T00:00:00-03:00", ""),
    ],
)
def test_event_that_is_over(moment, problem):
    assert find_problem(moment, now="2027-01-10T12:00-05:00") == problem


@pytest.mark.unit
@pytest.mark.parametrize(("day", "is_right"), [("2021-02-28", True), ("2021-02-27", False)])
def test_three_years_before_a_leap_day(day, is_right):
    problem = find_problem(f"{day}T12:00-05:00", starts_at="2024-02-29T18:00-05:00")
    assert (problem == "") == is_right


def sales_of_years(package, *years):
    return sales_csv(*(sale(package, purchase_date=f"{year}-10-10", external_sale_id=f"Y{year}") for year in years))


def test_date_outside_the_range_is_a_problem_and_can_be_accepted(event):
    content = sales_of_years(make.package(event), 2000, 2026, 2099)
    checked = check_import(event, content)
    assert list_problem_cells(checked) == [(2, "purchase_date"), (4, "purchase_date")]
    assert (checked.problem_count, checked.has_unlikely_dates) == ("2 problems in 2 rows of 3", True)
    with pytest.raises(imports.ImportRefused):
        run_import(event, content)
    assert run_import(event, content, accept_dates=True).rows_imported == 3


def test_accepting_dates_accepts_no_other_problem(event):
    content = sales_csv(sale(make.package(event), purchase_date="2062-10-10", quantity="six"))
    checked = check_import(event, content, accept_dates=True)
    assert list_problem_cells(checked) == [(2, "quantity")]
    assert not checked.has_unlikely_dates
    with pytest.raises(TicketingError):
        run_import(event, content, accept_dates=True)


def test_sale_that_is_here_already_is_skipped_whatever_its_date(event):
    content = sales_of_years(make.package(event), 2099)
    run_import(event, content, accept_dates=True)
    checked = check_import(event, content)
    assert (checked.problems, checked.to_skip) == ((), 1)


@pytest.mark.parametrize(
    ("rows", "count"),
    [
        ([{"quantity": "six", "purchaser_email": "ana"}, {}, {}], "2 problems in 1 row of 3"),
        ([{"quantity": "six"}], "1 problem in 1 row of 1"),
        ([{"quantity": "six"}, {"quantity": "0", "total_amount": "x"}], "3 problems in 2 rows of 2"),
    ],
)
def test_problems_are_counted_by_row(event, rows, count):
    package = make.package(event)
    content = sales_csv(*(sale(package) | cells for cells in rows))
    with pytest.raises(imports.ImportRefused) as refused:
        run_import(event, content)
    assert refused.value.check.problem_count == count
    assert str(refused.value).startswith(f"sales.csv has {count}. Nothing was imported;")


def test_problems_of_the_header_are_in_no_row(event):
    without_id = {name: cell for name, cell in sale(make.package(event)).items() if name != "external_sale_id"}
    header_only = ",".join(without_id).encode() + b"\n" + ",".join(without_id.values()).encode()
    assert check_import(event, header_only).problem_count == "1 problem in the header"
    faulty = header_only.replace(b",1,", b",six,")
    assert check_import(event, faulty).problem_count == "2 problems in the header and 1 row of 1"

"""Workbooks, read back with openpyxl and pandas: types of cells, both sheets, limits, and one at a time."""

from __future__ import annotations

import asyncio
import io
from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import openpyxl
import pandas
import pytest

from tests.support import make
from tests.support.sales_file import run_import, sale, sales_csv
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.errors import InvalidInput, NotFound, QueueFull
from ticketing.purchase_filter import ALL_PURCHASES, PurchaseFilter
from ticketing.reporting import workbook_writer, workbooks
from ticketing.reporting.workbook_writer import ABOUT, MAX_CELL_LENGTH

MOMENT = datetime(2026, 6, 1, 16, 30, 5, tzinfo=UTC)  # 12:30:05 PM in New York


def build(event, purchase_filter=ALL_PURCHASES, kind="purchases", columns=None, actor=OPERATOR):
    with db.read_session() as session:
        return workbooks.build(session, actor, event.id, purchase_filter, kind, columns)


async def write(plan):
    async with workbooks.write(plan) as file:
        return file.read_bytes()


def open_book(event, *args, **how):
    return openpyxl.load_workbook(io.BytesIO(asyncio.run(write(build(event, *args, **how)))))


def read_about(book):
    return dict(book[ABOUT].iter_rows(values_only=True))


@pytest.fixture
def package(event):
    return make.package(event, name="=Table", price="1234.50", seats_per_package=2)


@pytest.fixture
def sold(event, package):
    donor = {"name": "José Núñez", "email": "jose@example.org", "phone": "+1 212 555 0100"}
    guests = [{"name": "-Zoë"}, {"name": "'=Ben"}]
    return make.purchase(event, package, moment=MOMENT, donor=donor, guests=guests, notes="=1+1\nnéw line")


def test_cells_are_numbers_dates_and_text_that_is_no_formula(event, sold):
    names = ["purchased_at_local", "package", "quantity", "total", "purchaser_name", "purchaser_phone", "notes", "fee"]
    sheet = open_book(event, columns=[*names, "guests", "promo_code"])["Purchases"]
    header, row = sheet.iter_rows(values_only=True)
    assert header[0] == "purchased_at_local (America/New_York)"
    assert row == (
        *(datetime(2026, 6, 1, 12, 30, 5), "=Table", 1, 1234.5, "José Núñez", "+1 212 555 0100"),
        *("=1+1\nnéw line", None, "-Zoë; '=Ben", None),
    )
    assert [cell.data_type for cell in sheet[2]] == ["d", "s", "n", "n", "s", "s", "s", "n", "s", "n"]
    assert sheet["D2"].number_format == "#,##0.00"
    assert (sheet.freeze_panes, sheet.auto_filter.ref) == ("A2", "A1:J2")
    assert sheet["A1"].font.bold
    assert sheet.column_dimensions["A"].width > 30


def test_pandas_reads_the_types(event, sold):
    content = asyncio.run(write(build(event, kind="guests")))
    rows = pandas.read_excel(io.BytesIO(content), engine="openpyxl")
    assert list(rows["guest_name"]) == ["-Zoë", "'=Ben"]
    assert list(rows["seat_number"]) == [1, 2]
    assert rows["list_price"].sum() == 2 * 1234.5
    assert rows["purchased_at_local (America/New_York)"].dt.date.tolist() == [date(2026, 6, 1)] * 2


def test_only_local_moments_once(event, sold):
    header = [cell.value for cell in open_book(event)["Purchases"][1]]
    local = "purchased_at_local (America/New_York)"
    assert "purchased_at" not in header
    assert header.count(local) == 1
    chosen = open_book(event, columns=["total", "purchased_at", "purchased_at_local"])["Purchases"]
    assert [cell.value for cell in chosen[1]] == ["total", local]


def test_second_sheet_says_what_the_rows_are(event, package, sold):
    make.purchase(event, make.package(event, price="10"))
    about = read_about(open_book(event, PurchaseFilter(package_ids=(package.id,), statuses=("completed",))))
    made_at = datetime.fromisoformat(about.pop("Made at"))
    assert abs((made_at - datetime.now(ZoneInfo(event.time_zone)).replace(tzinfo=None)).total_seconds()) < 60
    assert about == {
        "Event": event.name,
        "Sales": "package: =Table; status: completed",
        "Times are in": "America/New_York",
        "Rows": "1",
        "Sum of quantity": 1,
        "Sum of seats": 2,
        "Sum of list_price": 1234.5,
        "Sum of discount": 0,
        "Sum of total": 1234.5,
        "Sum of fee": 0,
    }


def test_file_without_a_row_has_its_header(event):
    book = open_book(event, columns=["total"])
    assert list(book["Purchases"].iter_rows(values_only=True)) == [("total",)]
    assert read_about(book)["Rows"] == "0"


def test_sums_are_exact(event, package):
    rows = [sale(package, total_amount=f"{number}.10", discount_amount="0") for number in range(30)]
    run_import(event, sales_csv(*rows))
    total = sum((Decimal(f"{number}.10") for number in range(30)), Decimal(0))
    assert read_about(open_book(event))["Sum of total"] == float(total)


@pytest.mark.parametrize(("length", "is_cut"), [(MAX_CELL_LENGTH, False), (MAX_CELL_LENGTH + 1, True)])
def test_text_longer_than_a_cell_is_cut_and_said(tmp_path, length, is_cut):
    head = b'{"title": "Rows", "columns": [{"heading": "notes", "type": "text"}], "about": []}\n'
    file = tmp_path / "rows.xlsx"
    workbook_writer.write_workbook(io.BytesIO(head + "\ufeffnotes\n".encode() + b"x" * length + b"\n"), file)
    book = openpyxl.load_workbook(file)
    text = book["Rows"]["A2"].value
    assert (len(text), text.endswith("…")) == (MAX_CELL_LENGTH, is_cut)
    assert ("Texts that are cut" in read_about(book)) is is_cut


def test_moment_before_excels_calendar_is_text(tmp_path):
    head = b'{"title": "Rows", "columns": [{"heading": "at", "type": "moment"}], "about": []}\n'
    file = tmp_path / "rows.xlsx"
    workbook_writer.write_workbook(io.BytesIO(head + b"at\n1899-12-31 23:59:59\n1900-01-01 00:00:00\n"), file)
    sheet = openpyxl.load_workbook(file)["Rows"]
    assert sheet["A2"].value == "1899-12-31 23:59:59"
    assert sheet["A3"].is_date


@pytest.mark.parametrize(("kind", "rows"), [("purchases", 1), ("guests", 2)])
def test_more_rows_than_the_limit_are_refused(event, sold, monkeypatch, kind, rows):
    monkeypatch.setattr(workbooks, "MAX_ROWS", rows)
    assert build(event, kind=kind)
    monkeypatch.setattr(workbooks, "MAX_ROWS", rows - 1)
    with pytest.raises(InvalidInput) as refused:
        build(event, kind=kind)
    assert refused.value.fields == {"rows": workbooks.TOO_LONG}


def test_event_of_others_and_unknown_columns_are_refused(event, sold):
    with pytest.raises(NotFound):
        build(event, actor=make.staff("viewer"))
    with pytest.raises(InvalidInput):
        build(event, columns=["password"])


def test_one_is_written_at_a_time_and_too_many_are_refused(event, sold, monkeypatch):
    monkeypatch.setattr("ticketing.work_queue.MAX_WAITING", 1)

    async def write_beside_others():
        async with workbooks.QUEUE.async_slot():
            second = asyncio.create_task(write(plan))
            while workbooks.QUEUE.count_callers() < 2:
                await asyncio.sleep(0)
            with pytest.raises(QueueFull):
                await write(plan)
            assert not second.done()
        return await second

    plan = build(event)
    assert asyncio.run(write_beside_others()).startswith(b"PK")
    assert workbooks.QUEUE.count_callers() == 0


def test_reader_who_leaves_frees_the_slot(event, sold):

    async def leave():
        writing = asyncio.create_task(write(build(event)))
        while not workbooks.QUEUE.count_callers():
            await asyncio.sleep(0)
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing

    asyncio.run(leave())
    assert workbooks.QUEUE.count_callers() == 0

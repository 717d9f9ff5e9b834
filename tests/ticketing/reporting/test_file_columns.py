"""Chosen columns of files: their order, what is refused, and the presets that come along."""

import asyncio
import csv
import io
from datetime import UTC, datetime

import pandas
import pytest

from tests.support import make
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.catalog import options
from ticketing.errors import InvalidInput, NotFound
from ticketing.purchase_filter import ALL_PURCHASES
from ticketing.reporting import csv_export, file_columns

KINDS = ("purchases", "guests")


def export(event, kind, columns=None, actor=OPERATOR):
    async def collect(prepared):
        return b"".join([chunk async for chunk in csv_export.stream(prepared)])

    with db.read_session() as session:
        prepared = csv_export.build_sales_export(session, actor, event.id, ALL_PURCHASES, kind, columns)
    return asyncio.run(collect(prepared)).decode("utf-8-sig")


def list_rows(event, kind, columns=None):
    return list(csv.reader(io.StringIO(export(event, kind, columns))))


def list_columns(event, kind, actor=OPERATOR):
    with db.read_session() as session:
        return csv_export.list_columns(session, actor, event.id, kind)


@pytest.fixture
def package(event):
    return make.package(event, name="=Table", price="100", seats_per_package=2)


@pytest.fixture
def menu(package):
    return make.option(package, label="Menu", option_type="multi_select", choices=["Fish", "Rice"], is_required=False)


@pytest.fixture
def sold(event, package, menu):
    return make.purchase(
        event,
        package,
        moment=datetime(2026, 6, 1, 16, tzinfo=UTC),
        donor={"name": "José Núñez", "email": "jose@example.org"},
        guests=[{"name": "Zoë"}],
        answers=[{"option_id": menu.id, "value": ["Fish"]}],
    )


def test_chosen_columns_come_in_their_order(event, sold):
    assert list_rows(event, "purchases", ["total", "package", "purchaser_name"]) == [
        ["total", "package", "purchaser_name"],
        ["100.00", "'=Table", "José Núñez"],
    ]


def test_question_is_chosen_by_the_id_of_its_option(event, sold, menu):
    name = f"question-{menu.id}"
    assert list_rows(event, "guests", [name, "seat_number"]) == [["Menu", "seat_number"], ["Fish", "1"], ["Fish", "2"]]
    (column,) = [each for each in list_columns(event, "guests") if each.name == name]
    assert (column.heading, column.is_personal) == ("Menu", False)
    db.write(lambda s: options.update(s, OPERATOR, menu.package_id, menu.id, {"label": "Dinner"}, seen_version=None))
    assert list_rows(event, "guests", [name])[0] == ["Dinner"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_listed_column_can_be_chosen_alone_and_all_are_the_file_by_default(event, sold, kind):
    names = [column.name for column in list_columns(event, kind)]
    everything = list_rows(event, kind)
    assert list_rows(event, kind, names) == everything
    for place, name in enumerate(names):
        assert list_rows(event, kind, [name]) == [[row[place]] if row[place] else [] for row in everything], name


def test_codes_of_all_seats_stand_in_the_order_of_the_seats(event, sold):
    codes = "; ".join(ticket.code for ticket in sold.tickets)
    assert list_rows(event, "purchases", ["ticket_codes", "guests"])[1:] == [[codes, "Zoë"]]


def test_local_time_reads_as_a_date_and_names_its_zone(event, sold):
    table = pandas.read_csv(io.StringIO(export(event, "purchases", ["purchased_at", "purchased_at_local"])))
    assert list(table.columns) == ["purchased_at", "purchased_at_local (America/New_York)"]
    assert table["purchased_at"][0] == "2026-06-01T12:00:00-04:00"
    assert pandas.to_datetime(table.iloc[:, 1])[0] == pandas.Timestamp(2026, 6, 1, 12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["", "Total", "password_hash", "question-1", "question-", "1; DROP TABLE"])
def test_unknown_column_is_refused(event, package, kind, name):
    with pytest.raises(InvalidInput) as refused:
        export(event, kind, ["package", name])
    assert "which this file does not have" in refused.value.fields["columns"]


def test_columns_of_the_other_file_are_refused(event, package):
    for kind, name in (("purchases", "guest_email"), ("guests", "guests")):
        with pytest.raises(InvalidInput):
            export(event, kind, [name])


def test_stranger_learns_no_columns(event, menu):
    with pytest.raises(NotFound):
        list_columns(event, "purchases", make.staff(event=make.event()))


@pytest.mark.parametrize(("text", "names"), [("total", ("total",)), ("total,package", ("total", "package"))])
def test_parameter_is_read(text, names):
    assert file_columns.parse_names(text) == names


@pytest.mark.parametrize("text", ["", ",", "total,", ",total", "total,,package", "total,total"])
def test_wrong_parameter_is_refused(text):
    with pytest.raises(InvalidInput) as refused:
        file_columns.parse_names(text)
    assert list(refused.value.fields) == ["columns"]


@pytest.mark.parametrize("preset", file_columns.PRESETS, ids=lambda preset: preset.name)
def test_presets_have_columns_of_their_file(event, sold, package, menu, preset):
    name_on_card = make.option(package, label="Name on the card", option_type="text_input", is_required=False)
    columns = {column.name: column for column in list_columns(event, preset.kind)}
    asked = [column for column in columns.values() if column.is_question]
    names = file_columns.apply_preset(preset, asked)
    assert list_rows(event, preset.kind, names)[1]
    assert (f"question-{menu.id}" in names) == preset.has_questions
    assert f"question-{name_on_card.id}" not in names
    if "no names" in preset.name:
        assert not any(columns[name].is_personal for name in names)

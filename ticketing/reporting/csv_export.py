"""CSV exports of purchases and of their seats, streamed from COPY.

For spreadsheet programs, a byte order mark marks the encoding and an apostrophe precedes text that would run as a
formula (OWASP, "CSV Injection"). Source of the columns: docs/product.md, "HTTP interface".
"""

from __future__ import annotations

import asyncio
import csv
import io
import re
import uuid
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import psycopg
from sqlalchemy import ARRAY, ColumnElement, Select, Text, case, cast, exists, func, literal, select, true
from sqlalchemy.orm import Session
from sqlalchemy.sql.selectable import LateralFromClause

from ticketing.access import permissions
from ticketing.actors import Actor
from ticketing.db import replica
from ticketing.formatting import FORMULA_PREFIX
from ticketing.models import Answer, AssignedTicket, Event, Option, Order, Package, PromoCode, Purchase
from ticketing.purchase_filter import PurchaseFilter, build_conditions, build_order_by
from ticketing.reporting import file_columns
from ticketing.reporting.file_columns import QUESTION_PREFIX, FileColumn, Kind, Type

CHUNK_BYTES = 64 * 1024
BYTE_ORDER_MARK = "\ufeff"

Columns = dict[str, Any]


class Statement(NamedTuple):
    """A SELECT as text, with the parameters that psycopg quotes into it."""

    query: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class Export:
    """A CSV to stream: its header, the statement of its rows, the time zone of its moments, and the event's name.

    `count` is the statement of the number of its rows, `types` are those of the columns of a file that can be a
    workbook, and `has_people` says whether a column is about persons.
    """

    header: tuple[str, ...]
    rows: Statement
    count: Statement
    time_zone: str
    event_name: str
    types: tuple[Type, ...] = ()
    has_people: bool = True


def build_sales_export(
    session: Session,
    actor: Actor,
    event_id: uuid.UUID,
    purchase_filter: PurchaseFilter,
    kind: Kind = "purchases",
    columns: Sequence[str] | None = None,
    *,
    for_workbook: bool = False,
) -> Export:
    """Return the export of one row per matching purchase, or per seat of these, named or not.

    Access is checked here, rows are read later. Amounts are those of the purchase and repeat with each of its seats.
    `columns` are names of `list_columns` in the order of the file, None for all. A workbook knows text from formulas,
    so what people typed has no apostrophe there, and its only moments are local ones. Raises NotFound when the actor
    may not see the event, and InvalidInput for a column that the file does not have.
    """
    permissions.require(session, actor, "read", event_id)
    seats = _build_joined_seats() if kind == "purchases" else _build_seats()
    return _build_export_with_seats(session, event_id, purchase_filter, kind, seats, columns, for_workbook=for_workbook)


def list_columns(session: Session, actor: Actor, event_id: uuid.UUID, kind: Kind) -> list[FileColumn]:
    """Return the columns that a file of an event can have, in its default order."""
    permissions.require(session, actor, "read", event_id)
    return file_columns.list_columns(kind, _build_question_columns(_list_options_by_label(session, event_id)))


def stream(export: Export, on_count: Callable[[int], None] | None = None) -> AsyncGenerator[bytes, None]:
    """Yield the CSV in chunks of about CHUNK_BYTES, so that memory does not grow with the number of rows.

    It contains everything that was committed before the first chunk was requested. `on_count` is called in a thread,
    before the first chunk, with the number of rows in the same snapshot; what it raises ends the stream, as does a
    later error. Raises Unavailable or a subclass.
    """
    return replica.stream(partial(_stream_chunks, export, on_count))


async def _stream_chunks(
    export: Export, on_count: Callable[[int], None] | None, connection: psycopg.AsyncConnection[Any]
) -> AsyncGenerator[bytes, None]:
    async with connection.cursor() as cursor:
        await cursor.execute(
            "SELECT set_config('TimeZone', %s, true), set_config('statement_timeout', '10min', true)",
            [export.time_zone],
        )
        if on_count is not None:
            await cursor.execute(*export.count)
            (rows_in_all,) = await cursor.fetchone() or (0,)
            await asyncio.to_thread(on_count, rows_in_all)
        # COPY accepts no server-side parameters, so psycopg quotes them into the statement.
        statement = f"COPY ({export.rows.query}) TO STDOUT WITH (FORMAT csv)"
        async with cursor.copy(statement, export.rows.parameters) as rows:
            chunk = bytearray(_encode_header(export.header))
            async for row in rows:
                chunk += row
                if len(chunk) >= CHUNK_BYTES:
                    yield bytes(chunk)
                    chunk.clear()
            yield bytes(chunk)


def _encode_header(header: tuple[str, ...]) -> bytes:
    """Return the header line. COPY's own header is limited to the length of a column name; questions can be longer."""
    line = io.StringIO(newline="")
    csv.writer(line, lineterminator="\n").writerow(header)
    return (BYTE_ORDER_MARK + line.getvalue()).encode()


def build_export(
    session: Session, header: tuple[str, ...], query: Select[Any], count: Select[Any], time_zone: str, event_name: str
) -> Export:
    """Return the export of a query, which has one column for each name in the header; `count` is that of its rows."""
    return Export(header, _compile(session, query), _compile(session, count), time_zone, event_name)


def _compile(session: Session, query: Select[Any]) -> Statement:
    compiled = query.compile(dialect=session.get_bind().dialect, compile_kwargs={"render_postcompile": True})
    return Statement(str(compiled), compiled.params)


def escape_formula(column: Any) -> ColumnElement[str]:
    """Return text of users with an apostrophe before anything that a spreadsheet would run as a formula."""
    return case((column.regexp_match(FORMULA_PREFIX), func.concat("'", column)), else_=column)


class _Seats(NamedTuple):
    """The seats of a purchase as a lateral subquery, the columns of the file from it, and the order of its rows."""

    subquery: LateralFromClause
    columns: Columns
    then_by: tuple[ColumnElement[Any], ...] = ()


def _build_joined_seats() -> _Seats:
    """Return names and codes of all seats of a purchase in one row."""
    ticket = AssignedTicket

    def join(values: Any) -> ColumnElement[str]:
        return func.aggregate_strings(values, "; ").aggregate_order_by(ticket.seat_number)

    seats = (
        select(join(ticket.guest_name).label("names"), join(ticket.code).label("codes"))
        .where(ticket.purchase_id == Purchase.id)
        .lateral("seats_of_purchase")
    )
    return _Seats(seats, {"guests": seats.c.names, "ticket_codes": seats.c.codes})


def _build_seats() -> _Seats:
    """Return a row for each seat of a purchase."""
    ticket = AssignedTicket
    seats = (
        select(ticket.seat_number, ticket.code, ticket.guest_name, ticket.guest_email)
        .where(ticket.purchase_id == Purchase.id)
        .lateral("seats")
    )
    columns = {
        "seat_number": seats.c.seat_number,
        "ticket_code": seats.c.code,
        "guest_name": seats.c.guest_name,
        "guest_email": seats.c.guest_email,
    }
    return _Seats(seats, columns, (seats.c.seat_number,))


_PURCHASE_COLUMNS: Columns = {
    "purchase_id": Purchase.id,
    "purchased_at": func.to_char(Purchase.purchased_at, 'YYYY-MM-DD"T"HH24:MI:SSTZH:TZM'),
    "package": Package.name,
    "is_sponsorship": case((Package.is_sponsorship.is_(True), "true"), else_="false"),
    "quantity": Purchase.quantity,
    "seats": Purchase.seats,
    "purchaser_name": Purchase.purchaser_name,
    "purchaser_email": Purchase.purchaser_email,
    "purchaser_phone": Purchase.purchaser_phone,
    "list_price": Purchase.list_price,
    "discount": Purchase.discount,
    "total": Purchase.total,
    "promo_code": PromoCode.code,
    "payment_status": Purchase.payment_status,
    "channel": Purchase.channel,
    "external_sale_id": Purchase.external_sale_id,
    "notes": Purchase.notes,
}
_LAST_COLUMNS: Columns = {
    "fee": Purchase.fee,
    "order_id": Order.id,
    "order_number": Order.number,
    # As spreadsheet programs read it; times are in the zone of the event, which the heading names.
    "purchased_at_local": func.to_char(Purchase.purchased_at, "YYYY-MM-DD HH24:MI:SS"),
}


def _build_export_with_seats(
    session: Session,
    event_id: uuid.UUID,
    purchase_filter: PurchaseFilter,
    kind: Kind,
    seats: _Seats,
    columns: Sequence[str] | None,
    *,
    for_workbook: bool,
) -> Export:
    """Return the export of the chosen ones of the purchase's columns, those of its seats, and its questions."""
    event = session.scalars(select(Event).where(Event.id == event_id)).one()
    questions = _list_options_by_label(session, event_id)
    answers = (
        _build_answers_lateral([[each.id for each in asked] for asked in questions.values()]) if questions else None
    )
    question_columns = _build_question_columns(questions)
    names = [column.name for column in question_columns]
    expressions = {**_PURCHASE_COLUMNS, **seats.columns, **_LAST_COLUMNS}
    if answers is not None:
        expressions |= dict(zip(names, answers.c, strict=True))
    listed = {column.name: column for column in file_columns.list_columns(kind, question_columns)}
    chosen = file_columns.choose(list(listed) if columns is None else columns, listed)
    if for_workbook:
        chosen = {name: listed[name] for name in map(file_columns.get_local_name, chosen)}
    values = [
        escape_formula(expressions[name]) if column.type == "text" and not for_workbook else expressions[name]
        for name, column in chosen.items()
    ]
    counted = func.count() if kind == "purchases" else func.coalesce(func.sum(Purchase.seats), 0)
    conditions = build_conditions(purchase_filter, event_id)
    count = select(counted).select_from(Purchase).join(Package, Package.id == Purchase.package_id).where(*conditions)
    query = (
        select(*values)
        .select_from(Purchase)
        .join(Package, Package.id == Purchase.package_id)
        .join(Order, Order.id == Purchase.order_id)
        .outerjoin(PromoCode, PromoCode.id == Purchase.promo_code_id)
        .join(seats.subquery, true())
        .where(*conditions)
        .order_by(*build_order_by(purchase_filter), *seats.then_by)
    )
    if answers is not None and chosen.keys() & set(names):
        query = query.join(answers, true())
    titles = dict(zip(names, _build_headings(questions, set(expressions)), strict=True))
    titles["purchased_at_local"] = f"purchased_at_local ({event.time_zone})"
    header = tuple(titles.get(name, name) for name in chosen)
    export = build_export(session, header, query, count, event.time_zone, event.name)
    columns_chosen = chosen.values()
    types = tuple(column.type for column in columns_chosen)
    return replace(export, types=types, has_people=any(column.is_personal for column in columns_chosen))


def _build_question_columns(questions: Mapping[str, Sequence[Option]]) -> list[FileColumn]:
    """Return the columns of questions. Answers that are text may name people; those from a list do not."""
    return [
        FileColumn(
            f"{QUESTION_PREFIX}{asked[0].id}",
            label,
            level="seat",
            is_personal=any(each.option_type == "text_input" for each in asked),
        )
        for label, asked in questions.items()
    ]


def _list_options_by_label(session: Session, event_id: uuid.UUID) -> dict[str, list[Option]]:
    """Return the event's options by label; a retired option only while it has answers."""
    rows = session.scalars(
        select(Option)
        .join(Package, Package.id == Option.package_id)
        .where(Option.event_id == event_id, Option.retired_at.is_(None) | exists().where(Answer.option_id == Option.id))
        .order_by(Package.display_order, Option.retired_at.is_not(None), Option.display_order, Option.id)
    )
    questions: dict[str, list[Option]] = {}
    for option in rows:
        questions.setdefault(option.label, []).append(option)
    return questions


def _build_headings(labels: Iterable[str], taken: set[str]) -> list[str]:
    """Return the labels as unique column names, of which none is a formula."""
    headings: list[str] = []
    for label in labels:
        heading = f"'{label}" if re.match(FORMULA_PREFIX, label) else label
        while heading in taken:
            heading += " (question)"
        taken.add(heading)
        headings.append(heading)
    return headings


def _build_answers_lateral(questions: Iterable[list[uuid.UUID]]) -> LateralFromClause:
    """Return a lateral subquery of one purchase's answers as text: always one row, with one column per question."""
    choice = func.jsonb_array_elements_text(Answer.value).column_valued("choice")
    kind, plain = func.jsonb_typeof(Answer.value), Answer.value.op("#>>")(cast(literal("{}", Text), ARRAY(Text)))
    answer = case(
        (kind == "boolean", case((plain == "true", "yes"), else_="no")),
        (kind == "array", select(func.aggregate_strings(choice, ", ")).scalar_subquery()),
        else_=plain,
    )
    return (
        select(
            *(
                func.aggregate_strings(answer, "; ").filter(Answer.option_id.in_(ids)).label(f"question_{number}")
                for number, ids in enumerate(questions)
            )
        )
        .where(Answer.purchase_id == Purchase.id)
        .lateral("answers_given")
    )

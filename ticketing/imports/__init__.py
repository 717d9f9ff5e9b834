"""Import sales made elsewhere from a file: a check that changes nothing, then all of the sales or none.

Source of every rule: docs/product.md, "Import". An import locks rows in the same order as purchases do: packages, then
promo codes (each by id), then donors. So limits are exact and there are no deadlocks; purchases of the same packages
wait until the import is done.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ARRAY, ColumnElement, Text, any_, func, literal, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from ticketing import audit, db, metrics, money
from ticketing.access import permissions
from ticketing.actors import Actor
from ticketing.catalog import events, promo_codes
from ticketing.errors import TicketingError
from ticketing.file_reader.columns import OPTIONAL_COLUMNS, REQUIRED_COLUMNS
from ticketing.formatting import format_count, replace_control_characters
from ticketing.imports import column_mapping, excel, files, json_file, orders, store
from ticketing.imports import rows as import_rows
from ticketing.imports.column_mapping import ColumnMapping
from ticketing.imports.rows import ExistingData, Problem, Record, Sale
from ticketing.imports.table import Table
from ticketing.models import Donor, Event, ImportBatch, ImportMapping, Package, PromoCode, PromoUse, Purchase
from ticketing.validation import name_key

MAX_FILE_NAME_LENGTH = 200
PER_PAGE = 20


@dataclass(frozen=True)
class CheckResult:
    """What an import of this file would do now. All tuples are in the order of the rows.

    `rows` counts the file's rows, `to_import` the valid sales, `to_skip` those already in the event; a sale is one row
    unless a mapping combines rows. `packages` and `revenue` (USD) are what the sales to import would add to the
    event's figures.
    """

    file_name: str
    rows: int
    to_import: int
    to_skip: int
    packages: int
    revenue: Decimal
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]


@dataclass(frozen=True)
class ImportResult:
    """What an import stored. `batch_id` is None when every row was already in the event and nothing was stored."""

    batch_id: uuid.UUID | None
    rows_imported: int
    rows_skipped: int
    warnings: tuple[Problem, ...]


class ImportRefused(TicketingError):
    """The file has problems, so nothing was stored. `check` lists them all."""

    code = "import_refused"

    def __init__(self, check: CheckResult) -> None:
        self.check = check
        problems = format_count(len(check.problems), "problem")
        super().__init__(
            f"{check.file_name} has {problems}. Nothing was imported; correct the file and import it again."
        )


@dataclass(frozen=True)
class SalePreview:
    """A sale as it would be stored, from its first `row` on.

    `values` are our columns as plain text with times in the event's zone, `problems` the sentences by column.
    """

    row: int
    values: dict[str, str]
    problems: dict[str, str]


def check(
    session: Session,
    actor: Actor,
    event_id: uuid.UUID,
    file_name: str,
    table: Table,
    mapping: ColumnMapping | None = None,
) -> CheckResult:
    """Return every problem of the file by row and column, and change nothing.

    `table` is the content of the file (`files.read`). Without a mapping it must have our columns. Raises NotFound and
    NotAllowed when the actor may not change the event.
    """
    permissions.require(session, actor, "change", event_id)
    return _check_table(session, event_id, file_name, table, mapping, for_update=False)[0]


def run(
    session: Session,
    actor: Actor,
    event_id: uuid.UUID,
    file_name: str,
    table: Table,
    mapping: ColumnMapping | None = None,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> ImportResult:
    """Store every sale that is not in the event yet, as one batch.

    The file is checked again while packages and promo codes are locked until the transaction ends. Raises what `check`
    raises, and ImportRefused when there is any problem; then nothing is changed. A second import of the same file
    stores nothing. The mapping is saved for the next file with this header. `progress` is called with the number of
    sales stored and of all sales. An actor who loses access meanwhile stops the import (`permissions.require_still`).
    """
    started_at = time.monotonic()
    permissions.require(session, actor, "change", event_id)
    store.prepare_long_transaction(session)
    checked, sales = _check_table(session, event_id, file_name, table, mapping, for_update=True)
    if checked.problems:
        raise ImportRefused(checked)
    if not sales:
        return ImportResult(None, 0, checked.to_skip, checked.warnings)

    def report(stored: int, total: int) -> None:
        permissions.require_still(session, actor, "change", event_id)
        if progress is not None:
            progress(stored, total)

    batch = store.create_batch(session, actor, event_id, checked.file_name, sales, checked.to_skip, report)
    permissions.require_still(session, actor, "change", event_id, until_commit=True)
    audit.record(
        session, actor, event_id, "import.completed", batch, [audit.Change("rows_imported", None, batch.rows_imported)]
    )
    if mapping is not None:
        _save_mapping(session, event_id, table, mapping)
    db.after_commit(session, lambda: metrics.IMPORT_SECONDS.observe(time.monotonic() - started_at))
    db.after_commit(session, lambda: _count_sold(sales))
    return ImportResult(batch.id, batch.rows_imported, batch.rows_skipped, checked.warnings)


def _count_sold(sales: Sequence[Sale]) -> None:
    """Count the imported purchases; packages, seats and dollars only of those that are paid or pending."""
    counting = [sale for sale in sales if sale.counts]
    metrics.count_sold(
        "import",
        purchases=len(sales),
        packages=sum(sale.quantity for sale in counting),
        seats=sum(sale.quantity * sale.package.seats_per_package for sale in counting),
        dollars=sum((sale.total for sale in counting), money.ZERO),
    )


def find_saved_mapping(session: Session, actor: Actor, event_id: uuid.UUID, table: Table) -> ColumnMapping | None:
    """Return the mapping of the last import into this event from a file with this header, without what is gone.

    Raises NotFound and NotAllowed when the actor may not change the event.
    """
    permissions.require(session, actor, "change", event_id)
    stored = session.get(ImportMapping, (event_id, column_mapping.header_hash(table)))
    if stored is None:
        return None
    return column_mapping.from_json(stored.mapping, table, _get_package_names(session, event_id))


def preview(
    session: Session,
    actor: Actor,
    event_id: uuid.UUID,
    table: Table,
    mapping: ColumnMapping,
    max_sales: int = 5,
) -> tuple[SalePreview, ...]:
    """Return the first sales as they would be stored, each with all of its rows.

    Raises NotFound and NotAllowed when the actor may not change the event.
    """
    permissions.require(session, actor, "change", event_id)
    table = column_mapping.limit_sales(table, mapping, max_sales)
    records, _ = _read_records(session, event_id, table, mapping, for_update=False)
    zone = _get_time_zone(session, event_id)
    cells = column_mapping.apply(table, mapping, _get_package_names(session, event_id))
    raw = {row: dict(zip(cells.header, values, strict=True)) for row, values in cells.records}
    return tuple(
        SalePreview(
            record.row,
            {column: replace_control_characters(cell) for column, cell in raw[record.row].items()}
            | import_rows.format_values(record.values, zone),
            record.problems,
        )
        for record in records
        if record.values
    )[:max_sales]


def list_batches(
    session: Session, actor: Actor, event_id: uuid.UUID, *, page: int = 1, per_page: int = PER_PAGE
) -> tuple[list[ImportBatch], int]:
    """Return one page of the imports into this event, the latest first, and the number of all.

    Raises NotFound when the actor may not see the event.
    """
    permissions.require(session, actor, "read", event_id)
    of_event = select(ImportBatch).where(ImportBatch.event_id == event_id)
    total = session.scalar(select(func.count()).select_from(of_event.subquery())) or 0
    latest_first = of_event.order_by(ImportBatch.created_at.desc(), ImportBatch.id.desc())
    return list(session.scalars(latest_first.limit(per_page).offset((page - 1) * per_page))), total


def example_csv(session: Session, actor: Actor, event_id: uuid.UUID) -> bytes:
    """Return a CSV file that can be imported into this event now: up to three sales of its own packages.

    Raises NotFound when the actor may not see the event.
    """
    return files.to_csv(*_build_example(session, actor, event_id))


def example_json(session: Session, actor: Actor, event_id: uuid.UUID) -> bytes:
    """Return the example as JSON, with amounts as text, so that no program turns them into binary fractions."""
    return json_file.write(*_build_example(session, actor, event_id))


def example_excel(session: Session, actor: Actor, event_id: uuid.UUID) -> bytes:
    """Return the example as an Excel workbook, with numbers and dates as Excel's own."""
    header, rows = _build_example(session, actor, event_id)
    types: dict[str, Callable[[str], object]] = {
        "quantity": int,
        "total_amount": Decimal,
        "fee_amount": Decimal,
        "purchase_date": datetime.fromisoformat,
    }
    typed = [
        [types[column](cell) if cell and column in types else cell for column, cell in zip(header, row, strict=True)]
        for row in rows
    ]
    return excel.write(header, typed)


def problems_csv(check: CheckResult) -> bytes:
    """Return problems and warnings as CSV in the order of the rows: row, column, message, severity."""
    findings = [(each, "problem") for each in check.problems] + [(each, "warning") for each in check.warnings]
    lines = [(each.row, each.column, each.message, severity) for each, severity in sorted(findings)]
    return files.to_csv(("row", "column", "message", "severity"), lines)


_EXAMPLE_COLUMNS = REQUIRED_COLUMNS + OPTIONAL_COLUMNS
_EXAMPLE_DONORS: tuple[dict[str, str], ...] = (
    {"purchaser_name": "Zoë Álvarez", "purchaser_email": "zoe.alvarez@example.org", "notes": "Table near the stage"},
    {"purchaser_name": "Sam O'Neill", "purchaser_email": "sam.oneill@example.org", "purchaser_phone": "212 555 0142"},
    {"purchaser_name": "Łukasz Nowak", "purchaser_email": "lukasz.nowak@example.org", "fee_amount": "0.00"},
)


def _build_example(session: Session, actor: Actor, event_id: uuid.UUID) -> tuple[tuple[str, ...], list[list[str]]]:
    event = events.get(session, actor, event_id)
    in_order = session.scalars(select(Package).where(Package.event_id == event_id).order_by(Package.display_order))
    available = islice((package for package in in_order if not package.is_sold_out), len(_EXAMPLE_DONORS))
    moment = datetime.now(ZoneInfo(event.time_zone)).replace(microsecond=0, tzinfo=None)
    rows = []
    for number, (package, donor) in enumerate(zip(available, _EXAMPLE_DONORS, strict=False), start=1):
        values = donor | {
            "ticket_type": package.name,
            "quantity": "1",
            "total_amount": money.format_plain(package.price),
            "purchase_date": moment.isoformat(),
            "external_sale_id": f"EXAMPLE-{number}",
            "payment_status": "completed",
        }
        rows.append([values.get(column, "") for column in _EXAMPLE_COLUMNS])
    return _EXAMPLE_COLUMNS, rows


def _check_table(
    session: Session,
    event_id: uuid.UUID,
    file_name: str,
    table: Table,
    mapping: ColumnMapping | None,
    *,
    for_update: bool,
) -> tuple[CheckResult, list[Sale]]:
    if for_update:
        # One import into an event at a time, so that no two store the same external_sale_id.
        session.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"import into {event_id}"))))
    if mapping is None:
        header = import_rows.validate_header(table.header)
    else:
        header = import_rows.validate_mapped_header(column_mapping.mapped_columns(mapping))
    records, existing = _read_records(session, event_id, table, mapping, for_update=for_update)
    result = import_rows.validate(records, existing)
    checked = CheckResult(
        file_name=_clean_file_name(file_name),
        rows=len(table.records),
        to_import=len(result.sales),
        to_skip=result.skipped_count,
        packages=sum(sale.quantity for sale in result.sales if sale.counts),
        revenue=sum((sale.total for sale in result.sales if sale.payment_status == "completed"), money.ZERO),
        problems=(*header.problems, *import_rows.list_column_problems(table), *result.problems),
        warnings=(*header.warnings, *result.warnings),
    )
    return checked, result.sales


def _read_records(
    session: Session, event_id: uuid.UUID, table: Table, mapping: ColumnMapping | None, *, for_update: bool
) -> tuple[list[Record], ExistingData]:
    """Return the records of the file, and the data of the event that they refer to."""
    if mapping is not None:
        table = column_mapping.apply(table, mapping, _get_package_names(session, event_id))
    records = list(import_rows.parse(table, _get_time_zone(session, event_id)))
    existing = _load_existing_data(session, event_id, records, for_update=for_update)
    return (orders.combine(records, existing) if mapping and mapping.combine else records), existing


def _get_time_zone(session: Session, event_id: uuid.UUID) -> str:
    return session.scalars(select(Event.time_zone).where(Event.id == event_id)).one()


def _get_package_names(session: Session, event_id: uuid.UUID) -> dict[uuid.UUID, str]:
    in_order = select(Package.id, Package.name).where(Package.event_id == event_id).order_by(Package.display_order)
    return {row.id: row.name for row in session.execute(in_order)}


def _save_mapping(session: Session, event_id: uuid.UUID, table: Table, mapping: ColumnMapping) -> None:
    values = {"mapping": column_mapping.to_json(mapping), "changed_at": func.now()}
    key = {"event_id": event_id, "header_hash": column_mapping.header_hash(table)}
    session.execute(
        insert(ImportMapping)
        .values(**key, **values)
        .on_conflict_do_update(index_elements=["event_id", "header_hash"], set_=values)
    )


def _load_existing_data(
    session: Session, event_id: uuid.UUID, records: Sequence[Record], *, for_update: bool
) -> ExistingData:
    """Load what the rows refer to, packages before promo codes; `for_update` locks both until the transaction ends."""
    names = {name_key(name) for name in _distinct_values(records, "ticket_type")}
    codes = {promo_codes.normalize_code(code) for code in _distinct_values(records, "promo_code")}
    packages = (
        select(Package).where(Package.event_id == event_id, _in_array(Package.name_key, names)).order_by(Package.id)
    )
    promos = (
        select(PromoCode).where(PromoCode.event_id == event_id, _in_array(PromoCode.code, codes)).order_by(PromoCode.id)
    )
    if for_update:
        packages, promos = packages.with_for_update(key_share=True), promos.with_for_update(key_share=True)
    fresh = {"populate_existing": True}
    packages_by_key = {each.name_key: each for each in session.scalars(packages, execution_options=fresh)}
    found_promos = session.scalars(promos, execution_options=fresh).all()
    ids = _in_array(Purchase.external_sale_id, orders.collect_possible_ids(records, packages_by_key))
    stored_sales = session.execute(
        select(Purchase.external_sale_id, Purchase.package_id).where(Purchase.event_id == event_id, ids)
    )
    return ExistingData(
        packages=packages_by_key,
        promo_codes={promo.code: promo for promo in found_promos},
        external_sale_ids={row.external_sale_id: row.package_id for row in stored_sales if row.external_sale_id},
        donor_uses=_count_donor_uses(
            session, [promo.id for promo in found_promos if promo.max_uses_per_donor is not None]
        ),
    )


def _count_donor_uses(session: Session, promo_code_ids: list[uuid.UUID]) -> dict[tuple[uuid.UUID, str], int]:
    rows = session.execute(
        select(PromoUse.promo_code_id, Donor.email_key, func.count())
        .join(Donor, Donor.id == PromoUse.donor_id)
        .where(PromoUse.promo_code_id.in_(promo_code_ids), PromoUse.given_back_at.is_(None))
        .group_by(PromoUse.promo_code_id, Donor.email_key)
    )
    return {(row[0], row[1]): row[2] for row in rows}


def _distinct_values(records: Iterable[Record], column: str) -> set[str]:
    return {value for record in records if (value := record.values.get(column)) is not None}


def _in_array(column: Any, values: set[str]) -> ColumnElement[bool]:
    """Compare with one array parameter, since a file may have more values than a statement takes parameters."""
    return column == any_(literal(list(values), ARRAY(Text)))  # type: ignore[no-any-return]


def _clean_file_name(file_name: str) -> str:
    return "".join(character for character in file_name if character.isprintable())[:MAX_FILE_NAME_LENGTH] or "file"

"""Import sales made elsewhere from a file: a check that changes nothing, then all of the sales or none.

Source of every rule: docs/product.md, "Import". An import locks rows in the same order as purchases do: orders whose
status it changes, packages, promo codes (each by id), then donors. So limits are exact and there are no deadlocks;
purchases of the same packages wait until the import is done.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal

from sqlalchemy import Row, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from ticketing import audit, db, metrics, money
from ticketing.access import permissions
from ticketing.actors import Actor
from ticketing.catalog import archive
from ticketing.errors import Conflict
from ticketing.file_reader.columns import normalize_header
from ticketing.formatting import format_count, replace_control_characters
from ticketing.imports import (
    column_mapping,
    existing_data,
    files,
    known_sales,
    left_out_columns,
    orders,
    parsing,
    store,
    summary,
)
from ticketing.imports import header as import_header
from ticketing.imports import rows as import_rows
from ticketing.imports.column_mapping import ColumnMapping
from ticketing.imports.comparison import StatusChange
from ticketing.imports.date_range import DateRange, is_about_range
from ticketing.imports.examples import example_csv as example_csv
from ticketing.imports.examples import example_excel as example_excel
from ticketing.imports.examples import example_json as example_json
from ticketing.imports.left_out_columns import LeftOutColumn
from ticketing.imports.options import DEFAULT_OPTIONS, ImportOptions
from ticketing.imports.rows import ExistingData, Problem, Record, Sale
from ticketing.imports.summary import ImportSummary
from ticketing.imports.table import Table
from ticketing.models import Event, ImportBatch, ImportMapping, Package
from ticketing.sales import status_changes
from ticketing.sales.status_changes import LockedLines

MAX_FILE_NAME_LENGTH = 200


@dataclass(frozen=True)
class CheckResult:
    """What an import of this file would do now. All tuples are in the order of the rows.

    `rows` counts the file's rows, `to_import` the valid sales, `to_skip` those already in the event, `voided` are those
    that were voided here and are left out; a sale is one row unless a mapping combines rows. `packages` and `revenue`
    (USD) are what the sales to import would add to the event's figures; `summary` has more of them. `status_changes`
    are sales that are here and went on at the seller; they are made only by option. `other_sales` counts the problems
    of rows whose number is here for another sale, which a prefix solves; `other_reports` are files with other columns
    that brought the same orders.
    """

    file_name: str
    rows: int
    to_import: int
    to_skip: int
    packages: int
    revenue: Decimal
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    summary: ImportSummary
    header_row: int = 1
    voided: tuple[Problem, ...] = ()
    status_changes: tuple[StatusChange, ...] = ()
    other_sales: int = 0
    other_reports: tuple[str, ...] = ()

    @property
    def problem_count(self) -> str:
        """How many problems there are and where: "2 problems in 1 row of 3", or "1 problem in the header"."""
        rows = {problem.row for problem in self.problems}
        places = ["the header"] if self.header_row in rows else []
        if wrong := len(rows - {self.header_row}):
            places.append(f"{format_count(wrong, 'row')} of {self.rows:,}")
        return f"{format_count(len(self.problems), 'problem')} in {' and '.join(places)}"

    @property
    def has_unlikely_dates(self) -> bool:
        """Whether there are problems that `accept_dates` would let through."""
        return any(is_about_range(problem) for problem in self.problems)


@dataclass(frozen=True)
class ImportResult:
    """What an import stored. `batch_id` is None when there was nothing to store or change.

    `rows_skipped` were in the event already, `rows_voided` were voided here and are left out. `statuses_changed` counts
    those in the event already whose payment was moved on.
    """

    batch_id: uuid.UUID | None
    rows_imported: int
    rows_skipped: int
    warnings: tuple[Problem, ...]
    rows_voided: int = 0
    statuses_changed: int = 0


class ImportRefused(Conflict):
    """The file, read with `mapping`, has problems that `check` lists, so nothing was stored."""

    code = "import_refused"

    def __init__(self, check: CheckResult, mapping: ColumnMapping | None = None) -> None:
        self.check = check
        self.mapping = mapping
        super().__init__(
            f"{check.file_name} has {check.problem_count}. Nothing was imported; correct the file and import it again."
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
    options: ImportOptions = DEFAULT_OPTIONS,
) -> CheckResult:
    """Return every problem of the file by row and column, and change nothing.

    `table` is the content of the file (`files.read`). Without a mapping it must have our columns. Raises NotFound and
    NotAllowed when the actor may not change the event, EventArchived, and InvalidInput for a prefix that cannot be
    stored.
    """
    permissions.require(session, actor, "change", event_id)
    options.validate()
    return _check_table(session, event_id, file_name, table, mapping, options)[0]


def run(
    session: Session,
    actor: Actor,
    event_id: uuid.UUID,
    file_name: str,
    table: Table,
    mapping: ColumnMapping | None = None,
    options: ImportOptions = DEFAULT_OPTIONS,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> ImportResult:
    """Store every sale that is not in the event yet, as one batch; move payments on if the options say so.

    The file is checked again while packages and promo codes are locked until the transaction ends. Raises what `check`
    raises, ImportRefused when there is any problem, and Conflict when the sales to change were changed meanwhile; then
    nothing is changed. A second import of the same file stores nothing. The mapping is saved for the next file with
    this header. `progress` is called with the number of sales stored and of all sales. An actor who loses access
    meanwhile stops the import (`permissions.require_still`).
    """
    started_at = time.monotonic()
    permissions.require(session, actor, "change", event_id)
    options.validate()
    store.prepare_long_transaction(session)
    store.lock_imports(session, event_id)
    file = file_name, table, mapping, options
    locked = _lock_changing_orders(session, event_id, *file) if options.changes_statuses else LockedLines()
    checked, sales = _check_table(session, event_id, *file, locked)
    if checked.problems:
        raise ImportRefused(checked, mapping)
    changes = checked.status_changes if options.changes_statuses else ()
    if not sales and not changes:
        return ImportResult(None, 0, checked.to_skip, checked.warnings, len(checked.voided))
    _change_statuses(session, actor, event_id, changes, locked)

    def report(stored: int, total: int) -> None:
        permissions.require_still(session, actor, "change", event_id)
        if progress is not None:
            progress(stored, total)

    batch = ImportBatch(
        event_id=event_id,
        staff_id=actor.staff_id,
        imported_by=actor.name,
        file_name=checked.file_name,
        rows_skipped=checked.to_skip + len(checked.voided),
        statuses_changed=len(changes),
        id_prefix=options.id_prefix,
        header_hash=column_mapping.header_hash(table),
    )
    store.store_batch(session, batch, sales, report)
    permissions.require_still(session, actor, "change", event_id, until_commit=True)
    counts = {"rows_imported": batch.rows_imported} | ({"statuses_changed": len(changes)} if changes else {})
    audit.record(session, actor, event_id, "import.completed", batch, audit.creation_changes(counts))
    if mapping is not None:
        _save_mapping(session, event_id, table, mapping)
    db.after_commit(session, lambda: metrics.IMPORT_SECONDS.observe(time.monotonic() - started_at))
    db.after_commit(session, lambda: _count_sold(batch.orders, sales))
    stored = batch.id, batch.rows_imported, checked.to_skip
    return ImportResult(*stored, checked.warnings, len(checked.voided), len(changes))


def _lock_changing_orders(
    session: Session,
    event_id: uuid.UUID,
    file_name: str,
    table: Table,
    mapping: ColumnMapping | None,
    options: ImportOptions,
) -> LockedLines:
    """Lock the orders whose status changes, before any package (docs/decisions/0028). So the file is checked twice."""
    checked, _ = _check_table(session, event_id, file_name, table, mapping, options)
    return status_changes.lock_orders(session, event_id, {change.order_id for change in checked.status_changes})


def _change_statuses(
    session: Session, actor: Actor, event_id: uuid.UUID, changes: Sequence[StatusChange], locked: LockedLines
) -> None:
    if not {change.purchase_id for change in changes} <= locked.purchase_ids:
        raise Conflict("Sales of this file were changed meanwhile. Nothing was imported; check the file again.")
    if changes:
        steps = {change.purchase_id: change.steps for change in changes}
        status_changes.change_statuses(session, actor, event_id, steps)
        known_sales.store_statuses(session, changes)


def _count_sold(orders: int, sales: Sequence[Sale]) -> None:
    """Count the imported orders and purchases; packages, seats and dollars only of those that are paid or pending."""
    counting = [sale for sale in sales if sale.counts]
    metrics.count_sold(
        "import",
        orders=orders,
        purchases=len(sales),
        packages=sum(sale.quantity for sale in counting),
        seats=sum(sale.quantity * sale.package.seats_per_package for sale in counting),
        dollars=sum((sale.total for sale in counting), money.ZERO),
    )


def find_saved_mapping(session: Session, actor: Actor, event_id: uuid.UUID, table: Table) -> ColumnMapping | None:
    """Return the mapping of the last import into this event from a file with this header. Raises as `check` does."""
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
    options: ImportOptions = DEFAULT_OPTIONS,
    max_sales: int = 5,
) -> tuple[SalePreview, ...]:
    """Return the first sales as they would be stored, each with all of its rows.

    Raises NotFound and NotAllowed when the actor may not change the event.
    """
    permissions.require(session, actor, "change", event_id)
    table = column_mapping.limit_sales(table, mapping, max_sales)
    records, _, _ = _read_records(session, event_id, table, mapping, options)
    zone = _get_event(session, event_id).time_zone
    cells = column_mapping.apply(table, mapping, _get_package_names(session, event_id))
    raw = {row: dict(zip(cells.header, values, strict=True)) for row, values in cells.records}
    return tuple(
        SalePreview(
            record.row,
            {column: replace_control_characters(cell) for column, cell in raw[record.row].items()}
            | parsing.format_values(record.values, zone),
            record.problems,
        )
        for record in records
        if record.values
    )[:max_sales]


def problems_csv(check: CheckResult) -> bytes:
    """Return problems and warnings as CSV in the order of the rows: row, column, message, severity."""
    findings = [(each, "problem") for each in check.problems]
    findings += [(each, "warning") for each in (*check.warnings, *check.voided)]
    lines = [(each.row, each.column, each.message, severity) for each, severity in sorted(findings)]
    return files.to_csv(("row", "column", "message", "severity"), lines)


def _check_table(
    session: Session,
    event_id: uuid.UUID,
    file_name: str,
    table: Table,
    mapping: ColumnMapping | None,
    options: ImportOptions,
    locked: LockedLines | None = None,
) -> tuple[CheckResult, list[Sale]]:
    if mapping is None:
        header = import_header.validate_header(table.header, table.header_row)
    else:
        header = import_header.validate_mapped_header(column_mapping.mapped_columns(mapping), table.header_row)
    columns, uses = (mapping.columns, mapping.uses) if mapping is not None else (None, {})
    undecided = left_out_columns.find_undecided(table, columns, uses)
    records, existing, of_cells = _read_records(session, event_id, table, mapping, options, locked)
    comparison = known_sales.compare(session, event_id, records, existing, column_mapping.header_hash(table))
    if options.changes_statuses:
        existing = replace(existing, returned=known_sales.count_returned(session, comparison.changes.values()))
    result = import_rows.validate(records, existing, comparison)
    checked = CheckResult(
        file_name="".join(filter(str.isprintable, file_name))[:MAX_FILE_NAME_LENGTH] or "file",
        rows=len(table.records),
        to_import=len(result.sales),
        to_skip=result.skipped_count,
        packages=sum(sale.quantity for sale in result.sales if sale.counts),
        revenue=sum((sale.total for sale in result.sales if sale.payment_status == "completed"), money.ZERO),
        problems=(*header.problems, *import_header.list_column_problems(table), *result.problems),
        warnings=(
            *_exclude_named(header.warnings, undecided),
            *left_out_columns.list_warnings(table, undecided),
            *import_rows.merge_warnings(result, of_cells),
        ),
        summary=summary.build(len(table.records), result),
        header_row=table.header_row,
        voided=tuple(result.voided),
        status_changes=tuple(result.status_changes),
        other_sales=result.other_sales,
        other_reports=tuple(sorted(comparison.other_reports)),
    )
    return checked, result.sales


def _exclude_named(warnings: Sequence[Problem], undecided: Sequence[LeftOutColumn]) -> list[Problem]:
    """Return the warnings of unknown columns without those of which another warning says more."""
    named = normalize_header([column.title for column in undecided])
    return [warning for warning in warnings if warning.column not in named]


def _read_records(
    session: Session,
    event_id: uuid.UUID,
    table: Table,
    mapping: ColumnMapping | None,
    options: ImportOptions,
    locked: LockedLines | None = None,
) -> tuple[Sequence[Record], ExistingData, list[Problem]]:
    """Return the records of the file, the data of the event that they refer to, and the warnings of single rows.

    Packages and promo codes are locked with those of `locked`, unless that is None.
    """
    if mapping is not None:
        table = column_mapping.apply(table, mapping, _get_package_names(session, event_id))
    event = _get_event(session, event_id)
    archive.refuse_archived(event)
    records = list(parsing.parse(table, event.time_zone))
    known_sales.add_prefix(records, options.id_prefix)
    if not options.accept_dates:
        DateRange.of_event(event.starts_at, event.time_zone, datetime.now(UTC)).add_problems(records)
    existing = existing_data.load(session, event_id, records, options.imports_voided, locked)
    combined = orders.combine_table(table, records, existing, event.time_zone)
    return combined, existing, import_rows.list_warnings(records)


def _get_event(session: Session, event_id: uuid.UUID) -> Row[str, datetime, bool]:
    return session.execute(
        select(Event.time_zone, Event.starts_at, Event.is_archived).where(Event.id == event_id)
    ).one()


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

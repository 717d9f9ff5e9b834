"""A file that is being imported: its content, a summary of it, and the choices made for it."""

from __future__ import annotations

import hashlib
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import streamlit as st

from ticketing import db, imports
from ticketing.actors import Actor
from ticketing.catalog import packages
from ticketing.file_reader.columns import COLUMNS
from ticketing.formatting import CONTROL_CHARACTERS, replace_control_characters
from ticketing.imports import cells as import_cells
from ticketing.imports import column_mapping, files
from ticketing.imports.cells import DateOrder
from ticketing.imports.column_mapping import ColumnMapping
from ticketing.imports.table import Table
from ui.imports.job import Job

MAX_EXAMPLES = 3
Step = Literal["file", "columns", "check"]


@dataclass(frozen=True)
class FileSummary:
    """What the choice of columns shows of a file.

    `examples` are the first different values of a column, `empty_counts` the rows in which it is empty, both by its
    title, as are the cells of `first_rows`.
    """

    rows: int
    titles: tuple[str, ...]
    examples: Mapping[str, tuple[str, ...]]
    empty_counts: Mapping[str, int]
    first_rows: tuple[Mapping[str, str], ...]


@dataclass(frozen=True)
class DateReadings:
    """The orders in which dates can be read; `example` is a date of which the `readings` differ."""

    orders: tuple[DateOrder, ...]
    example: str = ""
    readings: Mapping[DateOrder, str] = field(default_factory=dict)


@dataclass
class ImportDraft:
    """One file, from its upload to its import. `table` is its content until it is imported.

    `mapping` is None while the file is read as one with our columns; `is_mapping_saved` says that it is the one of an
    earlier import. `preview` are the first sales under the mapping beside them, `outcome` says why the last import
    stored nothing, `import_result` what it stored.
    """

    event_id: uuid.UUID
    file_name: str
    table: Table | None
    summary: FileSummary
    mapping: ColumnMapping | None = None
    is_mapping_saved: bool = False
    step: Step = "file"
    preview: tuple[ColumnMapping, tuple[imports.SalePreview, ...]] | None = None
    checked: imports.CheckResult | None = None
    job: Job | None = None
    outcome: str = ""
    import_result: imports.ImportResult | None = None
    was_canceled_too_late: bool = False
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    _packages: dict[tuple[str, ...], Counter[str]] = field(default_factory=dict)
    _dates: dict[tuple[str, ...], DateReadings] = field(default_factory=dict)

    def get_key(self, name: str) -> str:
        """Return the key of a widget. It belongs to this file, so that no choice for an earlier one comes back."""
        return f"import_{name}_{self.id}"

    def get_package_key(self, name: str) -> str:
        """Return the key of the choice for a package that the file calls `name`."""
        return self.get_key(f"package_{hashlib.sha256(name.encode()).hexdigest()[:16]}")

    def count_package_names(self, titles: tuple[str, ...]) -> Counter[str]:
        """Return the package names in these columns with the number of rows of each, in the order of the file."""
        if titles not in self._packages:
            self._packages[titles] = _count_package_names(self.get_table(), titles)
        return self._packages[titles]

    def get_date_readings(self, titles: tuple[str, ...]) -> DateReadings:
        """Return how the dates in these columns can be read."""
        if titles not in self._dates:
            self._dates[titles] = _detect_date_readings(self.get_table(), titles)
        return self._dates[titles]

    def get_table(self) -> Table:
        """Return the content of the file, which is not imported yet."""
        assert self.table is not None
        return self.table

    def fill_fields(self, mapping: ColumnMapping) -> None:
        """Set the fields of the columns step to this mapping."""
        for column in COLUMNS:
            st.session_state[self.get_key(f"columns_{column}")] = list(mapping.columns.get(column, ()))
            st.session_state[self.get_key(f"same_{column}")] = mapping.constants.get(column, "")
        for name, package_id in mapping.packages.items():
            st.session_state[self.get_package_key(name)] = package_id
        st.session_state[self.get_key("date_order")] = mapping.date_order
        st.session_state[self.get_key("combine")] = mapping.combine

    def get_titles(self, column: str) -> tuple[str, ...]:
        """Return the chosen titles of the file that make up one of our columns."""
        return tuple(st.session_state.get(self.get_key(f"columns_{column}"), ()))

    def get_constant(self, column: str) -> str:
        """Return the value for all rows, or for those in which the chosen columns are empty."""
        return (st.session_state.get(self.get_key(f"same_{column}")) or "").strip()

    def count_empty_rows(self, column: str) -> int:
        """Return the number of rows in which the chosen column is empty; 0 when several columns are chosen."""
        titles = self.get_titles(column)
        if not titles:
            return self.summary.rows
        return self.summary.empty_counts.get(titles[0], 0) if len(titles) == 1 else 0

    def combines_rows(self) -> bool:
        """Return whether rows of the same order and package become one purchase."""
        return bool(st.session_state.get(self.get_key("combine")))

    def build_mapping(self, package_names: Mapping[uuid.UUID, str]) -> ColumnMapping:
        """Return the mapping as the fields have it now. `package_names` are those of the event by id."""
        columns = {column: titles for column in COLUMNS if (titles := self.get_titles(column))}
        names = self.count_package_names(columns["ticket_type"]) if "ticket_type" in columns else ()
        choices = {name: st.session_state.get(self.get_package_key(name)) for name in names}
        orders = self.get_date_readings(columns.get("purchase_date", ())).orders
        return ColumnMapping(
            columns=columns,
            constants={
                column: text
                for column in COLUMNS
                if self.count_empty_rows(column) and (text := self.get_constant(column))
            },
            packages={
                name: choice for name, choice in choices.items() if choice is not None and choice in package_names
            },
            date_order=orders[0] if len(orders) == 1 else st.session_state.get(self.get_key("date_order")),
            combine=self.combines_rows(),
        )

    def format_title(self, column: str) -> str:
        """Return the title of one of our columns in the file."""
        titles = self.mapping.columns.get(column, ()) if self.mapping is not None else ()
        return " + ".join(titles) or column

    def finish_job(self, job: Job) -> None:
        """Take over how the import ended. It does not call Streamlit, so a rerun cannot interrupt it halfway."""
        self.job = None
        if job.result is not None:
            self.import_result, self.was_canceled_too_late = job.result, job.is_canceled
            self.step, self.table = "file", None
        elif isinstance(job.refusal, imports.ImportRefused):
            self.checked = job.refusal.check
        elif job.refusal is not None:
            self.outcome, self.checked = str(job.refusal), None
        elif job.fault is not None:
            self.outcome = "Nothing was imported."
            raise job.fault
        else:
            self.outcome = "Nothing was imported. The import was canceled and undone."

    @property
    def first_step(self) -> Step:
        """The step after the file."""
        return "check" if self.mapping is None else "columns"

    def go_to_step(self, step: Step) -> None:
        """Open a step. The result of a check is dropped when something may change."""
        self.step, self.outcome = step, ""
        if step != "check":
            self.checked = None


def open_file(
    actor: Actor,
    event_id: uuid.UUID,
    file_name: str,
    content: bytes,
    previous: ImportDraft | None,
    on_wait: Callable[[], None],
) -> ImportDraft:
    """Read a file and return its draft at the next step.

    `on_wait` is called while other files are being read. The choices for the `previous` file are kept when this one has
    the same columns. In a file with our columns a row is a purchase, whatever the proposal for other files would be.
    Raises InvalidInput when the file cannot be read, and QueueFull when too many files wait already.
    """
    table = files.read(file_name, content, on_wait)
    draft = ImportDraft(event_id, file_name, table, _summarize(table))
    with db.read_session() as session:
        package_names = packages.list_names(session, actor, event_id)
        saved_mapping = imports.find_saved_mapping(session, actor, event_id, table)
    if previous is not None and previous.mapping is not None and previous.summary.titles == table.titles:
        draft.mapping, draft.is_mapping_saved = previous.mapping, previous.is_mapping_saved
    elif saved_mapping is not None:
        draft.mapping, draft.is_mapping_saved = saved_mapping, True
    elif column_mapping.is_needed(table):
        draft.mapping = column_mapping.propose(table, package_names)
    draft.step = draft.first_step
    draft.fill_fields(draft.mapping or replace(column_mapping.propose(table, package_names), combine=False))
    return draft


def _summarize(table: Table) -> FileSummary:
    examples: dict[str, dict[str, None]] = defaultdict(dict)
    empty_counts: Counter[str] = Counter()
    for _, cells in table.records:
        for place, title in enumerate(table.titles):
            value = cells[place].strip() if place < len(cells) else ""
            if not value:
                empty_counts[title] += 1
            elif len(examples[title]) < MAX_EXAMPLES:
                examples[title][replace_control_characters(value[:60])] = None
    first_rows = tuple(
        dict(zip(table.titles, map(replace_control_characters, cells), strict=True))
        for _, cells in table.records[:MAX_EXAMPLES]
    )
    first_values = {title: tuple(values) for title, values in examples.items()}
    return FileSummary(len(table.records), table.titles, first_values, empty_counts, first_rows)


def _read_column(table: Table, column: str, titles: tuple[str, ...]) -> list[str]:
    """Return the joined cells of these columns in each row, as the file has them."""
    mapped = column_mapping.apply(table, ColumnMapping(columns={column: titles}, date_order=None), {})
    return [cells[0] for _, cells in mapped.records]


def _count_package_names(table: Table, titles: tuple[str, ...]) -> Counter[str]:
    """Count the names, without those that the check will refuse for their control characters."""
    names = _read_column(table, "ticket_type", titles)
    return Counter(name for name in names if name and not CONTROL_CHARACTERS.search(name))


def _detect_date_readings(table: Table, titles: tuple[str, ...]) -> DateReadings:
    orders = column_mapping.detect_date_orders(table, titles)
    if len(orders) < 2:
        return DateReadings(orders)
    for cell in _read_column(table, "purchase_date", titles):
        readings = {order: import_cells.normalize_datetime(cell, order) for order in orders}
        if len(set(readings.values())) > 1:
            return DateReadings(orders, cell, readings)
    return DateReadings(orders)

"""A file on its way into an event: its bytes, once, what the page knows of it, and what was chosen for it."""

from __future__ import annotations

import hashlib
import uuid
from collections import Counter, defaultdict
from collections.abc import Mapping as Named
from dataclasses import dataclass, field, replace
from typing import Literal

import streamlit as st

from ticketing import db, imports
from ticketing.actors import Actor
from ticketing.catalog import packages
from ticketing.imports import cells as import_cells
from ticketing.imports import column_mapping, files
from ticketing.imports.cells import DateOrder
from ticketing.imports.column_mapping import COLUMNS, ColumnMapping
from ticketing.imports.table import Table
from ui.imports.job import Job

MAX_EXAMPLES = 3
Step = Literal["file", "columns", "check"]


@dataclass(frozen=True)
class FileSummary:
    """What the choice of columns needs to know of a file. `examples` are the first different values of a column,
    `empty` in how many rows it says nothing; both by its title, as are the cells of `first_rows`."""

    rows: int
    titles: tuple[str, ...]
    examples: Named[str, tuple[str, ...]]
    empty_counts: Named[str, int]
    first_rows: tuple[Named[str, str], ...]


@dataclass(frozen=True)
class DateReadings:
    """How the dates of a column can be read; `example` is one that differs, as written and as each order reads it."""

    orders: tuple[DateOrder, ...]
    example: str = ""
    readings: Named[DateOrder, str] = field(default_factory=dict)


@st.cache_resource(max_entries=2, ttl="10m", show_spinner=False)
def _read_cached_table(draft_id: str, _file_name: str, _content: bytes) -> Table:
    """Read once while its columns are chosen; two for the whole server, because one of fifty thousand rows is 50 MB."""
    return files.read(_file_name, _content)


@dataclass
class ImportDraft:
    """One file, from its choice to its import.

    `mapping` is None while the file is taken as one of ours; `is_known` says that it was remembered. `arrivals` are the
    first sales under the mapping beside them, `outcome` why the last import stored nothing, `imported` what it stored.
    """

    event_id: uuid.UUID
    file_name: str
    content: bytes
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

    def key(self, name: str) -> str:
        """The widget's key: of this file, so that nothing chosen for an earlier one comes back."""
        return f"import_{name}_{self.id}"

    def package_key(self, name: str) -> str:
        """Of the choice for a package that the file calls `name`."""
        return self.key(f"package_{hashlib.sha256(name.encode()).hexdigest()[:16]}")

    def package_names(self, titles: tuple[str, ...]) -> Counter[str]:
        """What these columns call packages, with the number of rows of each, in the order of the file."""
        if titles not in self._packages:
            self._packages[titles] = _count_package_names(self.table(), titles)
        return self._packages[titles]

    def get_date_readings(self, titles: tuple[str, ...]) -> DateReadings:
        if titles not in self._dates:
            self._dates[titles] = _detect_date_readings(self.table(), titles)
        return self._dates[titles]

    def table(self) -> Table:
        return _read_cached_table(self.id, self.file_name, self.content)

    def seed(self, mapping: ColumnMapping) -> None:
        """Lets the fields start with this mapping."""
        for column in COLUMNS:
            st.session_state[self.key(f"columns_{column}")] = list(mapping.columns.get(column, ()))
            st.session_state[self.key(f"same_{column}")] = mapping.constants.get(column, "")
        for name, package_id in mapping.packages.items():
            st.session_state[self.package_key(name)] = package_id
        st.session_state[self.key("date_order")] = mapping.date_order
        st.session_state[self.key("combine")] = mapping.combine

    def chosen(self, column: str) -> tuple[str, ...]:
        """The titles of the file that make up one of our columns."""
        return tuple(st.session_state.get(self.key(f"columns_{column}"), ()))

    def constant_value(self, column: str) -> str:
        """What stands in all rows, or where the chosen columns say nothing."""
        return (st.session_state.get(self.key(f"same_{column}")) or "").strip()

    def count_empty_rows(self, column: str) -> int:
        """In how many rows nothing of the file is taken for one of our columns. Several columns leave none open."""
        titles = self.chosen(column)
        if not titles:
            return self.summary.rows
        return self.summary.empty_counts.get(titles[0], 0) if len(titles) == 1 else 0

    def typed(self, package_names: Named[uuid.UUID, str]) -> ColumnMapping:
        """The mapping as the fields have it now. `on_sale` are the event's packages by id."""
        columns = {column: titles for column in COLUMNS if (titles := self.chosen(column))}
        names = self.package_names(columns["ticket_type"]) if "ticket_type" in columns else ()
        picked = {name: st.session_state.get(self.package_key(name)) for name in names}
        orders = self.get_date_readings(columns.get("purchase_date", ())).orders
        return ColumnMapping(
            columns=columns,
            constants={
                column: text
                for column in COLUMNS
                if self.count_empty_rows(column) and (text := self.constant_value(column))
            },
            packages={name: package_id for name, package_id in picked.items() if package_id in package_names},
            date_order=orders[0] if len(orders) == 1 else st.session_state.get(self.key("date_order")),
            combine=bool(st.session_state.get(self.key("combine"))),
        )

    def title(self, column: str) -> str:
        """What the file calls one of our columns."""
        titles = self.mapping.columns.get(column, ()) if self.mapping is not None else ()
        return " + ".join(titles) or column

    def finish_job(self, job: Job) -> None:
        """How the import ended. No rerun can cut this in half, since nothing of Streamlit is in it."""
        self.job = None
        if job.result is not None:
            self.import_result, self.was_canceled_too_late = job.result, job.is_canceled
            self.step, self.content = "file", b""
        elif isinstance(job.refusal, imports.ImportRefused):
            self.checked = job.refusal.check
        elif job.refusal is not None:
            self.outcome, self.checked = str(job.refusal), None
        elif job.fault is not None:
            self.outcome = "Nothing was imported."
            raise job.fault
        else:
            self.outcome = "Nothing was imported. It was cancelled, and what was stored is undone."

    @property
    def first_step(self) -> Step:
        return "check" if self.mapping is None else "columns"

    def go(self, step: Step) -> None:
        """For a button. What a check found does not hold any more when something may change."""
        self.step, self.outcome = step, ""
        if step != "check":
            self.checked = None


def open_file(
    actor: Actor, event_id: uuid.UUID, file_name: str, content: bytes, previous: ImportDraft | None
) -> ImportDraft:
    """Reads the file and leads to its first open step. Raises InvalidInput where there is no reading it.

    What was chosen for the file `before` holds for this one too when it has the same columns. In a file of ours a row
    is a purchase, whatever is proposed for other files.
    """
    work_id = uuid.uuid4().hex
    table = _read_cached_table(work_id, file_name, content)
    work = ImportDraft(event_id, file_name, content, _summarize(table), id=work_id)
    with db.read_session() as session:
        on_sale = packages.list_names(session, actor, event_id)
        remembered = imports.find_saved_mapping(session, actor, event_id, table)
    if previous is not None and previous.mapping is not None and previous.summary.titles == table.titles:
        work.mapping, work.is_mapping_saved = previous.mapping, previous.is_mapping_saved
    elif remembered is not None:
        work.mapping, work.is_mapping_saved = remembered, True
    elif column_mapping.is_needed(table):
        work.mapping = column_mapping.propose(table, on_sale)
    work.step = work.first_step
    work.seed(work.mapping or replace(column_mapping.propose(table, on_sale), combine=False))
    return work


def _summarize(table: Table) -> FileSummary:
    examples: dict[str, dict[str, None]] = defaultdict(dict)
    empty: Counter[str] = Counter()
    for _, cells in table.records:
        for place, title in enumerate(table.titles):
            value = cells[place].strip() if place < len(cells) else ""
            if not value:
                empty[title] += 1
            elif len(examples[title]) < MAX_EXAMPLES:
                examples[title][value[:60]] = None
    first_rows = tuple(dict(zip(table.titles, cells, strict=False)) for _, cells in table.records[:MAX_EXAMPLES])
    told = {title: tuple(few) for title, few in examples.items()}
    return FileSummary(len(table.records), table.titles, told, empty, first_rows)


def _read_column(table: Table, column: str, titles: tuple[str, ...]) -> list[str]:
    """What these columns together say in each row, as the file writes it."""
    taken = column_mapping.apply(table, ColumnMapping(columns={column: titles}, date_order=None), {})
    return [cells[0] for _, cells in taken.records]


def _count_package_names(table: Table, titles: tuple[str, ...]) -> Counter[str]:
    return Counter(name for name in _read_column(table, "ticket_type", titles) if name)


def _detect_date_readings(table: Table, titles: tuple[str, ...]) -> DateReadings:
    orders = column_mapping.detect_date_orders(table, titles)
    if len(orders) < 2:
        return DateReadings(orders)
    for cell in _read_column(table, "purchase_date", titles):
        readings = {order: import_cells.normalize_datetime(cell, order) for order in orders}
        if len(set(readings.values())) > 1:
            return DateReadings(orders, cell, readings)
    return DateReadings(orders)

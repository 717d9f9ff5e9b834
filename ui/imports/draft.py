"""A file that is being imported: its content, a summary of it, and the choices made for it."""

from __future__ import annotations

import hashlib
import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import streamlit as st

from ticketing import db, imports
from ticketing.actors import Actor
from ticketing.catalog import packages
from ticketing.file_reader.columns import AMOUNT_COLUMNS, COLUMNS
from ticketing.imports import choices, column_mapping, files, status_names
from ticketing.imports.column_formats import SUMMED_COLUMNS
from ticketing.imports.column_mapping import ColumnMapping
from ticketing.imports.left_out_columns import LeftOutColumn
from ticketing.imports.readings import AmountReadings, DateReadings, FileReadings, NumberReadings
from ticketing.imports.table import AmountScope, Table
from ui.imports.file_summary import FileSummary, summarize
from ui.imports.job import Job

Step = Literal["file", "columns", "check"]
Switch = Literal["accept_dates", "imports_voided", "changes_statuses"]


@dataclass
class ImportDraft:
    """One file, from its upload to its import. `table` is its content until it is imported.

    `content` is the file itself, while other sheets can be chosen. `mapping` is None while the file is read as one
    with our columns; `is_mapping_saved` says that it is the one of an earlier import. `preview` are the first sales
    under the mapping beside them, `left_out` the columns that need a decision beside those of the fields.
    `outcome` says why the last import stored nothing, `import_result` what it stored.
    """

    event_id: uuid.UUID
    file_name: str
    table: Table | None
    summary: FileSummary
    content: bytes | None = None
    mapping: ColumnMapping | None = None
    is_mapping_saved: bool = False
    step: Step = "file"
    preview: tuple[ColumnMapping, tuple[imports.SalePreview, ...]] | None = None
    checked: imports.CheckResult | None = None
    job: Job | None = None
    outcome: str = ""
    import_result: imports.ImportResult | None = None
    was_canceled_too_late: bool = False
    left_out: tuple[Mapping[str, tuple[str, ...]], tuple[LeftOutColumn, ...]] | None = None
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    _readings: FileReadings | None = None

    def get_key(self, name: str) -> str:
        """Return the key of a widget. It belongs to this file, so that no choice for an earlier one comes back."""
        return f"import_{name}_{self.id}"

    def get_package_key(self, name: str) -> str:
        """Return the key of the choice for a package that the file calls `name`."""
        return self.get_key(f"package_{hashlib.sha256(name.encode()).hexdigest()[:16]}")

    def get_readings(self) -> FileReadings:
        """Return how the columns of the file can be read."""
        if self._readings is None:
            self._readings = FileReadings(self.get_table())
        return self._readings

    def count_package_names(self, titles: tuple[str, ...]) -> Counter[str]:
        """Return the package names in these columns with the number of rows of each, in the order of the file."""
        return self.get_readings().count_package_names(titles)

    def get_status_key(self, word: str) -> str:
        """Return the key of the choice for a word that the file uses for a status."""
        return self.get_key(f"status_{hashlib.sha256(word.encode()).hexdigest()[:16]}")

    def count_status_words(self) -> Mapping[str, tuple[str, int]]:
        """Return the words of the file for a status, by `status_names.key`, as it writes them with their rows."""
        return self.get_readings().count_status_words(self.get_titles("payment_status"))

    def get_status(self, word: str) -> str | None:
        """Return the status that was chosen for a word, else the one that is known for it."""
        chosen = st.session_state.get(self.get_status_key(word), status_names.find(word))
        return chosen if chosen in status_names.CHOICES else None

    def get_date_readings(self, titles: tuple[str, ...]) -> DateReadings:
        """Return how the dates in these columns can be read."""
        return self.get_readings().get_dates(titles)

    def get_number_readings(self, titles: tuple[str, ...]) -> NumberReadings:
        """Return how the numbers in these columns can be read."""
        return self.get_readings().get_numbers(titles)

    def get_amount_readings(self, column: str) -> AmountReadings:
        """Return whose the amounts of one of our columns can be."""
        columns = {each: self.get_titles(each) for each in (column, "quantity", "external_sale_id")}
        return self.get_readings().get_amounts(column, columns, combine=self.combines_rows())

    def get_amount_scope(self, column: str) -> AmountScope | None:
        """Return what was chosen, if there is a choice."""
        scopes = self.get_amount_readings(column).scopes
        chosen = st.session_state.get(self.get_key(f"amount_scope_{column}"))
        return chosen if len(scopes) > 1 and chosen in scopes else None

    def asks_time_zone(self) -> bool:
        """Return whether nothing says in which time zone the times are; in our own format it is the event's."""
        columns = {column: self.get_titles(column) for column in ("purchase_date", "time_zone")}
        return choices.asks_time_zone(self.get_readings(), ColumnMapping(columns))

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
        for word, status in mapping.statuses.items():
            st.session_state[self.get_status_key(word)] = status
        st.session_state[self.get_key("date_order")] = mapping.date_order
        st.session_state[self.get_key("combine")] = mapping.combine
        for column in SUMMED_COLUMNS:
            st.session_state[self.get_key(f"decimal_sign_{column}")] = mapping.decimal_signs.get(column)
        for column in AMOUNT_COLUMNS:
            st.session_state[self.get_key(f"amount_scope_{column}")] = mapping.amount_scopes.get(column)
        st.session_state[self.get_key("swaps_dates")] = mapping.swaps_dates
        st.session_state[self.get_key("time_zone")] = mapping.time_zone

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
        packages = {name: st.session_state.get(self.get_package_key(name)) for name in names}
        signs = {column: st.session_state.get(self.get_key(f"decimal_sign_{column}")) for column in SUMMED_COLUMNS}
        mapping = ColumnMapping(
            columns=columns,
            constants={
                column: text
                for column in COLUMNS
                if self.count_empty_rows(column) and (text := self.get_constant(column))
            },
            packages={name: package_id for name, package_id in packages.items() if package_id is not None},
            date_order=st.session_state.get(self.get_key("date_order")),
            combine=self.combines_rows(),
            decimal_signs={column: sign for column, sign in signs.items() if sign is not None},
            swaps_dates=st.session_state.get(self.get_key("swaps_dates")),
            time_zone=st.session_state.get(self.get_key("time_zone")),
            amount_scopes={column: scope for column in AMOUNT_COLUMNS if (scope := self.get_amount_scope(column))},
            statuses={word: status for word in self.count_status_words() if (status := self.get_status(word))},
        )
        return choices.settle(self.get_readings(), mapping, package_names)

    def is_on(self, switch: Switch) -> bool:
        """Return whether a switch of the check is on: it lets through what is a problem or left out otherwise."""
        return bool(st.session_state.get(self.get_key(switch)))

    def check_again(self) -> None:
        """Drop what was checked and previewed, because a choice for the whole file changed."""
        self.checked = self.preview = None

    def format_title(self, column: str) -> str:
        """Return the title of one of our columns in the file."""
        return column_mapping.format_title(self.mapping, column)

    def finish_job(self, job: Job) -> None:
        """Take over how the import ended. It does not call Streamlit, so a rerun cannot interrupt it halfway."""
        self.job = None
        if job.result is not None:
            self.import_result, self.was_canceled_too_late = job.result, job.is_canceled
            self.step, self.table, self.content, self._readings = "file", None, None, None
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
    sheet_names: Sequence[str] = (),
) -> ImportDraft:
    """Read a file and return its draft at the next step, which for a workbook of several sheets is to choose them.

    `on_wait` is called while other files are being read. The choices for the `previous` file are kept when this one has
    the same columns. In a file with our columns a row is a purchase, whatever the proposal for other files would be.
    Without `sheet_names` those of `files.read` are read. Raises InvalidInput when the file cannot be read, and
    QueueFull when too many files wait already.
    """
    table = files.read(file_name, content, on_wait, sheet_names)
    draft = ImportDraft(event_id, file_name, table, summarize(table), content if len(table.sheets) > 1 else None)
    with db.read_session() as session:
        package_names = packages.list_names(session, actor, event_id)
        saved_mapping = imports.find_saved_mapping(session, actor, event_id, table)
    if previous is not None and previous.mapping is not None and previous.summary.titles == table.titles:
        draft.mapping, draft.is_mapping_saved = previous.mapping, previous.is_mapping_saved
    else:
        draft.mapping, source = choices.choose_mapping(table, saved_mapping, package_names)
        draft.is_mapping_saved = source == "saved"
        if draft.mapping is None and choices.list_undecided_columns(table, None):
            draft.mapping = replace(column_mapping.propose(table, package_names), combine=False)
    has_choice = sum(not sheet.is_hidden for sheet in table.sheets) > 1
    draft.step = "file" if has_choice and not sheet_names else draft.first_step
    draft.fill_fields(draft.mapping or replace(column_mapping.propose(table, package_names), combine=False))
    return draft

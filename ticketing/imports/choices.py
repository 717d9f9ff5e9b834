"""What a person has to choose before a foreign file can be imported, for the Columns step and over HTTP."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from ticketing.catalog import events
from ticketing.errors import InvalidInput
from ticketing.file_reader.columns import AMOUNT_COLUMNS, REQUIRED_COLUMNS
from ticketing.imports import column_mapping, left_out_columns, status_names
from ticketing.imports.cells import DecimalSign
from ticketing.imports.column_formats import SUMMED_COLUMNS
from ticketing.imports.column_mapping import ColumnMapping
from ticketing.imports.readings import FileReadings
from ticketing.imports.table import Table
from ticketing.validation import name_key

PackageNames = Mapping[uuid.UUID, str]
Kind = Literal[
    "columns",
    "date_order",
    "swaps_dates",
    "time_zone",
    "decimal_signs",
    "amount_scopes",
    "packages",
    "statuses",
    "uses",
]
# Where a mapping comes from; None as a mapping means that the file has our columns.
Source = Literal["sent", "saved", "own_columns", "proposed"]
MESSAGES: dict[Kind, str] = {
    "columns": "Choose its column, or enter one value for all rows.",
    "date_order": "These dates can be read both ways. Choose one.",
    "swaps_dates": "A spreadsheet made dates of some cells and left others as text. It may have exchanged day and "
    "month. Compare with the seller, and choose one.",
    "time_zone": "The file doesn't say in which time zone these times are. Choose it.",
    "decimal_signs": "The column doesn't show whether these are thousands. Choose one.",
    "amount_scopes": "The column doesn't show what these amounts are. Choose one.",
    "packages": "Choose our package for each of these names.",
    "statuses": "Choose our status for each of these words.",
    "uses": "This column is left out. Choose what it means, take it as one of our columns, or ignore it.",
}
_KINDS_BY_COLUMN = ("columns", "decimal_signs", "amount_scopes", "uses")
NO_ORDER_NUMBER_MESSAGE = "Choose its column, so the same order isn't imported twice."


@dataclass(frozen=True)
class MissingChoice:
    """A choice that is open: its field of ColumnMapping, and for some of them one of our columns.

    `example` is a cell that can be read in more than one way, `options` are the values to choose from, `words` the
    package names or words for a status that have no choice yet.
    """

    kind: Kind
    column: str = ""
    example: str = ""
    options: tuple[str, ...] = ()
    words: tuple[str, ...] = ()

    @property
    def field(self) -> str:
        """The place in the mapping, such as `decimal_signs.total_amount`."""
        return f"{self.kind}.{self.column}" if self.kind in _KINDS_BY_COLUMN else self.kind

    @property
    def message(self) -> str:
        """What to do, as a sentence for people."""
        return NO_ORDER_NUMBER_MESSAGE if self.column == "external_sale_id" else MESSAGES[self.kind]


def choose_mapping(
    table: Table, saved: ColumnMapping | None, package_names: PackageNames
) -> tuple[ColumnMapping | None, Source]:
    """Return the mapping to begin with: that of the last file with these columns, none for our columns, a proposal."""
    if saved is not None:
        return saved, "saved"
    if column_mapping.is_needed(table):
        return column_mapping.propose(table, package_names), "proposed"
    return None, "own_columns"


def validate(mapping: ColumnMapping, table: Table, package_names: PackageNames) -> None:
    """Raise InvalidInput, by the fields of the mapping, for what neither the file nor the event has."""
    problems = {}
    for column, titles in mapping.columns.items():
        unknown = [title for title in titles if title not in table.titles]
        if unknown:
            problems[f"columns.{column}"] = f"The file has no column called {unknown[0]}."
    for title in mapping.uses.keys() - set(table.titles):
        problems[f"uses.{title}"] = "The file has no column with this title."
    for name, package_id in mapping.packages.items():
        if package_id not in package_names:
            problems[f"packages.{name}"] = "This event has no package with this id."
    if mapping.time_zone is not None and mapping.time_zone not in events.list_time_zones():
        problems["time_zone"] = "Choose an IANA time zone such as America/New_York."
    if problems:
        raise InvalidInput(problems)


def settle(file: FileReadings, mapping: ColumnMapping, package_names: PackageNames) -> ColumnMapping:
    """Return the mapping with what the columns themselves decide, and without choices that the file does not ask for.

    What was chosen for a question that the file answers, as another file did not, gives way to the file.
    """
    dates = file.get_dates(mapping.columns.get("purchase_date", ()))
    chosen_order = mapping.date_order if mapping.date_order in dates.orders else None
    names = (
        file.count_package_names(mapping.columns.get("ticket_type", ())) if mapping.columns.get("ticket_type") else ()
    )
    words = file.count_status_words(mapping.columns.get("payment_status", ()))
    return replace(
        mapping,
        packages={name: mapping.packages[name] for name in names if mapping.packages.get(name) in package_names},
        date_order=dates.orders[0] if len(dates.orders) == 1 else chosen_order,
        decimal_signs={column: sign for column in SUMMED_COLUMNS if (sign := _get_decimal_sign(file, mapping, column))},
        swaps_dates=mapping.swaps_dates if dates.converted_example else None,
        time_zone=mapping.time_zone if asks_time_zone(file, mapping) else None,
        amount_scopes={
            column: mapping.amount_scopes[column]
            for column in AMOUNT_COLUMNS
            if column in mapping.amount_scopes and mapping.amount_scopes[column] in _list_scopes(file, mapping, column)
        },
        statuses={word: mapping.statuses[word] for word in words if word in mapping.statuses},
    )


def propose_statuses(file: FileReadings, mapping: ColumnMapping) -> ColumnMapping:
    """Return the mapping with our status for each known word of the file that has no choice."""
    words = file.count_status_words(mapping.columns.get("payment_status", ()))
    known = {word: status for word in words if (status := status_names.find(word))}
    return replace(mapping, statuses=known | mapping.statuses)


def list_missing(file: FileReadings, mapping: ColumnMapping, package_names: PackageNames) -> list[MissingChoice]:
    """Return what has to be chosen before the file can be checked. `mapping` is one that `settle` returned."""
    missing = [
        MissingChoice("columns", column)
        for column in REQUIRED_COLUMNS
        if not mapping.columns.get(column)
        and not mapping.constants.get(column)
        and not (column == "quantity" and mapping.combine)
    ]
    dates = file.get_dates(mapping.columns.get("purchase_date", ()))
    if mapping.date_order is None:
        missing.append(MissingChoice("date_order", "purchase_date", dates.example, dates.orders))
    if dates.converted_example and mapping.swaps_dates is None:
        missing.append(MissingChoice("swaps_dates", "purchase_date", dates.converted_example, ("false", "true")))
    if mapping.time_zone is None and asks_time_zone(file, mapping):
        missing.append(MissingChoice("time_zone", "purchase_date"))
    for column in SUMMED_COLUMNS:
        numbers = file.get_numbers(mapping.columns.get(column, ()))
        if len(numbers.signs) > 1 and column not in mapping.decimal_signs:
            missing.append(MissingChoice("decimal_signs", column, numbers.example, numbers.signs))
        amounts = file.get_amounts(column, mapping.columns, combine=mapping.combine)
        if len(amounts.scopes) > 1 and column not in mapping.amount_scopes:
            missing.append(MissingChoice("amount_scopes", column, amounts.example, amounts.scopes))
    if names := tuple(count_unmatched_packages(file, mapping, package_names).keys() - mapping.packages.keys()):
        missing.append(MissingChoice("packages", words=tuple(sorted(names))))
    words = file.count_status_words(mapping.columns.get("payment_status", ()))
    if unmatched := [written for word, (written, _) in words.items() if word not in mapping.statuses]:
        missing.append(
            MissingChoice("statuses", "payment_status", options=status_names.CHOICES, words=tuple(unmatched))
        )
    return missing


def list_undecided_columns(table: Table, mapping: ColumnMapping | None) -> list[MissingChoice]:
    """Return the columns that are left out and need a meaning (`left_out_columns`); `column` is their title.

    The options are those of `uses`; such a column can also be taken as one of ours, in `columns`.
    """
    columns, uses = (mapping.columns, mapping.uses) if mapping is not None else (None, {})
    return [
        MissingChoice("uses", each.title, ", ".join(each.examples), each.uses)
        for each in left_out_columns.find_undecided(table, columns, uses)
    ]


def count_unmatched_packages(file: FileReadings, mapping: ColumnMapping, package_names: PackageNames) -> dict[str, int]:
    """Return the package names of the file that no package has here, with the number of rows of each."""
    titles = mapping.columns.get("ticket_type", ())
    ours = {name_key(name) for name in package_names.values()}
    names = file.count_package_names(titles) if titles else {}
    return {name: rows for name, rows in names.items() if name_key(name) not in ours}


def asks_time_zone(file: FileReadings, mapping: ColumnMapping) -> bool:
    """Return whether nothing says in which time zone the times are; in our own format it is the event's."""
    has_local_times = file.get_dates(mapping.columns.get("purchase_date", ())).has_local_times
    return column_mapping.is_needed(file.table) and has_local_times and not mapping.columns.get("time_zone")


def _get_decimal_sign(file: FileReadings, mapping: ColumnMapping, column: str) -> DecimalSign | None:
    titles = mapping.columns.get(column, ())
    signs = file.get_numbers(titles).signs if titles else ()
    if len(signs) < 2:
        return signs[0] if signs else None
    return mapping.decimal_signs.get(column)


def _list_scopes(file: FileReadings, mapping: ColumnMapping, column: str) -> tuple[str, ...]:
    """Return whose the amounts of a column can be if there is a choice."""
    scopes = file.get_amounts(column, mapping.columns, combine=mapping.combine).scopes
    return scopes if len(scopes) > 1 else ()

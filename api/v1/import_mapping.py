"""The field `mapping` of an import over HTTP: ColumnMapping as JSON, with the sheets and switches of the page."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, fields
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from ticketing.errors import InvalidInput
from ticketing.file_reader.columns import AMOUNT_COLUMNS, COLUMNS
from ticketing.formatting import replace_control_characters
from ticketing.imports import column_mapping, status_names
from ticketing.imports.cells import DecimalSign
from ticketing.imports.column_formats import SUMMED_COLUMNS
from ticketing.imports.column_mapping import CONSTANT_COLUMNS, ColumnMapping
from ticketing.imports.dates import DateOrder
from ticketing.imports.options import ImportOptions
from ticketing.imports.table import AmountScope, ColumnUse
from ticketing.models import MAX_ID_PREFIX_LENGTH
from ticketing.validation import Draft, MaxLength, SingleLineText, format_errors

FIELD = "mapping"
Titles = Annotated[list[str], Field(min_length=1)]
StatusChoice = Literal["completed", "pending", "failed", "refunded", "left_out"]
_COLUMNS_BY_FIELD = {
    "columns": COLUMNS,
    "constants": CONSTANT_COLUMNS,
    "decimal_signs": SUMMED_COLUMNS,
    "amount_scopes": AMOUNT_COLUMNS,
}


def _keys(field: str) -> dict[str, Any]:
    return {"propertyNames": {"enum": list(_COLUMNS_BY_FIELD[field])}}


def _normalize_words(statuses: dict[str, StatusChoice]) -> dict[str, StatusChoice]:
    return {status_names.key(word): status for word, status in statuses.items()}


class ImportMapping(Draft):
    """How to read a file, as the Columns step of the page asks for it. Every field can be left out.

    Without `columns`, those of the last import from a file with these columns are taken; else none are needed when the
    file has our columns, and else they are proposed.
    """

    model_config = ConfigDict(extra="forbid", json_schema_extra={"additionalProperties": False})

    sheets: list[str] = Field(
        [],
        max_length=500,
        description="Names of the sheets of a workbook to read, all with the same columns. None: the first visible one "
        "that has most known columns, and all others with its columns.",
        examples=[["November", "December"]],
    )
    columns: dict[str, Titles] | None = Field(
        None,
        description="For each of our columns, the titles in the file that make it up; several are joined or added.",
        examples=[{"external_sale_id": ["Order #"], "purchaser_name": ["First Name", "Last Name"]}],
        json_schema_extra=_keys("columns"),
    )
    constants: dict[str, Annotated[SingleLineText, MaxLength(2000)]] = Field(
        {},
        description="The value for rows in which a column is empty, or for all rows when no title is chosen for it. "
        "For `ticket_type` it is the name of a package.",
        examples=[{"ticket_type": "Gold table", "quantity": "1"}],
        json_schema_extra=_keys("constants"),
    )
    packages: dict[str, uuid.UUID] = Field(
        {},
        max_length=5000,
        description="Id of the package for each name that the file uses; those that are equal to ours need none.",
        examples=[{"Table of 10": "01a207b3-5c11-7e40-8a2f-6f0d2f1c9b77"}],
    )
    statuses: Annotated[dict[str, StatusChoice], AfterValidator(_normalize_words)] = Field(
        {},
        max_length=5000,
        description="Our status for each word that the file uses, or `left_out` for rows that are not imported; known "
        "words need none.",
        examples=[{"attending": "completed", "waitlist": "left_out"}],
    )
    date_order: DateOrder | None = Field(
        None,
        description="How dates such as 03/04/2026 are meant, where the file leaves it open.",
        examples=["day_first"],
    )
    swaps_dates: bool | None = Field(
        None,
        description="Whether a spreadsheet exchanged day and month of the dates that it recognized, where the file "
        "leaves it open.",
        examples=[False],
    )
    time_zone: str | None = Field(
        None,
        description="IANA time zone of times without an offset, where the file does not name one.",
        examples=["America/New_York"],
    )
    combine: bool = Field(
        False,
        description="Whether rows are parts of orders, such as seats: those of one order and package become one "
        "purchase.",
        examples=[True],
    )
    decimal_signs: dict[str, DecimalSign] = Field(
        {},
        description="Whether the decimal sign of a column is a `point` or a `comma`, as in 1.500, where the file "
        "leaves it open.",
        examples=[{"total_amount": "comma"}],
        json_schema_extra=_keys("decimal_signs"),
    )
    amount_scopes: dict[str, AmountScope] = Field(
        {},
        description="Whose the amounts of a column are, where the file leaves it open: those of each `row`, of the "
        "whole `order`, or of one `unit`.",
        examples=[{"total_amount": "order"}],
        json_schema_extra=_keys("amount_scopes"),
    )
    uses: dict[str, ColumnUse] = Field(
        {},
        max_length=500,
        description="What columns mean, by title, that no field takes although they speak of refunds, other prices or "
        "the like: `ignore`; the rows in which they say something are `refunded` or canceled (`failed`); they say the "
        "`status`; they tell which rows are refunds of others (`refund_rows`).",
        examples=[{"Amount Refunded": "refunded", "Tax": "ignore"}],
    )
    accept_dates: bool = Field(
        False,
        description="Whether dates after now, after the event or more than 3 years before it are right.",
        examples=[False],
    )
    imports_voided: bool = Field(
        False, description="Whether sales that were voided here are imported again.", examples=[False]
    )
    id_prefix: str | None = Field(
        None,
        max_length=MAX_ID_PREFIX_LENGTH,
        description="Stands before the order numbers of this seller, so that another one can have the same: letters "
        "A-Z, digits, points, hyphens and underscores; empty for none. Without it, that of earlier files with these "
        "columns is taken.",
        examples=["shop2"],
    )
    changes_statuses: bool = Field(
        False,
        description="Whether payments that went on at the seller, such as a refund, are moved on here.",
        examples=[False],
    )

    @field_validator(*_COLUMNS_BY_FIELD)
    @classmethod
    def _validate_columns(cls, value: dict[str, Any] | None, info: ValidationInfo) -> dict[str, Any] | None:
        known = _COLUMNS_BY_FIELD[info.field_name or ""]
        if unknown := [column for column in value or () if column not in known]:
            raise ValueError(f"{unknown[0]} is not one of {', '.join(known)}.")
        return value

    def get_options(self, proposed_prefix: str) -> ImportOptions:
        """Return the options of the check. Raises InvalidInput for a prefix that cannot be stored."""
        values = {each.name: getattr(self, each.name) for each in fields(ImportOptions)}
        if self.id_prefix is None:
            values["id_prefix"] = proposed_prefix
        options = ImportOptions(**values)
        with naming_fields():
            options.validate()
        return options

    def get_mapping(self) -> ColumnMapping | None:
        """Return the mapping, or None when no columns were sent. Raises InvalidInput when other choices need them."""
        names = [each.name for each in fields(ColumnMapping)]
        if self.columns is None:
            if unused := [name for name in names if name != "columns" and getattr(self, name)]:
                message = "Send columns too; this belongs to them."
                raise InvalidInput({f"{FIELD}.{name}": message for name in unused})
            return None
        columns = {column: tuple(titles) for column, titles in self.columns.items()}
        return ColumnMapping(**{name: getattr(self, name) for name in names} | {"columns": columns})


def parse(text: str | bytes) -> ImportMapping:
    """Return the mapping that was sent; blank is none. Raises InvalidInput with the fields as `mapping.columns`."""
    try:
        return ImportMapping.model_validate_json(text if text.strip() else "{}")
    except ValidationError as exc:
        raise InvalidInput(format_errors([{**each, "loc": (FIELD, *each["loc"])} for each in exc.errors()])) from exc


def build(mapping: ColumnMapping | None, sheets: Iterable[str], options: ImportOptions) -> ImportMapping:
    """Return what a file was read with, in the form in which it can be sent."""
    values: dict[str, Any] = {}
    if mapping is not None:
        values = column_mapping.to_json(mapping)
        values["columns"] = {
            column: list(map(replace_control_characters, titles)) for column, titles in mapping.columns.items()
        }
    return ImportMapping.model_validate(values | asdict(options) | {"sheets": list(sheets)})


def compute_hash(mapping: ImportMapping) -> str:
    """Return the SHA-256 of a mapping, the same whatever the order of its fields."""
    return hashlib.sha256(json.dumps(mapping.model_dump(mode="json"), sort_keys=True).encode()).hexdigest()


@contextmanager
def naming_fields() -> Iterator[None]:
    """Raise what is invalid in a mapping under the names of the fields as they were sent."""
    try:
        yield
    except InvalidInput as exc:
        raise InvalidInput({f"{FIELD}.{name}": sentence for name, sentence in exc.fields.items()}) from exc

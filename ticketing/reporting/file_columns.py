"""The register of columns of downloaded files: names, headings, and which columns a file has by default.

A column is chosen by its name, as in `?columns=package,total`; the name is also its title in the file. A question of
the event is the column `question-` with the id of its first option. Its title is its label.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, TypeVar

from pydantic import Field, WithJsonSchema

from ticketing.errors import InvalidInput
from ticketing.purchase_filter import PurchaseFilter, PurchaseQuery

Kind = Literal["purchases", "guests"]  # of a file: one row for each purchase, or for each seat
Type = Literal["text", "code", "number", "money", "moment"]  # text is what people typed, a code is ours
Level = Literal["order", "purchase", "seat", "donor", "code"]
QUESTION_PREFIX = "question-"
MAX_LENGTH = 4000  # of the parameter `columns`
_COLUMNS_SCHEMA = {"type": "string", "maxLength": MAX_LENGTH, "examples": ["purchased_at,package,total"]}
Value = TypeVar("Value")


@dataclass(frozen=True)
class FileColumn:
    """A column of a file. `level` is the record that its values belong to; a personal one is about a person.

    `kind` is the only file that has it, None for both.
    """

    name: str
    heading: str
    type: Type = "text"
    level: Level = "purchase"
    is_personal: bool = False
    kind: Kind | None = None

    @property
    def is_question(self) -> bool:
        return self.name.startswith(QUESTION_PREFIX)


# In the order of the file. Questions stand before `fee`. New columns come last, so that positions stay.
_COLUMNS = (
    FileColumn("purchase_id", "Purchase id", "code"),
    FileColumn("purchased_at", "Time with offset", "code"),
    FileColumn("package", "Package"),
    FileColumn("is_sponsorship", "Sponsorship", "code"),
    FileColumn("quantity", "Packages bought", "number"),
    FileColumn("seats", "Seats", "number"),
    FileColumn("purchaser_name", "Purchaser", level="donor", is_personal=True),
    FileColumn("purchaser_email", "E-mail address", level="donor", is_personal=True),
    FileColumn("purchaser_phone", "Phone", level="donor", is_personal=True),
    FileColumn("list_price", "List price", "money"),
    FileColumn("discount", "Discount", "money"),
    FileColumn("total", "Total", "money"),
    FileColumn("promo_code", "Promo code", "code", level="code"),
    FileColumn("payment_status", "Status", "code"),
    FileColumn("channel", "Channel", "code"),
    FileColumn("external_sale_id", "External id"),
    FileColumn("notes", "Notes", is_personal=True),
    FileColumn("guests", "Guests", level="seat", is_personal=True, kind="purchases"),
    FileColumn("seat_number", "Seat number", "number", "seat", kind="guests"),
    FileColumn("ticket_code", "Ticket code", "code", level="seat", kind="guests"),
    FileColumn("guest_name", "Guest", level="seat", is_personal=True, kind="guests"),
    FileColumn("guest_email", "Guest's e-mail address", level="seat", is_personal=True, kind="guests"),
    FileColumn("fee", "Fee", "money"),
    FileColumn("order_id", "Order id", "code", level="order"),
    FileColumn("order_number", "Order number", "code", level="order"),
    FileColumn("purchased_at_local", "Date and time", "moment"),
    FileColumn("ticket_codes", "Ticket codes", "code", level="seat", kind="purchases"),
)
_FIRST_OF_LAST = "fee"


@dataclass(frozen=True)
class Preset:
    """A choice of columns that comes along. `has_questions` puts at its end all questions but those with text."""

    name: str
    kind: Kind
    columns: tuple[str, ...]
    has_questions: bool = False


PRESETS = (
    Preset(
        "Door list",
        "guests",
        ("guest_name", "purchaser_name", "package", "seat_number", "ticket_code", "payment_status", "notes"),
    ),
    Preset("Caterer, no names", "guests", ("package", "ticket_code"), has_questions=True),
    Preset(
        "Finance",
        "purchases",
        (
            *("purchased_at_local", "order_number", "external_sale_id", "package", "quantity", "list_price"),
            *("discount", "total", "fee", "promo_code", "payment_status", "channel"),
        ),
    ),
)


def list_columns(kind: Kind, questions: Sequence[FileColumn]) -> list[FileColumn]:
    """Return the columns of a file in their default order, with these `questions`."""
    own = [column for column in _COLUMNS if column.kind in (None, kind)]
    place = next(place for place, column in enumerate(own) if column.name == _FIRST_OF_LAST)
    return [*own[:place], *questions, *own[place:]]


class ExportQuery(PurchaseQuery):
    """The query parameters of a file: its filters and its columns."""

    columns: Annotated[str | None, WithJsonSchema(_COLUMNS_SCHEMA)] = Field(
        None,
        alias="columns",
        max_length=MAX_LENGTH,
        description="Columns of the file in this order, by the names in its first line; all without it. A question of "
        "the event is `question-` with the id of its option. Takes names, separated by commas.",
    )

    def to_filter(self) -> PurchaseFilter:
        return PurchaseFilter(**{name: value for name, value in self if name != "columns"})

    def to_names(self) -> tuple[str, ...] | None:
        """Return the names of the columns, None for all. Raises InvalidInput as `parse_names` does."""
        return None if self.columns is None else parse_names(self.columns)


def parse_names(text: str) -> tuple[str, ...]:
    """Return the names in the parameter `columns`. Raises InvalidInput for none and for one that is given twice."""
    names = tuple(text.split(","))
    if not all(names):
        raise InvalidInput({"columns": "“columns” names at least one column, and has commas only between names."})
    if repeated := [name for name in names if names.count(name) > 1]:
        raise InvalidInput({"columns": f"“columns” has “{repeated[0][:40]}” twice."})
    return names


def choose(names: Sequence[str], available: Mapping[str, Value]) -> dict[str, Value]:
    """Return the named ones of the available columns in this order. Raises InvalidInput for one that is not there."""
    if unknown := [name for name in names if name not in available]:
        raise InvalidInput({"columns": f"“columns” names “{unknown[0][:40]}”, which this file does not have."})
    return {name: available[name] for name in names}


def get_local_name(name: str) -> str:
    """Return the column of a workbook for this one: its moments are local, as spreadsheets have no offsets."""
    return "purchased_at_local" if name == "purchased_at" else name


def apply_preset(preset: Preset, questions: Collection[FileColumn]) -> list[str]:
    """Return the names of a preset's columns, with those of questions without text if it asks for them."""
    asked = [each.name for each in questions if not each.is_personal] if preset.has_questions else []
    return [*preset.columns, *asked]

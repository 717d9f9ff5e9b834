"""How other programs name the columns of an import, from columns.toml. Source: docs/decisions/0010."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from ticketing.file_reader.columns import COLUMNS, normalize_name

Titles = Annotated[
    tuple[str, ...], BeforeValidator(lambda names: [names] if isinstance(names, str) else names), Field(min_length=1)
]


class ColumnNames(BaseModel):
    """The content of columns.toml. `aliases` are the titles that mean one of our columns, the best first.

    Each alias is the titles that together are ours, such as a first and a last name.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    seat_columns: tuple[str, ...]
    name_is_order_beside: str = ""
    aliases: dict[str, tuple[Titles, ...]]

    @field_validator("aliases")
    @classmethod
    def _validate_columns(cls, aliases: dict[str, tuple[Titles, ...]]) -> dict[str, tuple[Titles, ...]]:
        if different := aliases.keys() ^ set(COLUMNS):
            raise ValueError(f"missing or unknown columns: {', '.join(sorted(different))}")
        return aliases


def _load() -> ColumnNames:
    return ColumnNames.model_validate(tomllib.loads(Path(__file__).with_name("columns.toml").read_text("utf-8")))


def is_unit_price(title: str) -> bool:
    """Return whether a title is one of those of the price of one seat or item."""
    return normalize(title) in _UNIT_PRICES


def is_of_seat(title: str) -> bool:
    """Return whether only a file with a row for each seat or item has this column."""
    return normalize(title) in SEAT_COLUMNS


normalize = normalize_name
_NAMES = _load()
ALIASES = _NAMES.aliases
_UNIT_PRICES = {normalize(name) for alias in ALIASES["total_amount"] for name in alias if name.endswith("*")}
NAME_IS_ORDER_BESIDE = normalize(_NAMES.name_is_order_beside)
SEAT_COLUMNS = frozenset(map(normalize, _NAMES.seat_columns))

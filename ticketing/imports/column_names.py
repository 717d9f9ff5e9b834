"""How other programs name the columns of an import, from columns.toml. Source: docs/decisions/0010."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from ticketing.file_reader.columns import COLUMNS

Titles = Annotated[
    tuple[str, ...], BeforeValidator(lambda names: [names] if isinstance(names, str) else names), Field(min_length=1)
]


class ColumnNames(BaseModel):
    """The content of columns.toml. `aliases` are the titles that mean one of our columns, the best first.

    Each alias is the titles that together are ours, such as a first and a last name.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    seat_columns: tuple[str, ...]
    aliases: dict[str, tuple[Titles, ...]]

    @field_validator("aliases")
    @classmethod
    def _validate_columns(cls, aliases: dict[str, tuple[Titles, ...]]) -> dict[str, tuple[Titles, ...]]:
        if different := aliases.keys() ^ set(COLUMNS):
            raise ValueError(f"missing or unknown columns: {', '.join(sorted(different))}")
        return aliases


def normalize(name: str) -> str:
    """Return the form in which names of columns are compared: "E-Mail" is "email", "Order #" is "order#"."""
    return re.sub(r"[^\w#]+|_", "", name.removesuffix("*").casefold())


def _load() -> ColumnNames:
    return ColumnNames.model_validate(tomllib.loads(Path(__file__).with_name("columns.toml").read_text("utf-8")))


_NAMES = _load()
ALIASES = _NAMES.aliases
SEAT_COLUMNS = frozenset(map(normalize, _NAMES.seat_columns))

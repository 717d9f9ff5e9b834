"""The columns of an import, and how their names are compared (docs/product.md, "Import")."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from ticketing.formatting import remove_invisible_characters

REQUIRED_COLUMNS = (
    "ticket_type",
    "purchaser_name",
    "purchaser_email",
    "quantity",
    "total_amount",
    "purchase_date",
    "external_sale_id",
)
OPTIONAL_COLUMNS = ("promo_code", "discount_amount", "fee_amount", "payment_status", "notes", "purchaser_phone")
# Not stored: they say how the amounts and the date of a row are meant.
CONTEXT_COLUMNS = ("currency", "time_zone")
GUEST_COLUMNS = ("guest_name", "guest_email")  # only under a mapping
AMOUNT_COLUMNS = ("total_amount", "discount_amount", "fee_amount")
# What an order says once; many programs do so in one of its rows only.
ORDER_COLUMNS = (
    "purchaser_name", "purchaser_email", "purchaser_phone", "purchase_date", "payment_status", "promo_code", "notes",
)  # fmt: skip
COLUMNS = REQUIRED_COLUMNS + OPTIONAL_COLUMNS + CONTEXT_COLUMNS + GUEST_COLUMNS
# A file may have an event_id, which is ignored: the import goes into the event that is open.
KNOWN_COLUMNS = frozenset({*REQUIRED_COLUMNS, *OPTIONAL_COLUMNS, *CONTEXT_COLUMNS, "event_id"})
# What other programs call them. ticketing.imports.column_names validates it; a worker only looks for headers with it.
_ALIASES_FILE = Path(__file__).parents[1] / "imports" / "columns.toml"


def normalize_header(header: Sequence[str]) -> tuple[str, ...]:
    """Return column names in the form of ours: "Ticket Type" is ticket_type."""
    return tuple(re.sub(r"[\s_-]+", "_", remove_invisible_characters(name).strip()).casefold() for name in header)


def normalize_name(name: str) -> str:
    """Return the form in which names of columns are compared: "E-Mail" is "email", "Order #" is "order#"."""
    return re.sub(r"[^\w#]+|_", "", name.strip().removesuffix("*").casefold())


@cache
def load_known_names() -> frozenset[str]:
    """Return the normalized names of our columns, and those by which other programs call them."""
    aliases = tomllib.loads(_ALIASES_FILE.read_text("utf-8"))["aliases"]
    names = [
        name
        for column in aliases.values()
        for alias in column
        for name in ([alias] if isinstance(alias, str) else alias)
    ]
    return frozenset(map(normalize_name, [*names, *KNOWN_COLUMNS]))

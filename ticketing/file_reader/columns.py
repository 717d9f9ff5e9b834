"""The columns of an import, and how their names are compared (docs/product.md, "Import")."""

from __future__ import annotations

import re
from collections.abc import Sequence

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
GUEST_COLUMNS = ("guest_name", "guest_email")  # only under a mapping
COLUMNS = REQUIRED_COLUMNS + OPTIONAL_COLUMNS + GUEST_COLUMNS
# A file may have an event_id, which is ignored: the import goes into the event that is open.
KNOWN_COLUMNS = frozenset({*REQUIRED_COLUMNS, *OPTIONAL_COLUMNS, "event_id"})


def normalize_header(header: Sequence[str]) -> tuple[str, ...]:
    """Return column names in the form of ours: "Ticket Type" is ticket_type."""
    return tuple(re.sub(r"[\s_-]+", "_", name.strip()).casefold() for name in header)

"""What a comparison of a file with the sales that are in the event already has found."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from ticketing.models import SOLD_STATUSES

# Without these nobody can say whether a row is the sale that is here under its number.
COMPARED_COLUMNS = ("purchaser_email", "total_amount", "payment_status")


@dataclass(frozen=True, slots=True)
class StatusChange:
    """A sale that is here, whose payment went on at the seller since its last file: from `current` to `status`.

    `row` is that of the file; `steps` are the statuses by which the payment gets there.
    """

    row: int
    external_sale_id: str
    purchase_id: uuid.UUID
    order_id: uuid.UUID
    package_id: uuid.UUID
    quantity: int
    total: Decimal
    current: str
    status: str
    steps: tuple[str, ...]

    @property
    def revenue(self) -> Decimal:
        """What the change adds to the event's revenue in USD."""
        return self.total * ((self.status == "completed") - (self.current == "completed"))

    @property
    def packages(self) -> int:
        """How many packages the change puts back on sale."""
        return 0 if self.status in SOLD_STATUSES else self.quantity


@dataclass
class Comparison:
    """What was found, by external id of the file's row.

    `other_sales` are sentences about rows that are other sales than those under their numbers, `changes` the statuses
    that went on at the seller, and `unreachable` sentences about those that a sale here cannot take. `other_reports`
    are the names of files, with other columns, that brought the same orders.
    """

    other_sales: dict[str, str] = field(default_factory=dict)
    changes: dict[str, StatusChange] = field(default_factory=dict)
    unreachable: dict[str, str] = field(default_factory=dict)
    other_reports: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Returned:
    """What status changes return before new sales are stored: packages by id, and uses by promo code and email_key."""

    packages: Mapping[uuid.UUID, int] = field(default_factory=Counter)
    donor_uses: Mapping[tuple[uuid.UUID, str], int] = field(default_factory=Counter)

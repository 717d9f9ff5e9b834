"""A sale of one package: an order of one line, for callers that sell one thing at a time.

Rules: docs/product.md, "Orders". ticketing.sales.orders records it.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from ticketing.actors import Actor
from ticketing.errors import InvalidInput, TicketingError
from ticketing.models import AssignedTicket, Order, Purchase
from ticketing.sales import orders
from ticketing.sales.order_draft import PurchaseDraft, hash_request

_LINE = "lines.0."


@dataclass(frozen=True)
class RecordedPurchase:
    """A stored purchase; `is_repeat` when its idempotency key was used before. `answers` are values by option id.

    `time_zone` is the event's.
    """

    order: Order
    purchase: Purchase
    tickets: list[AssignedTicket]
    promo_code: str | None
    answers: dict[uuid.UUID, Any]
    time_zone: str
    is_repeat: bool = False


def record(
    session: Session,
    actor: Actor,
    event_id: uuid.UUID,
    draft: PurchaseDraft,
    *,
    idempotency_key: str | None = None,
    moment: datetime | None = None,
) -> RecordedPurchase:
    """Record an order of one line, as `orders.record` does; fields of refusals are those of PurchaseDraft."""
    try:
        recorded = orders.record(
            session,
            actor,
            event_id,
            draft.to_order(),
            idempotency_key=idempotency_key,
            request_hash=hash_request(draft) if idempotency_key else None,
            moment=moment,
        )
    except InvalidInput as exc:
        raise InvalidInput({field.removeprefix(_LINE): text for field, text in exc.fields.items()}) from exc
    except TicketingError as exc:
        if exc.field is not None:
            exc.field = exc.field.removeprefix(_LINE)
        raise
    [line] = recorded.lines
    return RecordedPurchase(
        recorded.order,
        line.purchase,
        line.tickets,
        recorded.promo_code,
        line.answers,
        recorded.time_zone,
        recorded.is_repeat,
    )

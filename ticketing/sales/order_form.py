"""An order while a person types it: what it costs so far, and everything that is wrong with it at once."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ticketing import money, pricing
from ticketing.access import permissions
from ticketing.actors import Actor
from ticketing.catalog import options, promo_codes
from ticketing.errors import InvalidInput, NotFound
from ticketing.models import Package
from ticketing.pricing import Quote
from ticketing.sales import orders
from ticketing.sales.order_draft import OrderDraft
from ticketing.validation import email_key, validate


def quote(
    session: Session,
    actor: Actor,
    event_id: uuid.UUID,
    lines: Sequence[tuple[uuid.UUID, int]],
    *,
    channel: str = "online",
    promo_code: str | None = None,
    donor_email: str = "",
) -> Quote:
    """Return what an order of `lines`, given as package id and quantity, would cost now, in USD; nothing is changed.

    Raises NotFound (package), PromoRefused, and InvalidInput (a comp sale with a promo code, or a sum too large).
    """
    permissions.require(session, actor, "read", event_id)
    ids = [package_id for package_id, _ in lines]
    rows = session.execute(select(Package.id, Package.price).where(Package.event_id == event_id, Package.id.in_(ids)))
    prices = {row.id: row.price for row in rows}
    if set(ids) - prices.keys():
        raise NotFound("package")
    discount = orders.complimentary_discount(channel, promo_code)
    if promo_code and promo_code.strip():
        row = promo_codes.get_applicable(
            session, event_id, promo_code, donor_email_key=email_key(donor_email), moment=datetime.now(UTC)
        )
        discount = promo_codes.build_discount(row)
    quotes = pricing.quote_lines([(prices[package_id], quantity) for package_id, quantity in lines], discount)
    return Quote(
        sum((each.list_price for each in quotes), money.ZERO),
        sum((each.discount for each in quotes), money.ZERO),
        sum((each.total for each in quotes), money.ZERO),
    )


def parse_draft(session: Session, actor: Actor, event_id: uuid.UUID, values: Mapping[str, Any]) -> OrderDraft:
    """Return the values of a form as a draft; `values` are those of OrderDraft.

    Raises InvalidInput with every invalid field, those of the answers included: `lines.0.answers.OPTION`.
    """
    permissions.require(session, actor, "change", event_id)
    problems: dict[str, str] = {}
    try:
        draft = validate(OrderDraft, values)
    except InvalidInput as exc:
        problems |= exc.fields
    asked = options.list_active_by_package(session, event_id, [line["package_id"] for line in values["lines"]])
    for index, line in enumerate(values["lines"]):
        answers = {answer["option_id"]: answer["value"] for answer in line["answers"]}
        try:
            options.validate_answers(asked.get(line["package_id"], []), answers)
        except InvalidInput as exc:
            problems |= {f"lines.{index}.{field}": sentence for field, sentence in exc.fields.items()}
    if problems:
        raise InvalidInput(problems)
    return draft

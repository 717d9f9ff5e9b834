"""Dry-run a promo code against every rule of a purchase, without using it.

Codes are short enough to guess. After 10 codes within a minute that do not apply, an actor gets no answers until the
minute is over, also not for a valid code, because that answer would confirm a guess. Purchases refused because of their
code do not count: there a right guess costs a recorded sale, and when a code runs out during a rush every buyer must
read that reason instead of a rate limit.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from ticketing import pricing
from ticketing.access import rate_limits
from ticketing.actors import Actor
from ticketing.catalog import events, packages, promo_codes
from ticketing.catalog.promo_codes import RuleResult
from ticketing.models import Package
from ticketing.pricing import Quote
from ticketing.validation import email_key


@dataclass(frozen=True)
class DryRunResult:
    """The rules of the code and of the package in the order in which a purchase checks them.

    `reason` is the first failed rule of the code, None when it is valid; `quote` is the price with a valid code, and
    without an invalid one.
    """

    code_rules: tuple[RuleResult, ...]
    package_rules: tuple[RuleResult, ...]
    reason: str | None
    quote: Quote


def dry_run(
    session: Session,
    actor: Actor,
    event_id: uuid.UUID,
    code: str,
    *,
    package_id: uuid.UUID,
    quantity: int,
    donor_email: str = "",
    moment: datetime | None = None,
) -> DryRunResult:
    """Check `quantity` packages with `code` for a donor at `moment`, by default now.

    A moment without an offset is in the event's time zone. A code that does not apply is counted in the session's
    transaction. Raises NotFound, InvalidInput, and RateLimited after 10 codes within a minute that do not apply.
    """
    package = packages.get(session, actor, event_id, package_id)
    caller = rate_limits.caller_key(actor)
    rate_limits.require_capacity(session, rate_limits.PROMO_CODE_REFUSALS, caller)
    if moment is not None and moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo(events.get(session, actor, event_id).time_zone))
    row, code_rules = promo_codes.evaluate_rules(
        session, event_id, code, donor_email_key=email_key(donor_email), moment=moment or datetime.now(UTC)
    )
    reason = next((rule.reason for rule in code_rules if not rule.passed), None)
    discount = None
    if row is not None and reason is None:
        discount = promo_codes.build_discount(row)
    else:
        rate_limits.consume(session, rate_limits.PROMO_CODE_REFUSALS, caller)
    quote = pricing.quote(package.price, quantity, discount)
    return DryRunResult(tuple(code_rules), _evaluate_package_rules(package, quantity), reason, quote)


def _evaluate_package_rules(package: Package, quantity: int) -> tuple[RuleResult, ...]:
    left = package.available
    state = "on sale" if package.is_enabled else "disabled"
    stock = "no limit" if left is None else f"{left:,} left"
    archived = (RuleResult("event_archived", False, "The event is archived."),) if package.is_archived else ()
    return (
        *archived,
        RuleResult("not_for_sale", package.is_enabled, f"{package.name} is {state}."),
        RuleResult(
            "sold_out", left is None or quantity <= left, f"{package.name} has {stock}; {quantity:,} requested."
        ),
    )

"""Try a code: what every rule would say to a purchase, and what it would cost. Takes nothing of what it tries.

Codes are short, so they could be guessed by trying: who tried 10 that do not apply within a minute is told nothing more
until the minute is over, not even of a code that does apply, since that would tell the others apart. A purchase that is
refused for its code does not count: a guess that is right is a sale on record there, and when a code is used up in the
middle of a sale every buyer must hear that, and not that others were too many.
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
from ticketing.pricing import Quote
from ticketing.validation import email_key


@dataclass(frozen=True)
class DryRunResult:
    """The rules of the code, then those of the package, in the order a purchase meets them.

    `reason` is the first rule of the code that fails, None when it is valid; `quote` is the price with the code, or
    without it when it is not valid.
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
    """Judges `quantity` packages with `code` for a donor at `moment`, by default now.

    A moment without an offset is in the event's time zone. Raises NotFound, InvalidInput, and RateLimited when the
    actor tried 10 codes within a minute that do not apply; one that does not is counted in the session's transaction.
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
    left = package.available
    package_rules = (
        RuleResult(
            "not_for_sale", package.is_enabled, f"{package.name} is {'on sale' if package.is_enabled else 'disabled'}."
        ),
        RuleResult(
            "sold_out",
            left is None or quantity <= left,
            f"{package.name} has {'no limit' if left is None else f'{left:,} left'}; {quantity:,} wanted.",
        ),
    )
    return DryRunResult(tuple(code_rules), package_rules, reason, pricing.quote(package.price, quantity, discount))

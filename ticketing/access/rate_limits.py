"""Rate limits, counted in PostgreSQL so that all servers count together (docs/product.md, "Access").

One statement checks the limit and counts. The caller's row stays locked until the transaction ends, so that concurrent
requests cannot exceed the limit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, text
from sqlalchemy.orm import Session

from ticketing.actors import Actor
from ticketing.errors import RateLimited
from ticketing.models import RateLimit


@dataclass(frozen=True)
class Limit:
    """At most `max_count` times in any `window`; `sentence` is shown above that."""

    kind: str
    max_count: int
    window: timedelta
    sentence: str


PACKAGE_CREATIONS = Limit(
    "package_created",
    10,
    timedelta(minutes=1),
    "You made 10 packages within a minute, so this one was not saved. Copying packages is not counted.",
)
PROMO_CODE_REFUSALS = Limit(
    "promo_refused",
    10,
    timedelta(minutes=1),
    "You tried 10 promo codes that do not apply within a minute, so this one was not checked.",
)
DONOR_SEARCHES = Limit(
    "donor_search",
    60,
    timedelta(minutes=1),
    "You looked up donors 60 times within a minute. Type this donor's name and address.",
)
SEARCHES = Limit(
    "search",
    60,
    timedelta(minutes=1),
    "You searched 60 times within a minute.",
)
# Per account and network of the browser (sign_in.Browser), so that nobody can lock another network out.
STRANGER_SIGN_INS = Limit(
    "sign_in_failed",
    5,
    timedelta(minutes=15),
    "There were 5 wrong passwords for this account from your network.",
)
# Per account and browser that signed in to it before.
KNOWN_BROWSER_SIGN_INS = Limit(
    "sign_in_failed_known",
    10,
    timedelta(minutes=15),
    "There were 10 wrong passwords for this account from your browser.",
)
PASSWORD_CHECKS = Limit(
    "own_password_failed",
    5,
    timedelta(minutes=15),
    "The current password was wrong 5 times.",
)

_RECENT_MOMENTS = "SELECT moment FROM unnest(kept.moments) AS moment WHERE moment > clock_timestamp() - :window"
_CONSUME = text(f"""
    INSERT INTO rate_limits AS kept (kind, caller, moments) VALUES (:kind, :caller, ARRAY[clock_timestamp()])
    ON CONFLICT (kind, caller) DO UPDATE SET moments = ARRAY({_RECENT_MOMENTS} ORDER BY moment) || clock_timestamp()
    WHERE (SELECT count(*) FROM ({_RECENT_MOMENTS}) AS recent) < :most
    RETURNING cardinality(moments) = 1 AS is_first
""")  # noqa: S608
_DELETE_EXPIRED = text("""
    DELETE FROM rate_limits WHERE (kind, caller) IN (
        SELECT kind, caller FROM rate_limits
        WHERE kind = :kind AND moments[cardinality(moments)] < clock_timestamp() - :window
        LIMIT 1000 FOR UPDATE SKIP LOCKED
    )
""")
_SECONDS_LEFT = text("""
    SELECT extract(epoch FROM kept.moments[cardinality(kept.moments) - :most + 1] + :window - clock_timestamp())
    FROM rate_limits AS kept WHERE kind = :kind AND caller = :caller AND cardinality(kept.moments) >= :most
""")
# Deletes a few unlocked rows at a time, so that rows of callers who never come back do not pile up.
_DELETE_LONG_EXPIRED = text("""
    DELETE FROM rate_limits WHERE (kind, caller) IN (
        SELECT kind, caller FROM rate_limits
        WHERE kind = :kind AND moments[cardinality(moments)] < clock_timestamp() - 10 * CAST(:window AS interval)
        LIMIT 10 FOR UPDATE SKIP LOCKED
    )
""")


def caller_key(actor: Actor) -> str | None:
    """Return the key that a person's pages and tokens share; None for the operator, who is not limited."""
    return None if actor.staff_id is None else str(actor.staff_id)


def consume(session: Session, limit: Limit, caller: str | None) -> None:
    """Count one use for `caller` (None is not limited). Call it in the transaction of the use.

    Raises RateLimited, with the seconds to wait, when the limit is reached; the refused use is not counted.
    """
    if caller is None:
        return
    values = _query_parameters(limit, caller)
    row = session.execute(_CONSUME, values).first()
    if row is None:
        raise RateLimited(limit.sentence, retry_after=max(1, _seconds_left(session, values)))
    if row.is_first:
        session.execute(_DELETE_LONG_EXPIRED, values)


def require_capacity(session: Session, limit: Limit, caller: str | None) -> None:
    """Raise RateLimited when the limit is reached; count nothing."""
    if caller is not None and (left := _seconds_left(session, _query_parameters(limit, caller))) > 0:
        raise RateLimited(limit.sentence, retry_after=left)


def reset(session: Session, limit: Limit, caller: str) -> None:
    """Forget what was counted for `caller`, as after the right password, and delete expired rows of other callers.

    Anyone can create rows for addresses that do not exist; they are deleted here, without waiting for locked ones.
    """
    session.execute(delete(RateLimit).where(RateLimit.kind == limit.kind, RateLimit.caller == caller))
    session.execute(_DELETE_EXPIRED, {"kind": limit.kind, "window": limit.window})


def reset_by_prefix(session: Session, limit: Limit, prefix: str) -> None:
    """Forget what was counted for all callers whose key begins with `prefix`."""
    is_meant = RateLimit.caller.startswith(prefix, autoescape=True)
    session.execute(delete(RateLimit).where(RateLimit.kind == limit.kind, is_meant))


def _query_parameters(limit: Limit, caller: str) -> dict[str, object]:
    return {"kind": limit.kind, "caller": caller, "most": limit.max_count, "window": limit.window}


def _seconds_left(session: Session, values: dict[str, object]) -> int:
    """Return the seconds until the next use is allowed, 0 if it is now."""
    return max(0, math.ceil(session.scalar(_SECONDS_LEFT, values) or 0))

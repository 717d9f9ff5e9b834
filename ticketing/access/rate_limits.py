"""How often somebody may do what: counted in PostgreSQL, so that all servers count together.

Source: PRODUCT "Access". A limit is kept by one statement that carries its condition; the row of a caller is held until
the transaction ends, so that no number of requests at once gets one through too many.
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
    """At most `most` times in any `window`; `sentence` says so to who did it more often."""

    kind: str
    most: int
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
    "You tried 10 promo codes that do not apply within a minute, so this one was not looked at.",
)
SIGN_IN_ATTEMPTS = Limit(
    "sign_in_failed",
    5,
    timedelta(minutes=15),
    "There were 5 wrong passwords for this account.",
)
PASSWORD_CHECKS = Limit(
    "own_password_failed",
    5,
    timedelta(minutes=15),
    "The present password was wrong 5 times.",
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
# A few at a time and nobody's that is in use, so that a table of callers who never came back does not grow for ever.
_DELETE_LONG_EXPIRED = text("""
    DELETE FROM rate_limits WHERE (kind, caller) IN (
        SELECT kind, caller FROM rate_limits
        WHERE kind = :kind AND moments[cardinality(moments)] < clock_timestamp() - 10 * CAST(:window AS interval)
        LIMIT 10 FOR UPDATE SKIP LOCKED
    )
""")


def caller_key(actor: Actor) -> str | None:
    """The caller that a person is, at a page and with each of their tokens; the operator's command line is nobody."""
    return None if actor.staff_id is None else str(actor.staff_id)


def consume(session: Session, limit: Limit, caller: str | None) -> None:
    """Counts one more for `caller`. Raises RateLimited, with the seconds until the next is free, and counts nothing.

    What is done with it belongs into the same transaction: when that is given up, nothing was counted. Nobody (None)
    is not limited.
    """
    if caller is None:
        return
    values = _query_parameters(limit, caller)
    taken = session.execute(_CONSUME, values).first()
    if taken is None:
        raise RateLimited(limit.sentence, retry_after=max(1, _seconds_left(session, values)))
    if taken.is_first:
        session.execute(_DELETE_LONG_EXPIRED, values)


def require_capacity(session: Session, limit: Limit, caller: str | None) -> None:
    """Raises RateLimited when the next one would be too many; counts nothing."""
    if caller is not None and (left := _seconds_left(session, _query_parameters(limit, caller))) > 0:
        raise RateLimited(limit.sentence, retry_after=left)


def reset(session: Session, limit: Limit, caller: str) -> None:
    """Starts counting from nothing, as after the right password; callers of long ago go with it.

    Nobody waits for those: strangers may make as many of them as they like, and this is where they end.
    """
    session.execute(delete(RateLimit).where(RateLimit.kind == limit.kind, RateLimit.caller == caller))
    session.execute(_DELETE_EXPIRED, {"kind": limit.kind, "window": limit.window})


def _query_parameters(limit: Limit, caller: str) -> dict[str, object]:
    return {"kind": limit.kind, "caller": caller, "most": limit.most, "window": limit.window}


def _seconds_left(session: Session, values: dict[str, object]) -> int:
    """Until the oldest of the last `most` moments is out of the window; 0 when there is room."""
    return max(0, math.ceil(session.scalar(_SECONDS_LEFT, values) or 0))

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

from ticketing.errors import RateLimited
from ticketing.models import RateLimit


@dataclass(frozen=True)
class Limit:
    """At most `most` times in any `window`; `sentence` says so to who did it more often."""

    kind: str
    most: int
    window: timedelta
    sentence: str


PACKAGES = Limit(
    "package_created",
    10,
    timedelta(minutes=1),
    "You made 10 packages within a minute, so this one was not saved. Copying packages is not counted.",
)
PROMO_TRIALS = Limit(
    "promo_refused",
    10,
    timedelta(minutes=1),
    "10 promo codes that do not apply were tried within a minute.",
)
SIGN_INS = Limit(
    "sign_in_failed",
    5,
    timedelta(minutes=15),
    "There were 5 wrong passwords for this account.",
)
OWN_PASSWORD = Limit(
    "own_password_failed",
    5,
    timedelta(minutes=15),
    "The present password was wrong 5 times.",
)

_RECENT = "SELECT moment FROM unnest(kept.moments) AS moment WHERE moment > clock_timestamp() - :window"
_TAKE = text(f"""
    INSERT INTO rate_limits AS kept (kind, caller, moments) VALUES (:kind, :caller, ARRAY[clock_timestamp()])
    ON CONFLICT (kind, caller) DO UPDATE SET moments = ARRAY({_RECENT} ORDER BY moment) || clock_timestamp()
    WHERE (SELECT count(*) FROM ({_RECENT}) AS recent) < :most
    RETURNING caller
""")  # noqa: S608
_SWEEP = text("""
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


def take(session: Session, limit: Limit, caller: str) -> None:
    """Counts one more for `caller`. Raises RateLimited, with the seconds until the next is free, and counts nothing."""
    values = {"kind": limit.kind, "caller": caller, "most": limit.most, "window": limit.window}
    if session.execute(_TAKE, values).first() is None:
        raise RateLimited(limit.sentence, retry_after=_seconds_left(session, values))


def require_free(session: Session, limit: Limit, caller: str) -> None:
    """Raises RateLimited when the next one would be too many; counts nothing."""
    values = {"kind": limit.kind, "caller": caller, "most": limit.most, "window": limit.window}
    left = session.scalar(_SECONDS_LEFT, values)
    if left is not None and left > 0:
        raise RateLimited(limit.sentence, retry_after=math.ceil(left))


def forget(session: Session, limit: Limit, caller: str) -> None:
    """Starts counting from nothing, as after the right password; callers of long ago go with it.

    Nobody waits for those: strangers may make as many of them as they like, and this is where they end.
    """
    session.execute(delete(RateLimit).where(RateLimit.kind == limit.kind, RateLimit.caller == caller))
    session.execute(_SWEEP, {"kind": limit.kind, "window": limit.window})


def _seconds_left(session: Session, values: dict[str, object]) -> int:
    return max(1, math.ceil(session.scalar(_SECONDS_LEFT, values) or 0))

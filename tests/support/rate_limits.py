"""Let the time of a rate limit pass."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text

from ticketing import db


def shift_moments(seconds: float, caller: Any) -> None:
    """Move everything that was counted for a caller into the past."""
    shift = text(
        "UPDATE rate_limits SET moments = ARRAY("
        "SELECT moment - make_interval(secs => :seconds) FROM unnest(moments) AS moment ORDER BY moment)"
        " WHERE caller = :caller"
    )
    db.write(lambda session: session.execute(shift, {"seconds": seconds, "caller": str(caller)}))

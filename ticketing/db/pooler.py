"""Check the database role's settings where a transaction pooler shares sessions between clients."""

from __future__ import annotations

from sqlalchemy import text

from ticketing import db, settings
from ticketing.errors import StartRefused


class PoolerMisconfigured(StartRefused):
    """The database role lacks the time limits that keep one request from blocking others."""


def check() -> None:
    """Check that sessions start with SESSION_SETTINGS' time zone and with time limits.

    Without TICKETDESK_POOLER every connection sets them itself, and nothing is checked. Raises PoolerMisconfigured, and
    Unavailable.
    """
    if not settings.load().uses_transaction_pooler:
        return
    with db.read_session() as session:
        role = session.scalar(text("SELECT quote_ident(current_user)"))
        current = {
            name: session.scalar(text("SELECT current_setting(:name)"), {"name": name}) for name in db.SESSION_SETTINGS
        }
    lacking = [name for name, value in current.items() if value == "0" or (name == "timezone" and value != "UTC")]
    if lacking:
        statements = " ".join(f"ALTER ROLE {role} SET {name} = '{db.SESSION_SETTINGS[name]}';" for name in lacking)
        raise PoolerMisconfigured(
            f"TICKETDESK_POOLER is set, and sessions of {role} lack {', '.join(lacking)}. Run in the database: "
            f"{statements} Then let the pooler reconnect (RECONNECT in its console) and start again."
        )

"""What must hold where a pooler hands each transaction to a session that others had before: nothing is set in it."""

from __future__ import annotations

from sqlalchemy import text

from ticketing import db, settings


class PoolerMisconfigured(Exception):
    """The database would be used without the limits that keep one request from holding up the others."""


def check() -> None:
    """Makes sure that sessions have our time zone and time limits without being told. Raises NotReady, or Unavailable.

    Without TICKETDESK_POOLER nothing is asked: then every connection brings them along.
    """
    if not settings.load().uses_transaction_pooler:
        return
    with db.read_session() as session:
        role = session.scalar(text("SELECT quote_ident(current_user)"))
        held = {
            name: session.scalar(text("SELECT current_setting(:name)"), {"name": name}) for name in db.SESSION_SETTINGS
        }
    lacking = [name for name, value in held.items() if value == "0" or (name == "timezone" and value != "UTC")]
    if lacking:
        orders = " ".join(f"ALTER ROLE {role} SET {name} = '{db.SESSION_SETTINGS[name]}';" for name in lacking)
        raise PoolerMisconfigured(
            f"TICKETDESK_POOLER is set, and sessions of {role} lack {', '.join(lacking)}. Run in the database: "
            f"{orders} Then let the pooler connect anew (RECONNECT in its console) and start again."
        )

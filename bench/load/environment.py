"""The event with its users, and the servers of a load test."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import text

from bench import sample_events
from tests.support import make
from tests.support.server import RunningServer, run_server
from ticketing import db
from ticketing.access import passwords
from ticketing.actors import OPERATOR
from ticketing.catalog import packages
from ticketing.models import Event

INITIAL_PURCHASES = 2000


@dataclass
class Environment:
    """`staff_emails` can sign in with make.PASSWORD; `cookies` are those of staff who did, by e-mail address.

    `donors` is the number of donors with earlier purchases: donor-1@example.org and so on. `token` and `code` (a promo
    code) are for the donor site.
    """

    event: Event
    donors: int
    packages: list[str]
    staff_emails: list[str]
    token: str
    code: str
    cookies: dict[str, str] = field(default_factory=dict)

    def read_purchase_totals(self) -> dict[str, str]:
        """Return the totals of the stored purchases of the event, by the donor's e-mail address."""
        with db.read_session() as session:
            rows = session.execute(
                text("SELECT purchaser_email, total FROM purchases WHERE event_id = :event_id"),
                {"event_id": self.event.id},
            )
            return {email: str(total) for email, total in rows}


def create_environment(people: int, purchases: int = INITIAL_PURCHASES) -> Environment:
    """Create an event of ten packages with earlier purchases, and `people` coordinators."""
    event = sample_events.create_event(purchases)
    password_hash = passwords.hash_password(make.PASSWORD, email="")  # hashed once, because it is slow
    coordinators = [make.staff(event=event, password_hash=password_hash) for _ in range(people)]
    with db.read_session() as session:
        names = list(packages.list_names(session, OPERATOR, event.id).values())
    return Environment(
        event,
        purchases,
        names,
        [person.email for person in coordinators],
        make.token(make.staff(event=event)),
        make.promo_code(event).code,
    )


@contextmanager
def start_servers(folder: Path, servers: int = 1) -> Iterator[list[RunningServer]]:
    """Start servers on the database in use. They share a secret, so that each accepts cookies of the others."""
    os.environ.setdefault("TICKETDESK_SECRET", secrets.token_urlsafe())
    with ExitStack() as stack:
        yield [
            stack.enter_context(run_server(os.environ["DATABASE_URL"], _create_folder(folder / f"server-{number}")))
            for number in range(servers)
        ]


def _create_folder(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder

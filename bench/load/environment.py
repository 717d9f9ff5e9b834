"""An event that sells, the people who work at it, and the servers they work on."""

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
    """`addresses` are the e-mail addresses of those who can sign in, all with make.PASSWORD; `cookies` are of those who
    did. The token and the code are the donor site's."""

    event: Event
    donors: int
    packages: list[str]
    staff_emails: list[str]
    token: str
    code: str
    cookies: dict[str, str] = field(default_factory=dict)

    def sold(self) -> dict[str, str]:
        """Every purchase of the event as it is stored: its total by its donor's address."""
        with db.read_session() as session:
            found = session.execute(
                text("SELECT purchaser_email, total FROM purchases WHERE event_id = :event_id"),
                {"event_id": self.event.id},
            )
            return {email: str(total) for email, total in found}


def create_environment(people: int, purchases: int = INITIAL_PURCHASES) -> Environment:
    """An event of ten packages with purchases of eight weeks, and so many coordinators of it."""
    event = sample_events.create_event(purchases)
    password_hash = passwords.hash_password(make.PASSWORD)  # once: it is slow on purpose
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
    """So many servers on the database in use, which take each other's cookies."""
    os.environ.setdefault("TICKETDESK_SECRET", secrets.token_urlsafe())
    with ExitStack() as stack:
        yield [
            stack.enter_context(run_server(os.environ["DATABASE_URL"], _create_folder(folder / f"server-{number}")))
            for number in range(servers)
        ]


def _create_folder(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder

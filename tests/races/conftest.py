"""Whatever is raced for, the numbers are right afterwards; and a shelf on which naive versions may go wrong."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import text

from tests.races.racing import UnconstrainedStock
from tests.support import make
from ticketing import db
from ticketing.models import Event
from ticketing.ops import verify


def list_differences(event: Event) -> list[str]:
    with db.read_session() as session:
        return [str(found) for found in verify.verify(session) if found.event_id == event.id]


@pytest.fixture
def event() -> Iterator[Event]:
    event = make.event()
    yield event
    assert list_differences(event) == []


@pytest.fixture
def shelf(database: str) -> Iterator[UnconstrainedStock]:
    name = make.unique("shelf").replace("-", "_")
    db.write(
        lambda s: s.execute(
            text(f"CREATE TABLE {name} (sold int NOT NULL, most int, price int NOT NULL, is_enabled bool NOT NULL)")
        )
    )
    yield UnconstrainedStock(name)
    db.write(lambda s: s.execute(text(f"DROP TABLE {name}")))

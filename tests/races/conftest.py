"""An event whose totals are verified after each race, and an unconstrained table for the naive control versions."""

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
        return [str(difference) for difference in verify.verify(session) if difference.event_id == event.id]


@pytest.fixture
def event() -> Iterator[Event]:
    event = make.event()
    yield event
    assert list_differences(event) == []


@pytest.fixture
def stock(database: str) -> Iterator[UnconstrainedStock]:
    name = make.unique("stock").replace("-", "_")
    db.write(
        lambda s: s.execute(
            text(f"CREATE TABLE {name} (sold int NOT NULL, max_sold int, price int NOT NULL, is_enabled bool NOT NULL)")
        )
    )
    yield UnconstrainedStock(name)
    db.write(lambda s: s.execute(text(f"DROP TABLE {name}")))

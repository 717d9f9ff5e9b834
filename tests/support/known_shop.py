"""The event of the files 16-first-shop.csv and 16b-second-shop.csv."""

from __future__ import annotations

from typing import Any

from tests.support import make
from ticketing.models import Event


def create_shop(**seat: Any) -> Event:
    """Create an event with the packages Seat and Table; `seat` are fields of the former."""
    event = make.event()
    make.package(event, name="Seat", price="100.00", **seat)
    make.package(event, name="Table", price="500.00", seats_per_package=10)
    return event

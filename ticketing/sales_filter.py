"""Filter of the sales page: one object for its tiles, charts, tables, links and files, and for the HTTP summary.

Source: docs/product.md, "Sales". Days are days of the event's time zone.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Annotated

from pydantic import Field

from ticketing.models import CHANNELS
from ticketing.query_parameters import CommaSeparated, FilterQuery, FirstDay, Flag, LastDay, describe_choices, one_of

FIRST_DAY = date(2000, 1, 1)


@dataclass(frozen=True)
class SalesFilter:
    """Which sales of an event the figures count; any of the values of one field, and all of the fields.

    Both days are included.
    """

    package_ids: tuple[uuid.UUID, ...] = ()
    channels: tuple[str, ...] = ()
    first_day: date | None = None
    last_day: date | None = None
    sponsorships_only: bool = False

    @property
    def selects_packages(self) -> bool:
        """Whether only some packages are counted, so that an order may count with some of its lines."""
        return bool(self.package_ids) or self.sponsorships_only

    @property
    def without_days(self) -> SalesFilter:
        """The same filter for all days."""
        return replace(self, first_day=None, last_day=None)

    def find_days_before(self, today: date) -> SalesFilter | None:
        """Return the filter of as many days directly before the first one; None without a first day.

        Without a last day the days end `today`. There are no sales before the year 2000.
        """
        last_day = self.last_day or today
        if self.first_day is None or last_day < self.first_day or self.first_day <= FIRST_DAY:
            return None
        first_day = max(self.first_day - (last_day - self.first_day) - timedelta(days=1), FIRST_DAY)
        return replace(self, first_day=first_day, last_day=self.first_day - timedelta(days=1))


ALL_SALES = SalesFilter()


class SalesParameters(FilterQuery):
    """The query parameters that the filters of sales and of purchases share."""

    package_ids: CommaSeparated[uuid.UUID] = Field(
        default_factory=tuple,
        alias="package",
        description="Package that was bought. Takes ids of packages, separated by commas.",
        examples=["01a207b2-b02d-710f-ba15-1a059629fb52"],
    )
    channels: CommaSeparated[Annotated[str, one_of(CHANNELS)]] = Field(
        default_factory=tuple,
        alias="channel",
        description=f"Sales channel. Takes {describe_choices(CHANNELS)}.",
        examples=["cash,cheque"],
    )
    first_day: FirstDay = None
    last_day: LastDay = None
    sponsorships_only: Flag = Field(
        False,
        alias="sponsorships_only",
        description="Only purchases of sponsorships. Takes true or false.",
        examples=[True],
    )


class SalesQuery(SalesParameters):
    """The query parameters of a SalesFilter."""

    def to_filter(self) -> SalesFilter:
        return SalesFilter(**dict(self))


def to_query(sales_filter: SalesFilter) -> dict[str, str]:
    """Return the query parameters of a filter; those of a PurchaseFilter have the same names."""
    return SalesQuery.format(sales_filter)

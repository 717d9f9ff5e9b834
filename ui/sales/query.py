"""The address of the sales page: the filter that the whole page follows, its chart, and what was opened.

The address is the source of truth, so that a view can be sent, bookmarked and gone back to. Widgets are set from it in
each run, and their callbacks write it.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import lru_cache
from typing import Annotated, Any, Literal

import streamlit as st
from pydantic import Field, PlainSerializer

from ticketing.query_parameters import CommaSeparated, one_of
from ticketing.reporting.sales_report import ReportParameters, ReportQuery
from ticketing.sales_filter import SalesFilter

Range = Literal["7", "30", "all", "custom"]
RANGE_LABELS: dict[Range, str] = {"7": "7 days", "30": "30 days", "all": "All", "custom": "Custom"}
TABLES = ("packages", "codes")
# "compare_with" had the name of an event before its id came into `compare`.
OTHER_PARAMETERS = ("event", "compare_with")


class PageParameters(ReportParameters):
    """The query parameters of the page, each left out while it has its default."""

    range: Literal["7", "30", ""] = Field(
        "", alias="range", description="Days up to today. Takes 7 or 30.", examples=["30"]
    )
    compare_with: Annotated[uuid.UUID | None, PlainSerializer(str)] = Field(
        None, alias="compare", description="Earlier event to compare with. Takes the id of an event."
    )
    whole_tables: CommaSeparated[Annotated[str, one_of(TABLES)]] = Field(
        default_factory=tuple, alias="whole", description="Tables shown whole. Takes packages, codes or both."
    )


NO_QUERY = ReportQuery()


@dataclass(frozen=True)
class View:
    """What the address asks for: the chosen range with its days, the event to compare with, and tables shown whole."""

    range: Range
    report: ReportQuery
    compare_with: uuid.UUID | None
    whole_tables: tuple[str, ...]

    @property
    def sales_filter(self) -> SalesFilter:
        return self.report.sales_filter


def read(today: date) -> View:
    """Return what the address asks for. Raises InvalidInput with a sentence for each parameter that is wrong."""
    return _read(tuple(st.query_params.to_dict().items()), today)


# Kept, as a page reads the same address after each sale.
@lru_cache(maxsize=256)
def _read(address: tuple[tuple[str, str], ...], today: date) -> View:
    found = PageParameters.parse(dict(address), OTHER_PARAMETERS)
    chosen: Range = found.range or ("custom" if found.first_day or found.last_day else "all")
    report = found.to_query()
    if found.range:
        first_day = today - timedelta(days=int(found.range) - 1)
        chosen_days = replace(report.sales_filter, first_day=first_day, last_day=today)
        report = replace(report, sales_filter=chosen_days)
    return View(chosen, report, found.compare_with, found.whole_tables)


def write(**changes: Any) -> None:
    """Change fields of PageParameters in the address, for callbacks: one change, so one step of the Back button."""
    st.query_params.from_dict(build(**changes))


def reset() -> None:
    """Remove everything but the event from the address, for callbacks."""
    st.query_params.from_dict({name: each for name, each in st.query_params.to_dict().items() if name == "event"})


def build(**changes: Any) -> dict[str, str]:
    """Return the query of the address with some fields of PageParameters changed. Days and a range exclude each other.

    A wrong address counts as one without our parameters.
    """
    return dict(_build(tuple(st.query_params.to_dict().items()), **changes))


@lru_cache(maxsize=256)
def _build(address: tuple[tuple[str, str], ...], **changes: Any) -> dict[str, str]:
    current = dict(address)
    names = {str(field.alias) for field in PageParameters.model_fields.values()}
    ours = {name: value for name, value in current.items() if name in names}
    fields = dict(PageParameters.parse(ours, ())) | changes
    if "range" in changes:
        fields |= {"first_day": None, "last_day": None} | changes
    elif {"first_day", "last_day"} & set(changes):
        fields["range"] = ""
    kept = {name: value for name, value in current.items() if name not in names}
    return kept | PageParameters.format(_Fields(fields))


class _Fields:
    """Fields as attributes, as PageParameters.format reads them."""

    def __init__(self, fields: dict[str, Any]) -> None:
        self.__dict__ = fields

"""Read the audit log: filtered lists of changes and a CSV export. Source: docs/product.md, "Audit".

`ticketing.audit` writes it. The log of an event is for everyone who may see the event. Entries without an event
(staff, tokens, sign-in) form the office log, which is for admins.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, StringConstraints
from sqlalchemy import ARRAY, ColumnElement, Text, case, cast, exists, func, literal, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session, aliased

from ticketing import audit
from ticketing.access import permissions
from ticketing.actors import Actor
from ticketing.errors import NotFound
from ticketing.models import AuditEntry, Event, Option, Package, Staff
from ticketing.query_parameters import CommaSeparated, FilterQuery, FirstDay, LastDay
from ticketing.reporting import csv_export
from ticketing.reporting.csv_export import Export, escape_formula

PER_PAGE = 20
WITHOUT_ACCOUNT = "-"  # the operator at the command line, and the first run
OFFICE_ZONE = "UTC"
_NEWEST_FIRST = (AuditEntry.occurred_at.desc(), AuditEntry.id.desc())


@dataclass(frozen=True)
class AuditFilter:
    """Which entries to select: any of the values of one field, and all of the fields.

    `people` are ids of staff, or WITHOUT_ACCOUNT; `records` are ids of what was changed. Both days are included; they
    are days of the event's time zone, and of UTC in the office log.
    """

    people: tuple[uuid.UUID | str, ...] = ()
    records: tuple[uuid.UUID, ...] = ()
    actions: tuple[str, ...] = ()
    first_day: date | None = None
    last_day: date | None = None


ALL_CHANGES = AuditFilter()


class AuditQuery(FilterQuery):
    """The query parameters of an AuditFilter."""

    people: CommaSeparated[uuid.UUID | Literal["-"]] = Field(
        default_factory=tuple,
        alias="person",
        description=f"Who made the change. Takes ids of staff, separated by commas; {WITHOUT_ACCOUNT} means without "
        "an account.",
        examples=["01a207b2-b02d-710f-ba15-1a059629fb52,-"],
    )
    records: CommaSeparated[uuid.UUID] = Field(
        default_factory=tuple,
        alias="record",
        description="What was changed. Takes ids of records, separated by commas.",
        examples=["01a207b2-b02d-710f-ba15-1a059629fb52"],
    )
    actions: CommaSeparated[Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,40}\.[a-z_]{1,40}$")]] = Field(
        default_factory=tuple,
        alias="action",
        description="Kind of change. Takes kinds of change such as package.changed, separated by commas.",
        examples=["package.changed,package.deleted"],
    )
    first_day: FirstDay = None
    last_day: LastDay = None


def parse(query: Mapping[str, str], *, ignored: Iterable[str] = ("event",)) -> AuditFilter:
    """Return the filter of a URL's query. Raises InvalidInput with a sentence for each parameter that is wrong.

    `ignored` are parameters of the same URL that are no filters.
    """
    return AuditFilter(**dict(AuditQuery.parse(query, ignored)))


def to_query(audit_filter: AuditFilter) -> dict[str, str]:
    """Return the query parameters of a filter; `parse` is the inverse."""
    return AuditQuery.format(audit_filter)


@dataclass(frozen=True)
class Change:
    """What one person did in one transaction: one entry per changed field, or a single entry without a field."""

    entries: tuple[AuditEntry, ...]

    @property
    def first(self) -> AuditEntry:
        """The first entry; actor, time, channel and action are the same in all entries."""
        return self.entries[0]


def list_changes(
    session: Session,
    actor: Actor,
    event_id: uuid.UUID | None,
    audit_filter: AuditFilter = ALL_CHANGES,
    *,
    page: int = 1,
    per_page: int = PER_PAGE,
) -> tuple[list[Change], int]:
    """Return one page of changes, newest first, and how many there are; of the office log when `event_id` is None.

    A change to several records holds only the entries that match the filter. Raises NotFound when the actor may not
    see the event, and NotAllowed when the office log is not for them.
    """
    zone = _authorize_and_get_zone(session, actor, event_id)
    conditions = _build_conditions(AuditEntry, event_id, audit_filter, zone)
    total = session.scalar(
        select(func.count()).select_from(select(AuditEntry.change_id).where(*conditions).distinct().subquery())
    )
    # A change is sorted by its last entry, so that the newest changes are read from the end of the index.
    later = aliased(AuditEntry)
    has_later_entry = exists().where(
        later.change_id == AuditEntry.change_id,
        later.id > AuditEntry.id,
        *_build_conditions(later, event_id, audit_filter, zone),
    )
    change_ids = session.scalars(
        select(AuditEntry.change_id)
        .where(*conditions, ~has_later_entry)
        .order_by(*_NEWEST_FIRST)
        .limit(per_page)
        .offset((page - 1) * per_page)
    ).all()
    entries: dict[uuid.UUID, list[AuditEntry]] = {change_id: [] for change_id in change_ids}
    for entry in session.scalars(
        select(AuditEntry).where(*conditions, AuditEntry.change_id.in_(change_ids)).order_by(AuditEntry.id)
    ):
        entries[entry.change_id].append(entry)
    return [Change(tuple(group)) for group in entries.values()], total or 0


def list_package_changes(
    session: Session, actor: Actor, event_id: uuid.UUID, package_id: uuid.UUID, *, page: int = 1
) -> tuple[list[Change], int]:
    """Return one page of the changes of a package and its options, newest first, and how many there are.

    A deleted package keeps its changes. Raises NotFound when the event never had this package.
    """
    permissions.require(session, actor, "read", event_id)
    exists_now = exists().where(Package.event_id == event_id, Package.id == package_id)
    if not session.scalar(select(exists_now)) and not audit.find_latest(
        session, event_id, package_id, "package.deleted"
    ):
        raise NotFound("package")
    return list_changes(session, actor, event_id, build_record_filter(session, event_id, package_id), page=page)


def build_record_filter(session: Session, event_id: uuid.UUID, record_id: uuid.UUID) -> AuditFilter:
    """Return the filter for one record; for a package, also its options that still exist."""
    options = session.scalars(
        select(Option.id).where(Option.event_id == event_id, Option.package_id == record_id).order_by(Option.id)
    )
    return AuditFilter(records=(record_id, *options))


def list_people(session: Session, actor: Actor, event_id: uuid.UUID | None) -> dict[uuid.UUID | str, str]:
    """Return the names of all people with an entry in this log, by id; WITHOUT_ACCOUNT comes last."""
    _authorize_and_get_zone(session, actor, event_id)
    in_log = AuditEntry.event_id == event_id
    rows = session.execute(
        select(Staff.id, Staff.name).where(exists().where(in_log, AuditEntry.staff_id == Staff.id)).order_by(Staff.name)
    )
    names: dict[uuid.UUID | str, str] = {row.id: row.name for row in rows}
    if session.scalar(select(exists().where(in_log, AuditEntry.staff_id.is_(None)))):
        names[WITHOUT_ACCOUNT] = "The operator"
    return names


def list_record_names(
    session: Session, actor: Actor, event_id: uuid.UUID | None, ids: Collection[uuid.UUID]
) -> dict[uuid.UUID, str]:
    """Return the latest name of each record that has an entry in this log, also of deleted records."""
    _authorize_and_get_zone(session, actor, event_id)
    latest = (
        select(AuditEntry.subject_id, AuditEntry.subject_name)
        .where(AuditEntry.event_id == event_id, AuditEntry.subject_id.in_(ids))
        .order_by(AuditEntry.subject_id, AuditEntry.id.desc())
        .ext(distinct_on(AuditEntry.subject_id))
    )
    return {row.subject_id: row.subject_name for row in session.execute(latest)}


def build_export(
    session: Session, actor: Actor, event_id: uuid.UUID | None, audit_filter: AuditFilter = ALL_CHANGES
) -> Export:
    """Return the CSV export of the matching entries, newest first: access is checked here, rows are read later.

    Raises NotFound or NotAllowed as `list_changes` does.
    """
    zone = _authorize_and_get_zone(session, actor, event_id)
    conditions = _build_conditions(AuditEntry, event_id, audit_filter, zone)
    query = select(*_COLUMNS.values()).where(*conditions).order_by(*_NEWEST_FIRST)
    count = select(func.count()).select_from(AuditEntry).where(*conditions)
    name = "office" if event_id is None else session.scalars(select(Event.name).where(Event.id == event_id)).one()
    return csv_export.build_export(session, tuple(_COLUMNS), query, count, zone, name)


def _authorize_and_get_zone(session: Session, actor: Actor, event_id: uuid.UUID | None) -> str:
    """Check that the actor may read this log, and return the time zone of its days."""
    if event_id is None:
        permissions.require(session, actor, "administer")
        return OFFICE_ZONE
    permissions.require(session, actor, "read", event_id)
    return session.scalars(select(Event.time_zone).where(Event.id == event_id)).one()


def _build_conditions(
    entry: Any, event_id: uuid.UUID | None, audit_filter: AuditFilter, zone: str
) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [entry.event_id == event_id]
    if audit_filter.people:
        by_staff = entry.staff_id.in_([person for person in audit_filter.people if person != WITHOUT_ACCOUNT])
        by_operator = entry.staff_id.is_(None)
        conditions.append(by_staff | by_operator if WITHOUT_ACCOUNT in audit_filter.people else by_staff)
    if audit_filter.records:
        conditions.append(entry.subject_id.in_(audit_filter.records))
    if audit_filter.actions:
        conditions.append(entry.action.in_(audit_filter.actions))
    if audit_filter.first_day is not None:
        conditions.append(entry.occurred_at >= _midnight(audit_filter.first_day, zone))
    if audit_filter.last_day is not None:
        conditions.append(entry.occurred_at < _midnight(audit_filter.last_day + timedelta(days=1), zone))
    return conditions


def _midnight(day: date, zone: str) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(zone))


def _format_value(value: Any) -> ColumnElement[str]:
    """Return a stored JSON value as text: lists joined by commas, null as an empty field."""
    item = func.jsonb_array_elements_text(value).column_valued("item")
    return case(
        (func.jsonb_typeof(value) == "array", select(func.aggregate_strings(item, ", ")).scalar_subquery()),
        else_=value.op("#>>")(cast(literal("{}", Text), ARRAY(Text))),
    )


_COLUMNS: dict[str, Any] = {
    "occurred_at": func.to_char(AuditEntry.occurred_at, 'YYYY-MM-DD"T"HH24:MI:SSTZH:TZM'),
    "person": escape_formula(AuditEntry.actor),
    "via": AuditEntry.via,
    "action": AuditEntry.action,
    "record": escape_formula(AuditEntry.subject_name),
    "record_id": AuditEntry.subject_id,
    "field": escape_formula(AuditEntry.field),
    "before": escape_formula(_format_value(AuditEntry.old_value)),
    "after": escape_formula(_format_value(AuditEntry.new_value)),
    "entry": AuditEntry.id,
    "change_id": AuditEntry.change_id,
    "restores": AuditEntry.restores,
}

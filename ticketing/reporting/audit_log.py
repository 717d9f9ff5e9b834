"""The audit trail as it is read: found by person, record, kind and day, change by change, and as a file.

audit.py writes it. An event's trail is for who may see the event; what belongs to no event (staff, tokens, sign-in) is
the office's, for admins. Source: PRODUCT "Audit".
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ARRAY, ColumnElement, Text, case, cast, exists, func, literal, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session, aliased

from ticketing import audit, query_parameters
from ticketing.access import permissions
from ticketing.actors import Actor
from ticketing.errors import NotFound
from ticketing.models import AuditEntry, Event, Option, Package, Staff
from ticketing.query_parameters import DAY_DESCRIPTION, Parameter, list_parser, parse_day
from ticketing.reporting import csv_export
from ticketing.reporting.csv_export import Export, escape_formula

PER_PAGE = 20
_NEWEST_FIRST = (AuditEntry.occurred_at.desc(), AuditEntry.id.desc())
WITHOUT_ACCOUNT = "-"  # the operator at the command line, and the first run
OFFICE_ZONE = "UTC"
_ACTION = re.compile(r"[a-z_]{1,40}\.[a-z_]{1,40}")


@dataclass(frozen=True)
class AuditFilter:
    """What is asked for; several values of one filter mean any of them, several filters mean all of them.

    `people` are ids of staff, or WITHOUT_ACCOUNT; `records` are ids of what was changed. Both days are included; they
    are the event's own, and UTC in the office.
    """

    people: tuple[uuid.UUID | str, ...] = ()
    records: tuple[uuid.UUID, ...] = ()
    actions: tuple[str, ...] = ()
    first_day: date | None = None
    last_day: date | None = None


ALL_CHANGES = AuditFilter()


@dataclass(frozen=True)
class Change:
    """What one person did at once: at least one entry, each a field or, where there is none, the deed itself."""

    entries: tuple[AuditEntry, ...]

    @property
    def first(self) -> AuditEntry:
        """Who, when, over which way, and what kind are the same in all."""
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
    """One page of changes, the newest first, and how many there are. Without an event: the office's. Raises NotFound.

    Of a change to several records only what is sought is shown.
    """
    zone = _authorize_and_get_zone(session, actor, event_id)
    wanted = _conditions(AuditEntry, event_id, audit_filter, zone)
    total = session.scalar(
        select(func.count()).select_from(select(AuditEntry.change_id).where(*wanted).distinct().subquery())
    )
    # A change stands where its last entry stands, so that the newest are found from the end of the index.
    later = aliased(AuditEntry)
    is_followed = exists().where(
        later.change_id == AuditEntry.change_id,
        later.id > AuditEntry.id,
        *_conditions(later, event_id, audit_filter, zone),
    )
    shown = session.scalars(
        select(AuditEntry.change_id)
        .where(*wanted, ~is_followed)
        .order_by(*_NEWEST_FIRST)
        .limit(per_page)
        .offset((page - 1) * per_page)
    ).all()
    entries: dict[uuid.UUID, list[AuditEntry]] = {change_id: [] for change_id in shown}
    for entry in session.scalars(
        select(AuditEntry).where(*wanted, AuditEntry.change_id.in_(shown)).order_by(AuditEntry.id)
    ):
        entries[entry.change_id].append(entry)
    return [Change(tuple(each)) for each in entries.values()], total or 0


def list_package_changes(
    session: Session, actor: Actor, event_id: uuid.UUID, package_id: uuid.UUID, *, page: int = 1
) -> tuple[list[Change], int]:
    """One page of a package's changes and those of its questions, also when it was deleted since. Raises NotFound."""
    permissions.require(session, actor, "read", event_id)
    exists_now = exists().where(Package.event_id == event_id, Package.id == package_id)
    if not session.scalar(select(exists_now)) and not audit.find_latest(
        session, event_id, package_id, "package.deleted"
    ):
        raise NotFound("package")
    return list_changes(session, actor, event_id, build_record_filter(session, event_id, package_id), page=page)


def build_record_filter(session: Session, event_id: uuid.UUID, record_id: uuid.UUID) -> AuditFilter:
    """A record and, of a package, its questions as far as they still exist."""
    options = session.scalars(
        select(Option.id).where(Option.event_id == event_id, Option.package_id == record_id).order_by(Option.id)
    )
    return AuditFilter(records=(record_id, *options))


def list_people(session: Session, actor: Actor, event_id: uuid.UUID | None) -> dict[uuid.UUID | str, str]:
    """Everybody with an entry in this trail, by name, to choose from; who has no account last."""
    _authorize_and_get_zone(session, actor, event_id)
    mine = AuditEntry.event_id == event_id
    rows = session.execute(
        select(Staff.id, Staff.name).where(exists().where(mine, AuditEntry.staff_id == Staff.id)).order_by(Staff.name)
    )
    found: dict[uuid.UUID | str, str] = {row.id: row.name for row in rows}
    if session.scalar(select(exists().where(mine, AuditEntry.staff_id.is_(None)))):
        found[WITHOUT_ACCOUNT] = "The operator"
    return found


def list_record_names(
    session: Session, actor: Actor, event_id: uuid.UUID | None, ids: Collection[uuid.UUID]
) -> dict[uuid.UUID, str]:
    """What records were called last, also those that are deleted; only those with an entry in this trail."""
    _authorize_and_get_zone(session, actor, event_id)
    last = (
        select(AuditEntry.subject_id, AuditEntry.subject_name)
        .where(AuditEntry.event_id == event_id, AuditEntry.subject_id.in_(ids))
        .order_by(AuditEntry.subject_id, AuditEntry.id.desc())
        .ext(distinct_on(AuditEntry.subject_id))
    )
    return {row.subject_id: row.subject_name for row in session.execute(last)}


def build_export(
    session: Session, actor: Actor, event_id: uuid.UUID | None, audit_filter: AuditFilter = ALL_CHANGES
) -> Export:
    """One row per entry that is sought, the newest first; judged here, streamed later. Raises NotFound."""
    zone = _authorize_and_get_zone(session, actor, event_id)
    query = (
        select(*_COLUMNS.values())
        .where(*_conditions(AuditEntry, event_id, audit_filter, zone))
        .order_by(*_NEWEST_FIRST)
    )
    name = "office" if event_id is None else session.scalars(select(Event.name).where(Event.id == event_id)).one()
    return csv_export.build_export(session, tuple(_COLUMNS), query, zone, name)


def _authorize_and_get_zone(session: Session, actor: Actor, event_id: uuid.UUID | None) -> str:
    """Lets pass who may read this trail, and answers with the zone of its days."""
    if event_id is None:
        permissions.require(session, actor, "administer")
        return OFFICE_ZONE
    permissions.require(session, actor, "read", event_id)
    return session.scalars(select(Event.time_zone).where(Event.id == event_id)).one()


def _conditions(
    entry: Any, event_id: uuid.UUID | None, audit_filter: AuditFilter, zone: str
) -> list[ColumnElement[bool]]:
    chosen: list[ColumnElement[bool]] = [entry.event_id == event_id]
    if audit_filter.people:
        staff = [each for each in audit_filter.people if each != WITHOUT_ACCOUNT]
        by = entry.staff_id.in_(staff)
        chosen.append(by | entry.staff_id.is_(None) if WITHOUT_ACCOUNT in audit_filter.people else by)
    if audit_filter.records:
        chosen.append(entry.subject_id.in_(audit_filter.records))
    if audit_filter.actions:
        chosen.append(entry.action.in_(audit_filter.actions))
    if audit_filter.first_day is not None:
        chosen.append(entry.occurred_at >= _midnight(audit_filter.first_day, zone))
    if audit_filter.last_day is not None:
        chosen.append(entry.occurred_at < _midnight(audit_filter.last_day + timedelta(days=1), zone))
    return chosen


def _midnight(which: date, zone: str) -> datetime:
    return datetime.combine(which, time(), ZoneInfo(zone))


def _format_value(value: Any) -> ColumnElement[str]:
    """A stored value as text: lists with commas between, nothing as an empty field."""
    each = func.jsonb_array_elements_text(value).column_valued("each")
    return case(
        (func.jsonb_typeof(value) == "array", select(func.aggregate_strings(each, ", ")).scalar_subquery()),
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


def parse(query: Mapping[str, str], *, ignored: Collection[str] = ("event",)) -> AuditFilter:
    """What an address asks for; `besides` are parameters of that address which mean something else.

    Raises InvalidInput naming each parameter that is not understood.
    """
    found, problems = query_parameters.parse(PARAMETERS, query, ignored=ignored)
    query_parameters.raise_for_problems(problems)
    return AuditFilter(**found)


def to_query(audit_filter: AuditFilter) -> dict[str, str]:
    """The parameters that name it in an address, which `parsed` gives back."""
    return query_parameters.to_query(PARAMETERS, audit_filter, ALL_CHANGES)


def _parse_person(value: str) -> uuid.UUID | str:
    return value if value == WITHOUT_ACCOUNT else uuid.UUID(value)


def _parse_action(value: str) -> str:
    if not _ACTION.fullmatch(value):
        raise ValueError
    return value


PARAMETERS = {
    "person": Parameter(
        "people",
        list_parser(_parse_person),
        f"ids of staff, with commas between; {WITHOUT_ACCOUNT} means without an account",
        "Who did it.",
    ),
    "record": Parameter("records", list_parser(uuid.UUID), "ids of records, with commas between", "What was changed."),
    "action": Parameter(
        "actions",
        list_parser(_parse_action),
        "kinds of change such as package.changed, with commas between",
        "What was done.",
    ),
    "from": Parameter("first_day", parse_day, DAY_DESCRIPTION, "The first of the event's own days."),
    "to": Parameter("last_day", parse_day, DAY_DESCRIPTION, "The last of the event's own days."),
}

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from tests.support import make
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.catalog import events
from ticketing.catalog.events import EventDraft
from ticketing.errors import InvalidInput, NotAllowed, NotFound, StaleVersion
from ticketing.validation import validate

VALID = {"name": "Gala", "starts_at": "2026-12-05T18:00", "time_zone": "America/New_York", "venue": "Pier 4"}


def update_event(event, actor=OPERATOR, *, seen_version=None, **values):
    seen = event.version if seen_version is None else seen_version
    return db.write(lambda session: events.update(session, actor, event.id, values, seen_version=seen))


def get_event(event, actor=OPERATOR):
    with db.read_session() as session:
        return events.get(session, actor, event.id)


def get_problems(**values):
    with pytest.raises(InvalidInput) as refusal:
        validate(EventDraft, VALID | values)
    return set(refusal.value.fields)


def test_start_without_offset_is_local_time():
    assert get_event(make.event(starts_at="2026-12-05T18:00")).starts_at == datetime(2026, 12, 5, 23, tzinfo=UTC)


def test_start_with_offset_is_kept():
    assert get_event(make.event(starts_at="2026-12-05T18:00:00+01:00")).starts_at == datetime(
        2026, 12, 5, 17, tzinfo=UTC
    )


@pytest.mark.parametrize(("day", "hour_utc"), [("2026-03-07", 23), ("2026-03-08", 22), ("2026-11-01", 23)])
def test_start_respects_daylight_saving_time(day, hour_utc):
    start = get_event(make.event(starts_at=f"{day}T18:00")).starts_at
    assert (start.astimezone(UTC).hour, start.astimezone(UTC).date().isoformat()) == (hour_utc, day)


def test_start_respects_zones_with_partial_hours():
    event = make.event(starts_at="2026-06-01T12:00", time_zone="Asia/Kathmandu")
    assert get_event(event).starts_at == datetime(2026, 6, 1, 6, 15, tzinfo=UTC)


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "+02:00", "../etc/passwd", "america/new_york"])
def test_unknown_time_zone_is_refused(zone):
    assert get_problems(time_zone=zone) == {"time_zone"}


def test_time_zone_list_has_common_zones():
    zones = events.list_time_zones()
    assert zones[0] == "UTC"
    assert {"America/New_York", "Europe/Paris", "Asia/Kathmandu"} <= set(zones)
    assert all(validate(EventDraft, VALID | {"time_zone": zone}) for zone in zones)


@pytest.mark.parametrize("goal", ["0.01", "1000000000.00", None, ""])
def test_goal_is_optional_and_accepts_its_range(goal):
    assert get_event(make.event(revenue_goal=goal)).revenue_goal == (Decimal(goal) if goal else None)


@pytest.mark.parametrize("goal", ["0", "-1", "1000000000.01", "1.001", "lots"])
def test_goal_outside_its_range_is_refused(goal):
    assert get_problems(revenue_goal=goal) == {"revenue_goal"}


def test_missing_fields_are_refused():
    with pytest.raises(InvalidInput) as refusal:
        validate(EventDraft, {})
    assert set(refusal.value.fields) == {"name", "starts_at", "time_zone", "venue"}


@pytest.mark.parametrize(("field", "longest"), [("name", 100), ("venue", 200)])
def test_event_text_has_length_limits(field, longest):
    assert validate(EventDraft, VALID | {field: "x" * longest})
    assert get_problems(**{field: "x" * (longest + 1)}) == {field}
    assert get_problems(**{field: " "}) == {field}


def test_creating_an_event_requires_admin(admin):
    assert make.event(admin).version == 1
    for role in ("coordinator", "viewer"):
        with pytest.raises(NotAllowed):
            make.event(make.staff(role=role))


def test_coordinator_updates_assigned_event(event):
    changed = update_event(event, make.staff(event=event), name="Spring Gala", revenue_goal="5000")
    assert (changed.name, changed.revenue_goal, changed.version) == ("Spring Gala", Decimal(5000), 2)
    assert get_event(event).venue == event.venue


def test_update_with_current_values_changes_nothing(event):
    assert update_event(event, name=event.name).version == 1


def test_stale_update_is_refused(event):
    update_event(event, venue="Town Hall")
    with pytest.raises(StaleVersion) as refusal:
        update_event(event, seen_version=1, name="Mine")
    assert [(c.field, c.old, c.new, c.by) for c in refusal.value.changes] == [
        ("venue", "Pier 4 Hall", "Town Hall", "Operator")
    ]
    assert (get_event(event).name, get_event(event).venue) == ("Harbor Lights Gala", "Town Hall")


def test_goal_can_be_removed():
    event = make.event(revenue_goal="100")
    assert update_event(event, revenue_goal=None).revenue_goal is None


def test_viewer_reads_but_cannot_update(event):
    viewer = make.staff(role="viewer", event=event)
    assert get_event(event, viewer).name == event.name
    with pytest.raises(NotAllowed):
        update_event(event, viewer, name="Mine")
    assert get_event(event).version == 1


def test_unassigned_event_is_not_found(event):
    stranger = make.staff(event=make.event())
    with pytest.raises(NotFound):
        get_event(event, stranger)
    with pytest.raises(NotFound):
        update_event(event, stranger, name="Mine")
    assert get_event(event).version == 1


def test_list_has_assigned_events_and_all_events_for_admins(empty_database):
    soon = make.event(starts_at="2026-05-01T18:00")
    later = make.event(starts_at="2026-06-01T18:00")
    with db.read_session() as session:
        assert [e.id for e in events.list_page(session, OPERATOR)[0]] == [later.id, soon.id]
    for actor, expected in ((make.staff(role="admin"), 2), (make.staff(event=soon), 1), (make.staff(), 0)):
        with db.read_session() as session:
            listed, total = events.list_page(session, actor)
        assert len(listed) == total == expected


def test_list_has_20_events_per_page(empty_database):
    first = datetime(2026, 1, 1, 18)
    for number in range(21):
        make.event(name=f"Event {number}", starts_at=first + timedelta(days=number))
    with db.read_session() as session:
        pages = [events.list_page(session, OPERATOR, page=page) for page in (1, 2)]
    assert [len(rows) for rows, _ in pages] == [20, 1]
    assert {total for _, total in pages} == {21}
    assert pages[1][0][0].name == "Event 0"

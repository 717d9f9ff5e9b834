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


def change(event, actor=OPERATOR, *, seen_version=None, **values):
    seen = event.version if seen_version is None else seen_version
    return db.write(lambda session: events.update(session, actor, event.id, values, seen_version=seen))


def stored(event, actor=OPERATOR):
    with db.read_session() as session:
        return events.get(session, actor, event.id)


def refused(**values):
    with pytest.raises(InvalidInput) as refusal:
        validate(EventDraft, VALID | values)
    return set(refusal.value.fields)


def test_a_start_without_offset_is_a_moment_in_the_events_zone():
    assert stored(make.event(starts_at="2026-12-05T18:00")).starts_at == datetime(2026, 12, 5, 23, tzinfo=UTC)


def test_a_start_with_offset_is_that_moment():
    assert stored(make.event(starts_at="2026-12-05T18:00:00+01:00")).starts_at == datetime(2026, 12, 5, 17, tzinfo=UTC)


@pytest.mark.parametrize(("day", "hour_utc"), [("2026-03-07", 23), ("2026-03-08", 22), ("2026-11-01", 23)])
def test_summer_time_is_minded(day, hour_utc):
    start = stored(make.event(starts_at=f"{day}T18:00")).starts_at
    assert (start.astimezone(UTC).hour, start.astimezone(UTC).date().isoformat()) == (hour_utc, day)


def test_zones_off_the_hour_are_minded():
    event = make.event(starts_at="2026-06-01T12:00", time_zone="Asia/Kathmandu")
    assert stored(event).starts_at == datetime(2026, 6, 1, 6, 15, tzinfo=UTC)


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "+02:00", "../etc/passwd", "america/new_york"])
def test_a_zone_must_be_one_of_the_iana_names(zone):
    assert refused(time_zone=zone) == {"time_zone"}


def test_the_list_of_zones_has_those_people_live_in():
    zones = events.list_time_zones()
    assert zones[0] == "UTC"
    assert {"America/New_York", "Europe/Paris", "Asia/Kathmandu"} <= set(zones)
    assert all(validate(EventDraft, VALID | {"time_zone": zone}) for zone in zones)


@pytest.mark.parametrize("goal", ["0.01", "1000000000.00", None, ""])
def test_a_goal_is_optional_and_has_room_from_a_cent_to_a_billion(goal):
    assert stored(make.event(revenue_goal=goal)).revenue_goal == (Decimal(goal) if goal else None)


@pytest.mark.parametrize("goal", ["0", "-1", "1000000000.01", "1.001", "lots"])
def test_other_goals_are_refused(goal):
    assert refused(revenue_goal=goal) == {"revenue_goal"}


def test_what_is_missing_is_asked_for():
    with pytest.raises(InvalidInput) as refusal:
        validate(EventDraft, {})
    assert set(refusal.value.fields) == {"name", "starts_at", "time_zone", "venue"}


@pytest.mark.parametrize(("field", "longest"), [("name", 100), ("venue", 200)])
def test_text_of_an_event_has_its_limits(field, longest):
    assert validate(EventDraft, VALID | {field: "x" * longest})
    assert refused(**{field: "x" * (longest + 1)}) == {field}
    assert refused(**{field: " "}) == {field}


def test_only_admins_add_events(admin):
    assert make.event(admin).version == 1
    for role in ("coordinator", "viewer"):
        with pytest.raises(NotAllowed):
            make.event(make.staff(role=role))


def test_a_coordinator_changes_an_assigned_event(event):
    changed = change(event, make.staff(event=event), name="Spring Gala", revenue_goal="5000")
    assert (changed.name, changed.revenue_goal, changed.version) == ("Spring Gala", Decimal(5000), 2)
    assert stored(event).venue == event.venue


def test_a_change_of_nothing_is_no_change(event):
    assert change(event, name=event.name).version == 1


def test_an_event_changed_by_somebody_else_is_not_overwritten(event):
    change(event, venue="Town Hall")
    with pytest.raises(StaleVersion) as refusal:
        change(event, seen_version=1, name="Mine")
    assert [(c.field, c.old, c.new, c.by) for c in refusal.value.changes] == [
        ("venue", "Pier 4 Hall", "Town Hall", "Operator")
    ]
    assert (stored(event).name, stored(event).venue) == ("Harbor Lights Gala", "Town Hall")


def test_a_goal_can_be_taken_away():
    event = make.event(revenue_goal="100")
    assert change(event, revenue_goal=None).revenue_goal is None


def test_a_viewer_sees_and_changes_nothing(event):
    viewer = make.staff(role="viewer", event=event)
    assert stored(event, viewer).name == event.name
    with pytest.raises(NotAllowed):
        change(event, viewer, name="Mine")
    assert stored(event).version == 1


def test_an_event_one_is_not_assigned_to_does_not_exist(event):
    stranger = make.staff(event=make.event())
    with pytest.raises(NotFound):
        stored(event, stranger)
    with pytest.raises(NotFound):
        change(event, stranger, name="Mine")
    assert stored(event).version == 1


def test_people_list_the_events_they_are_assigned_to_and_admins_all(empty_database):
    soon = make.event(starts_at="2026-05-01T18:00")
    later = make.event(starts_at="2026-06-01T18:00")
    with db.read_session() as session:
        assert [e.id for e in events.list_page(session, OPERATOR)[0]] == [later.id, soon.id]
    for actor, expected in ((make.staff(role="admin"), 2), (make.staff(event=soon), 1), (make.staff(), 0)):
        with db.read_session() as session:
            listed, total = events.list_page(session, actor)
        assert len(listed) == total == expected


def test_the_list_has_20_events_a_page(empty_database):
    first = datetime(2026, 1, 1, 18)
    for number in range(21):
        make.event(name=f"Event {number}", starts_at=first + timedelta(days=number))
    with db.read_session() as session:
        pages = [events.list_page(session, OPERATOR, page=page) for page in (1, 2)]
    assert [len(rows) for rows, _ in pages] == [20, 1]
    assert {total for _, total in pages} == {21}
    assert pages[1][0][0].name == "Event 0"

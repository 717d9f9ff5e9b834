"""Drafts of orders at a till: kept for their owner, moved between tills, and gone when they should be."""

import json
import threading
import uuid

import pytest
from sqlalchemy import select, text

from tests.support import make
from tests.support.hostile_text import TEXTS
from tests.support.waiting import wait_until
from ticketing import db
from ticketing.access import staff
from ticketing.actors import OPERATOR
from ticketing.errors import NotAllowed, NotFound, NotSignedIn
from ticketing.models import AuditEntry, TillDraft
from ticketing.sales import till_drafts
from ticketing.sales.till_drafts import DraftGone

pytestmark = pytest.mark.usefixtures("database_of_module")
IS_WAITING = text(
    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
)
HERE, THERE = "till a", "till b"


@pytest.fixture
def event():
    return make.event()


@pytest.fixture
def ana(event):
    return make.staff(event=event)


def create(actor, event, till=HERE, content=None):
    draft_id = uuid.uuid4()
    db.write(lambda s: till_drafts.create(s, actor, event.id, till, draft_id, content or {"code": "EARLY25"}))
    return draft_id


def save(actor, event, draft_id, content, till=HERE):
    db.write(lambda s: till_drafts.save(s, actor, event.id, till, draft_id, content))


def find(actor, event, till=HERE):
    with db.read_session() as session:
        return till_drafts.find(session, actor, event.id, till)


def waiting(actor, event, till=HERE):
    with db.read_session() as session:
        return [each.id for each in till_drafts.list_waiting(session, actor, event.id, till)]


def move(actor, event, draft_id, till):
    return db.write(lambda s: till_drafts.move(s, actor, event.id, till, draft_id))


def set_age(draft_id, age):
    with db.engine().begin() as connection:
        statement = "UPDATE till_drafts SET changed_at = now() - CAST(:age AS interval) WHERE id = :id"
        connection.execute(text(statement), {"age": age, "id": draft_id})


def count(actor):
    with db.read_session() as session:
        return len(session.scalars(select(TillDraft.id).where(TillDraft.staff_id == actor.staff_id)).all())


def test_draft_is_kept_as_it_was_typed_last(event, ana):
    draft_id = create(ana, event)
    save(
        ana, event, draft_id, {"donor": dict(TEXTS), "lines": [{"note": "half \ud800, NUL \0, \\u0000", "quantity": 2}]}
    )
    found = find(ana, event)
    assert (found.id, found.content) == (
        draft_id,
        {
            "donor": {name: typed.replace("\0", "") for name, typed in TEXTS.items()},
            "lines": [{"note": "half , NUL , \\u0000", "quantity": 2}],
        },
    )


def test_each_person_event_and_till_has_a_draft_of_its_own(event, ana):
    other_event, ben = make.event(), make.staff(event=event)
    make.assign(ana, other_event)
    mine, there = create(ana, event), create(ana, event, THERE)
    elsewhere, bens = create(ana, other_event), create(ben, event)
    assert [find(*where).id for where in ((ana, event), (ana, event, THERE), (ana, other_event), (ben, event))] == [
        mine,
        there,
        elsewhere,
        bens,
    ]
    assert waiting(ana, event) == [there]
    assert waiting(ben, event) == []


def test_new_draft_replaces_the_one_of_its_till(event, ana):
    create(ana, event)
    second = create(ana, event)
    assert find(ana, event).id == second
    assert count(ana) == 1


def test_moved_draft_leaves_its_till(event, ana):
    draft_id = create(ana, event)
    replaced = create(ana, event, THERE)
    moved = move(ana, event, draft_id, THERE)
    assert (moved.id, moved.till, moved.content) == (draft_id, THERE, {"code": "EARLY25"})
    assert find(ana, event) is None
    assert waiting(ana, event) == [draft_id]
    assert replaced not in waiting(ana, event)
    with pytest.raises(DraftGone):
        save(ana, event, draft_id, {"code": "typed at the first till"})
    assert find(ana, event, THERE).content == {"code": "EARLY25"}


def test_nobody_else_reads_moves_saves_or_deletes_a_draft(event, ana):
    draft_id = create(ana, event)
    admin = make.staff("admin")
    assert find(admin, event) is None
    assert waiting(admin, event, THERE) == []
    for act in (lambda: move(admin, event, draft_id, THERE), lambda: save(admin, event, draft_id, {})):
        with pytest.raises(DraftGone):
            act()
    db.write(lambda s: till_drafts.discard(s, admin, event.id, draft_id))
    assert find(ana, event).content == {"code": "EARLY25"}


def test_discarded_draft_is_gone(event, ana):
    draft_id = create(ana, event)
    db.write(lambda s: till_drafts.discard(s, ana, event.id, draft_id))
    assert find(ana, event) is None
    with pytest.raises(DraftGone):
        save(ana, event, draft_id, {})


@pytest.mark.parametrize(("extra", "is_storable"), [(0, True), (1, False)])
def test_size_of_a_draft_is_limited(event, ana, extra, is_storable):
    content = {"lines": [{"quantity": 1}] * 100, "notes": ""}
    content["notes"] = "é" * ((till_drafts.MAX_CONTENT_BYTES - len(json.dumps(content)) + 2 * extra) // 2)
    assert till_drafts.is_storable(content) is is_storable
    if is_storable:
        create(ana, event, content=content)
        assert find(ana, event).content == content


@pytest.mark.parametrize(("age", "is_kept"), [("23 hours 59 minutes", True), ("24 hours 1 minute", False)])
def test_draft_is_kept_for_24_hours(event, ana, age, is_kept):
    draft_id = create(ana, event)
    set_age(draft_id, age)
    assert (find(ana, event) is not None, waiting(ana, event, THERE)) == (is_kept, [draft_id] if is_kept else [])
    create(make.staff(event=event), event)  # the next new draft of anybody deletes it
    assert count(ana) == is_kept


@pytest.mark.parametrize(
    ("change", "is_kept"),
    [
        ("deactivate", False),
        ({"role": "viewer"}, False),
        ({"unassign": True}, False),
        ({"role": "admin", "unassign": True}, True),
        ({"name": "Ana Other"}, True),
    ],
    ids=str,
)
def test_draft_is_deleted_with_the_right_to_sell(event, ana, change, is_kept):
    create(ana, event)
    if change == "deactivate":
        db.write(lambda s: staff.deactivate(s, OPERATOR, ana.staff_id))
    else:
        values = {name: value for name, value in change.items() if name != "unassign"}
        unassign = [event.id] if change.get("unassign") else []
        db.write(lambda s: staff.update(s, OPERATOR, ana.staff_id, values, seen_version=1, unassign=unassign))
    assert count(ana) == is_kept


def test_admin_who_becomes_coordinator_keeps_drafts_of_own_events(event):
    make.staff("admin", password=make.PASSWORD)
    other_event, person = make.event(), make.staff("admin", event)
    kept = create(person, event)
    create(person, other_event)
    db.write(lambda s: staff.update(s, OPERATOR, person.staff_id, {"role": "coordinator"}, seen_version=1))
    with db.read_session() as session:
        ids = session.scalars(select(TillDraft.id).where(TillDraft.staff_id == person.staff_id)).all()
    assert ids == [kept]


@pytest.mark.parametrize(("who", "refusal"), [("viewer", NotAllowed), ("stranger", NotFound), ("operator", NotFound)])
def test_those_who_may_not_sell_store_nothing(event, who, refusal):
    person = {"viewer": lambda: make.staff("viewer", event), "stranger": make.staff, "operator": lambda: OPERATOR}[
        who
    ]()
    with pytest.raises(refusal):
        create(person, event)
    assert count(person) == 0


def test_draft_writes_no_audit_entry(event, ana):
    draft_id = create(ana, event)
    save(ana, event, draft_id, {"donor": {"name": "Zoë"}})
    db.write(lambda s: till_drafts.discard(s, ana, event.id, draft_id))
    with db.read_session() as session:
        assert session.scalars(select(AuditEntry.action).where(AuditEntry.subject_id == draft_id)).all() == []


@pytest.mark.system
def test_draft_saved_during_a_deactivation_does_not_outlive_it(event, ana):
    """The deactivation waits for the save and deletes its row, or the save finds the account deactivated."""
    started, outcome = threading.Event(), []

    def deactivate(session):
        staff.deactivate(session, OPERATOR, ana.staff_id)
        started.set()
        with db.engine().connect() as observer:  # the view of one transaction would stay as it was first read
            wait_until(
                lambda: observer.execute(text("SELECT pg_stat_clear_snapshot()")) and observer.scalar(IS_WAITING),
                seconds=10,
            )

    def type_on():
        started.wait()
        try:
            create(ana, event)
        except NotSignedIn as exc:
            outcome.append(exc)

    clerk = threading.Thread(target=type_on)
    clerk.start()
    db.write(deactivate)
    clerk.join()
    assert len(outcome) == 1
    assert count(ana) == 0

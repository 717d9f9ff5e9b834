"""Pictures of packages: who may, what the trail says, and that no picture stays behind and none is missing."""

from __future__ import annotations

import hashlib

import pytest
from sqlalchemy import select
from sqlalchemy.event import listen

from tests.races.racing import race
from tests.support import database_state, image_samples, make
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.catalog import copying, images, packages
from ticketing.errors import InvalidInput, NotAllowed, NotFound, StaleVersion
from ticketing.models import AuditEntry, Image, Package


def prepared(colour=image_samples.RED, kind="PNG"):
    return images.prepare(image_samples.make_image_file(kind, color=colour))


RED, GREEN = prepared(image_samples.RED), prepared(image_samples.GREEN, "WEBP")


def put(package, picture=RED, alt=None, actor=OPERATOR, **more):
    return db.write(
        lambda session: images.set_image(session, actor, package.event_id, package.id, picture, alt, **more)
    )


def say(package, alt, actor=OPERATOR, **more):
    return db.write(lambda session: images.set_alt(session, actor, package.event_id, package.id, alt, **more))


def remove(package, actor=OPERATOR, **more):
    return db.write(lambda session: images.remove_image(session, actor, package.event_id, package.id, **more))


def delete(package):
    db.write(lambda session: packages.delete(session, OPERATOR, package.event_id, package.id))


def shown(package):
    with db.read_session() as session:
        return images.find_by_package(session, [session.get(Package, package.id)]).get(package.id)


def kept(event):
    """The hashes of the pictures that the event has."""
    with db.read_session() as session:
        return sorted(each.hex() for each in session.scalars(select(Image.sha256).where(Image.event_id == event.id)))


@pytest.fixture
def package(event):
    return make.package(event, name="Table of Ten")


def test_a_package_shows_the_picture_that_it_was_given(event, package):
    changed = put(package, RED, "  Ten chairs\naround a table ")

    picture = shown(package)
    assert (changed.version, changed.image_alt) == (2, "Ten chairs around a table")
    assert picture == images.PackageImage(event.id, RED.sha256.hex(), "image/png", 60, 40, "Ten chairs around a table")
    assert picture.path == f"/pictures/{event.id}/{picture.sha256}.png"
    assert picture.thumbnail_path == f"/pictures/{event.id}/thumbnails/{picture.sha256}.png"


def test_what_is_stored_is_what_was_prepared_and_known_by_its_hash(event, package):
    put(package, GREEN)

    with db.read_session() as session:
        image = images.get(session, OPERATOR, event.id, GREEN.sha256.hex(), "webp")
        assert (image.content, image.thumbnail) == (GREEN.content, GREEN.thumbnail)
        assert image.sha256 == hashlib.sha256(GREEN.content).digest()
        assert (image.media_type, image.width, image.height) == ("image/webp", 60, 40)


def test_a_replaced_picture_is_gone_with_its_words(event, package):
    put(package, RED, "Red")

    changed = put(package, GREEN)

    assert (changed.version, changed.image_alt) == (3, None)
    assert kept(event) == [GREEN.sha256.hex()]


def test_a_removed_picture_is_gone_and_removing_twice_is_once(event, package):
    put(package, RED, "Red")

    assert remove(package).version == 3
    assert remove(package).version == 3
    assert (shown(package), kept(event)) == (None, [])
    assert database_state.get_audit_changes(package.id, "package.image_removed") == {
        "image": (RED.sha256.hex(), None),
        "image_alt": ("Red", None),
    }


def test_the_same_picture_with_the_same_words_again_changes_nothing(event, package):
    put(package, RED, "Red")
    before = database_state.snapshot(event)

    assert put(package, RED, " Red ").version == 2
    assert database_state.snapshot(event) == before


def test_a_picture_of_two_packages_is_stored_once_and_kept_until_the_last_lets_go(event, package):
    other, third = make.package(event), make.package(event)
    for each in (package, other, third):
        put(each, RED)
    assert kept(event) == [RED.sha256.hex()]

    put(package, GREEN)
    assert kept(event) == sorted([RED.sha256.hex(), GREEN.sha256.hex()])
    remove(other)
    assert shown(third).sha256 == RED.sha256.hex()
    delete(third)
    assert kept(event) == [GREEN.sha256.hex()]


def test_events_share_no_picture(event, package):
    elsewhere = make.package(make.event())
    put(package, RED)
    put(elsewhere, RED)

    remove(package)

    assert shown(elsewhere).sha256 == RED.sha256.hex()


def test_a_deleted_package_takes_its_picture_along(event, package):
    put(package, RED, "Red")

    delete(package)

    assert kept(event) == []
    assert database_state.get_audit_changes(package.id, "package.deleted") | {
        "image": (RED.sha256.hex(), None),
        "image_alt": ("Red", None),
    } == (database_state.get_audit_changes(package.id, "package.deleted"))


def test_a_package_that_cannot_be_deleted_keeps_its_picture(event, package):
    put(package, RED)
    make.purchase(event, package)

    with pytest.raises(Exception, match="stays in the records"):
        delete(package)
    assert shown(package).sha256 == RED.sha256.hex()


def test_the_trail_tells_hashes_and_words_and_no_bytes(package):
    person = make.staff("admin", name="Bo Lind")
    put(package, RED, "Red", person)
    put(package, GREEN, "Green")

    with db.read_session() as session:
        rows = session.scalars(
            select(AuditEntry)
            .where(AuditEntry.subject_id == package.id, AuditEntry.action == "package.image_changed")
            .order_by(AuditEntry.id)
        ).all()
    red, green = RED.sha256.hex(), GREEN.sha256.hex()
    assert [(row.actor, row.subject_version, row.field, row.old_value, row.new_value) for row in rows] == [
        ("Bo Lind", 2, "image", None, red),
        ("Bo Lind", 2, "image_alt", None, "Red"),
        ("Operator", 3, "image", red, green),
        ("Operator", 3, "image_alt", "Red", "Green"),
    ]


def test_the_words_change_without_the_picture(event, package):
    put(package, RED, "Red")

    assert say(package, "Very red").version == 3
    assert say(package, " Very red ").version == 3
    assert shown(package).alt == "Very red"
    assert kept(event) == [RED.sha256.hex()]
    assert say(package, "").image_alt is None


def test_words_need_a_picture(event, package):
    with database_state.assert_refused(NotFound, event):
        say(package, "Nothing to see")


@pytest.mark.parametrize("alt", [None, "", "x", "x" * 200])
def test_words_that_fit(package, alt):
    assert put(package, RED, alt).image_alt == (alt or None)


@pytest.mark.parametrize("alt", ["x" * 201, "x\x00y"])
def test_words_that_do_not(event, package, alt):
    with database_state.assert_refused(InvalidInput, event) as refusal:
        put(package, RED, alt)
    assert list(refusal.value.fields) == ["alt"]
    assert kept(event) == []


CHANGES = [
    lambda package, **more: put(package, GREEN, **more),
    lambda package, **more: say(package, "Other", **more),
    remove,
]


@pytest.mark.parametrize("change", CHANGES, ids=["set", "alt", "remove"])
def test_who_saw_something_older_is_told_what_happened_meanwhile(event, package, change):
    put(package, RED, seen_version=1)

    with database_state.assert_refused(StaleVersion, event) as refusal:
        change(package, seen_version=1)

    (meanwhile,) = refusal.value.changes
    assert (meanwhile.field, meanwhile.old, meanwhile.new) == ("image", None, RED.sha256.hex())
    assert refusal.value.current_version == 2
    assert kept(event) == [RED.sha256.hex()]
    assert change(package, seen_version=2).version == 3


def test_an_editor_of_the_package_learns_of_the_picture(event, package):
    put(package, RED)

    with pytest.raises(StaleVersion) as refusal:
        db.write(lambda s: packages.update(s, OPERATOR, event.id, package.id, {"name": "Chair"}, seen_version=1))
    assert [each.field for each in refusal.value.changes] == ["image"]


@pytest.mark.parametrize("change", CHANGES, ids=["set", "alt", "remove"])
@pytest.mark.parametrize(
    ("role", "is_theirs", "kind"), [("viewer", True, NotAllowed), ("coordinator", False, NotFound)]
)
def test_who_may_not(event, package, change, role, is_theirs, kind):
    put(package, RED)
    person = make.staff(role, event if is_theirs else make.event())

    with database_state.assert_refused(kind, event):
        change(package, actor=person)
    assert kept(event) == [RED.sha256.hex()]


@pytest.mark.parametrize("change", CHANGES, ids=["set", "alt", "remove"])
def test_a_package_is_found_in_its_own_event_only(event, package, change):
    elsewhere = make.event()
    package.event_id = elsewhere.id

    with database_state.assert_refused(NotFound, elsewhere):
        change(package)


def test_a_coordinator_may(event, package):
    assert put(package, RED, actor=make.staff("coordinator", event)).version == 2


def test_a_picture_is_found_by_who_may_read_the_event_and_under_its_own_name(event, package):
    put(package, RED)
    name = RED.sha256.hex()

    def found(actor, event_id=event.id, sha256=name, ending="png"):
        with db.read_session() as session:
            return images.get(session, actor, event_id, sha256, ending).media_type

    assert found(make.staff("viewer", event)) == "image/png"
    for actor, other in [
        (make.staff("admin"), {"event_id": make.event().id}),
        (make.staff("coordinator", make.event()), {}),
        (OPERATOR, {"sha256": GREEN.sha256.hex()}),
        (OPERATOR, {"ending": "jpg"}),
    ]:
        with pytest.raises(NotFound):
            found(actor, **other)


def test_pictures_of_many_packages_take_one_query_and_no_bytes(event, package):
    put(package, RED)
    with db.read_session() as session:
        rows = packages.list_page(session, OPERATOR, event.id)[0]
        asked = []
        listen(session.get_bind(), "before_cursor_execute", lambda *told: asked.append(told[2]))
        images.find_by_package(session, rows)
    assert len(asked) == 1
    assert "content" not in asked[0]
    assert "thumbnail" not in asked[0]


def test_many_at_once_leave_no_picture_behind_and_miss_none(event, caplog):
    """Pictures come, go, swap, are shared and copied; whoever comes second waits, and nobody has to start over."""
    rows = [make.package(event) for _ in range(4)]

    def attempt(number):
        package = rows[number % 4]
        if number % 16 == 7:
            return db.write(lambda session: copying.copy_package(session, OPERATOR, event.id, package.id))
        if number % 3 == 2:
            return remove(package)
        return put(package, (RED, GREEN)[number // 4 % 2])

    outcomes = race(96, attempt)

    assert all(isinstance(outcome, Package) for outcome in outcomes)
    with db.read_session() as session:
        rows = packages.list_enabled(session, OPERATOR, event.id) + [each for each in outcomes if not each.is_enabled]
    used = {picture.sha256 for each in rows if (picture := shown(each))}
    assert kept(event) == sorted(used)
    assert "starts over" not in caplog.text

"""Images of packages: permissions, audit entries, and no orphaned or missing images."""

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


def prepared(color=image_samples.RED, kind="PNG"):
    return images.prepare(image_samples.make_image_file(kind, color=color))


RED, GREEN = prepared(image_samples.RED), prepared(image_samples.GREEN, "WEBP")


def set_image(package, picture=RED, alt=None, actor=OPERATOR, **more):
    return db.write(
        lambda session: images.set_image(session, actor, package.event_id, package.id, picture, alt, **more)
    )


def set_alt(package, alt, actor=OPERATOR, **more):
    return db.write(lambda session: images.set_alt(session, actor, package.event_id, package.id, alt, **more))


def remove_image(package, actor=OPERATOR, **more):
    return db.write(lambda session: images.remove_image(session, actor, package.event_id, package.id, **more))


def delete_package(package):
    db.write(lambda session: packages.delete(session, OPERATOR, package.event_id, package.id))


def find_image(package):
    with db.read_session() as session:
        return images.find_by_package(session, [session.get(Package, package.id)]).get(package.id)


def list_stored_images(event):
    """Return the hashes of the event's stored images."""
    with db.read_session() as session:
        return sorted(each.hex() for each in session.scalars(select(Image.sha256).where(Image.event_id == event.id)))


@pytest.fixture
def package(event):
    return make.package(event, name="Table of Ten")


def test_package_has_the_image_that_was_set(event, package):
    changed = set_image(package, RED, "  Ten chairs\naround a table ")

    picture = find_image(package)
    assert (changed.version, changed.image_alt) == (2, "Ten chairs around a table")
    assert picture == images.PackageImage(event.id, RED.sha256.hex(), "image/png", 60, 40, "Ten chairs around a table")
    assert picture.path == f"/pictures/{event.id}/{picture.sha256}.png"
    assert picture.thumbnail_path == f"/pictures/{event.id}/thumbnails/{picture.sha256}.png"


def test_stored_image_is_the_prepared_one(event, package):
    set_image(package, GREEN)

    with db.read_session() as session:
        image = images.get(session, OPERATOR, event.id, GREEN.sha256.hex(), "webp")
        assert (image.content, image.thumbnail) == (GREEN.content, GREEN.thumbnail)
        assert image.sha256 == hashlib.sha256(GREEN.content).digest()
        assert (image.media_type, image.width, image.height) == ("image/webp", 60, 40)


def test_replaced_image_is_deleted_with_its_alt_text(event, package):
    set_image(package, RED, "Red")

    changed = set_image(package, GREEN)

    assert (changed.version, changed.image_alt) == (3, None)
    assert list_stored_images(event) == [GREEN.sha256.hex()]


def test_former_image_can_be_set_again_after_it_was_deleted(event, package):
    set_image(package, RED, "Red")
    other = make.event()
    stranger = make.staff(event=other)
    with db.read_session() as session:
        former = images.find_prepared(session, OPERATOR, event.id, package.id)
        assert images.find_prepared(session, OPERATOR, other.id, package.id) is None
        with pytest.raises(NotFound):
            images.find_prepared(session, stranger, event.id, package.id)
    assert former == RED

    remove_image(package)
    with db.read_session() as session:
        assert images.find_prepared(session, OPERATOR, event.id, package.id) is None
    set_image(package, former, "Red")
    assert find_image(package).sha256 == RED.sha256.hex()


def test_removing_an_image_is_idempotent(event, package):
    set_image(package, RED, "Red")

    assert remove_image(package).version == 3
    assert remove_image(package).version == 3
    assert (find_image(package), list_stored_images(event)) == (None, [])
    assert database_state.get_audit_changes(package.id, "package.image_removed") == {
        "image": (RED.sha256.hex(), None),
        "image_alt": ("Red", None),
    }


def test_setting_the_same_image_and_alt_text_changes_nothing(event, package):
    set_image(package, RED, "Red")
    before = database_state.snapshot(event)

    assert set_image(package, RED, " Red ").version == 2
    assert database_state.snapshot(event) == before


def test_shared_image_is_stored_once_until_its_last_use(event, package):
    other, third = make.package(event), make.package(event)
    for each in (package, other, third):
        set_image(each, RED)
    assert list_stored_images(event) == [RED.sha256.hex()]

    set_image(package, GREEN)
    assert list_stored_images(event) == sorted([RED.sha256.hex(), GREEN.sha256.hex()])
    remove_image(other)
    assert find_image(third).sha256 == RED.sha256.hex()
    delete_package(third)
    assert list_stored_images(event) == [GREEN.sha256.hex()]


def test_events_do_not_share_images(event, package):
    elsewhere = make.package(make.event())
    set_image(package, RED)
    set_image(elsewhere, RED)

    remove_image(package)

    assert find_image(elsewhere).sha256 == RED.sha256.hex()


def test_deleting_a_package_deletes_its_image(event, package):
    set_image(package, RED, "Red")

    delete_package(package)

    assert list_stored_images(event) == []
    assert database_state.get_audit_changes(package.id, "package.deleted") | {
        "image": (RED.sha256.hex(), None),
        "image_alt": ("Red", None),
    } == (database_state.get_audit_changes(package.id, "package.deleted"))


def test_refused_deletion_keeps_the_image(event, package):
    set_image(package, RED)
    make.purchase(event, package)

    with pytest.raises(Exception, match="stays in the records"):
        delete_package(package)
    assert find_image(package).sha256 == RED.sha256.hex()


def test_audit_log_has_hashes_and_alt_text_but_no_content(package):
    person = make.staff("admin", name="Bo Lind")
    set_image(package, RED, "Red", person)
    set_image(package, GREEN, "Green")

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


def test_alt_text_changes_without_the_image(event, package):
    set_image(package, RED, "Red")

    assert set_alt(package, "Very red").version == 3
    assert set_alt(package, " Very red ").version == 3
    assert find_image(package).alt == "Very red"
    assert list_stored_images(event) == [RED.sha256.hex()]
    assert set_alt(package, "").image_alt is None


def test_alt_text_requires_an_image(event, package):
    with database_state.assert_refused(NotFound, event):
        set_alt(package, "Nothing to see")


@pytest.mark.parametrize("alt", [None, "", "x", "x" * 200])
def test_accepted_alt_text(package, alt):
    assert set_image(package, RED, alt).image_alt == (alt or None)


@pytest.mark.parametrize("alt", ["x" * 201, "x\x00y"])
def test_refused_alt_text(event, package, alt):
    with database_state.assert_refused(InvalidInput, event) as refusal:
        set_image(package, RED, alt)
    assert list(refusal.value.fields) == ["alt"]
    assert list_stored_images(event) == []


CHANGES = [
    lambda package, **more: set_image(package, GREEN, **more),
    lambda package, **more: set_alt(package, "Other", **more),
    remove_image,
]


@pytest.mark.parametrize("change", CHANGES, ids=["set", "alt", "remove"])
def test_stale_version_is_refused_with_the_changes(event, package, change):
    set_image(package, RED, seen_version=1)

    with database_state.assert_refused(StaleVersion, event) as refusal:
        change(package, seen_version=1)

    (missed_change,) = refusal.value.changes
    assert (missed_change.field, missed_change.old, missed_change.new) == ("image", None, RED.sha256.hex())
    assert refusal.value.current_version == 2
    assert list_stored_images(event) == [RED.sha256.hex()]
    assert change(package, seen_version=2).version == 3


def test_image_change_is_a_conflict_for_an_open_form(event, package):
    set_image(package, RED)

    with pytest.raises(StaleVersion) as refusal:
        db.write(lambda s: packages.update(s, OPERATOR, event.id, package.id, {"name": "Chair"}, seen_version=1))
    assert [each.field for each in refusal.value.changes] == ["image"]


@pytest.mark.parametrize("change", CHANGES, ids=["set", "alt", "remove"])
@pytest.mark.parametrize(
    ("role", "is_theirs", "kind"), [("viewer", True, NotAllowed), ("coordinator", False, NotFound)]
)
def test_callers_without_permission_are_refused(event, package, change, role, is_theirs, kind):
    set_image(package, RED)
    person = make.staff(role, event if is_theirs else make.event())

    with database_state.assert_refused(kind, event):
        change(package, actor=person)
    assert list_stored_images(event) == [RED.sha256.hex()]


@pytest.mark.parametrize("change", CHANGES, ids=["set", "alt", "remove"])
def test_package_of_another_event_is_not_found(event, package, change):
    elsewhere = make.event()
    package.event_id = elsewhere.id

    with database_state.assert_refused(NotFound, elsewhere):
        change(package)


def test_coordinator_sets_an_image(event, package):
    assert set_image(package, RED, actor=make.staff("coordinator", event)).version == 2


def test_image_is_found_by_readers_of_the_event_under_its_exact_name(event, package):
    set_image(package, RED)
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


def test_images_of_many_packages_take_one_query_without_content(event, package):
    set_image(package, RED)
    with db.read_session() as session:
        rows = packages.list_page(session, OPERATOR, event.id)[0]
        asked = []
        listen(session.get_bind(), "before_cursor_execute", lambda *event: asked.append(event[2]))
        images.find_by_package(session, rows)
    assert len(asked) == 1
    assert "content" not in asked[0]
    assert "thumbnail" not in asked[0]


def test_simultaneous_changes_leave_no_orphaned_images(event, caplog):
    """Set, remove, swap, share and copy images in parallel; writers wait for each other without a retry."""
    rows = [make.package(event) for _ in range(4)]

    def attempt(number):
        package = rows[number % 4]
        if number % 16 == 7:
            return db.write(lambda session: copying.copy_package(session, OPERATOR, event.id, package.id))
        if number % 3 == 2:
            return remove_image(package)
        return set_image(package, (RED, GREEN)[number // 4 % 2])

    outcomes = race(96, attempt)

    assert all(isinstance(outcome, Package) for outcome in outcomes)
    with db.read_session() as session:
        rows = packages.list_enabled(session, OPERATOR, event.id) + [each for each in outcomes if not each.is_enabled]
    used = {picture.sha256 for each in rows if (picture := find_image(each))}
    assert list_stored_images(event) == sorted(used)
    assert "starts over" not in caplog.text

"""Copies of packages and events. Every column is compared, so a new one must be copied or listed here."""

import hashlib
from datetime import UTC, datetime

import pytest
from sqlalchemy import inspect, select

from tests.support import database_state, make
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.catalog import copying, options, packages
from ticketing.catalog.copying import CopyDraft
from ticketing.catalog.events import EventDraft
from ticketing.errors import NotAllowed, NotFound
from ticketing.models import Event, EventAssignment, Image, Option, Package, PromoCode

NEXT_YEAR = {
    "name": "Harbor Lights Gala 2037",
    "starts_at": "2037-12-05T18:00",
    "time_zone": "America/New_York",
    "venue": "Pier 5 Hall",
    "revenue_goal": "600000",
}


def create_image(event):
    """Store an image with arbitrary content."""

    def work(session):
        content = event.id.bytes
        image = Image(
            event_id=event.id,
            sha256=hashlib.sha256(content).digest(),
            content=content,
            thumbnail=content[:4],
            media_type="image/png",
            width=3,
            height=2,
        )
        session.add(image)
        return image

    return db.write(work)


def set_image(package, image):
    def work(session):
        row = session.get_one(Package, package.id)
        row.image_id, row.image_alt = image.id, "A laid table"

    db.write(work)


@pytest.fixture
def source():
    """Return an event with sales, and its packages. No column has the value of a new row."""
    event = make.event(revenue_goal="500000", starts_at="2036-12-06T18:00")
    table = make.package(
        event, name="Table", price="2500.50", seats_per_package=10, quantity_limit=60, is_sponsorship=True
    )
    single = make.package(event, name="Single", is_enabled=False)
    set_image(table, create_image(event))
    make.option(table, label="Meal?", option_type="multi_select", choices=["Fish", "Tofu"], is_required=False)
    gone = make.option(table, label="Old question")
    db.write(lambda session: options.retire(session, OPERATOR, table.id, gone.id))
    make.promo_code(
        event, code="EARLY10", expires_at="2036-11-02T01:30", max_total_uses=50, max_uses_per_donor=2, is_active=True
    )
    db.write(lambda session: packages.update(session, OPERATOR, event.id, table.id, {"price": "2600"}, seen_version=1))
    make.purchase(event, table, quantity=2, promo_code="EARLY10", guests=[{"name": "Ben"}])
    make.staff(event=event, role="viewer")
    return event, table, single


def copy_event(event, actor=OPERATOR, wanted=None, **fields):
    draft = EventDraft.model_validate(NEXT_YEAR | fields)
    return db.write(lambda session: copying.copy_event(session, actor, event.id, draft, CopyDraft(**(wanted or {}))))


def copy_package(package, actor=OPERATOR, event_id=None):
    return db.write(lambda session: copying.copy_package(session, actor, event_id or package.event_id, package.id))


def rows(model, event):
    order = {Package: Package.display_order, Option: Option.label, PromoCode: PromoCode.code, Image: Image.sha256}
    with db.read_session() as session:
        return session.scalars(select(model).where(model.event_id == event.id).order_by(order[model])).all()


def compare_columns(original, copy):
    """Return by column name whether both rows have the same value."""
    return {
        column.key: getattr(original, column.key) == getattr(copy, column.key)
        for column in inspect(type(original)).columns
    }


def differing_columns(original, copy):
    return {key for key, is_same in compare_columns(original, copy).items() if not is_same}


class TestCopyPackage:
    def test_copies_every_column_except_its_own(self, source):
        _, table, _ = source
        copy = copy_package(table)
        original = reload(table)
        assert differing_columns(original, copy) == {
            "id",
            "name",
            "name_key",
            "display_order",
            "is_enabled",
            "sold_count",
            "sales_version",
            "options_version",
            "version",
            "created_at",
        }
        assert (copy.name, copy.display_order, copy.is_enabled) == ("Table (copy)", 3, False)
        assert (copy.sold_count, copy.sales_version, copy.version) == (0, 0, 1)

    def test_copies_active_options(self, source):
        event, table, _ = source
        copy = copy_package(table)
        (asked,) = [option for option in rows(Option, event) if option.package_id == copy.id]
        (original,) = [o for o in rows(Option, event) if o.package_id == table.id and o.retired_at is None]
        assert differing_columns(original, asked) == {"id", "package_id", "created_at"}

    def test_shares_the_image(self, source):
        event, table, _ = source
        assert copy_package(table).image_id == reload(table).image_id
        assert len(rows(Image, event)) == 1

    def test_copy_gets_a_free_name(self, source):
        _, table, _ = source
        assert [copy_package(table).name for _ in range(3)] == ["Table (copy)", "Table (copy 2)", "Table (copy 3)"]

    def test_longest_name_is_shortened(self, event):
        assert copy_package(make.package(event, name="x" * 100)).name == "x" * 93 + " (copy)"

    def test_audit_log_names_the_original(self, source):
        _, table, _ = source
        changes = database_state.get_audit_changes(copy_package(table).id, "package.created")
        assert changes["copied_from"] == (None, "Table")
        assert changes["price"] == (None, "2600.00")

    def test_requires_permission_to_change_the_event(self, source):
        event, table, _ = source
        with database_state.assert_refused(NotAllowed, event):
            copy_package(table, make.staff(role="viewer", event=event))
        with database_state.assert_refused(NotFound, event):
            copy_package(table, make.staff())
        with database_state.assert_refused(NotFound, event):
            copy_package(table, event_id=make.event().id)


class TestCopyEvent:
    def test_copies_every_column_of_packages(self, source):
        event, *_ = source
        done = copy_event(event)
        copies = rows(Package, done.event)
        assert [copy.name for copy in copies] == ["Table", "Single"]
        for original, copy in zip(rows(Package, event), copies, strict=True):
            own = {"id", "event_id", "created_at"}
            begun_anew = {"image_id", "sold_count", "sales_version", "options_version", "version"}
            assert differing_columns(original, copy) - begun_anew == own
            assert (copy.sold_count, copy.sales_version, copy.options_version, copy.version) == (0, 0, 0, 1)

    def test_copies_every_column_of_active_options(self, source):
        event, *_ = source
        done = copy_event(event)
        (copy,) = rows(Option, done.event)
        (original,) = [option for option in rows(Option, event) if option.retired_at is None]
        assert differing_columns(original, copy) == {"id", "event_id", "package_id", "created_at"}

    def test_copies_every_column_of_images(self, source):
        event, *_ = source
        done = copy_event(event)
        (copy,), (original,) = rows(Image, done.event), rows(Image, event)
        assert differing_columns(original, copy) == {"id", "event_id", "created_at"}
        assert rows(Package, done.event)[0].image_id == copy.id
        assert rows(Package, done.event)[0].image_alt == "A laid table"

    def test_copies_every_column_of_promo_codes_with_shifted_expiry(self, source):
        event, *_ = source
        done = copy_event(event)
        (copy,), (original,) = rows(PromoCode, done.event), rows(PromoCode, event)
        assert differing_columns(original, copy) == {"id", "event_id", "created_at", "expires_at", "current_uses"}
        assert copy.current_uses == 0
        # 364 days after 2 November 2036, at the same time of day.
        assert copy.expires_at == datetime(2037, 11, 1, 5, 30, tzinfo=UTC)

    def test_expiry_keeps_its_local_time_of_day_in_another_zone(self, source):
        event, *_ = source
        done = copy_event(event, time_zone="Europe/Berlin")
        assert rows(PromoCode, done.event)[0].expires_at == datetime(2037, 11, 1, 0, 30, tzinfo=UTC)

    def test_copies_assigned_staff(self, source):
        event, *_ = source
        done = copy_event(event)
        with db.read_session() as session:
            teams = [
                set(session.scalars(select(EventAssignment.staff_id).where(EventAssignment.event_id == each.id)))
                for each in (event, done.event)
            ]
        assert teams[0] == teams[1]
        assert done.staff == len(teams[0]) == 1

    def test_reports_what_was_copied_and_left_out(self, source):
        event, *_ = source
        done = copy_event(event)
        assert (done.packages, done.options, done.pictures, done.promo_codes) == (2, 1, 1, 1)
        assert done.left_out == (
            "Questions that are no longer asked: Old question.",
            "Purchases, donors and guests: they belong to the event they were sold for.",
            "The audit log: the new event starts its own.",
        )

    @pytest.mark.parametrize(
        ("without", "gone", "sentence"),
        [
            (
                "packages",
                ("packages", "options", "pictures"),
                "Packages, with their options and pictures: not selected.",
            ),
            ("options", ("options",), "Options: not selected."),
            ("pictures", ("pictures",), "Pictures: not selected."),
            ("promo_codes", ("promo_codes",), "Promo codes: not selected."),
            ("staff", ("staff",), "The team: not selected."),
        ],
    )
    def test_leaves_out_what_is_not_included(self, source, without, gone, sentence):
        event, *_ = source
        done = copy_event(event, wanted={without: False})
        counts = {name: getattr(done, name) for name in ("packages", "options", "pictures", "promo_codes", "staff")}
        assert {name for name, count in counts.items() if count == 0} == set(gone)
        assert sentence in done.left_out
        for model in (Package, Option, Image, PromoCode):
            name = {Package: "packages", Option: "options", Image: "pictures", PromoCode: "promo_codes"}[model]
            assert (rows(model, done.event) == []) is (name in gone)

    def test_original_event_stays_unchanged(self, source):
        event, *_ = source
        before = database_state.snapshot(event)
        copy_event(event)
        assert database_state.snapshot(event) == before

    def test_requires_admin(self, source):
        event, *_ = source
        with database_state.assert_refused(NotAllowed, event):
            copy_event(event, make.staff(event=event))

    def test_empty_event_gives_an_empty_copy(self, event):
        done = copy_event(event)
        assert (done.packages, done.options, done.pictures, done.promo_codes, done.staff) == (0, 0, 0, 0, 0)
        assert done.left_out == ("The audit log: the new event starts its own.",)

    def test_event_form_covers_every_event_column(self):
        asked = set(EventDraft.model_fields)
        assert {column.key for column in inspect(Event).columns} - asked == {
            "id",
            "version",
            "created_at",
            "is_archived",
        }


def reload(package):
    with db.read_session() as session:
        return session.get_one(Package, package.id)

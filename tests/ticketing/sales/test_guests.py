"""Guests: naming seat by seat, pasted lists, the list of empty seats and the guest list."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from tests.races.racing import THREADS, count_by_type, race
from tests.support import make
from tests.support.database_state import assert_refused, get_audit_changes
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.errors import Conflict, InvalidInput, NotAllowed, NotFound, StaleVersion
from ticketing.models import AssignedTicket, AuditEntry, Purchase
from ticketing.ops import verify
from ticketing.reporting import figures
from ticketing.sales import corrections, guests, purchases

pytestmark = pytest.mark.usefixtures("database_of_module")

ANA = {"name": "Ana Lopez", "email": "ana@example.org"}
BO = {"name": "Bo Okafor"}


@pytest.fixture
def table(event):
    return make.package(event, name="Table of Ten", seats_per_package=10)


@pytest.fixture
def bought(event, table):
    """A table of ten with the first two seats named."""
    return make.purchase(event, table, guests=[ANA, BO]).purchase


def name_guests(purchase, seats, actor=OPERATOR, *, seen_version=1, event_id=None):
    return db.write(
        lambda s: guests.name_guests(
            s, actor, event_id or purchase.event_id, purchase.id, seats, seen_version=seen_version
        )
    )


def guests_by_seat(purchase):
    """The guests by seat: (name, e-mail address)."""
    with db.read_session() as session:
        _, tickets = guests.get_purchase_with_seats(session, OPERATOR, purchase.event_id, purchase.id, per_page=1000)
    return {t.seat_number: (t.guest_name, t.guest_email) for t in tickets if t.guest_name or t.guest_email}


def reload(purchase):
    with db.read_session() as session:
        return session.get(Purchase, purchase.id)


def list_guests(event, actor=OPERATOR, **options):
    with db.read_session() as session:
        return guests.list_guests(session, actor, event.id, **options)


def search_guests(event, search, **options):
    lines, total = list_guests(event, search=search, **options)
    assert total == len(lines)
    return [line.guest for line in lines]


def list_missing_guests(event, actor=OPERATOR, **options):
    with db.read_session() as session:
        return guests.list_purchases_missing_guests(session, actor, event.id, **options)


def count_named_seats(event):
    with db.read_session() as session:
        return figures.get_figures(session, OPERATOR, event.id).seats_named


def assert_verified(event):
    with db.Session(db.engine()) as session:
        assert [each for each in verify.verify(session) if each.event_id == event.id] == []
    with db.read_session() as session:
        for purchase in session.scalars(select(Purchase).where(Purchase.event_id == event.id)):
            assert purchase.seats_named == len(guests_by_seat(purchase))


class TestNaming:
    def test_names_renames_and_clears_only_given_seats(self, event, bought):
        changed = name_guests(
            bought, {1: {"name": "Ann Lopez", "email": "ann@example.org"}, 2: None, 10: {"name": " Cy  Oh "}}
        )
        assert (changed.seats_named, changed.seats, changed.version) == (2, 10, 2)
        assert guests_by_seat(bought) == {1: ("Ann Lopez", "ann@example.org"), 10: ("Cy Oh", None)}
        assert count_named_seats(event) == 2
        assert_verified(event)

    def test_audit_log_has_one_line_per_seat(self, event, bought):
        name_guests(bought, {1: None, 2: {"name": "Bo", "email": "bo@example.org"}, 3: BO}, make.staff(event=event))
        assert get_audit_changes(bought.id, "purchase.guests_named") == {
            "seat 1": ("Ana Lopez <ana@example.org>", None),
            "seat 2": ("Bo Okafor", "Bo <bo@example.org>"),
            "seat 3": (None, "Bo Okafor"),
        }
        with db.read_session() as session:
            rows = session.scalars(select(AuditEntry).where(AuditEntry.subject_id == bought.id)).all()
        assert len({row.change_id for row in rows}) == 1
        assert {row.actor for row in rows} == {"Sam Coordinator"}

    def test_same_guests_are_no_change(self, event, bought):
        before = reload(bought).version
        assert name_guests(bought, {1: ANA, 2: BO, 3: None}).version == before
        assert get_audit_changes(bought.id, "purchase.guests_named") == {}

    def test_naming_changes_event_fingerprint(self, event, bought):
        def state():
            with db.read_session() as session:
                return figures.compute_fingerprints(session, {event.id})

        before = state()
        name_guests(bought, {3: BO})
        assert state() != before

    @pytest.mark.parametrize("seat", [0, -1, 11])
    def test_seat_outside_purchase_is_refused(self, event, bought, seat):
        with assert_refused(InvalidInput, event) as refusal:
            name_guests(bought, {3: BO, seat: ANA})
        assert refusal.value.fields == {f"guests.{seat}": f"There is no seat {seat}: this purchase has 10 seats."}

    def test_every_invalid_guest_is_reported_by_seat(self, event, bought):
        wrong = {1: {"name": ""}, 2: {"name": "x" * 201}, 3: {"name": "Cy", "email": "cy"}, 4: BO}
        with assert_refused(InvalidInput, event) as refusal:
            name_guests(bought, wrong)
        assert set(refusal.value.fields) == {"guests.1.name", "guests.2.name", "guests.3.email"}
        assert guests_by_seat(bought).keys() == {1, 2}
        assert name_guests(bought, {2: {"name": "x" * 200}}).seats_named == 2

    @pytest.mark.parametrize("status", ["failed", "refunded", "voided"])
    def test_failed_refunded_or_voided_purchase_has_no_seats_to_name(self, event, bought, table, status):
        first = {"failed": "pending"}.get(status, "completed")
        other = make.purchase(event, table, payment_status=first).purchase
        if status == "voided":
            db.write(lambda s: corrections.void(s, OPERATOR, event.id, other.id, "Typed twice"))
        else:
            db.write(lambda s: corrections.change_status(s, OPERATOR, event.id, other.id, status, seen_version=1))
        with assert_refused(Conflict, event) as refusal:
            name_guests(other, {1: BO}, seen_version=2)
        assert str(refusal.value) == f"This purchase is {status}, so its seats were returned. No guest was named."

    def test_stale_version_lists_guests_named_since(self, event, bought):
        name_guests(bought, {3: BO}, make.staff(event=event, name="Ana Ruiz"))
        with assert_refused(StaleVersion, event) as refusal:
            name_guests(bought, {4: ANA})
        (change,) = refusal.value.changes
        assert (change.field, change.old, change.new, change.by) == ("seat 3", None, "Bo Okafor", "Ana Ruiz")
        name_guests(bought, {4: ANA}, seen_version=refusal.value.current_version)
        assert guests_by_seat(bought).keys() == {1, 2, 3, 4}

    def test_viewer_and_unassigned_staff_are_refused(self, event, bought):
        for actor, kind in ((make.staff(role="viewer", event=event), NotAllowed), (make.staff(), NotFound)):
            with assert_refused(kind, event):
                name_guests(bought, {3: BO}, actor)

    def test_purchase_of_another_event_is_not_found(self, event, bought):
        elsewhere = make.event()
        with assert_refused(NotFound, event):
            name_guests(bought, {3: BO}, make.staff(event=elsewhere), event_id=elsewhere.id)

    def test_concurrent_naming_loses_no_guest(self, event, bought):
        def attempt(number):
            seat = 3 + number % 8
            seen = reload(bought).version
            return name_guests(bought, {seat: {"name": f"Guest {number}"}}, seen_version=seen)

        outcomes = race(THREADS * 2, attempt)
        done = count_by_type(outcomes)["Purchase"]
        assert done
        assert set(count_by_type(outcomes)) <= {"Purchase", "StaleVersion"}
        assert reload(bought).version == 1 + done
        assert_verified(event)

    def test_names_a_thousand_seats_at_once(self, event):
        hall = make.package(event, seats_per_package=100)
        big = make.purchase(event, hall, quantity=10).purchase
        changed = name_guests(big, {seat: {"name": f"Guest {seat}"} for seat in range(1, 1001)})
        assert (changed.seats_named, guests_by_seat(big)[1000]) == (1000, ("Guest 1000", None))
        assert list_missing_guests(event) == ([], 0)


class TestPastedList:
    @pytest.mark.parametrize(
        ("line", "guest", "email"),
        [
            ("Ana Lopez", "Ana Lopez", None),
            ("Ana Lopez, ana@example.org", "Ana Lopez", "ana@example.org"),
            ("Ana Lopez <ana@example.org>", "Ana Lopez", "ana@example.org"),
            ('"Lopez, Ana" <ana@example.org>', "Lopez, Ana", "ana@example.org"),
            ("Lopez, Ana", "Lopez, Ana", None),
            ("Lopez, Ana; ana@example.org", "Lopez, Ana", "ana@example.org"),
            ("Ana\tana@example.org", "Ana", "ana@example.org"),
            ("  Ana   Lopez  ", "Ana Lopez", None),
            ("ana@example.org", "", "ana@example.org"),
            ("Pia O'Neill", "Pia O'Neill", None),
        ],
    )
    def test_parses_name_and_email_of_a_line(self, line, guest, email):
        assert guests.parse_guest_list(line) == [{"name": guest, "email": email}]

    def test_skips_blank_lines_and_keeps_order(self):
        assert [each["name"] for each in guests.parse_guest_list("Zoë\r\n\n  \nAna\n")] == ["Zoë", "Ana"]
        assert guests.parse_guest_list(" \n") == []

    def test_email_without_name_is_refused_when_stored(self, event, bought):
        (guest,) = guests.parse_guest_list("ana@example.org")
        with assert_refused(InvalidInput, event) as refusal:
            name_guests(bought, {3: guest})
        assert refusal.value.fields == {"guests.3.name": "Enter a name."}

    @pytest.mark.parametrize(("name", "email"), [("Ana <x", None), ("Ana", None), ("Ana < Bo", "a@example.org")])
    def test_formatted_guest_is_read_back(self, name, email):
        assert guests.parse_guest(guests.format_guest(name, email)) == (name, email)
        assert guests.parse_guest(guests.format_guest(None, None)) == (None, None)


class TestPurchasesMissingGuests:
    def test_oldest_purchase_comes_first(self, event, table):
        def buy(days_ago, donor):
            draft = make.purchase_draft(table, donor={"name": donor, "email": make.email()})
            moment = datetime.now(UTC) - timedelta(days=days_ago)
            return db.write(lambda s: purchases.record(s, OPERATOR, event.id, draft, moment=moment)).purchase

        for days_ago, donor in ((1, "Late"), (30, "Early"), (7, "Middle")):
            buy(days_ago, donor)
        rows, total = list_missing_guests(event)
        assert ([row.purchase.purchaser_name for row in rows], total) == (["Early", "Middle", "Late"], 3)
        assert {row.package for row in rows} == {"Table of Ten"}
        second, total = list_missing_guests(event, page=2, per_page=2)
        assert ([row.purchase.purchaser_name for row in second], total) == (["Late"], 3)

    def test_lists_only_sold_purchases_with_empty_seats(self, event, table, bought):
        make.purchase(event, make.package(event), guests=[BO])
        pending = make.purchase(event, table, payment_status="pending").purchase
        gone = make.purchase(event, table).purchase
        db.write(lambda s: corrections.change_status(s, OPERATOR, event.id, gone.id, "refunded", seen_version=1))
        rows, total = list_missing_guests(event)
        assert {row.purchase.id: row.seats_unnamed for row in rows} == {bought.id: 8, pending.id: 10}
        assert total == 2

    def test_filters_by_package(self, event, bought):
        single = make.package(event)
        alone = make.purchase(event, single).purchase
        rows, total = list_missing_guests(event, package_id=single.id)
        assert ([row.purchase.id for row in rows], total) == ([alone.id], 1)

    def test_lists_empty_seats_of_a_purchase_in_order(self, event, bought):
        name_guests(bought, {4: BO})
        with db.read_session() as session:
            assert guests.list_empty_seats(session, OPERATOR, event.id, bought.id, limit=3) == [3, 5, 6]
            assert guests.list_empty_seats(session, OPERATOR, event.id, bought.id) == [3, 5, 6, 7, 8, 9, 10]

    def test_pages_through_seats_of_a_purchase(self, event, bought):
        with db.read_session() as session:
            _, tickets = guests.get_purchase_with_seats(session, OPERATOR, event.id, bought.id, page=2, per_page=4)
        assert [ticket.seat_number for ticket in tickets] == [5, 6, 7, 8]


class TestGuestList:
    def test_row_has_guest_seat_and_purchaser(self, event, bought):
        lines, total = list_guests(event, per_page=2)
        assert total == 10
        with db.read_session() as session:
            codes = session.scalars(select(AssignedTicket.code).where(AssignedTicket.purchase_id == bought.id)).all()
        ana, bo = lines
        assert (ana.guest, ana.email, ana.seat, ana.seats) == ("Ana Lopez", "ana@example.org", 1, 10)
        assert (bo.guest, bo.email, bo.seat, bo.package) == ("Bo Okafor", None, 2, "Table of Ten")
        assert (ana.purchaser, ana.payment_status, ana.purchase_id) == ("Ana Ruiz", "completed", bought.id)
        assert {ana.ticket_code, bo.ticket_code} <= set(codes)

    def test_search_ignores_accents_and_case(self, event):
        make.purchase(event, make.package(event, seats_per_package=2), guests=[{"name": "Zoë Müller"}, BO])
        for search in ("zoe", "MULLER", "müller zoë", "  zo   mul "):
            assert search_guests(event, search) == ["Zoë Müller"], search
        assert search_guests(event, "zoe bo") == []
        assert search_guests(event, "%") == search_guests(event, "_") == []

    def test_search_matches_email_ticket_code_and_purchaser(self, event, bought):
        other = make.purchase(event, make.package(event), donor={"name": "Łukasz Nowak", "email": "ln@example.org"})
        (ticket,) = other.tickets
        assert search_guests(event, "ana@example") == ["Ana Lopez"]
        assert (
            search_guests(event, ticket.code)
            == search_guests(event, ticket.code.lower())
            == search_guests(event, ticket.code[:4])
            == [None]
        )
        assert search_guests(event, "lukasz") == [None]
        assert len(search_guests(event, "Ruiz", per_page=100)) == 10

    def test_search_ignores_control_characters(self, event, bought):
        assert search_guests(event, "okafor\x00") == ["Bo Okafor"]

    def test_filters_by_package_and_named(self, event, bought):
        single = make.package(event)
        make.purchase(event, single, guests=[{"name": "Cy"}])
        make.purchase(event, single)
        assert list_guests(event, named=True)[1] == 3
        assert list_guests(event, named=False)[1] == 9
        lines, total = list_guests(event, package_id=single.id, named=True)
        assert ([line.guest for line in lines], total) == (["Cy"], 1)
        assert list_guests(event, package_id=single.id, named=False)[1] == 1
        assert list_guests(event, package_id=single.id)[1] == 2
        assert search_guests(event, "cy", package_id=single.id, named=False) == []

    def test_leaves_out_refunded_purchases(self, event, bought):
        db.write(lambda s: corrections.change_status(s, OPERATOR, event.id, bought.id, "refunded", seen_version=1))
        assert list_guests(event) == ([], 0)
        assert search_guests(event, "Lopez") == []

    def test_pages_contain_every_seat_once(self, event, bought):
        make.purchase(event, make.package(event, seats_per_package=7))
        codes = [line.ticket_code for page in (1, 2, 3) for line in list_guests(event, page=page, per_page=7)[0]]
        assert len(codes) == len(set(codes)) == 17

    def test_is_scoped_to_event_and_assigned_staff(self, event, bought):
        assert list_guests(make.event()) == ([], 0)
        stranger = make.staff()
        for list_function in (list_guests, list_missing_guests):
            with pytest.raises(NotFound):
                list_function(event, stranger)
        assert list_guests(event, make.staff(role="viewer", event=event))[1] == 10

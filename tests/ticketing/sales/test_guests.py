"""Who sits where: named seat by seat, found by a name, and never changed behind a colleague's back."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from tests.races.racing import THREADS, kinds, race
from tests.support import make
from tests.support.database_state import refuses, trail
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.errors import Conflict, InvalidInput, NotAllowed, NotFound, StaleVersion
from ticketing.models import AssignedTicket, AuditEntry, Purchase
from ticketing.ops import verify
from ticketing.reporting import figures
from ticketing.sales import corrections, guests, purchases

ANA = {"name": "Ana Lopez", "email": "ana@example.org"}
BO = {"name": "Bo Okafor"}


@pytest.fixture
def table(event):
    return make.package(event, name="Table of Ten", seats_per_package=10)


@pytest.fixture
def bought(event, table):
    """A table of ten with the first two seats named."""
    return make.purchase(event, table, guests=[ANA, BO]).purchase


def name(purchase, seats, actor=OPERATOR, *, seen=1, event_id=None):
    return db.write(
        lambda s: guests.name_guests(s, actor, event_id or purchase.event_id, purchase.id, seats, seen_version=seen)
    )


def seated(purchase):
    """The guests by seat: (name, e-mail address)."""
    with db.reading() as session:
        _, tickets = guests.seats(session, OPERATOR, purchase.event_id, purchase.id, per_page=1000)
    return {t.seat_number: (t.guest_name, t.guest_email) for t in tickets if t.guest_name or t.guest_email}


def row_of(purchase):
    with db.reading() as session:
        return session.get(Purchase, purchase.id)


def listed(event, actor=OPERATOR, **wanted):
    with db.reading() as session:
        return guests.guest_list(session, actor, event.id, **wanted)


def found(event, search, **wanted):
    lines, total = listed(event, search=search, **wanted)
    assert total == len(lines)
    return [line.guest for line in lines]


def unnamed(event, actor=OPERATOR, **wanted):
    with db.reading() as session:
        return guests.unnamed(session, actor, event.id, **wanted)


def seats_named(event):
    with db.reading() as session:
        return figures.figures(session, OPERATOR, event.id).seats_named


def assert_right(event):
    with db.Session(db.engine()) as session:
        assert [each for each in verify.verify(session) if each.event_id == event.id] == []
    with db.reading() as session:
        for purchase in session.scalars(select(Purchase).where(Purchase.event_id == event.id)):
            assert purchase.seats_named == len(seated(purchase))


class TestNaming:
    def test_names_renames_and_clears_and_leaves_other_seats_as_they_are(self, event, bought):
        changed = name(
            bought, {1: {"name": "Ann Lopez", "email": "ann@example.org"}, 2: None, 10: {"name": " Cy  Oh "}}
        )
        assert (changed.seats_named, changed.seats, changed.version) == (2, 10, 2)
        assert seated(bought) == {1: ("Ann Lopez", "ann@example.org"), 10: ("Cy Oh", None)}
        assert seats_named(event) == 2
        assert_right(event)

    def test_is_told_seat_by_seat_in_the_trail(self, event, bought):
        name(bought, {1: None, 2: {"name": "Bo", "email": "bo@example.org"}, 3: BO}, make.staff(event=event))
        assert trail(bought.id, "purchase.guests_named") == {
            "seat 1": ("Ana Lopez <ana@example.org>", None),
            "seat 2": ("Bo Okafor", "Bo <bo@example.org>"),
            "seat 3": (None, "Bo Okafor"),
        }
        with db.reading() as session:
            rows = session.scalars(select(AuditEntry).where(AuditEntry.subject_id == bought.id)).all()
        assert len({row.change_id for row in rows}) == 1
        assert {row.actor for row in rows} == {"Sam Coordinator"}

    def test_what_is_named_already_is_no_change(self, event, bought):
        before = row_of(bought).version
        assert name(bought, {1: ANA, 2: BO, 3: None}).version == before
        assert trail(bought.id, "purchase.guests_named") == {}

    def test_whoever_watches_the_event_is_told(self, event, bought):
        def state():
            with db.reading() as session:
                return figures.state(session, {event.id})

        before = state()
        name(bought, {3: BO})
        assert state() != before

    @pytest.mark.parametrize("seat", [0, -1, 11])
    def test_there_are_no_other_seats_than_the_purchases(self, event, bought, seat):
        with refuses(InvalidInput, event) as refusal:
            name(bought, {3: BO, seat: ANA})
        assert refusal.value.fields == {f"guests.{seat}": f"There is no seat {seat}: this purchase has 10 seats."}

    def test_every_guest_that_is_wrong_is_told_by_seat(self, event, bought):
        wrong = {1: {"name": ""}, 2: {"name": "x" * 201}, 3: {"name": "Cy", "email": "cy"}, 4: BO}
        with refuses(InvalidInput, event) as refusal:
            name(bought, wrong)
        assert set(refusal.value.fields) == {"guests.1.name", "guests.2.name", "guests.3.email"}
        assert seated(bought).keys() == {1, 2}
        assert name(bought, {2: {"name": "x" * 200}}).seats_named == 2

    @pytest.mark.parametrize("status", ["failed", "refunded", "voided"])
    def test_a_purchase_that_does_not_count_has_no_seats_to_name(self, event, bought, table, status):
        first = {"failed": "pending"}.get(status, "completed")
        other = make.purchase(event, table, payment_status=first).purchase
        if status == "voided":
            db.write(lambda s: corrections.void(s, OPERATOR, event.id, other.id, "Typed twice"))
        else:
            db.write(lambda s: corrections.change_status(s, OPERATOR, event.id, other.id, status, seen_version=1))
        with refuses(Conflict, event) as refusal:
            name(other, {1: BO}, seen=2)
        assert str(refusal.value) == f"This purchase is {status}, so its seats are given back. Nobody was named."

    def test_who_saw_an_older_version_learns_who_named_whom(self, event, bought):
        name(bought, {3: BO}, make.staff(event=event, name="Ana Ruiz"))
        with refuses(StaleVersion, event) as refusal:
            name(bought, {4: ANA})
        (told,) = refusal.value.changes
        assert (told.field, told.old, told.new, told.by) == ("seat 3", None, "Bo Okafor", "Ana Ruiz")
        name(bought, {4: ANA}, seen=refusal.value.current_version)
        assert seated(bought).keys() == {1, 2, 3, 4}

    def test_a_viewer_names_nobody_and_a_stranger_finds_nothing(self, event, bought):
        for actor, kind in ((make.staff(role="viewer", event=event), NotAllowed), (make.staff(), NotFound)):
            with refuses(kind, event):
                name(bought, {3: BO}, actor)

    def test_a_purchase_is_found_in_its_own_event_only(self, event, bought):
        elsewhere = make.event()
        with refuses(NotFound, event):
            name(bought, {3: BO}, make.staff(event=elsewhere), event_id=elsewhere.id)

    def test_many_at_once_lose_nobodys_guest(self, event, bought):
        def attempt(number):
            seat = 3 + number % 8
            seen = row_of(bought).version
            return name(bought, {seat: {"name": f"Guest {number}"}}, seen=seen)

        outcomes = race(THREADS * 2, attempt)
        done = kinds(outcomes)["Purchase"]
        assert done
        assert set(kinds(outcomes)) <= {"Purchase", "StaleVersion"}
        assert row_of(bought).version == 1 + done
        assert_right(event)

    def test_a_thousand_seats_are_named_in_one_go(self, event):
        hall = make.package(event, seats_per_package=100)
        big = make.purchase(event, hall, quantity=10).purchase
        changed = name(big, {seat: {"name": f"Guest {seat}"} for seat in range(1, 1001)})
        assert (changed.seats_named, seated(big)[1000]) == (1000, ("Guest 1000", None))
        assert unnamed(event) == ([], 0)


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
    def test_a_line_is_a_guest(self, line, guest, email):
        assert guests.in_order(line) == [{"name": guest, "email": email}]

    def test_blank_lines_are_nobody_and_the_order_stays(self):
        assert [each["name"] for each in guests.in_order("Zoë\r\n\n  \nAna\n")] == ["Zoë", "Ana"]
        assert guests.in_order(" \n") == []

    def test_an_address_alone_is_refused_where_it_would_be_stored(self, event, bought):
        (guest,) = guests.in_order("ana@example.org")
        with refuses(InvalidInput, event) as refusal:
            name(bought, {3: guest})
        assert refusal.value.fields == {"guests.3.name": "Fill this in."}

    @pytest.mark.parametrize(("given", "address"), [("Ana <x", None), ("Ana", None), ("Ana < Bo", "a@example.org")])
    def test_a_guest_of_the_trail_is_read_back(self, given, address):
        assert guests.untold(guests.told(given, address)) == (given, address)
        assert guests.untold(guests.told(None, None)) == (None, None)


class TestSeatsWithoutAGuest:
    def test_the_oldest_purchase_comes_first(self, event, table):
        def buy(days_ago, donor):
            draft = make.purchase_draft(table, donor={"name": donor, "email": make.email()})
            moment = datetime.now(UTC) - timedelta(days=days_ago)
            return db.write(lambda s: purchases.record(s, OPERATOR, event.id, draft, moment=moment)).purchase

        for days_ago, donor in ((1, "Late"), (30, "Early"), (7, "Middle")):
            buy(days_ago, donor)
        rows, total = unnamed(event)
        assert ([row.purchase.purchaser_name for row in rows], total) == (["Early", "Middle", "Late"], 3)
        assert {row.package for row in rows} == {"Table of Ten"}
        second, total = unnamed(event, page=2, per_page=2)
        assert ([row.purchase.purchaser_name for row in second], total) == (["Late"], 3)

    def test_only_purchases_that_count_and_have_an_empty_seat(self, event, table, bought):
        make.purchase(event, make.package(event), guests=[BO])
        pending = make.purchase(event, table, payment_status="pending").purchase
        gone = make.purchase(event, table).purchase
        db.write(lambda s: corrections.change_status(s, OPERATOR, event.id, gone.id, "refunded", seen_version=1))
        rows, total = unnamed(event)
        assert {row.purchase.id: row.seats_unnamed for row in rows} == {bought.id: 8, pending.id: 10}
        assert total == 2

    def test_of_one_package(self, event, bought):
        single = make.package(event)
        alone = make.purchase(event, single).purchase
        rows, total = unnamed(event, package_id=single.id)
        assert ([row.purchase.id for row in rows], total) == ([alone.id], 1)

    def test_the_empty_seats_of_a_purchase_in_order(self, event, bought):
        name(bought, {4: BO})
        with db.reading() as session:
            assert guests.empty_seats(session, OPERATOR, event.id, bought.id, most=3) == [3, 5, 6]
            assert guests.empty_seats(session, OPERATOR, event.id, bought.id) == [3, 5, 6, 7, 8, 9, 10]

    def test_the_seats_of_a_purchase_page_by_page(self, event, bought):
        with db.reading() as session:
            _, tickets = guests.seats(session, OPERATOR, event.id, bought.id, page=2, per_page=4)
        assert [ticket.seat_number for ticket in tickets] == [5, 6, 7, 8]


class TestGuestList:
    def test_a_line_says_who_sits_where_and_who_bought(self, event, bought):
        lines, total = listed(event, per_page=2)
        assert total == 10
        with db.reading() as session:
            codes = session.scalars(select(AssignedTicket.code).where(AssignedTicket.purchase_id == bought.id)).all()
        ana, bo = lines
        assert (ana.guest, ana.email, ana.seat, ana.seats) == ("Ana Lopez", "ana@example.org", 1, 10)
        assert (bo.guest, bo.email, bo.seat, bo.package) == ("Bo Okafor", None, 2, "Table of Ten")
        assert (ana.purchaser, ana.payment_status, ana.purchase_id) == ("Ana Ruiz", "completed", bought.id)
        assert {ana.ticket_code, bo.ticket_code} <= set(codes)

    def test_a_search_finds_guests_without_accents_and_case(self, event):
        make.purchase(event, make.package(event, seats_per_package=2), guests=[{"name": "Zoë Müller"}, BO])
        for search in ("zoe", "MULLER", "müller zoë", "  zo   mul "):
            assert found(event, search) == ["Zoë Müller"], search
        assert found(event, "zoe bo") == []
        assert found(event, "%") == found(event, "_") == []

    def test_a_search_finds_by_address_code_and_purchaser(self, event, bought):
        other = make.purchase(event, make.package(event), donor={"name": "Łukasz Nowak", "email": "ln@example.org"})
        (ticket,) = other.tickets
        assert found(event, "ana@example") == ["Ana Lopez"]
        assert found(event, ticket.code) == found(event, ticket.code.lower()) == found(event, ticket.code[:4]) == [None]
        assert found(event, "lukasz") == [None]
        assert len(found(event, "Ruiz", per_page=100)) == 10

    def test_what_nobody_can_see_is_not_searched_for(self, event, bought):
        assert found(event, "okafor\x00") == ["Bo Okafor"]

    def test_of_one_package_named_or_not(self, event, bought):
        single = make.package(event)
        make.purchase(event, single, guests=[{"name": "Cy"}])
        make.purchase(event, single)
        assert listed(event, named=True)[1] == 3
        assert listed(event, named=False)[1] == 9
        lines, total = listed(event, package_id=single.id, named=True)
        assert ([line.guest for line in lines], total) == (["Cy"], 1)
        assert listed(event, package_id=single.id, named=False)[1] == 1
        assert listed(event, package_id=single.id)[1] == 2
        assert found(event, "cy", package_id=single.id, named=False) == []

    def test_purchases_that_do_not_count_are_not_in_it(self, event, bought):
        db.write(lambda s: corrections.change_status(s, OPERATOR, event.id, bought.id, "refunded", seen_version=1))
        assert listed(event) == ([], 0)
        assert found(event, "Lopez") == []

    def test_pages_hold_every_seat_once(self, event, bought):
        make.purchase(event, make.package(event, seats_per_package=7))
        codes = [line.ticket_code for page in (1, 2, 3) for line in listed(event, page=page, per_page=7)[0]]
        assert len(codes) == len(set(codes)) == 17

    def test_other_events_and_strangers(self, event, bought):
        assert listed(make.event()) == ([], 0)
        stranger = make.staff()
        for look in (listed, unnamed):
            with pytest.raises(NotFound):
                look(event, stranger)
        assert listed(event, make.staff(role="viewer", event=event))[1] == 10

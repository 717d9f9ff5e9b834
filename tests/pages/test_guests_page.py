"""The Guests page: seats without a guest, naming, the guest list, sponsors and the file."""

import re

import pytest
from sqlalchemy import select

from tests.support import make
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.models import AssignedTicket, Purchase
from ticketing.sales import corrections, guests

SEARCH = "Search by guest, purchaser or ticket code"


@pytest.fixture
def seller(event):
    return make.staff(event=event)


@pytest.fixture
def table(event):
    return make.package(event, name="Table of Four", seats_per_package=4)


@pytest.fixture
def bought(event, table):
    donor = {"name": "Zoë Müller", "email": "zoe@example.org"}
    return make.purchase(event, table, donor=donor, guests=[{"name": "Ana Lopez", "email": "ana@example.org"}]).purchase


def codes_by_seat(purchase):
    with db.read_session() as session:
        rows = select(AssignedTicket).where(AssignedTicket.purchase_id == purchase.id)
        return {ticket.seat_number: ticket.code for ticket in session.scalars(rows)}


def guests_by_seat(purchase):
    with db.read_session() as session:
        rows = select(AssignedTicket).where(AssignedTicket.purchase_id == purchase.id)
        return {t.seat_number: (t.guest_name, t.guest_email) for t in session.scalars(rows) if t.guest_name}


def seat_label(purchase, number):
    """The label of a seat's name."""
    return f"Seat {number} · {codes_by_seat(purchase)[number]}"


def name_as_colleague(purchase, seats, actor=OPERATOR, seen_version=1):
    db.write(lambda s: guests.name_guests(s, actor, purchase.event_id, purchase.id, seats, seen_version=seen_version))


def open_guest_list(screen):
    return screen.enter("View", "Guest list")


class TestFigures:
    def test_show_how_many_seats_have_a_guest(self, visit, seller, event, bought):
        screen = visit("guests", seller, event)
        assert screen.says("1 of 4 seats, paid and pending, have a guest · 3 to name")
        (table,) = (text for text in screen.texts() if "<table>" in text)
        assert re.findall(r"<t[hd][^>]*>([^<]*)</t[hd]>", table)[-4:] == ["Table of Four", "4", "1", "3"]

    def test_event_without_sales_explains_the_page(self, visit, seller, event):
        screen = visit("guests", seller, event)
        assert screen.says("No seats sold yet")
        assert screen.labels() == []


class TestSeatsWithoutAGuest:
    def test_row_has_purchaser_package_and_count(self, visit, seller, event, bought):
        screen = visit("guests", seller, event)
        assert screen.says("Zoë Müller 1 × Table of Four · zoe@example.org Bought today, ")
        assert screen.says("Guests named 1 of 4 3 to name")

    def test_says_when_every_seat_has_a_guest(self, visit, seller, event, table):
        make.purchase(event, make.package(event), guests=[{"name": "Bo"}])
        assert visit("guests", seller, event).says("Every seat has a guest.")

    def test_filters_by_package(self, visit, seller, event, bought):
        single = make.package(event, name="Single")
        make.purchase(event, single, donor={"name": "Bo Oh", "email": "bo@example.org"})
        screen = visit("guests", seller, event).enter("Package", single.id)
        assert screen.says("Bo Oh")
        assert not screen.says("Zoë Müller")

    def test_shows_twenty_a_page(self, visit, seller, event):
        single = make.package(event)
        for number in range(21):
            make.purchase(event, single, donor={"name": f"Donor {number:02}", "email": make.email()})
        screen = visit("guests", seller, event)
        assert screen.says("21 purchases with seats without a guest, oldest first.")
        assert len([label for label in screen.labels() if label.startswith("Name guests of Donor")]) == 20
        assert not screen.says("Donor 20")


class TestNaming:
    def test_names_empty_seat_and_renames_another(self, visit, seller, event, bought):
        screen = visit("guests", seller, event).click("Name guests of Zoë Müller")
        assert screen.dialog() == "Name guests"
        assert screen.value(seat_label(bought, 1)) == "Ana Lopez"
        screen.type(seat_label(bought, 1), "Ann Lopez").type(seat_label(bought, 3), "Cy Oh").type(
            "E-mail, seat 3", "cy@example.org"
        )
        screen.click("Save guests")
        assert screen.dialog() is None
        assert screen.offer() == "Zoë Müller: 2 of 4 seats named."
        assert guests_by_seat(bought) == {1: ("Ann Lopez", "ana@example.org"), 3: ("Cy Oh", "cy@example.org")}
        screen.click("Undo")
        assert guests_by_seat(bought) == {1: ("Ana Lopez", "ana@example.org")}

    def test_clears_a_seat(self, visit, seller, event, bought):
        screen = visit("guests", seller, event).click("Name guests of Zoë Müller")
        screen.type(seat_label(bought, 1), "").type("E-mail, seat 1", "").click("Save guests")
        assert guests_by_seat(bought) == {}

    def test_shows_problem_beside_seat_and_keeps_input(self, visit, seller, event, bought):
        screen = visit("guests", seller, event).click("Name guests of Zoë Müller")
        screen.type(seat_label(bought, 2), "Bo").type("E-mail, seat 3", "cy@example").click("Save guests")
        assert screen.problem("E-mail, seat 3") == "Enter a name."
        assert screen.value(seat_label(bought, 2)) == "Bo"
        assert screen.value("E-mail, seat 3") == "cy@example"
        assert guests_by_seat(bought).keys() == {1}

    def test_pasted_list_fills_empty_seats_in_order(self, visit, seller, event, bought):
        screen = visit("guests", seller, event).click("Name guests of Zoë Müller")
        screen.type(seat_label(bought, 3), "Typed before")
        screen.type("Names, one guest per line", "Bo Okafor\n\nCy Oh, cy@example.org\nDi One too many")
        screen.click("Fill the empty seats")
        assert screen.says("2 guests added to the empty seats from 2 to 4. Check the names, then save.")
        assert screen.value("Names, one guest per line") == "Di One too many"
        assert guests_by_seat(bought).keys() == {1}
        screen.click("Save guests")
        assert {number: name for number, (name, _) in guests_by_seat(bought).items()} == {
            1: "Ana Lopez", 2: "Bo Okafor", 3: "Typed before", 4: "Cy Oh",
        }  # fmt: skip

    def test_pasted_list_stays_when_no_seat_is_empty(self, visit, seller, event, bought):
        screen = visit("guests", seller, event).click("Name guests of Zoë Müller")
        for number in (2, 3, 4):
            screen.type(seat_label(bought, number), "X")
        screen.type("Names, one guest per line", "Bo").click("Fill the empty seats")
        assert screen.says("No empty seats left.")
        assert screen.value("Names, one guest per line") == "Bo"

    def test_starts_at_page_of_first_empty_seat(self, visit, seller, event, table):
        many = [{"name": f"Guest {n}"} for n in range(1, 26)]
        big = make.purchase(event, table, quantity=8, guests=many).purchase
        screen = visit("guests", seller, event).click("Name guests of Ana Ruiz")
        shown = [label for label in screen.labels() if label.startswith("Seat ")]
        assert (shown[0], shown[-1]) == (seat_label(big, 21), seat_label(big, 32))

    def test_merges_guests_named_by_another_user(self, visit, seller, event, bought):
        screen = visit("guests", seller, event).click("Name guests of Zoë Müller").type(seat_label(bought, 2), "Mine")
        name_as_colleague(bought, {3: {"name": "Theirs"}}, make.staff(event=event, name="Ana Ruiz"))
        screen.click("Save guests")
        assert screen.says("Ana Ruiz changed Nothing to Theirs")
        assert (screen.value(seat_label(bought, 2)), screen.value(seat_label(bought, 3))) == ("Mine", "Theirs")
        screen.click("Save guests")
        assert {name for name, _ in guests_by_seat(bought).values()} == {"Ana Lopez", "Mine", "Theirs"}

    @pytest.mark.parametrize(("choice", "kept"), [("Keep mine", "Mine"), ("Take theirs", "Theirs")])
    def test_conflict_on_one_seat_is_resolved_by_choice(self, visit, seller, event, bought, choice, kept):
        screen = visit("guests", seller, event).click("Name guests of Zoë Müller").type(seat_label(bought, 2), "Mine")
        name_as_colleague(bought, {2: {"name": "Theirs"}})
        screen.click("Save guests")
        assert screen.field("Save guests").disabled
        screen.click(choice).click("Save guests")
        assert guests_by_seat(bought)[2] == (kept, None)

    def test_naming_is_refused_after_a_refund(self, visit, seller, event, bought):
        screen = visit("guests", seller, event).click("Name guests of Zoë Müller").type(seat_label(bought, 2), "Bo")
        db.write(lambda s: corrections.change_status(s, OPERATOR, event.id, bought.id, "refunded", seen_version=1))
        screen.click("Save guests")
        assert screen.says("This purchase is refunded, so its seats were returned. No guest was named.")
        assert screen.value(seat_label(bought, 2)) == "Bo"

    def test_form_closes_when_another_event_is_opened(self, visit, admin, event, bought):
        screen = visit("guests", admin, event).click("Name guests of Zoë Müller")
        other = make.event()
        make.purchase(other, make.package(other))
        screen.app.query_params["event"] = str(other.id)
        assert screen.rerun().dialog() is None


class TestGuestList:
    def test_search_shows_seat_and_purchaser(self, visit, seller, event, bought):
        screen = open_guest_list(visit("guests", seller, event)).enter(SEARCH, "LÓPEZ")
        assert screen.says("1 seat")
        assert screen.says("Ana Lopez Table of Four · bought by Zoë Müller · ana@example.org Seat 1 of 4 Ticket code")
        assert screen.says(f"Ticket code {codes_by_seat(bought)[1]}")

    def test_no_results_suggest_what_to_try(self, visit, seller, event, bought):
        screen = open_guest_list(visit("guests", seller, event)).enter(SEARCH, "Nobody")
        assert screen.says("No results. Try part of the guest's name")

    def test_names_a_missing_guest_in_two_clicks(self, visit, seller, event, bought):
        screen = open_guest_list(visit("guests", seller, event)).enter("Seats", "Without a guest")
        screen.click(f"Name guest of ticket {codes_by_seat(bought)[3]}")
        assert [label for label in screen.labels() if label.startswith("Seat ")] == [seat_label(bought, 3)]
        screen.type(seat_label(bought, 3), "Cy Oh").click("Save guest")
        assert guests_by_seat(bought)[3] == ("Cy Oh", None)

    def test_switches_from_one_seat_to_all_seats(self, visit, seller, event, bought):
        screen = open_guest_list(visit("guests", seller, event)).click("Change Ana Lopez")
        screen.type(seat_label(bought, 1), "Ann").click("All 4 seats")
        assert screen.value(seat_label(bought, 1)) == "Ann"
        screen.type(seat_label(bought, 4), "Di").click("Save guests")
        assert {name for name, _ in guests_by_seat(bought).values()} == {"Ann", "Di"}

    def test_shows_hostile_names_as_typed(self, visit, seller, event, table):
        hostile = "<b>:red[**x**]</b> $y$ https://evil.example"
        donor = {"name": hostile, "email": "a@example.org"}
        make.purchase(event, table, donor=donor, guests=[{"name": hostile}])
        screen = open_guest_list(visit("guests", seller, event))
        rendered, *_ = [each.value for each in screen.app.main.html if "<article" in each.value]
        assert "<h2>&lt;b&gt;:red[**x**]&lt;/b&gt; $y$ https://evil.example</h2>" in rendered
        (button,) = [each.label for each in screen.app.main.button if "evil" in each.label]
        assert "https://evil" not in button
        assert ":red[" not in button
        assert f"Change {hostile}" in screen.labels()

    def test_new_search_starts_at_first_page(self, visit, seller, event):
        hall = make.package(event, seats_per_package=50)
        make.purchase(event, hall, guests=[{"name": f"Guest {n:02}"} for n in range(50)])
        screen = open_guest_list(visit("guests", seller, event))
        screen.app.session_state.guest_list_page = 3
        assert screen.rerun().says("Guest 49")
        assert screen.enter(SEARCH, "guest").says("Guest 00")


class TestSponsors:
    @pytest.fixture
    def gold(self, event):
        return make.package(event, name="Gold", price="5000", seats_per_package=10, is_sponsorship=True)

    def sell_sponsorship(self, event, package, name, *, named=0, quantity=1):
        donor = {"name": name, "email": make.email()}
        guests_named = [{"name": f"Guest {number}"} for number in range(named)]
        return make.purchase(event, package, donor=donor, quantity=quantity, guests=guests_named).purchase

    def open_sponsors(self, screen):
        return screen.enter("View", "Sponsors")

    def test_are_sorted_by_seats_to_name(self, visit, seller, event, gold, bought):
        self.sell_sponsorship(event, gold, "Acme", named=10)
        self.sell_sponsorship(event, gold, "Borealis *Bank*", named=3, quantity=2)
        self.sell_sponsorship(event, gold, "Cosmo", named=1)
        screen = self.open_sponsors(visit("guests", seller, event))
        rows = [text for text in screen.texts() if "Guests named" in text and " × Gold" in text]
        assert [row.partition(" · ")[0] for row in rows] == [
            "Borealis *Bank* 2 × Gold",
            "Cosmo 1 × Gold",
            "Acme 1 × Gold",
        ]
        assert rows[0].endswith("Total $10,000.00 Guests named 3 of 20 17 to name")
        assert rows[2].endswith("Total $5,000.00 Guests named 10 of 10 all named")
        assert not screen.says("Zoë Müller")

    def test_show_totals_on_top(self, visit, seller, event, gold):
        self.sell_sponsorship(event, gold, "Acme", named=10)
        self.sell_sponsorship(event, gold, "Borealis", named=3, quantity=2)
        make.purchase(event, gold, payment_status="pending")
        screen = self.open_sponsors(visit("guests", seller, event))
        assert screen.says(
            "**3 sponsorships** paid, $15,000.00, **1 sponsorship** pending, $5,000.00 · 40 seats included"
        )
        assert screen.says(" · 13 named · 27 to name.")

    def test_leave_out_refunded_purchases(self, visit, seller, event, gold):
        self.sell_sponsorship(event, gold, "Acme")
        refunded = self.sell_sponsorship(event, gold, "Borealis")
        db.write(lambda s: corrections.change_status(s, OPERATOR, event.id, refunded.id, "refunded", seen_version=1))
        screen = self.open_sponsors(visit("guests", seller, event))
        assert screen.says("**1 sponsorship** paid, $5,000.00 · 10 seats included")
        assert not screen.says("Borealis")

    def test_event_without_sponsors_explains_the_view(self, visit, seller, event, bought):
        assert self.open_sponsors(visit("guests", seller, event)).says("No sponsorships sold yet.")

    def test_name_their_guests(self, visit, seller, event, gold):
        acme = self.sell_sponsorship(event, gold, "Acme", named=9)
        screen = self.open_sponsors(visit("guests", seller, event)).click("Name guests of Acme")
        screen.type(seat_label(acme, 10), "Zed").click("Save guests")
        assert guests_by_seat(acme)[10] == ("Zed", None)
        assert screen.says("10 seats included · 10 named · all named.")
        assert screen.says("Guests named 10 of 10 all named")

    def test_show_twenty_a_page(self, visit, seller, event, gold):
        self.sell_sponsorship(event, gold, "Last", named=10)
        for number in range(20):
            self.sell_sponsorship(event, gold, f"Sponsor {number:02}", named=1)
        screen = self.open_sponsors(visit("guests", seller, event))
        assert not screen.says("Last")
        screen.app.pagination(key="sponsors_page").set_value(2)
        assert screen.rerun().says("Last 1 × Gold")


class TestDownload:
    def get_link(self, screen):
        (link,) = (each.proto for each in screen.app.get("link_button"))
        return link.label, link.url

    def test_has_purchases_with_seats_without_a_guest(self, visit, seller, event, bought):
        label, url = self.get_link(visit("guests", seller, event))
        assert (label, url) == ("Download CSV", f"/export/{event.id}/purchases.csv?unnamed_only=true&sort=oldest")

    def test_has_every_seat_of_the_guest_list(self, visit, seller, event, bought, table):
        screen = open_guest_list(visit("guests", seller, event)).enter("Package", table.id)
        assert self.get_link(screen) == (
            "Download CSV",
            f"/export/{event.id}/guests.csv?package={table.id}&status=completed%2Cpending&sort=oldest",
        )

    def test_has_exactly_the_sponsors_seats(self, visit, seller, event, bought):
        make.purchase(event, make.package(event, is_sponsorship=True))
        screen = visit("guests", seller, event).enter("View", "Sponsors")
        assert self.get_link(screen) == (
            "Download CSV",
            f"/export/{event.id}/guests.csv?sponsorships_only=true&status=completed%2Cpending&sort=unnamed",
        )

    def test_label_says_that_filters_do_not_apply(self, visit, seller, event, bought):
        screen = open_guest_list(visit("guests", seller, event)).enter("Seats", "With a guest")
        assert self.get_link(screen)[0] == "Download all as CSV"


class TestViewer:
    def test_sees_guests_and_cannot_name_them(self, visit, event, bought):
        viewer = make.staff(role="viewer", event=event)
        screen = visit("guests", viewer, event)
        assert screen.says("Zoë Müller")
        assert not [label for label in screen.labels() if label.startswith(("Name", "Change"))]
        assert open_guest_list(screen).says("Ana Lopez")
        assert not [label for label in screen.labels() if label.startswith(("Name", "Change"))]

    def test_opens_a_purchase(self, visit, event, bought):
        screen = visit("guests", make.staff(role="viewer", event=event), event).click("Purchase of Zoë Müller")
        assert screen.dialog() == "Purchase"
        with db.read_session() as session:
            assert session.get(Purchase, bought.id).version == 1

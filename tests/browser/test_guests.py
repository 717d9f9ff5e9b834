"""Naming guests on a phone, and while other users sell."""

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import wait_until_drawn
from tests.support import make
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.sales import guests


def test_missing_guest_is_found_by_purchaser_and_named_in_two_clicks(phone: Page, enter) -> None:
    event = make.event()
    table = make.package(event, name="Table of Ten", seats_per_package=10)
    donor = {"name": "Zoë Müller", "email": make.email("zoe")}
    bought = make.purchase(event, table, donor=donor, guests=[{"name": f"Guest {n}"} for n in range(9)]).purchase
    make.purchase(event, table)
    seller = make.staff(event=event, password=make.PASSWORD)
    main = enter(phone, seller, f"/guests?event={event.id}").get_by_test_id("stMain")
    main.get_by_role("radio", name="Guest list").click()
    search = main.get_by_label("Search by guest, purchaser or ticket code")
    search.press_sequentially("muller")
    expect(main.get_by_text("10 seats", exact=True)).to_be_visible()
    expect(main.get_by_role("button", name="Name guest")).to_have_count(1)  # the rows before the search are gone
    main.get_by_role("button", name="Name guest").tap()
    dialog = phone.get_by_role("dialog")
    name = dialog.get_by_label(re.compile("Seat 10"))
    name.fill("Ben Okafor")
    dialog.get_by_role("button", name="Save guest").click()
    expect(dialog).to_have_count(0)
    expect(main.get_by_role("heading", name="Ben Okafor")).to_be_visible()
    expect(search).to_have_value("muller")
    with db.read_session() as session:
        assert guests.list_empty_seats(session, OPERATOR, event.id, bought.id) == []


def test_input_survives_paging_through_seats_and_sales_elsewhere(page: Page, another_page: Page, enter) -> None:
    event = make.event()
    hall = make.package(event, name="Hall", seats_per_package=50)
    bought = make.purchase(event, hall).purchase
    seller = make.staff(event=event, password=make.PASSWORD)
    main = enter(page, seller, f"/guests?event={event.id}").get_by_test_id("stMain")
    main.get_by_role("button", name="Name guests").click()
    dialog = page.get_by_role("dialog")
    watching = enter(another_page, seller, f"/guests?event={event.id}").get_by_test_id("stMain")
    dialog.get_by_label(re.compile("^Seat 2 ")).fill("Bo Oh")
    dialog.get_by_role("button", name="Page 3").click()
    dialog.get_by_label(re.compile("^Seat 50 ")).fill("Zoë Last")
    make.purchase(event, hall)
    expect(watching.get_by_text("0 of 100 seats, paid and pending, have a guest")).to_be_visible()
    expect(dialog.get_by_label(re.compile("^Seat 50 "))).to_have_value("Zoë Last")
    dialog.get_by_role("button", name="Page 1", exact=True).click()
    expect(dialog.get_by_label(re.compile("^Seat 2 "))).to_have_value("Bo Oh")
    dialog.get_by_role("button", name="Save guests").click()
    expect(main.get_by_role("article").filter(has_text="2 of 50")).to_be_visible()
    expect(wait_until_drawn(page).get_by_text("2 of 100 seats, paid and pending, have a guest")).to_be_visible()
    with db.read_session() as session:
        _, tickets = guests.get_purchase_with_seats(session, OPERATOR, event.id, bought.id, page=3)
    assert tickets[-1].guest_name == "Zoë Last"

"""A promo code from its creation to its last use."""

from playwright.sync_api import Page, expect

from tests.support import make
from tests.support.database_state import get_use_count
from tests.support.till_page import enter_donor, find_receipt, find_record_button, find_tile, list_codes
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.catalog import promo_codes


def fill_in(main, donor: str, code: str) -> None:
    find_tile(main, "Couple").click()
    enter_donor(main, donor, f"{donor.lower()}@example.org")
    field = main.get_by_label("Promo code (optional)")
    field.fill(code)
    field.press("Tab")


def test_code_is_created_and_refused_after_its_limit(page: Page, enter) -> None:
    event = make.event()
    make.package(event, name="Couple", price="180")
    seller = make.staff(event=event, password=make.PASSWORD)
    main = enter(page, seller, f"/promo_codes?event={event.id}").get_by_test_id("stMain")
    main.get_by_role("button", name="New promo code").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Code").fill("early25")
    dialog.get_by_label("Percent off").fill("25")
    dialog.get_by_label("Total uses (optional)", exact=True).fill("2")
    dialog.get_by_role("button", name="Create promo code").click()
    expect(main.get_by_role("article")).to_contain_text("0 of 2")

    page.get_by_test_id("stSidebar").get_by_role("link", name="Box office").click()
    for donor in ("Ana", "Ben"):
        fill_in(main, donor, "early25")
        find_record_button(main, "$135.00").click()
        assert len(list_codes(main)) == 1
        expect(find_receipt(main)).to_contain_text(donor)
        main.get_by_role("button", name="New sale").click()
        expect(find_receipt(main)).to_have_count(0)
    fill_in(main, "Cem", "early25")
    expect(main.get_by_text("Promo code EARLY25 is used up.")).to_be_visible()
    find_record_button(main, "$180.00").click()
    expect(main.get_by_role("alert")).to_contain_text("Please fix the highlighted field.")
    expect(main.get_by_label("Donor's name")).to_have_value("Cem")

    page.get_by_role("link", name="Promo codes").click()
    expect(main.get_by_role("article")).to_contain_text("2 of 2")
    expect(main.get_by_role("article")).to_contain_text("$90.00")
    with db.read_session() as session:
        ((code, _),), _ = promo_codes.list_page(session, OPERATOR, event.id)
    assert get_use_count(code) == 2


def test_double_click_creates_one_code(page: Page, enter) -> None:
    event = make.event()
    seller = make.staff(event=event, password=make.PASSWORD)
    main = enter(page, seller, f"/promo_codes?event={event.id}").get_by_test_id("stMain")
    main.get_by_role("button", name="New promo code").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Code").fill("twice")
    dialog.get_by_label("Percent off").fill("25")
    dialog.get_by_role("button", name="Create promo code").dblclick()
    expect(main.get_by_role("heading", name="TWICE")).to_be_visible()
    expect(dialog).to_have_count(0)
    expect(page.get_by_text("Something went wrong")).to_have_count(0)
    with db.read_session() as session:
        assert list(promo_codes.list_names(session, OPERATOR, event.id).values()) == ["TWICE"]

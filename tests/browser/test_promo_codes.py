"""A promo code from its creation to its last use."""

from playwright.sync_api import Page, expect

from tests.support import make
from tests.support.database_state import get_use_count
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.catalog import promo_codes


def sell(main, donor: str, code: str) -> None:
    main.get_by_label("Donor's name").fill(donor)
    main.get_by_label("Donor's e-mail address").fill(f"{donor.lower()}@example.org")
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
    dialog.get_by_label("Code, 4 to 20 letters and digits").fill("early25")
    dialog.get_by_label("Value, in percent or US dollars").fill("25")
    dialog.get_by_label("Total uses").fill("2")
    dialog.get_by_role("button", name="Create promo code").click()
    expect(main.get_by_text("Used in 0 of 2 purchases · 2 left")).to_be_visible()

    page.get_by_role("link", name="Box office").click()
    for donor in ("Ana", "Ben"):
        sell(main, donor, "early25")
        main.get_by_role("button", name="Record sale, $135.00").click()
        expect(main.get_by_text(f"1 × Couple for {donor}, $135.00.")).to_be_visible()
        # Wait until the fields of the next sale have replaced those of the last one.
        expect(main.locator("input[aria-label=\"Donor's name\"]:not([value=''])")).to_have_count(0)
        expect(main.get_by_label("Donor's name")).to_have_count(1)
    sell(main, "Cem", "early25")
    expect(main.get_by_text("Promo code EARLY25 is used up.")).to_be_visible()
    expect(main.get_by_role("button", name="Record sale")).to_be_disabled()
    expect(main.get_by_label("Donor's name")).to_have_value("Cem")

    page.get_by_role("link", name="Promo codes").click()
    expect(main.get_by_text("Used in 2 of 2 purchases · 0 left")).to_be_visible()
    expect(main.get_by_text("$90.00 in discounts")).to_be_visible()
    with db.read_session() as session:
        ((code, _),), _ = promo_codes.list_page(session, OPERATOR, event.id)
    assert get_use_count(code) == 2


def test_double_click_creates_one_code(page: Page, enter) -> None:
    event = make.event()
    seller = make.staff(event=event, password=make.PASSWORD)
    main = enter(page, seller, f"/promo_codes?event={event.id}").get_by_test_id("stMain")
    main.get_by_role("button", name="New promo code").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Code, 4 to 20 letters and digits").fill("twice")
    dialog.get_by_label("Value, in percent or US dollars").fill("25")
    dialog.get_by_role("button", name="Create promo code").dblclick()
    expect(main.get_by_role("heading", name="TWICE")).to_be_visible()
    expect(dialog).to_have_count(0)
    expect(page.get_by_text("Something went wrong")).to_have_count(0)
    with db.read_session() as session:
        assert list(promo_codes.list_names(session, OPERATOR, event.id).values()) == ["TWICE"]

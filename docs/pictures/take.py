"""Take the pictures of the documents: `make pictures`, or `.venv/bin/python -m docs.pictures.take NAME ...`.

The people, amounts and questions are those of the sample gala and the same in each run. Dates and the number of days
left depend on the day of the run; ticket codes and an invitation's link are random.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from docs.pictures import take_imports  # noqa: F401 registers its pictures
from docs.pictures.studio import (
    MARGIN,
    PHONE,
    TAKERS,
    Studio,
    at_rest,
    dialog_of,
    main_of,
    open_studio,
    picture,
    save,
)
from tests.browser.conftest import choose_from
from tests.support import make
from tests.support.till_page import enter_donor, find_receipt, find_record_button, find_tile
from ticketing import db
from ticketing.access import staff
from ticketing.actors import OPERATOR
from ticketing.catalog import packages
from ticketing.models import Package
from ticketing.ops import demo

PRICE = "Price"


def main(names: list[str]) -> None:
    """Take the pictures of these names, or all of them."""
    if unknown := set(names) - set(TAKERS):
        sys.exit(f"There is no picture called {', '.join(sorted(unknown))}. There are: {', '.join(TAKERS)}.")
    with open_studio() as studio:
        if not names or "first-run" in names:
            take_first_run(studio)
        create_sample_data(studio)
        for name in names or TAKERS:
            if name != "first-run":
                TAKERS[name](studio, name)
            print(name)


def create_sample_data(studio: Studio) -> None:
    """Create the sample gala, two more events, and the staff who work on them."""
    studio.event = gala = db.write(lambda session: demo.load(session, OPERATOR))
    make.event(name="Harbor Lights Golf Day", venue="Old Course", starts_at="2027-05-08T08:30", revenue_goal="60000")
    make.event(name="Spring Concert", venue="Music Hall", starts_at="2027-03-20T19:30")
    ana = {"name": "Ana Lopez", "email": "ana@example.org", "password": make.PASSWORD}
    ben = {"name": "Ben Okafor", "email": "ben@example.org", "password": make.PASSWORD}
    studio.ana = make.staff(role="admin", **ana)
    studio.ben = make.staff(event=gala, **ben)
    make.staff(role="viewer", event=gala, name="Grace Park", email="grace@example.org", password=make.PASSWORD)
    invited = staff.InvitationDraft(name="Theo Santos", email="theo@example.org", role="coordinator")
    db.write(lambda session: staff.invite(session, studio.ana, invited, event_ids=[gala.id]))


def get_package(studio: Studio, name: str) -> Package:
    with db.read_session() as session:
        return next(each for each in packages.list_all(session, OPERATOR, studio.event.id) if each.name == name)


@picture("first-run")
def take_first_run(studio: Studio, name: str = "first-run") -> None:
    with studio.window(None, "/", (1000, 640), is_plain=True) as page:
        save(name, page)


@picture("sign-in")
def take_sign_in(studio: Studio, name: str) -> None:
    with studio.window(None, "/", (700, 520), is_plain=True) as page:
        page.get_by_label("E-mail address").fill("ana@example.org")
        save(name, page)


@picture("choose-password")
def take_choose_password(studio: Studio, name: str) -> None:
    draft = staff.InvitationDraft(name="Mei Nakamura", email="mei@example.org", role="coordinator")
    _, secret = db.write(lambda session: staff.invite(session, studio.ana, draft, event_ids=[studio.event.id]))
    with studio.window(None, f"/session/invitation?code={secret}", (700, 470), is_plain=True) as page:
        save(name, page)


@picture("sales")
def take_sales(studio: Studio, name: str) -> None:
    with studio.window(studio.ana, "/sales?event={event}", (1280, 1060)) as page:
        expect(page.locator("svg.marks")).to_be_visible()
        save(name, at_rest(page))


@picture("sales-by-package")
def take_sales_by_package(studio: Studio, name: str) -> None:
    with studio.window(studio.ana, "/sales?event={event}", (1280, 2600)) as page:
        part = page.locator("section.card").filter(has=page.get_by_role("heading", name="By package"))
        save(name, page, part=part, margin=10)


@picture("events")
def take_events(studio: Studio, name: str) -> None:
    with studio.window(studio.ana, "/events?event={event}", (1280, 740)) as page:
        save(name, page)


@picture("copy-event")
def take_copy_event(studio: Studio, name: str) -> None:
    with studio.window(studio.ana, "/events", (1280, 1000)) as page:
        choose_in_menu(page, page.locator(f".st-key-menu_{studio.event.id} button"), "Copy")
        save(name, at_rest(page), part=dialog_of(page), margin=MARGIN)


@picture("packages")
def take_packages(studio: Studio, name: str) -> None:
    with studio.window(studio.ben, "/packages?event={event}", (1280, 980)) as page:
        save(name, page)


def open_edit_dialog(page: Page, chosen: Package) -> Locator:
    choose_in_menu(page, page.locator(f".st-key-card_{chosen.id}").get_by_role("button", name="Actions"), "Edit")
    expect(dialog_of(page).get_by_label("Name", exact=True)).to_have_value(chosen.name)
    return dialog_of(page)


def choose_in_menu(page: Page, button: Locator, entry: str) -> None:
    button.click()
    page.get_by_text(entry, exact=True).last.click()


@picture("package-form")
def take_package_form(studio: Studio, name: str) -> None:
    with studio.window(studio.ben, "/packages?event={event}", (1280, 1150)) as page:
        dialog = open_edit_dialog(page, get_package(studio, "Young professionals"))
        save(name, at_rest(page), part=dialog, margin=MARGIN)


@picture("arrange")
def take_arrange(studio: Studio, name: str) -> None:
    with studio.window(studio.ben, "/packages?event={event}&view=arrange", (1280, 760)) as page:
        expect(page.locator("ol .name")).to_have_count(8)
        save(name, at_rest(page), part=main_of(page))


@picture("prices-and-limits")
def take_prices_and_limits(studio: Studio, name: str) -> None:
    with studio.window(studio.ben, "/packages?event={event}&view=table", (1280, 680)) as page:
        box = page.get_by_test_id("stDataFrame").bounding_box()
        row = box["height"] / 9  # the headings and eight packages
        page.mouse.click(box["x"] + box["width"] * 0.6, box["y"] + row * 3.5)
        page.keyboard.press("Enter")
        page.locator("#portal input").fill("130")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Review changes")).to_be_visible()
        save(name, at_rest(page), part=main_of(page))


@picture("options")
def take_options(studio: Studio, name: str) -> None:
    with studio.window(studio.ben, "/options?event={event}", (1280, 560)) as page:
        save(name, page, part=main_of(page))


@picture("option-form")
def take_option_form(studio: Studio, name: str) -> None:
    with studio.window(studio.ben, "/options?event={event}", (1280, 800)) as page:
        page.get_by_role("button", name="New option").click()
        dialog = dialog_of(page)
        dialog.get_by_text("Choose several", exact=True).click()
        dialog.get_by_label("Question").fill("Which wine would you like?")
        dialog.get_by_label("Choices, one per line").fill("Red\nWhite\nNone")
        save(name, at_rest(page), part=dialog, margin=MARGIN)


@picture("promo-codes")
def take_promo_codes(studio: Studio, name: str) -> None:
    with studio.window(studio.ben, "/promo_codes?event={event}", (1280, 900)) as page:
        save(name, page, part=main_of(page))


@picture("try-a-code")
def take_try_a_code(studio: Studio, name: str) -> None:
    with studio.window(studio.ben, "/promo_codes?event={event}", (1280, 1000)) as page:
        page.get_by_role("button", name="Try a code").click()
        dialog = dialog_of(page)
        dialog.get_by_label("Code", exact=True).fill("harbor20")
        dialog.get_by_label("Code", exact=True).press("Enter")
        expect(dialog.get_by_text("This event has the promo code HARBOR20.")).to_be_visible()
        save(name, at_rest(page), part=dialog, margin=MARGIN)


def fill_in_sale(page: Page) -> None:
    main = main_of(page)
    for package in ("Couple", "After-party", "After-party"):
        find_tile(main, package).click()
    main.get_by_role("radio", name="No", exact=True).click()
    main.get_by_text("Sea bass", exact=True).click()
    enter_donor(main)
    main.get_by_label("Promo code (optional)").fill("welcome10")
    main.get_by_label("Promo code (optional)").press("Tab")
    expect(find_record_button(main, "$333.00")).to_be_visible()


@picture("box-office")
def take_box_office(studio: Studio, name: str) -> None:
    with studio.window(studio.ben, "/box_office?event={event}", (1280, 900)) as page:
        fill_in_sale(page)
        save(name, at_rest(page), part=main_of(page), height=900)
        page.get_by_role("button", name="Start over").click()
        page.get_by_role("button", name="Clear", exact=True).click()
        expect(page.locator(".till-line")).to_have_count(0)


@picture("phone-box-office")
def take_phone_box_office(studio: Studio, name: str) -> None:
    with studio.window(studio.ben, "/box_office?event={event}", PHONE) as page:
        fill_in_sale(page)
        find_tile(page, "Couple").scroll_into_view_if_needed()
        save(name, at_rest(page))
        page.get_by_role("button", name="Start over").click()
        page.get_by_role("button", name="Clear", exact=True).click()
        expect(page.locator(".till-line")).to_have_count(0)


@picture("phone-sales")
def take_phone_sales(studio: Studio, name: str) -> None:
    with studio.window(studio.ben, "/sales?event={event}", PHONE) as page:
        save(name, page)


@picture("phone-guests")
def take_phone_guests(studio: Studio, name: str) -> None:
    with studio.window(studio.ben, "/guests?event={event}", PHONE) as page:
        page.get_by_role("radio", name="Guest list").click()
        page.get_by_label("Search by guest, purchaser or ticket code").fill("park")
        expect(main_of(page).get_by_role("button", name=re.compile("Change|Name guest")).first).to_be_visible()
        page.get_by_label("Search by guest, purchaser or ticket code").scroll_into_view_if_needed()
        save(name, at_rest(page))


@picture("purchasers")
def take_purchasers(studio: Studio, name: str) -> None:
    with studio.window(studio.ben, "/purchasers?event={event}&status=pending", (1280, 800)) as page:
        save(name, page, part=main_of(page))


@contextmanager
def open_purchase(studio: Studio, search: str, size: tuple[int, int]) -> Iterator[Page]:
    with studio.window(studio.ben, f"/purchasers?event={{event}}&{search}", size) as page:
        main_of(page).locator("[class*=st-key-open_] button").first.click()
        expect(dialog_of(page).get_by_text("Guests by seat")).to_be_attached()
        yield at_rest(page)


@picture("purchase")
def take_purchase(studio: Studio, name: str) -> None:
    with open_purchase(studio, "code=WELCOME10", (1280, 860)) as page:
        save(name, page)


@picture("void")
def take_void(studio: Studio, name: str) -> None:
    with open_purchase(studio, "channel=card_terminal", (1280, 700)) as page:
        dialog_of(page).get_by_role("button", name="Void", exact=True).click()
        expect(dialog_of(page).get_by_label("Reason")).to_be_visible()
        save(name, at_rest(page), part=dialog_of(page), height=600)


@picture("seats-without-a-guest")
def take_unnamed(studio: Studio, name: str) -> None:
    with studio.window(studio.ben, "/guests?event={event}", (1280, 720)) as page:
        save(name, page, part=main_of(page))


@picture("name-guests")
def take_name_guests(studio: Studio, name: str) -> None:
    with studio.window(studio.ben, "/guests?event={event}", (1280, 1150)) as page:
        choose_from(page.get_by_role("combobox", name="Package"), "Harbor Friend sponsorship")
        expect(page.get_by_role("button", name="Name guests").first).to_be_visible()
        at_rest(page).get_by_role("button", name="Name guests").first.click()
        dialog = dialog_of(page)
        dialog.get_by_text("Paste a list").click()
        dialog.get_by_label("Names, one guest per line").fill("Ana Ferreira, ana@example.org\nOmar Haddad")
        save(name, at_rest(page), part=dialog, margin=MARGIN)


@picture("conflict")
def take_conflict(studio: Studio, name: str) -> None:
    chosen = get_package(studio, "After-party")
    with studio.window(studio.ben, "/packages?event={event}", (1280, 1250)) as page:
        dialog = open_edit_dialog(page, chosen)
        changed = {"price": "50.00", "quantity_limit": 200}
        make.change_package(studio.ana, chosen, chosen.version, **changed)
        dialog.get_by_label(PRICE).fill("48")
        dialog.get_by_role("button", name="Save package").click()
        expect(dialog.get_by_role("button", name="Keep mine")).to_be_visible()
        save(name, at_rest(page), part=dialog, height=1180, margin=MARGIN)


@picture("staff")
def take_staff(studio: Studio, name: str) -> None:
    with studio.window(studio.ana, "/staff?event={event}", (1280, 800)) as page:
        save(name, page)


@picture("invitation")
def take_invitation(studio: Studio, name: str) -> None:
    with studio.window(studio.ana, "/staff", (1280, 900)) as page:
        page.get_by_role("button", name="Invite").click()
        dialog = dialog_of(page)
        dialog.get_by_label("Name").fill("Ingrid Brown")
        dialog.get_by_label("E-mail address").fill("ingrid@example.org")
        dialog.get_by_role("button", name="Invite").last.click()
        expect(dialog.get_by_text("Share this link with")).to_be_visible()
        save(name, at_rest(page), part=dialog, margin=MARGIN)


@picture("audit-log")
def take_audit_log(studio: Studio, name: str) -> None:
    early_bird = get_package(studio, "Early bird")
    make.change_package(studio.ben, early_bird, early_bird.version, price="125.00", quantity_limit=50)
    with studio.window(studio.ana, "/audit_log?event={event}", (1280, 760)) as page:
        save(name, page, part=main_of(page))


@picture("restore")
def take_restore(studio: Studio, name: str) -> None:
    table = get_package(studio, "Table of ten")
    make.change_package(studio.ben, table, table.version, price="2600.00")
    with studio.window(studio.ana, "/audit_log?event={event}", (1280, 760)) as page:
        page.get_by_role("button", name="Restore price").first.click()
        expect(dialog_of(page).get_by_role("button", name="Restore price")).to_be_visible()
        save(name, at_rest(page), part=dialog_of(page), margin=MARGIN)


@picture("tokens")
def take_tokens(studio: Studio, name: str) -> None:
    with studio.window(studio.ana, "/tokens", (1280, 800)) as page:
        page.get_by_role("button", name="New token").first.click()
        dialog = dialog_of(page)
        dialog.get_by_label("What it is for").fill("Donor site")
        save(name, at_rest(page), part=dialog, margin=MARGIN)


@picture("receipt")
def take_receipt(studio: Studio, name: str) -> None:
    """Take the receipt last, since its sale would be in the pictures after it."""
    with studio.window(studio.ben, "/box_office?event={event}", (1280, 900)) as page:
        fill_in_sale(page)
        find_record_button(page).click()
        receipt = find_receipt(page)
        expect(receipt).to_be_visible()
        save(name, at_rest(page), part=receipt, margin=MARGIN)


if __name__ == "__main__":
    main([Path(name).stem for name in sys.argv[1:]])

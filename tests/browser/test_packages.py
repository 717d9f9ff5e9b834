"""Packages in a real browser: images, filters and conflicts."""

import re
import time

from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import choose_file, wait_until_drawn, wait_until_still
from tests.support import image_samples, make
from tests.support.packages import set_image

PRICE = "Price"


def edit(page: Page, package):
    card = page.locator(f".st-key-card_{package.id}")
    card.get_by_role("button", name="Actions").click()
    page.get_by_text("Edit", exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Name", exact=True)).to_have_value(package.name)
    return dialog


def test_conflict_shows_changes_and_keeps_input(page: Page, another_page: Page, enter) -> None:
    event = make.event()
    package = make.package(event, name="Table", price="100", description="Old words.")
    ana = make.staff(event=event, name="Ana Ruiz", password=make.PASSWORD)
    bea = make.staff(event=event, name="Bea Colleague", password=make.PASSWORD)
    first = edit(enter(page, bea, f"/packages?event={event.id}"), package)
    second = edit(enter(another_page, ana, f"/packages?event={event.id}"), package)

    first.get_by_label(PRICE).fill("150")
    first.get_by_label("Name", exact=True).fill("Big Table")
    first.get_by_role("button", name="Save package").click()
    expect(first).to_have_count(0)

    second.get_by_label(PRICE).fill("120")
    second.get_by_label("Description").fill("My words.")
    second.get_by_role("button", name="Save package").click()
    expect(second.get_by_text("Name: Bea Colleague changed Table to Big Table")).to_be_visible()
    expect(second.get_by_text("Price: Bea Colleague changed $100.00 to $150.00")).to_be_visible()
    expect(second.get_by_text("You typed $120.00.")).to_be_visible()
    expect(second.get_by_label("Name", exact=True)).to_have_value("Big Table")
    expect(second.get_by_label(PRICE)).to_have_value("120")
    expect(second.get_by_label("Description")).to_have_value("My words.")
    expect(second.get_by_role("button", name="Save package")).to_be_disabled()

    second.get_by_role("button", name="Keep mine").click()
    second.get_by_role("button", name="Save package").click()
    expect(second).to_have_count(0)
    card = another_page.locator(f".st-key-card_{package.id}")
    expect(card.get_by_role("heading", name="Big Table")).to_be_visible()
    expect(card).to_contain_text("$120.00")
    expect(card).to_contain_text("My words.")


def test_refused_save_keeps_input(page: Page, enter) -> None:
    event = make.event()
    person = make.staff(event=event, password=make.PASSWORD)
    enter(page, person, f"/packages?event={event.id}").get_by_role("button", name="New package").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name", exact=True).fill("Table")
    dialog.get_by_label(PRICE).fill("a hundred")
    dialog.get_by_role("button", name="Create package").click()
    expect(dialog.get_by_text("Enter an amount, like 1234.50.")).to_be_visible()
    expect(dialog.get_by_role("alert")).to_contain_text("Please fix the")
    expect(dialog.get_by_label("Name", exact=True)).to_have_value("Table")
    dialog.get_by_label(PRICE).fill("100")
    dialog.get_by_label("Description").fill("A seat.")
    dialog.get_by_role("button", name="Create package").click()
    expect(dialog).to_have_count(0)
    expect(page.get_by_test_id("stMain").get_by_role("heading", name="Table", exact=True)).to_be_visible()


def upload(dialog, content: bytes) -> None:
    choose_file(dialog, {"name": "table.jpg", "mimeType": "image/jpeg", "buffer": content})


def test_image_is_uploaded_previewed_replaced_and_removed(page: Page, enter) -> None:
    event = make.event()
    package = make.package(event, name="Table")
    person = make.staff(event=event, password=make.PASSWORD)
    dialog = edit(enter(page, person, f"/packages?event={event.id}"), package)
    dialog.get_by_label(PRICE).fill("a dozen")
    upload(dialog, b"not a picture")
    expect(dialog.get_by_text("This file is not a JPG, PNG or WebP picture")).to_be_visible()
    expect(dialog.get_by_label(PRICE)).to_have_value("a dozen")
    upload(dialog, image_samples.make_image_file("JPEG", (1200, 800), exif=image_samples.make_camera_exif(6)))
    expect(dialog.get_by_role("img", name="The chosen picture")).to_have_attribute(
        "src", re.compile("^data:image/jpeg")
    )
    expect(dialog.get_by_text("This file is not")).to_have_count(0)
    expect(dialog.get_by_label(PRICE)).to_have_value("a dozen")
    dialog.get_by_label("Picture description").fill("A round table")
    dialog.get_by_role("button", name="Save package").click()
    expect(dialog.get_by_text("Enter an amount")).to_be_visible()
    expect(dialog.get_by_role("img", name="The chosen picture")).to_be_visible()
    dialog.get_by_label(PRICE).fill("120")
    dialog.get_by_role("button", name="Save package").click()
    expect(dialog).to_have_count(0)
    shown = page.get_by_role("article").get_by_role("img")
    expect(shown).to_have_attribute("alt", "A round table")
    assert shown.evaluate("async image => { await image.decode(); return image.naturalHeight }") == 256
    first = shown.get_attribute("src")

    dialog = edit(page, package)
    upload(dialog, image_samples.make_image_file("JPEG", (300, 300), image_samples.BLUE))
    expect(dialog.get_by_role("img", name="The chosen picture")).to_be_visible()
    dialog.get_by_role("button", name="Save package").click()
    expect(dialog).to_have_count(0)
    expect(shown).not_to_have_attribute("src", first)

    dialog = edit(page, package)
    dialog.get_by_role("button", name="Remove picture").click()
    dialog.get_by_role("button", name="Remove", exact=True).click()
    expect(dialog.get_by_text("The picture is removed when you save")).to_be_visible()
    dialog.get_by_role("button", name="Save package").click()
    expect(dialog).to_have_count(0)
    expect(shown).to_have_count(0)


def test_loading_images_do_not_shift_the_layout(page: Page, enter) -> None:
    event = make.event()
    for number, size in enumerate([(300, 300), (600, 100), (100, 600)]):
        set_image(event, make.package(event), size=size, color=(number, 0, 0))
    person = make.staff(event=event, password=make.PASSWORD)
    held: list[Route] = []
    page.route("**/thumbnails/*", lambda route: held.append(route))
    enter(page, person, f"/packages?event={event.id}")
    expect(page.get_by_role("article")).to_have_count(3)
    expect(page.get_by_role("button", name="Actions for")).to_have_count(3)
    before = places(wait_until_still(page))
    deadline = time.monotonic() + 10
    while len(held) < 3 and time.monotonic() < deadline:
        page.wait_for_timeout(20)
    for each in held:
        each.continue_()
    page.wait_for_function("() => [...document.querySelectorAll('article img')].every(image => image.naturalWidth > 0)")
    assert places(page) == before


def places(page: Page) -> list[dict[str, float]]:
    return page.evaluate(
        "[...document.querySelectorAll('article, article img')].map(each => each.getBoundingClientRect().toJSON())"
    )


def test_browser_back_restores_the_filter(page: Page, enter) -> None:
    event = make.event()
    make.package(event, name="Table")
    make.package(event, name="Gold", is_sponsorship=True)
    person = make.staff(event=event, password=make.PASSWORD)
    enter(page, person, f"/packages?event={event.id}")
    page.get_by_role("radio", name="Sponsorships 1").click()
    expect(page.get_by_role("article")).to_have_count(1)
    expect(page).to_have_url(re.compile("show=sponsorships"))
    page.go_back()
    expect(page.get_by_role("article")).to_have_count(2)
    expect(page.get_by_role("radio", name="All 2")).to_be_checked()
    page.goto(page.url + "&show=sponsorships")
    expect(wait_until_drawn(page).get_by_role("article")).to_have_count(1)

"""Packages in a real browser: two people at one, and text that stays text."""

from playwright.sync_api import Page, expect

from tests import make

PRICE = "Price of the whole package, in US dollars"


def edit(page: Page, package):
    card = page.locator(f".st-key-card_{package.id}")
    card.get_by_role("button", name="Actions").click()
    page.get_by_text("Edit", exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Name", exact=True)).to_have_value(package.name)
    return dialog


def test_the_second_to_save_is_told_what_the_first_changed_keeps_what_was_typed_and_chooses(
    page: Page, another_page: Page, enter
) -> None:
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


def test_what_the_server_refuses_keeps_what_was_typed(page: Page, enter) -> None:
    event = make.event()
    person = make.staff(event=event, password=make.PASSWORD)
    enter(page, person, f"/packages?event={event.id}").get_by_role("button", name="New package").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name", exact=True).fill("Table")
    dialog.get_by_label(PRICE).fill("$100")
    dialog.get_by_role("button", name="Make package").click()
    expect(dialog.get_by_text("Enter a plain number such as 1234.50.")).to_be_visible()
    expect(dialog.get_by_role("alert")).to_contain_text("Nothing was saved.")
    expect(dialog.get_by_label("Name", exact=True)).to_have_value("Table")
    dialog.get_by_label(PRICE).fill("100")
    dialog.get_by_label("Description").fill("A seat.")
    dialog.get_by_role("button", name="Make package").click()
    expect(dialog).to_have_count(0)
    expect(page.get_by_test_id("stMain").get_by_role("heading", name="Table", exact=True)).to_be_visible()


EFFECTS = ":is(strong, em, code, img, b, del, .katex, [href*=evil], [src*=evil])"
HOSTILE = (
    "**bold** _it_ `code` [link](http://evil.example/a) ![pic](http://evil.example/p.png) <b>x</b> "
    "<img src=http://evil.example/q.png> http://evil.example www.evil.example me@evil.example $x^2$ :smile: :red[r]"
)


def test_what_people_typed_renders_as_typed_everywhere(page: Page, enter) -> None:
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    event = make.event(name=HOSTILE[:100], venue=HOSTILE[:200])
    package = make.package(event, name=HOSTILE[:100], description=HOSTILE)
    other = make.package(event, name=HOSTILE[100:200], description=HOSTILE, is_sponsorship=True)
    make.option(package, label=HOSTILE[:200], option_type="multi_select", choices=["**bold** $x$", "www.evil.example"])
    make.purchase(event, other, donor={"name": HOSTILE[:200], "email": "me@example.org"}, notes=HOSTILE)
    person = make.staff(event=event, name=HOSTILE[:100], password=make.PASSWORD)

    for path, at_least in (("packages", 3), ("events", 1), ("sales", 1), ("box_office", 1)):
        enter(page, person, f"/{path}?event={event.id}")
        assert page.content().count("evil") >= at_least
        effects = page.get_by_test_id("stMarkdownContainer").locator(EFFECTS)
        assert [each.evaluate("e => e.outerHTML") for each in effects.all()] == [], path
    enter(page, person, f"/packages?event={event.id}")
    card = page.locator(f".st-key-card_{package.id}")
    assert card.get_by_role("heading").inner_text().replace("\u2060", "") == " ".join(HOSTILE[:100].split())
    assert [url for url in asked if "evil" in url] == []

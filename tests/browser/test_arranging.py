"""The Arrange view in a real browser: mouse, touch, keyboard and conflicts."""

import re

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect

from tests.browser.conftest import wait_until_drawn, wait_until_still
from tests.support import make
from tests.support.dragging import handle, middle, pick_up
from tests.support.waiting import wait_until
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.catalog import packages


@pytest.fixture
def event(live_server: str):
    event = make.event()
    for name in ("Ada", "Ben", "Cat", "Dog"):
        make.package(event, name=name)
    return event


@pytest.fixture
def arrange(event, enter):
    """Return a function that opens the Arrange view as a person: `arrange(page, "Ana Ruiz")`."""

    def do(page: Page, name: str = "Ana Ruiz") -> Page:
        person = make.staff(event=event, name=name, password=make.PASSWORD)
        return view(enter(page, person, f"/packages?event={event.id}"))

    return do


def view(page: Page) -> Page:
    page.get_by_role("radio", name="Arrange").click()
    expect(page.get_by_role("button", name="Sort by price")).to_be_visible()
    return wait_until_still(page)


def list_shown_names(page: Page, *names: str) -> None:
    """Check the names from top to bottom; until the server has answered, a style sheet orders the rows."""

    def read() -> list[str]:
        places = page.locator("ol .name").evaluate_all(
            "all => all.map(each => [each.getBoundingClientRect().top, each.textContent])"
        )
        return [name for _, name in sorted(places)]

    wait_until(lambda: read() == list(names))


def list_stored_names(event) -> list[str]:
    with db.read_session() as session:
        return list(packages.list_names(session, OPERATOR, event.id).values())


def wait_until_saved(page: Page, event, *names: str) -> None:
    """Check the order on screen, and again after a reload."""
    expect(page.get_by_role("button", name="Undo")).to_be_visible()
    list_shown_names(page, *names)
    page.reload()
    list_shown_names(view(wait_until_drawn(page)), *names)
    assert list_stored_names(event) == list(names)


def test_mouse_drags_a_package_by_its_handle(page: Page, arrange, event) -> None:
    pick_up(arrange(page), "Dog", onto="Ben")
    list_shown_names(page, "Ada", "Dog", "Ben", "Cat")
    assert list_stored_names(event) == ["Ada", "Ben", "Cat", "Dog"]
    page.mouse.up()
    expect(page.get_by_text("Dog is at position 2 of 4.")).to_be_visible()
    wait_until_saved(page, event, "Ada", "Dog", "Ben", "Cat")


def test_mouse_drags_a_package_by_its_name(page: Page, arrange, event) -> None:
    arrange(page)
    page.mouse.move(*middle(page.get_by_text("Ada", exact=True)))
    page.mouse.down()
    page.mouse.move(*middle(handle(page, "Cat")), steps=8)
    page.mouse.up()
    wait_until_saved(page, event, "Ben", "Cat", "Ada", "Dog")


def test_escape_cancels_a_drag(page: Page, arrange, event) -> None:
    pick_up(arrange(page), "Dog", onto="Ada")
    page.keyboard.press("Escape")
    list_shown_names(page, "Ada", "Ben", "Cat", "Dog")
    page.mouse.up()
    expect(page.locator("li.held")).to_have_count(0)
    expect(page.get_by_role("button", name="Undo")).to_have_count(0)
    assert list_stored_names(event) == ["Ada", "Ben", "Cat", "Dog"]


class TouchDrag:
    def __init__(self, page: Page) -> None:
        self.devtools = page.context.new_cdp_session(page)

    def touch(self, kind: str, *points: tuple[float, float]) -> None:
        self.devtools.send(
            "Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y} for x, y in points]}
        )

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        self.touch("touchStart", start)
        for step in range(1, 11):
            self.touch("touchMove", (start[0], start[1] + (end[1] - start[1]) * step / 10))
        self.touch("touchEnd")


def test_touch_drags_a_package_by_its_handle(phone: Page, arrange, event) -> None:
    arrange(phone)
    TouchDrag(phone).drag(middle(handle(phone, "Ada")), middle(handle(phone, "Cat")))
    wait_until_saved(phone, event, "Ben", "Cat", "Ada", "Dog")


def test_touch_beside_the_handle_scrolls_the_page(phone: Page, arrange, event) -> None:
    for number in range(12):
        make.package(event, name=f"Package {number}")
    main = arrange(phone).get_by_test_id("stMain")
    TouchDrag(phone).drag(middle(phone.get_by_text("Dog", exact=True)), (200, 100))
    assert main.evaluate("main => new Promise(done => setTimeout(() => done(main.scrollTop), 300))") > 0
    expect(phone.get_by_role("button", name="Undo")).to_have_count(0)


class TestKeyboard:
    def test_package_is_picked_up_moved_and_dropped(self, page: Page, arrange, event) -> None:
        sentence = arrange(page).locator("[role=status]").filter(has_text="position")
        handle(page, "Ada").focus()
        page.keyboard.press("Space")
        expect(sentence).to_have_text("Ada picked up, position 1 of 4.")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowDown")
        expect(sentence).to_have_text("Ada moved, position 3 of 4.")
        assert list_stored_names(event) == ["Ada", "Ben", "Cat", "Dog"]
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Undo")).to_be_visible()
        expect(handle(page, "Ada")).to_be_focused()
        wait_until_saved(page, event, "Ben", "Cat", "Ada", "Dog")

    def test_escape_and_tab_put_the_package_back(self, page: Page, arrange, event) -> None:
        arrange(page)
        for leaving in ("Escape", "Tab"):
            handle(page, "Cat").focus()
            page.keyboard.press("Enter")
            page.keyboard.press("Home")
            list_shown_names(page, "Cat", "Ada", "Ben", "Dog")
            page.keyboard.press(leaving)
            list_shown_names(page, "Ada", "Ben", "Cat", "Dog")
            expect(page.locator("li.held")).to_have_count(0)
            expect(page.get_by_role("button", name="Undo")).to_have_count(0)

    def test_quick_steps_are_all_saved(self, page: Page, arrange, event) -> None:
        up = arrange(page).get_by_role("button", name="Move Dog up")
        up.evaluate("button => { button.click(); button.click(); button.click() }")
        expect(page.get_by_text("Dog is at position 1 of 4.")).to_be_visible()
        page.get_by_role("button", name="Undo").click()
        list_shown_names(page, "Ada", "Ben", "Cat", "Dog")

    def test_quick_clicks_move_up_and_keep_the_focus(self, page: Page, arrange, event) -> None:
        up = arrange(page).get_by_role("button", name="Move Dog up")
        up.focus()
        for _ in range(4):
            page.keyboard.press("Enter")
        expect(page.get_by_text("Dog is at position 1 of 4.")).to_be_visible()
        expect(up).to_be_focused()
        wait_until_saved(page, event, "Dog", "Ada", "Ben", "Cat")

    def test_typed_position_moves_the_package(self, page: Page, arrange, event) -> None:
        arrange(page)
        for name, typed, order in (
            ("Dog", "2", "Ada Dog Ben Cat"),
            ("Cat", "0", "Cat Ada Dog Ben"),
            ("Ben", "1", "Ben Cat Ada Dog"),
        ):
            position = page.get_by_label(f"Position of {name}")
            position.fill(typed)
            position.press("Enter")
            list_shown_names(page, *order.split())
            wait_until(lambda order=order: list_stored_names(event) == order.split())
        wait_until_saved(page, event, *order.split())

    def test_position_typed_while_the_answer_to_another_arrives_is_kept(self, page: Page, arrange, event) -> None:
        held: list[tuple[WebSocketRoute, str | bytes]] = []
        is_held = False

        def relay(browser: WebSocketRoute) -> None:
            server = browser.connect_to_server()
            server.on_message(lambda message: held.append((browser, message)) if is_held else browser.send(message))

        page.route_web_socket(re.compile("/_stcore/stream"), relay)
        arrange(page)
        is_held = True
        page.get_by_label("Position of Dog").fill("2")
        page.keyboard.press("Enter")
        # Playwright relays while it waits for the page.
        wait_until(lambda: list_stored_names(event) == ["Ada", "Dog", "Ben", "Cat"] or page.evaluate("undefined"))
        page.get_by_label("Position of Cat").fill("1")
        is_held = False
        for browser, message in held:
            browser.send(message)
        expect(page.get_by_role("button", name="Undo")).to_be_visible()
        expect(page.locator("ol .name")).to_have_text(["Ada", "Dog", "Ben", "Cat"])  # no longer by a style sheet
        page.keyboard.press("Enter")
        wait_until_saved(page, event, *["Cat", "Ada", "Dog", "Ben"])

    def test_invalid_position_changes_nothing(self, page: Page, arrange, event) -> None:
        position = arrange(page).get_by_label("Position of Dog")
        for typed in ("four", "-1", "2.5", "", "4", "99"):
            position.fill(typed)
            position.press("Tab")
            expect(position).to_have_value("4")
            list_shown_names(page, "Ada", "Ben", "Cat", "Dog")
            expect(page.get_by_role("button", name="Undo")).to_have_count(0)


def test_dragging_to_the_edge_scrolls_a_list_of_50(page: Page, enter) -> None:
    event = make.event()
    for number in range(1, 51):
        make.package(event, name=f"Package {number:02}")
    person = make.staff(event=event, password=make.PASSWORD)
    view(enter(page, person, f"/packages?event={event.id}"))
    expect(page.locator("ol li")).to_have_count(50)
    page.mouse.move(*middle(handle(page, "Package 02")))
    page.mouse.down()
    page.mouse.move(500, 795, steps=8)
    expect(page.locator("li.held input")).to_have_value("50", timeout=15_000)
    page.mouse.up()
    expect(page.get_by_text("Package 02 is at position 50 of 50.")).to_be_attached()
    assert list_stored_names(event)[-1] == "Package 02"


class TestConflict:
    @pytest.fixture
    def second(self, page: Page, another_page: Page, arrange) -> Page:
        """Return a page that moved Dog to the top after Bea had moved it to the second position."""
        arrange(another_page, "Ben Okafor")
        pick_up(arrange(page, "Bea Colleague"), "Dog", onto="Ben")
        page.mouse.up()
        expect(page.get_by_role("button", name="Undo")).to_be_visible()
        another_page.get_by_label("Position of Dog").fill("1")
        another_page.keyboard.press("Enter")
        return another_page

    def test_conflict_shows_the_other_person_and_their_order(self, second: Page, event) -> None:
        expect(second.get_by_role("alert")).to_contain_text("Bea Colleague changed the order in the meantime.")
        list_shown_names(second, "Ada", "Dog", "Ben", "Cat")
        second.get_by_role("button", name="Keep theirs").click()
        expect(second.get_by_role("alert")).to_have_count(0)
        list_shown_names(second, "Ada", "Dog", "Ben", "Cat")
        assert list_stored_names(event) == ["Ada", "Dog", "Ben", "Cat"]

    def test_use_mine_can_be_undone(self, second: Page, event) -> None:
        second.get_by_role("button", name="Use my order").click()
        expect(second.get_by_text("Your order is saved.")).to_be_visible()
        list_shown_names(second, "Dog", "Ada", "Ben", "Cat")
        assert list_stored_names(event) == ["Dog", "Ada", "Ben", "Cat"]
        second.get_by_role("button", name="Undo").click()
        expect(second.get_by_text("Change undone.")).to_be_visible()
        list_shown_names(second, "Ada", "Dog", "Ben", "Cat")

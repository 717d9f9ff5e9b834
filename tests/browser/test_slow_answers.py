"""A line on which each message takes up to a second: nothing that was typed is lost, and no switch falls back."""

from playwright.sync_api import Page, expect

from tests.browser.conftest import go_to
from tests.browser.test_forms import find_bar, find_row, get_row, open_new_package
from tests.support import make
from ticketing.models import Package, PromoCode

# Messages keep their order, as on a websocket.
DELAY_MESSAGES = """
    const delays = [300, 1000, 600];
    let number = 0;
    class Line {
        last = Promise.resolve();
        pass(deliver) {
            const arrival = performance.now() + delays[number++ % delays.length];
            this.last = this.last.then(async () => {
                const left = arrival - performance.now();
                if (left > 0) await new Promise(done => setTimeout(done, left));
                deliver();
            });
        }
    }
    window.WebSocket = class extends WebSocket {
        up = new Line();
        constructor(...given) {
            super(...given);
            const down = new Line(), late = new WeakSet();
            this.addEventListener("message", event => {
                if (late.has(event)) return;
                event.stopImmediatePropagation();
                const again = new MessageEvent("message", { data: event.data });
                late.add(again);
                down.pass(() => this.dispatchEvent(again));
            });
        }
        send(data) { this.up.pass(() => super.send(data)); }
    };
"""


def test_typed_text_switches_and_undo_survive_slow_answers(page: Page, enter) -> None:
    event = make.event()
    table, code = make.package(event, name="Table", price="100"), make.promo_code(event, code="EARLY25")
    ana = make.staff(event=event, password=make.PASSWORD)
    page.add_init_script(DELAY_MESSAGES)
    enter(page, ana, f"/packages?event={event.id}")

    form = open_new_package(page)
    page.keyboard.type("Gold")
    form.get_by_text("This is a sponsorship").click()
    form.get_by_label("Price").fill("10")
    form.get_by_role("button", name="Create package").click()
    expect(form.get_by_label("Description")).to_be_focused()  # it is missing
    page.keyboard.type("Ten seats")
    expect(form.get_by_label("Price")).to_have_value("10")
    page.keyboard.press("Tab")
    form.get_by_role("button", name="Create package").click()
    expect(form).to_have_count(0)
    gold = find_row(Package, Package.event_id == event.id, Package.name == "Gold")
    assert (gold.description, gold.is_sponsorship) == ("Ten seats", True)

    switch = page.get_by_role("switch", name="Table on sale")
    switch.press("Space")
    switch.press("Space")
    expect(find_bar(page)).to_contain_text("Table is on sale.")
    expect(switch).to_be_checked()
    assert get_row(Package, table).is_enabled
    switch.press("Space")
    expect(find_bar(page)).to_contain_text("Table is off sale.")
    find_bar(page).get_by_role("button", name="Undo").dblclick()
    expect(page.get_by_test_id("stToast")).to_contain_text("Change undone.")
    expect(switch).to_be_checked()
    assert get_row(Package, table).is_enabled

    go_to(page, "promo_codes").get_by_role("button", name="Edit EARLY25").click()
    form = page.get_by_role("dialog")
    expect(form.get_by_label("Code", exact=True)).to_be_focused()
    form.get_by_role("radio", name="Fixed amount").click()
    form.get_by_label("Code", exact=True).fill("LATE30")  # while the form is on its way with another field
    form.get_by_label("Total uses (optional)", exact=True).fill("40")
    form.get_by_label("Amount off", exact=True).fill("30")
    expect(form.get_by_label("Code", exact=True)).to_have_value("LATE30")
    form.get_by_role("button", name="Save promo code").click()
    expect(form).to_have_count(0)
    saved = get_row(PromoCode, code)
    assert (saved.code, saved.discount_type, saved.discount_value, saved.max_total_uses) == (
        "LATE30",
        "fixed_amount",
        30,
        40,
    )

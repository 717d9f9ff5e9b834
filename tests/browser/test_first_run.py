"""First run on an empty server, and sign-in with a deep link."""

import re

from playwright.sync_api import Page, expect

from tests.support import make


def sign_in(page: Page, url: str, email: str) -> None:
    page.goto(url)
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill(make.PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def test_first_visitor_creates_admin_account_and_is_signed_in(page: Page, fresh_server: str) -> None:
    page.goto(fresh_server)
    page.get_by_label("Your name").fill("Ana Ruiz")
    page.get_by_label("E-mail address").fill("ana@example.org")
    page.get_by_label("Password").fill("too short")
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_text("Use at least 10 characters.")).to_be_visible()
    expect(page.get_by_label("Your name")).to_have_value("Ana Ruiz")

    page.get_by_label("Password").fill(make.PASSWORD)
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_role("heading", name="Events", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="Ana Ruiz · admin")).to_be_visible()


def test_deep_link_survives_sign_in(page: Page, live_server: str) -> None:
    event = make.event(name="Harbor Lights")
    make.package(event, name="Captain's Table")
    ana = make.staff(event=event, password=make.PASSWORD)
    sign_in(page, f"{live_server}/packages?event={event.id}", ana.email)
    expect(page.get_by_role("heading", name="Captain's Table")).to_be_visible()
    expect(page).to_have_url(re.compile(rf"/packages\?event={event.id}"))

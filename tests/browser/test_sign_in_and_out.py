"""Anonymous visitors see nothing, even on a server that just started; signing out ends every tab."""

import re

import httpx
import pytest
from playwright.sync_api import Page, expect
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.support import make


def test_sample_gala_opens_with_sales(page: Page, fresh_server: str) -> None:
    page.goto(fresh_server)
    page.get_by_role("button", name="sample").click()
    main = page.get_by_test_id("stMain")
    expect(main.get_by_role("heading", name="Sales", exact=True)).to_be_visible(timeout=30_000)
    expect(page).to_have_url(re.compile(r"/\?event="))
    expect(main.locator(".tile:has(.label:text-is('Revenue'))")).to_contain_text(re.compile(r"\$[1-9]"))
    expect(main.get_by_role("link", name=re.compile(r"^All purchases \(4\d\d\)"))).to_be_visible()


def test_anonymous_visitor_sees_nothing_on_fresh_server(page: Page, fresh_server: str) -> None:
    """The first request to the server is a deep link."""
    event = make.event(name="Secret Gala")
    make.package(event, name="Secret Table")
    make.staff(role="admin", password=make.PASSWORD)
    for path in ("/packages", "/sales", "/events", "/pages/packages.py", "/"):
        page.goto(f"{fresh_server}{path}?event={event.id}")
        expect(page.get_by_role("button", name="Sign in")).to_be_visible()
        assert "Secret" not in page.content()

    stream = fresh_server.replace("http", "ws", 1) + "/_stcore/stream"
    with pytest.raises(InvalidStatus) as refusal:
        connect(stream, subprotocols=["streamlit"], origin=fresh_server)
    assert refusal.value.response.status_code in (401, 403)


def test_unknown_host_name_is_refused(live_server: str) -> None:
    """DNS rebinding: another domain points at this machine."""
    for path in ("/healthz", "/session/sign-in", "/packages"):
        assert httpx.get(live_server + path, headers={"Host": "rebound.evil.example"}).status_code == 400
    assert httpx.get(f"{live_server}/healthz").status_code == 200


def test_websocket_opens_with_cookie_and_is_refused_to_another_origin(shared_server, live_server: str) -> None:
    """Browsers send the cookies of one port of localhost to all others."""
    cookie = shared_server.get_session_cookie(make.staff(role="admin", password=make.PASSWORD).email)
    stream = live_server.replace("http", "ws", 1) + "/_stcore/stream"
    for origin in ("http://localhost:3000", "https://evil.example", "null"):
        with pytest.raises(InvalidStatus) as refusal:
            connect(stream, subprotocols=["streamlit"], origin=origin, additional_headers={"Cookie": cookie})
        assert refusal.value.response.status_code == 403
    with connect(stream, subprotocols=["streamlit"], origin=live_server, additional_headers={"Cookie": cookie}):
        pass


def test_sign_out_in_one_tab_signs_out_the_other(page: Page, live_server: str, enter) -> None:
    event = make.event()
    make.package(event, name="Captain's Table")
    ana = make.staff(event=event, password=make.PASSWORD)
    enter(page, ana, f"/packages?event={event.id}")
    other_tab = page.context.new_page()
    other_tab.goto(f"{live_server}/packages?event={event.id}")
    expect(other_tab.get_by_role("heading", name="Captain's Table")).to_be_visible()

    page.get_by_role("link", name="Sign out").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()

    other_tab.get_by_role("button", name="New package").click()
    notice = other_tab.get_by_role("dialog", name="You are signed out")
    expect(notice).to_be_visible()
    notice.get_by_role("button", name="Back to the page").click()
    expect(other_tab.get_by_role("heading", name="Captain's Table")).to_be_visible()
    other_tab.get_by_role("button", name="New package").click()
    notice.get_by_role("link", name="Sign in").click()
    expect(other_tab.get_by_label("E-mail address")).to_be_visible()

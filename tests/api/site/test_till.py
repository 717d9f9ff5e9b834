"""The routes of the box office: live stock from memory, and donors by a prefix."""

import pytest
from sqlalchemy import event as sqlalchemy_event
from starlette.requests import HTTPConnection

from api.middleware import authentication
from api.site import till
from tests.support import make
from tests.support.hostile_text import TEXTS
from ticketing import db
from ticketing.access import staff
from ticketing.actors import OPERATOR
from ticketing.catalog import packages
from ticketing.reporting import live_stock


@pytest.fixture
def event():
    return make.event()


def stock(browser, event):
    return browser.get(f"/till/stock/{event.id}")


def donors(browser, event, prefix, **headers):
    return browser.post(f"/till/donors/{event.id}", json={"prefix": prefix}, headers=headers)


def make_poll_due(monkeypatch):
    """Set the clock of the poll: the next request reads the database."""
    monkeypatch.setattr(live_stock, "_last_poll_at", 0.0)


def test_stock_is_what_is_left_of_packages_on_sale(browser, sign_in, event, monkeypatch):
    sign_in(event=event)
    limited, unlimited = make.package(event, quantity_limit=9), make.package(event)
    off = make.package(event, quantity_limit=5)
    db.write(lambda s: packages.set_enabled(s, OPERATOR, event.id, off.id, enabled=False))
    first = stock(browser, event)
    assert first.json()["left"] == {str(limited.id): 9, str(unlimited.id): None}
    assert first.headers["cache-control"] == "no-store"
    make.purchase(event, limited, quantity=9)
    make_poll_due(monkeypatch)
    second = stock(browser, event).json()
    assert second["left"] == {str(limited.id): 0, str(unlimited.id): None}
    assert second["state"] != first.json()["state"]
    make_poll_due(monkeypatch)
    assert stock(browser, event).json() == second


def test_stock_is_answered_from_memory(browser, sign_in, event, monkeypatch):
    sign_in(event=event)
    make.package(event, quantity_limit=9)
    monkeypatch.setattr(live_stock, "POLL_SECONDS", 60)
    make_poll_due(monkeypatch)
    stock(browser, event)
    statements = []
    sqlalchemy_event.listen(db.engine(), "before_cursor_execute", lambda *given: statements.append(given[2]))
    assert [stock(browser, event).status_code for _ in range(20)] == [200] * 20
    assert statements == []


def test_stock_stops_within_10_seconds_of_losing_access(browser, sign_in, event, monkeypatch):
    person = sign_in(event=event)
    assert stock(browser, event).status_code == 200
    db.write(lambda s: staff.update(s, OPERATOR, person.staff_id, {}, seen_version=1, unassign=[event.id]))
    assert stock(browser, event).status_code == 200
    until = {key: moment - till.IDENTITY_SECONDS for key, moment in till._allowed_until.items()}
    monkeypatch.setattr(till, "_allowed_until", until)  # the clock is 10 seconds further
    assert stock(browser, event).status_code == 404
    db.write(lambda s: staff.deactivate(s, OPERATOR, person.staff_id))
    assert stock(browser, event).status_code == 401


@pytest.mark.parametrize("address", ["not-a-uuid", "00000000-0000-0000-0000-000000000000"])
def test_unknown_event_is_not_found(browser, sign_in, address):
    sign_in(role="admin")
    assert browser.get(f"/till/stock/{address}").status_code == 404
    assert browser.post(f"/till/donors/{address}", json={"prefix": "ana"}).status_code == 404


def test_forged_cookie_gets_no_stock(browser, event):
    browser.cookies.set("ticketdesk_session", "forged.abc.def")
    assert stock(browser, event).status_code == 401


def test_donor_is_offered_with_address_phone_and_last_purchase(browser, sign_in, event):
    sign_in(event=event)
    donor = {"name": "Zoë Valdés", "email": "zoe@example.org", "phone": "555 0100"}
    bought = make.purchase(event, make.package(event), donor=donor).purchase
    answer = donors(browser, event, "zoe")
    last = bought.purchased_at.isoformat()
    assert answer.json() == {"donors": [donor | {"last_purchase_at": last, "is_of_event": True}]}
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"prefix": 3}', b'{"prefix": "an"}', b'"ana"', b"\xff"])
def test_body_without_a_prefix_is_refused(browser, sign_in, event, body):
    sign_in(event=event)
    answer = browser.post(f"/till/donors/{event.id}", content=body)
    assert answer.status_code == 422
    assert "at least 3 characters" in answer.text


@pytest.mark.parametrize("typed", TEXTS.values(), ids=TEXTS)
def test_hostile_text_finds_nobody(browser, sign_in, event, typed):
    sign_in(event=event)
    answer = donors(browser, event, f"qqq{typed}"[:200])
    assert (answer.status_code, answer.json()) == (200, {"donors": []})


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://elsewhere.example"}, {"Sec-Fetch-Site": "cross-site"}], ids=["origin", "fetch"]
)
def test_other_sites_find_nobody(browser, sign_in, event, headers):
    sign_in(event=event)
    assert donors(browser, event, "zoe", **headers).status_code == 403


def test_61st_search_of_a_minute_says_what_to_do(browser, sign_in, event):
    sign_in(event=event)
    assert [donors(browser, event, "nobody").status_code for _ in range(60)] == [200] * 60
    refused = donors(browser, event, "nobody")
    assert refused.status_code == 429
    assert "Type this donor's name and address." in refused.text
    assert 1 <= int(refused.headers["retry-after"]) <= 60


def name_till(browser, actor, tab=""):
    cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items()).encode()
    scope = {"type": "websocket", "headers": [(b"cookie", cookie)], "query_string": f"tab={tab}".encode()}
    return authentication.name_till(HTTPConnection(scope), actor)


def test_till_is_known_by_the_cookie_of_the_browser(browser, sign_in):
    """The id is the same for everybody who signs in with this browser, and another in the next browser."""
    person = sign_in()
    first = name_till(browser, person)
    assert name_till(browser, sign_in()) == first
    browser.cookies.clear()
    sign_in()
    assert name_till(browser, person) not in ("", first)


@pytest.mark.parametrize(
    ("tab", "is_known"),
    [("k3j9x2", True), ("a" * 40, True), ("", False), ("a" * 41, False), ("A", False), ("..", False)],
)
def test_tab_is_a_till_of_its_own(browser, sign_in, tab, is_known):
    person = sign_in()
    device = name_till(browser, person)
    assert name_till(browser, person, tab) == (f"{device}.{tab}" if is_known else device)

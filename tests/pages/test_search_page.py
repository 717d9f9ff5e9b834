"""The search over everything: what it lists, where its rows lead, and that the address says nothing of it."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.support import make
from tests.support.screen import Screen
from ticketing import db
from ticketing.access import rate_limits
from ticketing.actors import OPERATOR
from ticketing.catalog import archive
from ticketing.reporting import search
from ticketing.sales import guests
from ui.packages import package_form

FIELD = "Name, e-mail address, ticket code, order number, external id, package, promo code or event"
LINK = re.compile(r'<a data-page="" href="(?P<address>[^"]+)" target="_self">(?P<name>[^<]*)</a>')


@pytest.fixture
def event():
    return make.event(name="Harbor Gala")


@pytest.fixture
def seller(event):
    return make.staff(event=event)


def find(visit, actor, typed, event=None):
    return visit("search", actor, event).enter(FIELD, typed)


def get_found_html(screen):
    return next((each.value for each in screen.app.html if 'class="found"' in each.value), "")


def list_links(screen):
    """Return the name, page and query of each row."""
    found = LINK.finditer(get_found_html(screen))
    addresses = [(each["name"], urlsplit(each["address"].replace("&amp;", "&"))) for each in found]
    return [(name, url.path, {key: value for key, (value,) in parse_qs(url.query).items()}) for name, url in addresses]


def open_link(actor, screen, name):
    """Open a row as the browser does: the page of its address, with its query."""
    page, query = next((page, query) for found, page, query in list_links(screen) if found == name)
    opened = Screen("ui/main.py", actor, page=page.removeprefix("/"))
    for key, value in query.items():
        opened.app.query_params[key] = value
    return opened.rerun()


@pytest.fixture
def everything(event):
    """A purchaser, a guest, a package and a code that all have the word "ruiz" in an event."""
    package = make.package(event, name="Ruiz Table", seats_per_package=2)
    code = make.promo_code(event, code="RUIZ25")
    order = make.order(event, package, donor={"name": "Ana Ruiz", "email": "ana@example.org"})
    purchase = order.lines[0].purchase
    named = {1: {"name": "Ben <b> Ruiz", "email": None}}
    db.write(lambda s: guests.name_guests(s, OPERATOR, event.id, purchase.id, named, seen_version=1))
    return package, code, order


def test_each_kind_is_listed_with_its_place(visit, seller, event, everything):
    package, code, order = everything
    purchase_id, own = str(order.lines[0].purchase.id), {"event": str(event.id)}
    screen = find(visit, seller, "ruiz")
    assert list_links(screen) == [
        ("Ana Ruiz", "/purchasers", own | {"purchase": purchase_id}),
        ("Ben &lt;b&gt; Ruiz", "/purchasers", own | {"purchase": purchase_id}),
        ("Ruiz Table", "/packages", own | {"package": str(package.id)}),
        ("RUIZ25", "/promo_codes", own | {"code": str(code.id)}),
    ]
    assert screen.says(f"ana@example.org · order {order.order.number}")
    assert screen.says(f"Harbor Gala <span>Dec 5, {make.EVENT_STARTS_AT[:4]}</span>")
    assert "ruiz" not in str(dict(screen.app.query_params)).lower()


def test_exact_code_comes_first(visit, seller, event, everything):
    assert [name for name, *_ in list_links(find(visit, seller, "RUIZ25"))] == ["RUIZ25"]
    make.order(event, everything[0], donor={"name": "Ruiz25 Company", "email": "company@example.org"})
    assert [name for name, *_ in list_links(find(visit, seller, "ruiz25"))] == ["RUIZ25", "Ruiz25 Company"]


@pytest.mark.parametrize(
    ("name", "title", "shown"),
    [
        ("Ana Ruiz", "Purchasers", "ana@example.org"),
        ("Ruiz Table", "Packages", "Edit package"),
        ("RUIZ25", "Promo codes", "Edit promo code"),
    ],
)
def test_rows_open_the_record_in_its_event(visit, seller, event, everything, name, title, shown):
    opened = open_link(seller, find(visit, seller, "ruiz"), name)
    assert opened.app.title[0].value == title
    assert opened.dialog() == shown or opened.says(shown)


def test_event_opens_its_sales(visit, seller, event):
    assert list_links(find(visit, seller, "harbor")) == [("Harbor Gala", "/sales", {"event": str(event.id)})]


def test_viewer_sees_the_page_that_lists_a_package(event, visit):
    for number in range(21):
        package = make.package(event, name=f"Seat {number}")
    viewer = make.staff("viewer", event)
    opened = open_link(viewer, find(visit, viewer, "seat 20"), "Seat 20")
    assert opened.dialog() is None
    assert opened.app.session_state[package_form.PAGE_KEY] == 2
    assert opened.says("Seat 20")
    assert "package" not in opened.app.query_params
    assert package.name == "Seat 20"


def test_purchaser_with_several_orders_says_so(visit, seller, event, everything):
    latest = make.order(event, everything[0], donor={"name": "Ana Ruiz", "email": "ana@example.org"})
    assert find(visit, seller, "ana").says(f"order {latest.order.number}, the latest of 2")


def test_archived_event_is_marked(visit, seller, event, everything):
    assert not find(visit, seller, "ruiz").says("Archived")
    db.write(lambda s: archive.archive(s, OPERATOR, event.id))
    assert find(visit, seller, "ruiz").says("Archived")


def test_nothing_found_one_letter_and_nothing_typed(visit, seller):
    screen = visit("search", seller)
    assert screen.says("Press / on any page to search.")
    for typed in ("x", "x" * 101):
        assert screen.enter(FIELD, typed).says("Type 2 to 100 characters.")
    assert screen.enter(FIELD, "*nobody*").says("No results for “*nobody*”.")
    assert get_found_html(screen) == ""


def test_full_list_says_that_there_may_be_more(visit, seller, event):
    for number in range(search.MAX_MATCHES):
        make.package(event, name=f"Seat {number}")
        screen = find(visit, seller, "seat") if number == search.MAX_MATCHES - 2 else None
        assert screen is None or not screen.says("Type more")
    assert find(visit, seller, "seat").says("The first 20 are shown. Type more to find others.")


def test_too_many_searches_are_refused_with_a_sentence(visit, seller):
    for _ in range(rate_limits.SEARCHES.max_count):
        db.write(lambda s: rate_limits.consume(s, rate_limits.SEARCHES, rate_limits.caller_key(seller)))
    screen = find(visit, seller, "ana")
    assert screen.says("You searched 60 times within a minute.")
    assert "Search again" in screen.labels()


def test_nobody_finds_what_they_may_not_see(visit, everything):
    assert get_found_html(find(visit, make.staff(event=make.event()), "ruiz")) == ""

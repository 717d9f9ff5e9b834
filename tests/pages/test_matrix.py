"""Every page for every kind of caller: who may open it, what the others see, and that nothing is stored.

A page of the menu without a row in PAGES fails.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import database_state, make
from tests.support.callers import (
    ALL_CALLERS,
    OTHER_EVENT_COORDINATOR,
    UNAUTHENTICATED_CALLERS,
    create_callers,
    revoke_callers,
)
from tests.support.screen import Screen
from ui import menu

pytestmark = pytest.mark.system  # every page with every caller

OPENS = "opens"
REFUSED = "You are signed in as {role}. Ask an admin if you need this page."
NOT_THERE = "This event does not exist, or you are not assigned to it."
SIGNED_OUT = "You are signed out. Sign in again to continue."
READ = {"viewer": OPENS, "coordinator": OPENS, "admin": OPENS, OTHER_EVENT_COORDINATOR: NOT_THERE}
CHANGE = READ | {"viewer": REFUSED}
ADMINISTER = {"viewer": REFUSED, "coordinator": REFUSED, "admin": OPENS, OTHER_EVENT_COORDINATOR: REFUSED}
OWN = READ | {OTHER_EVENT_COORDINATOR: OPENS}  # about no event: everybody has their own
PAGES: dict[str, dict[str, str]] = {
    "search": OWN,
    "sales": READ,
    "purchasers": READ,
    "guests": READ,
    "packages": READ,
    "options": READ,
    "promo_codes": READ,
    "box_office": CHANGE,
    "import_sales": CHANGE,
    "audit_log": READ,
    "staff": ADMINISTER,
    "tokens": OWN,
    "events": OWN,
    "account": OWN,
}


def test_every_page_of_the_menu_has_a_row():
    names = {entry.name for entry in menu.ENTRIES}
    assert names - PAGES.keys() == set(), "add a row to PAGES"
    assert PAGES.keys() - names == set(), "rows without a page"


@pytest.mark.parametrize("entry", menu.ENTRIES, ids=lambda entry: entry.name)
def test_menu_action_matches_roles_that_may_open_page(entry):
    roles_by_action = {
        "read": ("viewer", "coordinator", "admin"),
        "change": ("coordinator", "admin"),
        "administer": ("admin",),
    }
    assert {role for role in ("viewer", "coordinator", "admin") if PAGES[entry.name][role] == OPENS} == set(
        roles_by_action[entry.action]
    )


@pytest.fixture(scope="module")
def gala(database):
    event = make.event(name="Closed doors gala")
    package = make.package(event, name="Closed doors table", seats_per_package=2)
    make.option(package, label="Closed doors question", is_required=False)
    make.promo_code(event, code="CLOSEDDOORS")
    donor = {"name": "Closed Doors", "email": "closed.doors@example.org"}
    make.purchase(event, package, donor=donor, promo_code="CLOSEDDOORS", guests=[{"name": "Closed doors guest"}])
    return event


@pytest.fixture(scope="module")
def callers(gala):
    callers = create_callers(gala)
    revoke_callers(callers)
    return callers


def list_shown_text(screen: Screen) -> str:
    """Return everything that reached the browser, with the values of fields and tables."""
    values: list[Any] = [*screen.texts(), *screen.labels(), *screen.toasts()]
    values += [each.value.to_string() for each in screen.app.dataframe]
    values += [each.value for each in (*screen.app.text_input, *screen.app.selectbox)]
    return "\n".join(str(each) for each in values)


@pytest.mark.parametrize("caller", ALL_CALLERS)
@pytest.mark.parametrize("page", sorted(PAGES))
def test_page_opens_or_refuses(visit, gala, callers, page, caller):
    actor, expected = callers[caller].actor, PAGES[page].get(caller, SIGNED_OUT)
    before = database_state.fingerprint(gala)

    # The page itself refuses, even when its script is run without the frame and its menu.
    is_in_menu = expected in (OPENS, NOT_THERE)
    screen = visit(page, actor, gala) if is_in_menu else Screen(f"pages/{page}.py", actor, gala)

    if expected is OPENS:
        assert screen.app.error == []
        assert len(screen.app.title) == 1
    else:
        assert [each.value for each in screen.app.error] == [expected.format(role=actor.role if actor else "")]
        assert (screen.labels(), list(screen.app.dataframe)) == ([], [])
    if caller in UNAUTHENTICATED_CALLERS or caller == OTHER_EVENT_COORDINATOR:
        assert "closed doors" not in list_shown_text(screen).lower()
    assert database_state.fingerprint(gala) == before

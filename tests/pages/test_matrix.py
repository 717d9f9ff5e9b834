"""Every page against everybody who may open it: who sees it, who is told what instead, and what stays as it is.

The rows are those of the menu. A page without a row here fails: say who may open it.
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

OPENS = "opens"
REFUSED = "You are signed in as {role}. Ask an admin if you need this page."
NOT_THERE = "This event does not exist, or you are not assigned to it."
SIGNED_OUT = "You are signed out. Sign in again to go on."
READ = {"viewer": OPENS, "coordinator": OPENS, "admin": OPENS, OTHER_EVENT_COORDINATOR: NOT_THERE}
CHANGE = READ | {"viewer": REFUSED}
ADMINISTER = {"viewer": REFUSED, "coordinator": REFUSED, "admin": OPENS, OTHER_EVENT_COORDINATOR: REFUSED}
OWN = READ | {OTHER_EVENT_COORDINATOR: OPENS}  # of no event: everybody has their own
PAGES: dict[str, dict[str, str]] = {
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


def test_every_page_of_the_menu_has_its_row():
    names = {entry.name for entry in menu.ENTRIES}
    assert names - PAGES.keys() == set(), "Say in PAGES who may open them."
    assert PAGES.keys() - names == set(), "These rows are of no page."


@pytest.mark.parametrize("entry", menu.ENTRIES, ids=lambda entry: entry.name)
def test_the_menu_offers_a_page_to_those_who_may_open_it(entry):
    may = {"read": ("viewer", "coordinator", "admin"), "change": ("coordinator", "admin"), "administer": ("admin",)}
    assert {who for who in ("viewer", "coordinator", "admin") if PAGES[entry.name][who] == OPENS} == set(
        may[entry.action]
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
def people(gala):
    people = create_callers(gala)
    revoke_callers(people)
    return people


def shown(screen: Screen) -> str:
    """Everything that reached the browser, fields and tables among it."""
    everything: list[Any] = [*screen.texts(), *screen.labels(), *screen.toasts()]
    everything += [each.value.to_string() for each in screen.app.dataframe]
    everything += [each.value for each in (*screen.app.text_input, *screen.app.selectbox)]
    return "\n".join(str(each) for each in everything)


@pytest.mark.parametrize("who", ALL_CALLERS)
@pytest.mark.parametrize("page", sorted(PAGES))
def test_the_pages(visit, gala, people, page, who):
    actor, expected = people[who].actor, PAGES[page].get(who, SIGNED_OUT)
    before = database_state.fingerprint(gala)

    # Who may not is told so by the page itself, also when it is run past the frame and its menu.
    is_let_through = expected in (OPENS, NOT_THERE)
    screen = visit(page, actor, gala) if is_let_through else Screen(f"pages/{page}.py", actor, gala)

    if expected is OPENS:
        assert screen.app.error == []
        assert len(screen.app.title) == 1
    else:
        assert [each.value for each in screen.app.error] == [expected.format(role=actor.role if actor else "")]
        assert (screen.labels(), list(screen.app.dataframe)) == ([], [])
    if who in UNAUTHENTICATED_CALLERS or who == OTHER_EVENT_COORDINATOR:
        assert "closed doors" not in shown(screen).lower()
    assert database_state.fingerprint(gala) == before

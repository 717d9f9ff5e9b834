"""Pages of an archived event: they say why nothing is sold, imported or set up, and have no buttons for it."""

import pytest

from tests.support import make
from ticketing import db
from ticketing.catalog import archive, events

SENTENCE = "This event is archived: nothing is sold, imported or set up in it."
# Buttons, fields and menus of each page while its event sells, and what is left of them in the archive.
CONTROLS = {
    "packages": {"New package", "View", "Gold on sale", "Edit Gold", "Actions for Gold"},
    "options": {"New option", "Edit “Diet”"},
    "promo_codes": {"New promo code", "EARLY25 active", "Edit EARLY25", "Actions for EARLY25"},
    "import_sales": {"Sales file: CSV, Excel or JSON, up to 50,000 rows", "Example as CSV"},
    "audit_log": {"Restore price"},
}
STILL_POSSIBLE = {"options": {"Answers to “Diet”"}, "promo_codes": {"Try a code"}, "audit_log": {"Restore venue"}}


@pytest.fixture
def seller(event):
    return make.staff(event=event)


@pytest.fixture
def package(event):
    package = make.package(event, name="Gold", price="90")
    make.package(event, name="Silver")
    make.option(package, label="Diet")
    make.promo_code(event, code="EARLY25")
    make.change_package(make.staff(event=event), package, price="100")
    return package


@pytest.fixture
def archived(event, package):
    admin = make.staff(role="admin")
    db.write(lambda s: events.update(s, admin, event.id, {"venue": "Pier 9"}, seen_version=None))
    db.write(lambda s: archive.archive(s, admin, event.id))
    return event


@pytest.mark.parametrize("page", CONTROLS)
def test_event_on_sale_has_the_controls(visit, seller, event, package, page):
    screen = visit(page, seller, event)
    assert CONTROLS[page] <= set(screen.labels())
    assert not screen.says(SENTENCE)


@pytest.mark.parametrize("page", CONTROLS)
def test_archived_event_has_a_sentence_instead(visit, seller, archived, page):
    screen = visit(page, seller, archived)
    assert CONTROLS[page] & set(screen.labels()) == set()
    assert STILL_POSSIBLE.get(page, set()) <= set(screen.labels())
    assert screen.says(SENTENCE) == (page != "audit_log")


@pytest.mark.parametrize("page", ["sales", "purchasers"])
def test_archived_event_asks_for_no_first_sale(visit, seller, event, package, page):
    first_step = "Record a sale"
    assert first_step in [link.label for link in visit(page, seller, event).links()]
    db.write(lambda s: archive.archive(s, make.staff(role="admin"), event.id))
    assert first_step not in [link.label for link in visit(page, seller, event).links()]


def test_archived_packages_are_still_listed(visit, seller, archived, package):
    screen = visit("packages", seller, archived)
    assert screen.says("Gold")
    assert screen.says("Silver")

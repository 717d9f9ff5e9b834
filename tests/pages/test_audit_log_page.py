"""The audit log's page, the history of a card, and the question before a value is brought back."""

import html
import re

import pytest

from tests.support import make
from tests.support.screen import Screen
from ticketing import db
from ticketing.catalog import packages, promo_codes
from ticketing.models import Package


@pytest.fixture
def ben(event):
    return make.staff(event=event, name="Ben Okafor")


@pytest.fixture
def gold(event, ana):
    return make.package(event, ana, name="Gold", price="2500", quantity_limit=40)


def get_price(package):
    with db.read_session() as session:
        return str(session.get(Package, package.id).price)


def open_page(actor, event, **query):
    screen = Screen("ui/main.py", actor, event)
    for name, value in query.items():
        screen.app.query_params[name] = str(value)
    return screen.go("audit_log")


def read_changes(screen):
    """Each change as a reader sees it."""
    shown = [text for text in screen.texts() if text.startswith('<div class="deed">')]
    return [" ".join(html.unescape(re.sub(r"<[^>]+>", " ", each)).split()) for each in shown]


def get_query(screen):
    given = {name: value for name, value in screen.app.query_params.items() if name != "event"}
    return {name: value if isinstance(value, str) else value[0] for name, value in given.items()}


def read_download_link(screen):
    (link,) = [each.proto.url for each in screen.app.get("link_button")]
    return link


class TestPage:
    def test_tells_who_did_what_when_and_which_way_the_newest_first(self, event, ana, ben, gold):
        make.change_package(ben, gold, price="2600")
        screen = open_page(ana, event)
        first, second, *_ = read_changes(screen)
        assert re.fullmatch(
            r"Ben Okafor changed the price of Gold from \$2,500\.00 to \$2,600\.00\. \d+:\d\d [AP]M in the app", first
        )
        assert second.startswith("Ana Ruiz made the package Gold. What was entered Name Gold Price $2,500.00 Seats 1")
        assert screen.says('<h2 class="day">Today</h2>')
        assert screen.says("3 changes")

    def test_shows_what_people_typed_as_text(self, event, ana):
        make.package(event, ana, name="<b>Bold</b> **stars** $x$", description='<img src="x" onerror="y">')
        (shown,) = [each.value for each in open_page(ana, event).app.get("html") if "stars" in each.value]
        assert "made the package &lt;b&gt;Bold&lt;/b&gt; **stars** $x$." in shown
        assert "&lt;img src=&quot;x&quot; onerror=&quot;y&quot;&gt;" in shown

    def test_has_twenty_changes_a_page_and_the_address_names_the_page(self, event, ana, gold):
        for version in range(1, 23):
            make.change_package(ana, gold, version, price=str(version))
        screen = open_page(ana, event)
        assert (len(read_changes(screen)), screen.says("24 changes")) == (20, True)
        second = open_page(ana, event, page=2)
        assert [each.partition(". ")[0] for each in read_changes(second)] == [
            "Ana Ruiz changed the price of Gold from $1.00 to $2.00",
            "Ana Ruiz changed the price of Gold from $2,500.00 to $1.00",
            "Ana Ruiz made the package Gold",
            "Operator made the event Harbor Lights Gala",
        ]
        assert open_page(ana, event, page=9).says("There is no page 9 any more; this is the last one.")

    def test_is_filtered_by_person_record_and_kind_and_the_address_and_the_file_say_so(self, event, ana, ben, gold):
        make.package(event, ben, name="Silver")
        make.change_package(ben, gold, price="2600")
        screen = open_page(ana, event).enter("Person", [ben.staff_id])
        assert [each.split(". ")[0] for each in read_changes(screen)] == [
            "Ben Okafor changed the price of Gold from $2,500.00 to $2,600.00",
            "Ben Okafor made the package Silver",
        ]
        screen.enter("Package or promo code", [gold.id]).enter("What was done", ["package.changed"])
        assert [each.split(". ")[0] for each in read_changes(screen)] == [
            "Ben Okafor changed the price of Gold from $2,500.00 to $2,600.00"
        ]
        asked = {"person": str(ben.staff_id), "record": str(gold.id), "action": "package.changed"}
        assert get_query(screen) == asked
        assert read_download_link(screen) == f"/export/{event.id}/audit.csv?" + "&".join(
            f"{k}={v}" for k, v in asked.items()
        )
        assert read_changes(open_page(ana, event, **asked)) == read_changes(screen)
        screen.click("Clear all")
        assert (get_query(screen), len(read_changes(screen))) == ({}, 4)

    def test_one_filter_is_lifted_and_the_others_stay(self, event, ana, ben, gold):
        make.change_package(ben, gold, price="2600")
        screen = open_page(ana, event, person=ben.staff_id, record=gold.id)
        screen.app.button(key="lift_people").click()
        assert get_query(screen.rerun()) == {"record": str(gold.id)}
        assert len(read_changes(screen)) == 2

    def test_says_when_no_change_matches_and_the_way_back(self, event, ana, gold):
        screen = open_page(ana, event, to="2020-01-01")
        assert (read_changes(screen), screen.says("No change matches")) == ([], True)
        assert len(read_changes(screen.click("Clear filters"))) == 2

    def test_a_deleted_package_is_still_found(self, event, ana, gold):
        db.write(lambda s: packages.delete(s, ana, event.id, gold.id))
        screen = open_page(ana, event, record=gold.id)
        assert [each.split(". ")[0] for each in read_changes(screen)] == [
            "Ana Ruiz deleted the package Gold",
            "Ana Ruiz made the package Gold",
        ]
        assert [each for each in screen.labels() if each.startswith("Gold")] == ["Gold :material/close:"]

    @pytest.mark.parametrize(
        ("query", "sentence"),
        [
            ({"person": "ana"}, "“person” takes ids of staff"),
            ({"person": "01a20703-4c59-70f0-9a94-956433354f1b"}, "“person” names somebody who changed nothing here."),
            ({"record": "01a20703-4c59-70f0-9a94-956433354f1b"}, "“record” names something that this log does not"),
            ({"page": "0"}, "“page” takes a number from 1."),
            ({"trail": "all"}, "“trail” takes event or office."),
            ({"persons": "1"}, "There is no filter “persons”."),
        ],
    )
    def test_shows_nothing_for_an_address_that_it_does_not_understand(self, event, ana, gold, query, sentence):
        screen = open_page(ana, event, **query)
        assert (screen.says(sentence), read_changes(screen)) == (True, [])
        assert len(read_changes(screen.click("Show all changes"))) == 2


class TestOffice:
    def test_is_where_admins_read_of_accounts(self, event, admin, gold):
        make.staff("viewer", event, name="Vera", password=make.PASSWORD)
        screen = open_page(admin, event).enter("Trail", "office")
        assert any(each.startswith("Operator made an account for Vera.") for each in read_changes(screen))
        assert not any("Gold" in each for each in read_changes(screen))
        assert get_query(screen) == {"trail": "office"}
        assert read_download_link(screen) == "/export/office/audit.csv"
        assert not any(label.startswith("Restore") for label in screen.labels())

    def test_is_for_nobody_else(self, event, ana, gold):
        assert "Trail" not in open_page(ana, event).labels()
        screen = open_page(ana, event, trail="office")
        assert (read_changes(screen), screen.says("The office's trail is for admins.")) == ([], True)


class TestRestoring:
    def test_asks_first_then_changes_and_tells_it(self, event, ana, ben, gold):
        make.change_package(ben, gold, price="2600")
        screen = open_page(ana, event).click("Restore price")
        assert screen.dialog() == "Restore an earlier value"
        assert screen.says("<dt>Now</dt><dd>$2,600.00</dd><dt>After</dt><dd>$2,500.00</dd>")
        assert get_price(gold) == "2600.00"
        screen.click("Cancel")
        assert (screen.dialog(), get_price(gold)) == (None, "2600.00")
        screen.click("Restore price")
        _confirm(screen)
        assert (screen.dialog(), get_price(gold)) == (None, "2500.00")
        assert screen.toasts() == ["The price of Gold is restored."]
        assert read_changes(screen)[0].startswith("Ana Ruiz restored the price of Gold from $2,600.00 to $2,500.00.")

    def test_is_refused_when_a_colleague_changed_it_meanwhile_and_shows_what_is_there_now(self, event, ana, ben, gold):
        make.change_package(ben, gold, price="2600")
        screen = open_page(ana, event).click("Restore price")
        make.change_package(ben, gold, 2, price="2700")
        _confirm(screen)
        assert get_price(gold) == "2700.00"
        assert screen.says("Ben Okafor changed Gold after you opened it: price.")
        assert screen.says("<dt>Now</dt><dd>$2,700.00</dd>")
        _confirm(screen)
        assert get_price(gold) == "2500.00"

    def test_says_what_stands_against_it(self, event, ana, gold):
        make.change_package(ana, gold, quantity_limit=50)
        make.purchase(event, gold, quantity=45)
        screen = open_page(ana, event).click("Restore limit")
        _confirm(screen)
        assert screen.says("45 are sold already, so the limit cannot be 40. Enter 45 or more.")
        assert screen.dialog() == "Restore an earlier value"

    def test_is_no_more_to_do_when_somebody_did_it(self, event, ana, gold):
        make.change_package(ana, gold, price="2600")
        screen = open_page(ana, event).click("Restore price")
        make.change_package(ana, gold, 2, price="2500")
        assert screen.rerun().says("There is nothing to restore")
        assert screen.click("Close").dialog() is None

    def test_is_not_offered_to_viewers(self, event, ana, gold):
        make.change_package(ana, gold, price="2600")
        screen = open_page(make.staff("viewer", event), event)
        assert len(read_changes(screen)) == 3
        assert not any(label.startswith("Restore") for label in screen.labels())


class TestHistory:
    def test_of_a_package_opens_from_its_card_with_its_options_and_no_others_changes(self, visit, event, ana, gold):
        make.option(gold, ana, label="Any allergies?")
        make.package(event, ana, name="Silver")
        screen = visit("packages", ana, event).pick(gold, "History")
        assert screen.dialog() == "History"
        assert [each.split(". ")[0] for each in read_changes(screen)] == [
            "Ana Ruiz made the option “Any allergies?”",
            "Ana Ruiz made the package Gold",
        ]

    def test_of_a_promo_code_opens_from_its_card(self, visit, event, ana):
        code = make.promo_code(event, ana, code="EARLY10")
        off = {"is_active": False}
        db.write(lambda s: promo_codes.update(s, ana, event.id, code.id, off, seen_version=1))
        screen = visit("promo_codes", ana, event).pick(code, "History")
        assert [each.split(". ")[0] for each in read_changes(screen)] == [
            "Ana Ruiz switched EARLY10 off",
            "Ana Ruiz made the promo code EARLY10",
        ]

    def test_is_there_again_after_something_was_restored_from_it(self, visit, event, ana, gold):
        make.change_package(ana, gold, price="2600")
        screen = visit("packages", ana, event).pick(gold, "History").click("Restore price")
        assert screen.dialog() == "Restore an earlier value"
        _confirm(screen)
        assert screen.dialog() == "History"
        assert read_changes(screen)[0].startswith("Ana Ruiz restored the price of Gold from $2,600.00 to $2,500.00.")
        assert get_price(gold) == "2500.00"


def _confirm(screen):
    """The primary button of the question; behind it the page may have one of the same words."""
    (button,) = [each for each in screen.app.button if each.proto.type == "primary" and "Restore" in each.label]
    button.click()
    screen.rerun()

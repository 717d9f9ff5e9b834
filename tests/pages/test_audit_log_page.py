"""Audit log page, history dialog of a card, and restoring an earlier value."""

import html
import re

import pytest

from tests.support import make
from tests.support.screen import Screen, get_query
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
    """Return the text of each change."""
    changes = [text for text in screen.texts() if text.startswith('<div class="deed">')]
    return [" ".join(html.unescape(re.sub(r"<[^>]+>", " ", change)).split()) for change in changes]


def read_download_link(screen):
    (link,) = [each.proto.url for each in screen.app.get("link_button")]
    return link


class TestPage:
    def test_shows_actor_change_time_and_channel_newest_first(self, event, ana, ben, gold):
        make.change_package(ben, gold, price="2600")
        screen = open_page(ana, event)
        first, second, *_ = read_changes(screen)
        assert re.fullmatch(
            r"Ben Okafor changed the price of Gold from \$2,500\.00 to \$2,600\.00\. \d+:\d\d [AP]M · web", first
        )
        assert second.startswith("Ana Ruiz created the package Gold. Details Name Gold Price $2,500.00 Seats 1")
        assert screen.says('<h2 class="day">Today</h2>')
        assert screen.says("3 changes")

    def test_escapes_text_of_users(self, event, ana):
        make.package(event, ana, name="<b>Bold</b> **stars** $x$", description='<img src="x" onerror="y">')
        (change,) = [each.value for each in open_page(ana, event).app.get("html") if "stars" in each.value]
        assert "created the package &lt;b&gt;Bold&lt;/b&gt; **stars** $x$." in change
        assert "&lt;img src=&quot;x&quot; onerror=&quot;y&quot;&gt;" in change

    def test_shows_twenty_changes_per_page_and_reads_page_from_url(self, event, ana, gold):
        for version in range(1, 23):
            make.change_package(ana, gold, version, price=str(version))
        screen = open_page(ana, event)
        assert (len(read_changes(screen)), screen.says("24 changes")) == (20, True)
        second = open_page(ana, event, page=2)
        assert [each.partition(". ")[0] for each in read_changes(second)] == [
            "Ana Ruiz changed the price of Gold from $1.00 to $2.00",
            "Ana Ruiz changed the price of Gold from $2,500.00 to $1.00",
            "Ana Ruiz created the package Gold",
            "Operator created the event Harbor Lights Gala",
        ]
        assert open_page(ana, event, page=9).says("There is no page 9. This is the last page.")

    def test_filters_are_kept_in_url_and_download_link(self, event, ana, ben, gold):
        make.package(event, ben, name="Silver")
        make.change_package(ben, gold, price="2600")
        screen = open_page(ana, event).enter("Person", [ben.staff_id])
        assert [each.split(". ")[0] for each in read_changes(screen)] == [
            "Ben Okafor changed the price of Gold from $2,500.00 to $2,600.00",
            "Ben Okafor created the package Silver",
        ]
        screen.enter("Package or promo code", [gold.id]).enter("Action", ["package.changed"])
        assert [each.split(". ")[0] for each in read_changes(screen)] == [
            "Ben Okafor changed the price of Gold from $2,500.00 to $2,600.00"
        ]
        query = {"person": str(ben.staff_id), "record": str(gold.id), "action": "package.changed"}
        assert get_query(screen) == query
        assert read_download_link(screen) == f"/export/{event.id}/audit.csv?" + "&".join(
            f"{k}={v}" for k, v in query.items()
        )
        assert read_changes(open_page(ana, event, **query)) == read_changes(screen)
        screen.click("Clear all")
        assert (get_query(screen), len(read_changes(screen))) == ({}, 4)

    def test_clearing_one_filter_keeps_the_others(self, event, ana, ben, gold):
        make.change_package(ben, gold, price="2600")
        screen = open_page(ana, event, person=ben.staff_id, record=gold.id)
        screen.app.button(key="lift_people").click()
        assert get_query(screen.rerun()) == {"record": str(gold.id)}
        assert len(read_changes(screen)) == 2

    def test_no_matching_changes_offers_to_clear_filters(self, event, ana, gold):
        screen = open_page(ana, event, to="2020-01-01")
        assert (read_changes(screen), screen.says("No matching changes")) == ([], True)
        assert len(read_changes(screen.click("Clear filters"))) == 2

    def test_deleted_package_can_be_filtered(self, event, ana, gold):
        db.write(lambda s: packages.delete(s, ana, event.id, gold.id))
        screen = open_page(ana, event, record=gold.id)
        assert [each.split(". ")[0] for each in read_changes(screen)] == [
            "Ana Ruiz deleted the package Gold",
            "Ana Ruiz created the package Gold",
        ]
        assert [each for each in screen.labels() if each.startswith("Gold")] == ["Gold :material/close:"]

    @pytest.mark.parametrize(
        ("query", "sentence"),
        [
            ({"person": "ana"}, "“person” takes ids of staff"),
            ({"person": "01a20703-4c59-70f0-9a94-956433354f1b"}, "“person” names someone who made no changes here."),
            ({"record": "01a20703-4c59-70f0-9a94-956433354f1b"}, "“record” names something that is not in this log."),
            ({"page": "0"}, "“page” takes a number from 1."),
            ({"trail": "all"}, "“trail” takes event or office."),
            ({"persons": "1"}, "There is no filter “persons”."),
        ],
    )
    def test_invalid_url_shows_sentence_and_no_changes(self, event, ana, gold, query, sentence):
        screen = open_page(ana, event, **query)
        assert (screen.says(sentence), read_changes(screen)) == (True, [])
        assert len(read_changes(screen.click("Show all changes"))) == 2


class TestOffice:
    def test_admins_see_account_changes_in_office_log(self, event, admin, gold):
        make.staff("viewer", event, name="Vera", password=make.PASSWORD)
        screen = open_page(admin, event).enter("Log", "office")
        assert any(each.startswith("Operator created an account for Vera.") for each in read_changes(screen))
        assert not any("Gold" in each for each in read_changes(screen))
        assert get_query(screen) == {"trail": "office"}
        assert read_download_link(screen) == "/export/office/audit.csv"
        assert not any(label.startswith("Restore") for label in screen.labels())

    def test_office_log_is_for_admins_only(self, event, ana, gold):
        assert "Log" not in open_page(ana, event).labels()
        screen = open_page(ana, event, trail="office")
        assert (read_changes(screen), screen.says("The office log is for admins.")) == ([], True)


class TestRestoring:
    def test_asks_for_confirmation_and_records_change(self, event, ana, ben, gold):
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
        assert screen.offer() == "Price of Gold restored."
        assert read_changes(screen)[0].startswith("Ana Ruiz restored the price of Gold from $2,600.00 to $2,500.00.")
        screen.click("Undo")
        assert (screen.toasts(), get_price(gold)) == (["Change undone."], "2600.00")
        assert read_changes(screen)[0].startswith("Ana Ruiz changed the price of Gold from $2,500.00 to $2,600.00.")

    def test_undo_is_refused_when_the_record_changed_since(self, event, ana, ben, gold):
        make.change_package(ben, gold, price="2600")
        screen = open_page(ana, event).click("Restore price")
        _confirm(screen)
        make.change_package(ben, gold, 3, name="Golden")
        screen.click("Undo")
        assert (screen.toasts(), get_price(gold)) == (["Not undone. Ben Okafor changed it since."], "2500.00")

    def test_conflict_shows_current_value_and_can_be_confirmed(self, event, ana, ben, gold):
        make.change_package(ben, gold, price="2600")
        screen = open_page(ana, event).click("Restore price")
        make.change_package(ben, gold, 2, price="2700")
        _confirm(screen)
        assert get_price(gold) == "2700.00"
        assert screen.says("Ben Okafor changed Gold after you opened it: price.")
        assert screen.says("<dt>Now</dt><dd>$2,700.00</dd>")
        _confirm(screen)
        assert get_price(gold) == "2500.00"

    def test_limit_below_sold_count_is_refused(self, event, ana, gold):
        make.change_package(ana, gold, quantity_limit=50)
        make.purchase(event, gold, quantity=45)
        screen = open_page(ana, event).click("Restore limit")
        _confirm(screen)
        assert screen.says("45 are sold already, so the limit cannot be 40. Enter 45 or more.")
        assert screen.dialog() == "Restore an earlier value"

    def test_already_restored_value_has_nothing_to_restore(self, event, ana, gold):
        make.change_package(ana, gold, price="2600")
        screen = open_page(ana, event).click("Restore price")
        make.change_package(ana, gold, 2, price="2500")
        assert screen.rerun().says("Nothing to restore")
        assert screen.click("Close").dialog() is None

    def test_viewers_cannot_restore(self, event, ana, gold):
        make.change_package(ana, gold, price="2600")
        screen = open_page(make.staff("viewer", event), event)
        assert len(read_changes(screen)) == 3
        assert not any(label.startswith("Restore") for label in screen.labels())


class TestHistory:
    def test_package_history_includes_its_options_only(self, visit, event, ana, gold):
        make.option(gold, ana, label="Any allergies?")
        make.package(event, ana, name="Silver")
        screen = visit("packages", ana, event).pick(gold, "History")
        assert screen.dialog() == "History"
        assert [each.split(". ")[0] for each in read_changes(screen)] == [
            "Ana Ruiz created the option “Any allergies?”",
            "Ana Ruiz created the package Gold",
        ]

    def test_promo_code_history_opens_from_card(self, visit, event, ana):
        code = make.promo_code(event, ana, code="EARLY10")
        values = {"is_active": False}
        db.write(lambda s: promo_codes.update(s, ana, event.id, code.id, values, seen_version=1))
        screen = visit("promo_codes", ana, event).pick(code, "History")
        assert [each.split(". ")[0] for each in read_changes(screen)] == [
            "Ana Ruiz deactivated EARLY10",
            "Ana Ruiz created the promo code EARLY10",
        ]

    def test_history_reopens_after_restore(self, visit, event, ana, gold):
        make.change_package(ana, gold, price="2600")
        screen = visit("packages", ana, event).pick(gold, "History").click("Restore price")
        assert screen.dialog() == "Restore an earlier value"
        _confirm(screen)
        assert screen.dialog() == "History"
        assert read_changes(screen)[0].startswith("Ana Ruiz restored the price of Gold from $2,600.00 to $2,500.00.")
        assert get_price(gold) == "2500.00"


def _confirm(screen):
    """Click the primary button of the dialog; the page behind it may have a button with the same label."""
    (button,) = [each for each in screen.app.button if each.proto.type == "primary" and "Restore" in each.label]
    button.click()
    screen.rerun()

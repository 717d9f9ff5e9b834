"""Rows of the packages page: content, filters, undo and the number of queries."""

from dataclasses import replace
from datetime import timedelta

import pytest
import streamlit as st
from sqlalchemy.event import listen, remove

from tests.support import make
from tests.support.packages import PRICE, list_stored_packages, set_image, update_as_colleague
from tests.support.packages import delete_package as remove_package
from tests.support.screen import Screen, list_row_html, list_row_names, list_row_texts
from ticketing import db
from ui.widgets import list_rows


@pytest.fixture
def coordinator(event):
    return make.staff(event=event)


class TestRow:
    def test_row_shows_name_price_and_sales(self, visit, coordinator, event):
        make.package(event, name="Plain", price="75.5", description="Two\nlines.")
        make.package(event, name="Off", is_enabled=False, is_sponsorship=True, seats_per_package=8)
        part = make.package(event, name="Part", quantity_limit=1200)
        full = make.package(event, name="Full", quantity_limit=2)
        make.purchase(event, part, quantity=3)
        make.purchase(event, full, quantity=2)
        assert list_row_texts(visit("packages", coordinator, event)) == [
            "Plain Two lines. Price $75.50 1 seat Sold, with pending 0 sold unlimited Seats paid 0 Revenue $0.00",
            "Off Sponsorship Off sale One seat at the gala. "
            "Price $100.00 8 seats Sold, with pending 0 sold unlimited Seats paid 0 Revenue $0.00",
            "Part One seat at the gala. "
            "Price $100.00 1 seat Sold, with pending 3 of 1,200 sold 1,197 left Seats paid 3 Revenue $300.00",
            "Full Sold out One seat at the gala. "
            "Price $100.00 1 seat Sold, with pending 2 of 2 sold none left Seats paid 2 Revenue $200.00",
        ]

    def test_pending_sales_are_beside_paid_ones(self, visit, coordinator, event):
        package = make.package(event, name="Gold", seats_per_package=8)
        make.purchase(event, package, quantity=2)
        make.purchase(event, package, payment_status="pending")
        screen = visit("packages", coordinator, event)
        assert list_row_texts(screen) == [
            "Gold One seat at the gala. Price $100.00 8 seats Sold, with pending 3 sold unlimited "
            "Seats paid 16 8 pending Revenue $200.00 $100.00 pending"
        ]
        assert screen.says("$200 in revenue · 2 paid (16 seats), 1 pending")

    @pytest.mark.parametrize(
        ("sold", "width", "is_full"), [(0, "0.0%", False), (1, "50.0%", False), (2, "100.0%", True)]
    )
    def test_bar_shows_the_sold_share(self, visit, coordinator, event, sold, width, is_full):
        package = make.package(event, quantity_limit=2)
        if sold:
            make.purchase(event, package, quantity=sold)
        (drawn,) = list_row_html(visit("packages", coordinator, event))
        look = "bar full" if is_full else "bar"
        assert f'<span class="{look}"><span style="width:{width}">' in drawn

    def test_image_is_a_lazy_thumbnail_with_alt_text(self, visit, coordinator, event):
        package = make.package(event)
        sha256 = set_image(event, package, alt='A "round" table')
        (drawn,) = list_row_html(visit("packages", coordinator, event))
        assert f'<img src="/pictures/{event.id}/thumbnails/{sha256}.png" alt="A &quot;round&quot; table"' in drawn
        assert 'width="60" height="40" loading="lazy"' in drawn

    @pytest.mark.parametrize(
        ("size", "is_whole"), [((180, 100), False), ((190, 100), True), ((55, 100), False), ((50, 100), True)]
    )
    def test_very_wide_or_tall_image_is_not_cropped(self, visit, coordinator, event, size, is_whole):
        set_image(event, make.package(event), size=size)
        (drawn,) = list_row_html(visit("packages", coordinator, event))
        assert ('class="shot whole"' in drawn) == is_whole

    def test_package_without_image_has_an_icon(self, visit, coordinator, event):
        make.package(event)
        (drawn,) = list_row_html(visit("packages", coordinator, event))
        assert "<img" not in drawn
        assert '<div class="shot"><span class="icon" aria-hidden="true"' in drawn

    def test_markup_in_texts_is_escaped(self, visit, coordinator, event):
        hostile = "**bold** [x](http://evil.example) $x$ :smile: <b>x</b> <img src=//evil.example>"
        package = make.package(event, name=hostile, description=f"{hostile} www.evil.example")
        set_image(event, package, alt='"><img src=//evil.example>')
        screen = visit("packages", coordinator, event)
        assert list_row_names(screen) == [hostile]
        (drawn,) = list_row_html(screen)
        assert "<b>" not in drawn
        assert drawn.count("<img") == 1
        menu = screen.app.menu_button(key=f"menu_{package.id}").label
        raw = [*(each.value for each in screen.app.markdown), menu]
        assert not any(sign in each for each in raw for sign in ("**", "](", "<b>", ":smile:", "www.", "http:"))

    def test_menu_opens_the_options(self, visit, coordinator, event):
        make.package(event, name="First")
        second = make.package(event, name="Second")
        screen = visit("packages", coordinator, event).pick(second, "Options")
        assert screen.app.title[0].value == "Options"
        assert screen.value("Questions of") == second.id


class TestPagination:
    @pytest.fixture
    def fifty(self, event):
        return [make.package(event, name=f"Package {number:02}") for number in range(1, 51)]

    def test_page_has_20_rows(self, visit, coordinator, event, fifty):
        screen = visit("packages", coordinator, event)
        assert list_row_names(screen) == [f"Package {number:02}" for number in range(1, 21)]
        assert screen.says("50 packages")
        screen.app.pagination(key="packages_page").set_value(3)
        assert list_row_names(screen.rerun()) == [f"Package {number:02}" for number in range(41, 51)]

    def test_deleting_the_last_row_of_a_page_shows_the_first_page(self, visit, coordinator, event):
        made = [make.package(event, name=f"Package {number:02}") for number in range(1, 22)]
        screen = visit("packages", coordinator, event)
        screen.app.pagination(key="packages_page").set_value(2)
        screen.rerun().pick(made[-1], "Delete").click("Delete for good")
        assert len(list_row_names(screen)) == 20

    def test_number_of_queries_is_constant(self, visit, coordinator, event, fifty, tmp_path):
        few = make.event()
        make.assign(coordinator, few)
        for where, made in ((few, [make.package(few) for _ in range(5)]), (event, fifty)):
            for number, package in enumerate(made[:20]):
                set_image(where, package, color=(number, 0, 0))
        empty = tmp_path / "empty.py"
        empty.write_text("from ui import session\nsession.require_event()\n")
        of_the_frame = count_queries(lambda: Screen(empty, coordinator, event))
        for where in (few, event):
            asked = count_queries(lambda where=where: Screen("pages/packages.py", coordinator, where))
            assert asked <= of_the_frame + 6  # one is the poll for sales, which the pages of a server share


class TestSwitch:
    def test_switch_takes_a_package_off_sale_and_undo_puts_it_back(self, visit, coordinator, event):
        package = make.package(event, name="Table")
        screen = visit("packages", coordinator, event).enter("Table on sale", False)
        assert screen.offer() == "Table is off sale."
        assert "Off sale" in list_row_texts(screen)[0]
        screen.click("Undo")
        assert screen.value("Table on sale") is True
        assert [each.is_enabled for each in list_stored_packages(event)] == [package.is_enabled]

    def test_switch_shows_what_a_colleague_did(self, visit, coordinator, event):
        package = make.package(event, name="Table")
        screen = visit("packages", coordinator, event)
        update_as_colleague(event, package, is_enabled=False)
        assert screen.rerun().value("Table on sale") is False


class TestFilters:
    @pytest.fixture
    def event_with_kinds(self, event):
        """Return an event with a sold-out package, a sponsorship and a disabled sponsorship, in this order."""
        make.purchase(event, make.package(event, name="Table", quantity_limit=1))
        make.package(event, name="Gold", is_sponsorship=True)
        make.package(event, name="Silver", is_sponsorship=True, is_enabled=False)
        return event

    @pytest.mark.parametrize(
        ("kind", "shown"),
        [
            ("all", ["Table", "Gold", "Silver"]),
            ("sponsorships", ["Gold", "Silver"]),
            ("disabled", ["Silver"]),
            ("sold_out", ["Table"]),
        ],
    )
    def test_kind_is_kept_in_the_url(self, visit, coordinator, event_with_kinds, kind, shown):
        screen = visit("packages", coordinator, event_with_kinds).enter("Show", kind)
        assert list_row_names(screen) == shown
        assert screen.app.query_params.get("show", "all") == kind

    def test_url_selects_the_kind(self, visit, coordinator, event_with_kinds):
        screen = visit("packages", coordinator, event_with_kinds)
        screen.app.query_params["show"] = "sponsorships"
        assert list_row_names(screen.rerun()) == ["Gold", "Silver"]
        assert screen.value("Show") == "sponsorships"

    def test_unknown_url_values_show_everything(self, visit, coordinator, event_with_kinds):
        screen = visit("packages", coordinator, event_with_kinds)
        screen.app.query_params["show"] = "<b>"
        screen.app.query_params["view"] = "nonsense"
        assert list_row_names(screen.rerun()) == ["Table", "Gold", "Silver"]

    def test_kinds_show_their_counts(self, visit, coordinator, event_with_kinds):
        show = visit("packages", coordinator, event_with_kinds).field("Show")
        assert show.options == ["All 3", "Sponsorships 2", "Off sale 1", "Sold out 1"]

    def test_empty_kind_offers_all_packages(self, visit, coordinator, event):
        make.package(event)
        make.package(event)
        screen = visit("packages", coordinator, event).enter("Show", "disabled")
        assert screen.says("No packages off sale here.")
        assert len(list_row_names(screen.click("Show all packages"))) == 2
        assert "show" not in screen.app.query_params

    def test_single_package_has_no_filters(self, visit, coordinator, event):
        package = make.package(event)
        assert visit("packages", coordinator, event).labels() == [
            "New package",
            f"Edit {package.name}",
            f"{package.name} on sale",
            f"Actions for {package.name}",
        ]

    def test_search_appears_with_21_packages(self, visit, coordinator, event):
        for number in range(20):
            make.package(event, name=f"Package {number}")
        screen = visit("packages", coordinator, event)
        assert "Search" not in screen.labels()
        make.package(event, name="Café Table")
        screen.rerun().enter("Search", "cafe")
        assert list_row_names(screen) == ["Café Table"]
        assert screen.app.query_params["search"] == "cafe"
        assert screen.field("Show").options[0] == "All 1"
        assert screen.enter("Search", "**x**").says("No results for “**x**”.")
        assert len(list_row_names(screen.click("Show all packages"))) == 20

    @pytest.mark.parametrize("word", ["all", "cards"])
    def test_search_takes_special_words_literally(self, visit, coordinator, event, word):
        for number in range(21):
            make.package(event, name=f"Package {number}")
        make.package(event, name=f"For {word}")
        screen = visit("packages", coordinator, event).enter("Search", f" {word} ")
        assert list_row_names(screen) == [f"For {word}"]

    def test_search_starts_on_the_first_page(self, visit, coordinator, event):
        for number in range(45):
            make.package(event, name=f"Package {number}")
        screen = visit("packages", coordinator, event)
        screen.app.pagination(key="packages_page").set_value(3)
        assert len(list_row_names(screen.rerun())) == 5
        assert len(list_row_names(screen.enter("Search", "package"))) == 20


class TestUndo:
    @pytest.fixture
    def package(self, event):
        return make.package(event, name="Table")

    def test_disabled_package_is_off_sale_until_enabled(self, visit, coordinator, event, package):
        screen = visit("packages", coordinator, event).pick(package, "Take off sale")
        assert screen.offer() == "Table is off sale."
        assert "Off sale" in list_row_texts(screen)[0]
        assert not list_stored_packages(event)[0].is_enabled
        assert screen.pick(package, "Put on sale").offer() == "Table is on sale."
        assert list_stored_packages(event)[0].is_enabled

    @pytest.mark.parametrize("is_enabled", [True, False])
    def test_undo_enables_the_package_again(self, visit, coordinator, event, is_enabled):
        package = make.package(event, name="Table", is_enabled=is_enabled)
        screen = visit("packages", coordinator, event).pick(package, "Take off sale" if is_enabled else "Put on sale")
        screen.click("Undo")
        assert screen.toasts() == ["Change undone."]
        assert list_stored_packages(event)[0].is_enabled == is_enabled
        assert "Undo" not in screen.labels()

    def test_undo_lasts_until_the_next_change(self, visit, coordinator, event, package):
        screen = visit("packages", coordinator, event).pick(package, "Take off sale")
        assert screen.rerun().offer() == "Table is off sale."
        assert screen.pick(package, "Edit").offer() == "Table is off sale."
        screen.type(PRICE, "1").click("Save package")
        assert screen.offer() == "Table saved."

    def test_undo_stays_on_its_page(self, visit, coordinator, event, package):
        screen = visit("packages", coordinator, event).pick(package, "Take off sale")
        assert screen.go("options").offer() is None
        assert screen.go("packages").offer() is None

    @pytest.mark.parametrize(("minutes", "is_offered"), [(9, True), (10, False)])
    def test_undo_ends_after_ten_minutes(self, visit, coordinator, event, package, minutes, is_offered):
        screen = visit("packages", coordinator, event).pick(package, "Take off sale")
        offer = screen.app.session_state["undo"]
        screen.app.session_state["undo"] = replace(offer, expires_at=offer.expires_at - timedelta(minutes=minutes))
        assert (screen.rerun().offer() is not None) == is_offered

    def test_undo_belongs_to_its_event(self, visit, coordinator, event, package):
        other = make.event()
        make.assign(coordinator, other)
        screen = visit("packages", coordinator, event).pick(package, "Take off sale")
        screen.app.query_params["event"] = str(other.id)
        assert screen.rerun().offer() is None

    def test_undo_is_refused_after_a_colleague_edit(self, visit, coordinator, event, package):
        screen = visit("packages", coordinator, event).pick(package, "Take off sale")
        update_as_colleague(event, package, price="150")
        (sentence,) = screen.click("Undo").toasts()
        assert sentence.startswith("Not undone. Bea Colleague changed it since.")
        assert (list_stored_packages(event)[0].is_enabled, str(list_stored_packages(event)[0].price)) == (
            False,
            "150.00",
        )

    def test_undo_is_refused_for_a_deleted_package(self, visit, coordinator, event, package):
        screen = visit("packages", coordinator, event).pick(package, "Take off sale")
        remove_package(event, package)
        assert screen.click("Undo").toasts()[0].startswith("Not undone. This package does not exist")

    def test_no_undo_when_already_disabled(self, visit, coordinator, event, package):
        screen = visit("packages", coordinator, event)
        update_as_colleague(event, package, is_enabled=False)
        assert screen.pick(package, "Take off sale").toasts() == ["Table was off sale already."]
        assert "Undo" not in screen.labels()

    def test_disabling_a_deleted_package_is_refused(self, visit, coordinator, event, package):
        screen = visit("packages", coordinator, event)
        remove_package(event, package)
        assert screen.pick(package, "Take off sale").toasts()[0].startswith("This package does not exist")


class TestViewer:
    @pytest.fixture
    def viewer(self, event):
        return make.staff(role="viewer", event=event)

    def test_sees_all_packages_without_actions(self, visit, viewer, event):
        make.package(event, name="Table", is_enabled=False)
        set_image(event, make.package(event, name="Gold", is_sponsorship=True))
        screen = visit("packages", viewer, event)
        assert list_row_names(screen) == ["Table", "Gold"]
        assert "<img" in list_row_html(screen)[1]
        assert screen.labels() == ["Show"]
        assert list_row_names(screen.enter("Show", "disabled")) == ["Table"]

    @pytest.mark.parametrize("view", ["arrange", "table"])
    def test_url_of_an_editing_view_shows_the_list(self, visit, viewer, event, view):
        make.package(event, name="Table")
        screen = visit("packages", viewer, event)
        screen.app.query_params["view"] = view
        assert list_row_names(screen.rerun()) == ["Table"]
        assert len(screen.app.data_editor) == 0

    def test_empty_event_has_no_create_button(self, visit, viewer, event):
        assert visit("packages", viewer, event).labels() == []


def test_view_is_kept_in_the_url(visit, coordinator, event):
    make.package(event)
    make.package(event)
    screen = visit("packages", coordinator, event).enter("View", "arrange")
    assert screen.app.query_params["view"] == "arrange"
    assert list_row_names(screen) == []
    assert "Show" not in screen.labels()
    assert len(list_row_names(screen.enter("View", "cards"))) == 2
    assert "view" not in screen.app.query_params


def count_queries(work) -> int:
    seen = []

    def note(_connection, _cursor, statement, *_):
        seen.append(statement)

    listen(db.engine(), "before_cursor_execute", note)
    try:
        work()
    finally:
        remove(db.engine(), "before_cursor_execute", note)
    return len(seen)


@pytest.mark.parametrize(
    ("rendered", "reported", "presses"),
    [(True, [True], 0), (True, [False], 1), (False, [True], 1), (True, [False, False], 1), (True, [False, True], 2)],
)
def test_switch_reported_as_it_was_is_no_press(monkeypatch, rendered, reported, presses):
    """The browser reports the switch of an earlier version again, which Streamlit takes for a press."""
    monkeypatch.setitem(st.session_state, "switches", {})
    called = []
    for is_on in reported:
        monkeypatch.setitem(st.session_state, "switch_1", is_on)
        list_rows.handle_switch(lambda *args: called.append(args), "Gold", "switch_1", is_on=rendered)
    assert called == [("Gold", "switch_1")] * presses

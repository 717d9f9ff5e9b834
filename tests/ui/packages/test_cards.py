"""Packages as cards: what each tells, which are shown, what a slip costs, and how fast fifty are."""

import pytest
from sqlalchemy.event import listen, remove

from tests.support import make
from tests.support.package_cards import delete_package as remove_package
from tests.support.package_cards import (
    list_card_html,
    list_card_names,
    list_card_texts,
    list_stored_packages,
    set_image,
    update_as_colleague,
)
from tests.support.screen import Screen
from ticketing import db
from ui.widgets.undo import Offer


@pytest.fixture
def coordinator(event):
    return make.staff(event=event)


class TestCards:
    def test_a_card_tells_what_it_is_what_it_costs_and_how_it_sells(self, visit, coordinator, event):
        make.package(event, name="Plain", price="75.5", description="Two\nlines.")
        make.package(event, name="Off", is_enabled=False, is_sponsorship=True, seats_per_package=8)
        part = make.package(event, name="Part", quantity_limit=1200)
        full = make.package(event, name="Full", quantity_limit=2)
        make.purchase(event, part, quantity=3)
        make.purchase(event, full, quantity=2)
        assert list_card_texts(visit("packages", coordinator, event)) == [
            "Plain $75.50 · 1 seat Two lines. 0 sold · unlimited",
            "Off Sponsorship Disabled $100.00 · 8 seats One seat at the gala. 0 sold · unlimited",
            "Part $100.00 · 1 seat One seat at the gala. 3 of 1,200 sold · 1,197 left",
            "Full Sold out $100.00 · 1 seat One seat at the gala. 2 of 2 sold · none left",
        ]

    @pytest.mark.parametrize(
        ("sold", "width", "is_full"), [(0, "0.0%", False), (1, "50.0%", False), (2, "100.0%", True)]
    )
    def test_the_bar_is_as_long_as_what_is_sold_and_red_at_the_end(
        self, visit, coordinator, event, sold, width, is_full
    ):
        package = make.package(event, quantity_limit=2)
        if sold:
            make.purchase(event, package, quantity=sold)
        (drawn,) = list_card_html(visit("packages", coordinator, event))
        assert f'<span class="bar"><span style="width:{width}">' in drawn
        assert ('class="sold full"' in drawn) == is_full

    def test_its_picture_comes_from_the_route_of_thumbnails_when_it_is_in_sight_with_its_words(
        self, visit, coordinator, event
    ):
        package = make.package(event)
        sha256 = set_image(event, package, alt='A "round" table')
        (drawn,) = list_card_html(visit("packages", coordinator, event))
        assert f'<img src="/pictures/{event.id}/thumbnails/{sha256}.png" alt="A &quot;round&quot; table"' in drawn
        assert 'width="60" height="40" loading="lazy"' in drawn

    @pytest.mark.parametrize(
        ("size", "is_whole"), [((180, 100), False), ((190, 100), True), ((55, 100), False), ((50, 100), True)]
    )
    def test_a_very_wide_or_tall_picture_is_shown_whole(self, visit, coordinator, event, size, is_whole):
        set_image(event, make.package(event), size=size)
        (drawn,) = list_card_html(visit("packages", coordinator, event))
        assert ('class="shot whole"' in drawn) == is_whole

    def test_without_a_picture_something_calm_stands_in_its_place(self, visit, coordinator, event):
        make.package(event)
        (drawn,) = list_card_html(visit("packages", coordinator, event))
        assert "<img" not in drawn
        assert '<div class="shot"><span class="icon" aria-hidden="true"' in drawn

    def test_text_that_people_typed_is_shown_as_typed(self, visit, coordinator, event):
        hostile = "**bold** [x](http://evil.example) $x$ :smile: <b>x</b> <img src=//evil.example>"
        package = make.package(event, name=hostile, description=f"{hostile} www.evil.example")
        set_image(event, package, alt='"><img src=//evil.example>')
        screen = visit("packages", coordinator, event)
        assert list_card_names(screen) == [hostile]
        (drawn,) = list_card_html(screen)
        assert "<b>" not in drawn
        assert drawn.count("<img") == 1
        menu = screen.app.menu_button(key=f"menu_{package.id}").label
        raw = [*(each.value for each in screen.app.markdown), menu]
        assert not any(sign in each for each in raw for sign in ("**", "](", "<b>", ":smile:", "www.", "http:"))

    def test_its_menu_leads_to_its_options(self, visit, coordinator, event):
        make.package(event, name="First")
        second = make.package(event, name="Second")
        screen = visit("packages", coordinator, event).pick(second, "Options")
        assert screen.app.title[0].value == "Options"
        assert screen.value("Package") == second.id


class TestManyCards:
    @pytest.fixture
    def fifty(self, event):
        return [make.package(event, name=f"Package {number:02}") for number in range(1, 51)]

    def test_fifty_stand_twenty_a_page(self, visit, coordinator, event, fifty):
        screen = visit("packages", coordinator, event)
        assert list_card_names(screen) == [f"Package {number:02}" for number in range(1, 21)]
        assert screen.says("50 packages")
        screen.app.pagination(key="packages_page").set_value(3)
        assert list_card_names(screen.rerun()) == [f"Package {number:02}" for number in range(41, 51)]

    def test_the_last_one_of_a_page_deleted_leads_back_to_the_first(self, visit, coordinator, event):
        made = [make.package(event, name=f"Package {number:02}") for number in range(1, 22)]
        screen = visit("packages", coordinator, event)
        screen.app.pagination(key="packages_page").set_value(2)
        screen.rerun().pick(made[-1], "Delete").click("Delete for good")
        assert len(list_card_names(screen)) == 20

    def test_however_many_they_are_they_cost_four_queries(self, visit, coordinator, event, fifty, tmp_path):
        few = make.event()
        make.assign(coordinator, few)
        for where, made in ((few, [make.package(few) for _ in range(5)]), (event, fifty)):
            for number, package in enumerate(made[:20]):
                set_image(where, package, colour=(number, 0, 0))
        empty = tmp_path / "empty.py"
        empty.write_text("from ui import session\nsession.require_event()\n")
        of_the_frame = queries(lambda: Screen(empty, coordinator, event))
        for where in (few, event):
            asked = queries(lambda where=where: Screen("pages/packages.py", coordinator, where))
            assert asked <= of_the_frame + 4


class TestLookingFor:
    @pytest.fixture
    def mixed(self, event):
        """A sold-out one, a sponsorship, and a disabled sponsorship, in this order."""
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
    def test_a_kind_is_chosen_and_stays_in_the_address(self, visit, coordinator, mixed, kind, shown):
        screen = visit("packages", coordinator, mixed).enter("Show", kind)
        assert list_card_names(screen) == shown
        assert screen.app.query_params.get("show", "all") == kind
        assert screen.says("3 packages")

    def test_an_address_opens_what_it_names(self, visit, coordinator, mixed):
        screen = visit("packages", coordinator, mixed)
        screen.app.query_params["show"] = "sponsorships"
        assert list_card_names(screen.rerun()) == ["Gold", "Silver"]
        assert screen.value("Show") == "sponsorships"

    def test_an_address_with_nonsense_shows_everything(self, visit, coordinator, mixed):
        screen = visit("packages", coordinator, mixed)
        screen.app.query_params["show"] = "<b>"
        screen.app.query_params["view"] = "nonsense"
        assert list_card_names(screen.rerun()) == ["Table", "Gold", "Silver"]

    def test_each_kind_says_how_many_it_has(self, visit, coordinator, mixed):
        show = visit("packages", coordinator, mixed).field("Show")
        assert show.options == ["All 3", "Sponsorships 2", "Disabled 1", "Sold out 1"]

    def test_a_kind_without_any_says_so_and_leads_back(self, visit, coordinator, event):
        make.package(event)
        make.package(event)
        screen = visit("packages", coordinator, event).enter("Show", "disabled")
        assert screen.says("No disabled package here.")
        assert len(list_card_names(screen.click("Show all packages"))) == 2
        assert "show" not in screen.app.query_params

    def test_one_package_needs_no_filter(self, visit, coordinator, event):
        package = make.package(event)
        assert visit("packages", coordinator, event).labels() == ["New package", f"Actions for {package.name}"]

    def test_twenty_need_no_search_and_twenty_one_do(self, visit, coordinator, event):
        for number in range(20):
            make.package(event, name=f"Package {number}")
        screen = visit("packages", coordinator, event)
        assert "Search" not in screen.labels()
        make.package(event, name="Café Table")
        screen.rerun().enter("Search", "cafe")
        assert list_card_names(screen) == ["Café Table"]
        assert screen.app.query_params["search"] == "cafe"
        assert screen.field("Show").options[0] == "All 1"
        assert screen.enter("Search", "**x**").says("No package has “**x**” in its name.")
        assert len(list_card_names(screen.click("Show all packages"))) == 20

    @pytest.mark.parametrize("word", ["all", "cards"])
    def test_a_word_that_means_something_elsewhere_is_searched_for_too(self, visit, coordinator, event, word):
        for number in range(21):
            make.package(event, name=f"Package {number}")
        make.package(event, name=f"For {word}")
        screen = visit("packages", coordinator, event).enter("Search", f" {word} ")
        assert list_card_names(screen) == [f"For {word}"]

    def test_a_search_starts_on_its_first_page(self, visit, coordinator, event):
        for number in range(45):
            make.package(event, name=f"Package {number}")
        screen = visit("packages", coordinator, event)
        screen.app.pagination(key="packages_page").set_value(3)
        assert len(list_card_names(screen.rerun())) == 5
        assert len(list_card_names(screen.enter("Search", "package"))) == 20


class TestUndo:
    @pytest.fixture
    def package(self, event):
        return make.package(event, name="Table")

    def test_disabled_it_is_off_the_shelf_until_enabled_again(self, visit, coordinator, event, package):
        screen = visit("packages", coordinator, event).pick(package, "Disable")
        assert screen.says("Table is disabled.")
        assert "Disabled" in list_card_texts(screen)[0]
        assert not list_stored_packages(event)[0].is_enabled
        assert screen.pick(package, "Enable").says("Table is on sale.")
        assert list_stored_packages(event)[0].is_enabled

    @pytest.mark.parametrize("is_enabled", [True, False])
    def test_a_slip_is_taken_back(self, visit, coordinator, event, is_enabled):
        package = make.package(event, name="Table", is_enabled=is_enabled)
        screen = visit("packages", coordinator, event).pick(package, "Disable" if is_enabled else "Enable")
        screen.click("Undo")
        assert screen.toasts() == ["Change undone."]
        assert list_stored_packages(event)[0].is_enabled == is_enabled
        assert "Undo" not in screen.labels()

    def test_the_way_back_is_there_until_the_next_thing_is_done(self, visit, coordinator, event, package):
        screen = visit("packages", coordinator, event).pick(package, "Disable")
        assert "Undo" in screen.labels()
        assert "Undo" not in screen.click("New package").labels()

    def test_it_does_not_follow_into_another_event(self, visit, coordinator, event, package):
        screen = visit("packages", coordinator, event)
        screen.app.session_state["undo"] = Offer(make.event().id, "Something elsewhere is disabled.", ())
        assert "Undo" not in screen.rerun().labels()

    def test_what_a_colleague_changed_meanwhile_is_not_undone_and_who_it_was_is_said(
        self, visit, coordinator, event, package
    ):
        screen = visit("packages", coordinator, event).pick(package, "Disable")
        update_as_colleague(event, package, price="150")
        (told,) = screen.click("Undo").toasts()
        assert told.startswith("Not undone. Bea Colleague changed Table")
        assert (list_stored_packages(event)[0].is_enabled, str(list_stored_packages(event)[0].price)) == (
            False,
            "150.00",
        )

    def test_one_that_is_gone_is_not_brought_back(self, visit, coordinator, event, package):
        screen = visit("packages", coordinator, event).pick(package, "Disable")
        remove_package(event, package)
        assert screen.click("Undo").toasts()[0].startswith("Not undone. This package does not exist")

    def test_what_a_colleague_did_already_is_nothing_to_undo(self, visit, coordinator, event, package):
        screen = visit("packages", coordinator, event)
        update_as_colleague(event, package, is_enabled=False)
        assert screen.pick(package, "Disable").toasts() == ["Table was disabled already."]
        assert "Undo" not in screen.labels()

    def test_one_that_is_gone_is_not_disabled(self, visit, coordinator, event, package):
        screen = visit("packages", coordinator, event)
        remove_package(event, package)
        assert screen.pick(package, "Disable").toasts()[0].startswith("This package does not exist")


class TestViewer:
    @pytest.fixture
    def viewer(self, event):
        return make.staff(role="viewer", event=event)

    def test_sees_everything_and_finds_nothing_to_change_it_with(self, visit, viewer, event):
        make.package(event, name="Table", is_enabled=False)
        set_image(event, make.package(event, name="Gold", is_sponsorship=True))
        screen = visit("packages", viewer, event)
        assert list_card_names(screen) == ["Table", "Gold"]
        assert "<img" in list_card_html(screen)[1]
        assert screen.labels() == ["Show"]
        assert list_card_names(screen.enter("Show", "disabled")) == ["Table"]

    @pytest.mark.parametrize("view", ["arrange", "table"])
    def test_an_address_of_a_view_that_changes_things_shows_the_cards(self, visit, viewer, event, view):
        make.package(event, name="Table")
        screen = visit("packages", viewer, event)
        screen.app.query_params["view"] = view
        assert list_card_names(screen.rerun()) == ["Table"]
        assert len(screen.app.data_editor) == 0

    def test_an_empty_event_offers_nothing_to_make(self, visit, viewer, event):
        assert visit("packages", viewer, event).labels() == []


def test_the_view_is_chosen_and_stays_in_the_address(visit, coordinator, event):
    make.package(event)
    make.package(event)
    screen = visit("packages", coordinator, event).enter("View", "arrange")
    assert screen.app.query_params["view"] == "arrange"
    assert list_card_names(screen) == []
    assert "Show" not in screen.labels()
    assert len(list_card_names(screen.enter("View", "cards"))) == 2
    assert "view" not in screen.app.query_params


def queries(work) -> int:
    seen = []

    def note(_connection, _cursor, statement, *_):
        seen.append(statement)

    listen(db.engine(), "before_cursor_execute", note)
    try:
        work()
    finally:
        remove(db.engine(), "before_cursor_execute", note)
    return len(seen)

"""Packages as cards: what each tells, which are shown, what a slip costs, and how fast fifty are."""

import pytest
from sqlalchemy.event import listen, remove

from tests import make
from tests.pages.cards import drawings, give_picture, names, read
from tests.pages.conftest import Screen
from ticketing import db


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
        assert read(visit("packages", coordinator, event)) == [
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
        (drawn,) = drawings(visit("packages", coordinator, event))
        assert f'<span class="bar"><span style="width:{width}">' in drawn
        assert ('class="sold full"' in drawn) == is_full

    def test_its_picture_comes_from_the_route_of_thumbnails_when_it_is_in_sight_with_its_words(
        self, visit, coordinator, event
    ):
        package = make.package(event)
        sha256 = give_picture(event, package, alt='A "round" table')
        (drawn,) = drawings(visit("packages", coordinator, event))
        assert f'<img src="/pictures/{event.id}/thumbnails/{sha256}.png" alt="A &quot;round&quot; table"' in drawn
        assert 'width="60" height="40" loading="lazy"' in drawn

    @pytest.mark.parametrize(
        ("size", "is_whole"), [((180, 100), False), ((190, 100), True), ((55, 100), False), ((50, 100), True)]
    )
    def test_a_very_wide_or_tall_picture_is_shown_whole(self, visit, coordinator, event, size, is_whole):
        give_picture(event, make.package(event), size=size)
        (drawn,) = drawings(visit("packages", coordinator, event))
        assert ('class="shot whole"' in drawn) == is_whole

    def test_without_a_picture_something_calm_stands_in_its_place(self, visit, coordinator, event):
        make.package(event)
        (drawn,) = drawings(visit("packages", coordinator, event))
        assert "<img" not in drawn
        assert '<div class="shot"><span class="icon" aria-hidden="true"' in drawn

    def test_text_that_people_typed_is_shown_as_typed(self, visit, coordinator, event):
        hostile = "**bold** [x](http://evil.example) $x$ :smile: <b>x</b> <img src=//evil.example>"
        package = make.package(event, name=hostile, description=f"{hostile} www.evil.example")
        give_picture(event, package, alt='"><img src=//evil.example>')
        screen = visit("packages", coordinator, event)
        assert names(screen) == [hostile]
        (drawn,) = drawings(screen)
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
        assert names(screen) == [f"Package {number:02}" for number in range(1, 21)]
        assert screen.says("50 packages")
        screen.app.pagination(key="packages_page").set_value(3)
        assert names(screen.again()) == [f"Package {number:02}" for number in range(41, 51)]

    def test_the_last_one_of_a_page_deleted_leads_back_to_the_first(self, visit, coordinator, event):
        made = [make.package(event, name=f"Package {number:02}") for number in range(1, 22)]
        screen = visit("packages", coordinator, event)
        screen.app.pagination(key="packages_page").set_value(2)
        screen.again().pick(made[-1], "Delete").click("Delete for good")
        assert len(names(screen)) == 20

    def test_however_many_they_are_they_cost_four_queries(self, visit, coordinator, event, fifty, tmp_path):
        few = make.event()
        make.assign(coordinator, few)
        for where, made in ((few, [make.package(few) for _ in range(5)]), (event, fifty)):
            for number, package in enumerate(made[:20]):
                give_picture(where, package, colour=(number, 0, 0))
        empty = tmp_path / "empty.py"
        empty.write_text("from ui import session\nsession.require_event()\n")
        of_the_frame = queries(lambda: Screen(empty, coordinator, event))
        for where in (few, event):
            asked = queries(lambda where=where: Screen("pages/packages.py", coordinator, where))
            assert asked <= of_the_frame + 4


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

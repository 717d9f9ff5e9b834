"""Many packages at once: what a change does is shown first, then all of it is made or nothing."""

import pytest
from sqlalchemy import update

from tests.support import make
from tests.support.package_cards import delete_package, list_stored_packages, update_as_colleague
from ticketing import db
from ticketing.models import Staff


@pytest.fixture
def coordinator(event):
    return make.staff(event=event)


@pytest.fixture
def offered(event):
    """60 of 60 tables are sold; tickets are unlimited."""
    table = make.package(event, name="Table", price="2500", quantity_limit=60)
    make.purchase(event, table, quantity=20)
    make.purchase(event, table, quantity=20)
    make.purchase(event, table, quantity=20)
    return table, make.package(event, name="Ticket", price="100")


@pytest.fixture
def screen(visit, coordinator, event, offered):
    return visit("packages", coordinator, event).enter("View", "table")


def edit(screen, *rows):
    """Leaves the table with these cells in its rows, as a person does one after the other."""
    cells = {place: values for place, values in enumerate(rows) if values}
    state = {"edited_rows": cells, "added_rows": [], "deleted_rows": []}
    screen.app.session_state[screen.app.data_editor[0].key] = state
    return screen.rerun()


def shown(screen):
    return screen.app.data_editor[0].value.to_dict("records")


def effects(screen):
    return [each.value for each in screen.app.html if each.value.startswith('<ul class="effects"')]


def held(event):
    return [(str(each.price), each.quantity_limit, each.is_enabled) for each in list_stored_packages(event)]


BEFORE = [("2500.00", 60, True), ("100.00", None, True)]


class TestLooking:
    def test_every_package_stands_in_it_in_its_order(self, screen):
        assert tuple(shown(screen)[0].values()) == ("Table", 2500.0, 60, 60, True)
        assert [row["Package"] for row in shown(screen)] == ["Table", "Ticket"]
        assert screen.says("What it does is shown here, and saved once you confirm it.")
        assert "Discard all changes" not in screen.labels()

    def test_a_change_shows_what_it_does_and_is_not_made(self, screen, event):
        edit(screen, {"Price": 2600, "On sale": False}, {"Limit": 5})
        assert effects(screen) == [
            '<ul class="effects"><li><strong>Table</strong><div>Price from $2,500.00 to $2,600.00, not on sale</div>'
            '<div class="follows">60 sold so far keep their price of $2,500.00 each.</div>'
            '<div class="follows">No longer for sale; what is sold stays sold.</div></li>'
            "<li><strong>Ticket</strong><div>Limit from unlimited to 5</div></li></ul>"
        ]
        assert not screen.field("Change 2 packages").disabled
        assert held(event) == BEFORE

    def test_what_is_typed_back_is_no_change(self, screen):
        edit(screen, {"Price": 2600})
        edit(screen, {"Price": 2500.0, "Limit": 60.0})
        assert effects(screen) == []
        assert screen.says("What it does is shown here")

    def test_discarded_everything_is_as_before(self, screen, event):
        edit(screen, {"Price": 2600}).click("Discard all changes")
        assert effects(screen) == []
        assert shown(screen)[0]["Price"] == 2500
        assert held(event) == BEFORE

    def test_names_are_shown_as_typed(self, visit, coordinator, event):
        make.package(event, name="<b>**x**")
        make.package(event, name="<i>*y*", quantity_limit=1)
        screen = visit("packages", coordinator, event).enter("View", "table")
        edit(screen, {"Price": 5}, {"Limit": 0})
        assert "<strong>&lt;b&gt;**x**</strong>" in effects(screen)[0]
        assert not any(sign in screen.app.error[0].value for sign in ("<i>", "*y*"))


class TestConfirming:
    def test_all_of_them_are_changed_at_once_and_said(self, screen, event):
        edit(screen, {"Price": 2600.5}, {"Limit": 5, "On sale": False}).click("Change 2 packages")
        assert held(event) == [("2600.50", 60, True), ("100.00", 5, False)]
        assert screen.says("2 packages are changed.")
        assert effects(screen) == []
        assert (shown(screen)[0]["Price"], shown(screen)[1]["Limit"]) == (2600.5, 5)

    def test_one_is_called_by_its_name(self, screen):
        assert edit(screen, {"Price": 2600}).click("Change 1 package").says("Table is changed.")

    def test_it_is_undone_as_it_was_done(self, screen, event):
        edit(screen, {"Price": 2600}, {"Limit": 5, "On sale": False}).click("Change 2 packages").click("Undo")
        assert screen.toasts() == ["Change undone."]
        assert held(event) == BEFORE

    def test_none_is_undone_once_a_colleague_changed_one(self, screen, event, offered):
        edit(screen, {"Price": 2600}, {"Limit": 5}).click("Change 2 packages")
        update_as_colleague(event, offered[1], name="Seat")
        assert screen.click("Undo").toasts() == ["Not undone. Bea Colleague changed Seat after you opened it: name."]
        assert held(event) == [("2600.00", 60, True), ("100.00", 5, True)]


class TestRefused:
    @pytest.mark.parametrize(
        ("cells", "sentence"),
        [
            ({"Limit": 59}, "Table: 60 are sold already, so the limit cannot be 59. Enter 60 or more. "
                            "You typed limit from 60 to 59."),
            ({"Limit": 0}, "Table: Enter 1 or more. You typed limit from 60 to 0."),
            ({"Limit": 10_001}, "Table: Enter 10,000 or less. You typed limit from 60 to 10,001."),
            ({"Price": -1}, "Table: Enter a price from 0.00 to 1,000,000.00. "
                            "You typed price from $2,500.00 to -$1.00."),
            ({"Price": 99.999}, "Table: Use at most two decimals. You typed price from $2,500.00 to 99.999."),
            ({"Price": None}, "Table: A package has a price. Enter 0 for a free one. "
                              "You typed price from $2,500.00 to nothing."),
        ],
    )  # fmt: skip
    def test_one_that_cannot_be_is_told_beside_its_package_and_nothing_typed_is_lost(
        self, screen, event, cells, sentence
    ):
        edit(screen, cells, {"Price": 120})
        assert [text.replace("**", "") for text in screen.texts() if text.startswith("**Table**")] == [sentence]
        assert "Price from $100.00 to $120.00" in effects(screen)[0]
        assert screen.field("Change 2 packages").disabled
        assert held(event) == BEFORE

    @pytest.mark.parametrize(("limit", "is_taken"), [(60, True), (59, False)])
    def test_a_limit_may_be_what_is_sold_and_no_less(self, visit, coordinator, event, limit, is_taken):
        make.package(event)
        package = make.package(event, quantity_limit=100)
        for _ in range(3):
            make.purchase(event, package, quantity=20)
        screen = visit("packages", coordinator, event).enter("View", "table")
        edit(screen, {}, {"Limit": limit})
        assert screen.field("Change 1 package").disabled != is_taken

    def test_dropped_the_others_can_be_made(self, screen, event):
        edit(screen, {"Limit": 59}, {"Price": 120}).click("Drop this change").click("Change 1 package")
        assert held(event) == [BEFORE[0], ("120.00", None, True)]

    def test_a_free_package_is_one(self, screen, event):
        edit(screen, {}, {"Price": 0}).click("Change 1 package")
        assert held(event)[1] == ("0.00", None, True)


class TestOthersMeanwhile:
    def test_a_colleague_s_change_is_told_with_what_is_the_case_now(self, screen, event, offered):
        edit(screen, {"Price": 2600}, {"Price": 120})
        update_as_colleague(event, offered[0], price="2700", quantity_limit=80)
        screen.rerun()
        assert screen.says("Bea Colleague changed Table after you opened it: price, quantity limit.")
        assert screen.says("It is at $2,700.00 and limited to 80 now.")
        assert screen.field("Change 2 packages").disabled

    def test_between_looking_and_confirming_it_is_told_as_well_and_none_is_changed(self, screen, event, offered):
        edit(screen, {"Price": 2600}, {"Price": 120})
        update_as_colleague(event, offered[0], price="2700")
        screen.click("Change 2 packages")
        assert screen.says("Nothing was changed, because of Table.")
        assert screen.says("Bea Colleague changed Table after you opened it: price.")
        assert held(event) == [("2700.00", 60, True), BEFORE[1]]
        assert "Price from $100.00 to $120.00" in effects(screen)[0]

    @pytest.mark.parametrize(("choice", "price"), [("Keep what I typed", "2600.00"), ("Take theirs", "2700.00")])
    def test_one_chooses_and_keeps_the_rest(self, screen, event, offered, choice, price):
        edit(screen, {"Price": 2600}, {"Price": 120})
        update_as_colleague(event, offered[0], price="2700")
        screen.rerun().click(choice)
        assert list(screen.app.error) == []
        screen.click("Change 2 packages" if choice == "Keep what I typed" else "Change 1 package")
        assert held(event) == [(price, 60, True), ("120.00", None, True)]

    def test_what_a_colleague_changed_where_one_typed_nothing_is_simply_there(self, screen, event, offered):
        edit(screen, {}, {"Price": 120})
        update_as_colleague(event, offered[0], price="2700")
        screen.rerun()
        assert shown(screen)[0]["Price"] == 2700
        screen.click("Change 1 package")
        assert held(event) == [("2700.00", 60, True), ("120.00", None, True)]

    def test_a_sale_is_no_conflict_and_is_counted(self, screen, event, offered):
        edit(screen, {}, {"Limit": 5})
        make.purchase(event, offered[1], quantity=2)
        assert shown(screen.rerun())[1]["Sold"] == 2
        screen.click("Change 1 package")
        assert held(event)[1] == ("100.00", 5, True)

    def test_a_sale_that_passes_the_limit_that_was_typed_refuses_it(self, screen, event, offered):
        edit(screen, {}, {"Limit": 1})
        make.purchase(event, offered[1], quantity=2)
        screen.click("Change 1 package")
        assert screen.says("Nothing was changed, because of Ticket.")
        assert screen.says("2 are sold already, so the limit cannot be 1. Enter 2 or more.")

    def test_one_that_was_deleted_is_told_and_the_rest_stays(self, screen, event, offered):
        edit(screen, {"Price": 2600}, {"Price": 120})
        delete_package(event, offered[1])
        screen.rerun()
        assert screen.says("Ticket was deleted meanwhile, and with it what you typed there.")
        screen.click("Change 1 package")
        assert held(event) == [("2600.00", 60, True)]

    def test_one_that_is_deleted_in_the_moment_of_confirming_changes_nothing(self, screen, event, offered):
        edit(screen, {"Price": 2600}, {"Price": 120})
        delete_package(event, offered[1])
        screen.click("Change 2 packages")
        assert screen.says("This package does not exist")
        assert held(event) == BEFORE[:1]
        assert "Price from $2,500.00 to $2,600.00" in effects(screen)[0]

    def test_a_new_one_comes_in_and_what_was_typed_stays_in_its_row(self, screen, event, offered):
        edit(screen, {}, {"Price": 120})
        make.package(event, name="Late")
        screen.rerun()
        assert [(row["Package"], row["Price"]) for row in shown(screen)][1:] == [("Ticket", 120), ("Late", 100)]
        screen.click("Change 1 package")
        assert held(event)[1:] == [("120.00", None, True), ("100.00", None, True)]

    def test_who_became_a_viewer_meanwhile_changes_nothing(self, screen, event, coordinator):
        edit(screen, {"Price": 2600})
        to_viewer = update(Staff).where(Staff.id == coordinator.staff_id).values(role="viewer")
        db.write(lambda session: session.execute(to_viewer))
        screen.click("Change 1 package")
        assert held(event) == BEFORE


def test_another_view_in_between_loses_nothing(screen, event):
    edit(screen, {"Price": 2600}, {"Limit": 5}).enter("View", "cards").enter("View", "table")
    assert (shown(screen)[0]["Price"], shown(screen)[1]["Limit"]) == (2600, 5)
    edit(screen, {"Limit": 70}).click("Change 2 packages")
    assert held(event) == [("2600.00", 70, True), ("100.00", 5, True)]


def test_another_event_has_a_table_of_its_own(screen, event, coordinator):
    other = make.event()
    make.assign(coordinator, other)
    for _ in range(2):
        make.package(other)
    edit(screen, {"Price": 2600})
    screen.app.query_params["event"] = str(other.id)
    assert effects(screen.rerun()) == []

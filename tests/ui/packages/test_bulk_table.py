"""The table of prices and limits: edits are reviewed first, then all or none are saved."""

import pytest
from sqlalchemy import update

from tests.support import make
from tests.support.packages import delete_package, list_stored_packages, update_as_colleague
from ticketing import db
from ticketing.models import Staff


@pytest.fixture
def coordinator(event):
    return make.staff(event=event)


@pytest.fixture
def packages_on_sale(event):
    """Return a table with 60 of 60 sold and an unlimited ticket."""
    table = make.package(event, name="Table", price="2500", quantity_limit=60)
    make.purchase(event, table, quantity=20)
    make.purchase(event, table, quantity=20)
    make.purchase(event, table, quantity=20)
    return table, make.package(event, name="Ticket", price="100")


@pytest.fixture
def screen(visit, coordinator, event, packages_on_sale):
    return visit("packages", coordinator, event).enter("View", "table")


def edit(screen, *rows):
    """Edit these cells of the rows, as a user does one after the other."""
    cells = {place: values for place, values in enumerate(rows) if values}
    state = {"edited_rows": cells, "added_rows": [], "deleted_rows": []}
    screen.app.session_state[screen.app.data_editor[0].key] = state
    return screen.rerun()


def get_rows(screen):
    return screen.app.data_editor[0].value.to_dict("records")


def list_effects(screen):
    return [each.value for each in screen.app.html if each.value.startswith('<ul class="effects"')]


def get_stored(event):
    return [(str(each.price), each.quantity_limit, each.is_enabled) for each in list_stored_packages(event)]


BEFORE = [("2500.00", 60, True), ("100.00", None, True)]


class TestReview:
    def test_lists_every_package_in_display_order(self, screen):
        assert tuple(get_rows(screen)[0].values()) == ("", "Table", 2500.0, 60, 60, True)
        assert [row["Package"] for row in get_rows(screen)] == ["Table", "Ticket"]
        assert screen.says("Your changes are listed here for review before you save them.")
        assert "Discard all changes" not in screen.labels()

    def test_edited_rows_are_marked_and_kept_on_another_page(self, screen):
        edit(screen, {"Price": 2600})
        assert [row["Unsaved"] for row in get_rows(screen)] == ["● Edited", ""]
        screen.go("options").go("packages")
        assert [(row["Unsaved"], row["Price"]) for row in get_rows(screen)] == [("● Edited", 2600.0), ("", 100.0)]
        assert "Save 1 change" in screen.labels()

    def test_edit_is_listed_but_not_saved(self, screen, event):
        edit(screen, {"Price": 2600, "On sale": False}, {"Limit": 5})
        assert list_effects(screen) == [
            '<ul class="effects"><li><strong>Table</strong><div>Price from $2,500.00 to $2,600.00, not on sale</div>'
            '<div class="follows">60 sold so far keep their price of $2,500.00 each.</div>'
            '<div class="follows">No longer for sale; what is sold stays sold.</div></li>'
            "<li><strong>Ticket</strong><div>Limit from unlimited to 5</div></li></ul>"
        ]
        assert not screen.field("Save 3 changes").disabled
        assert get_stored(event) == BEFORE

    def test_restored_value_is_no_change(self, screen):
        edit(screen, {"Price": 2600})
        edit(screen, {"Price": 2500.0, "Limit": 60.0})
        assert list_effects(screen) == []
        assert screen.says("Your changes are listed here")

    def test_discard_restores_the_table(self, screen, event):
        edit(screen, {"Price": 2600}).click("Discard all changes")
        assert list_effects(screen) == []
        assert get_rows(screen)[0]["Price"] == 2500
        assert get_stored(event) == BEFORE

    def test_markup_in_names_is_escaped(self, visit, coordinator, event):
        make.package(event, name="<b>**x**")
        make.package(event, name="<i>*y*", quantity_limit=1)
        screen = visit("packages", coordinator, event).enter("View", "table")
        edit(screen, {"Price": 5}, {"Limit": 0})
        assert "<strong>&lt;b&gt;**x**</strong>" in list_effects(screen)[0]
        assert not any(sign in screen.app.error[0].value for sign in ("<i>", "*y*"))


class TestSave:
    def test_saves_all_changes_at_once(self, screen, event):
        edit(screen, {"Price": 2600.5}, {"Limit": 5, "On sale": False}).click("Save 3 changes")
        assert get_stored(event) == [("2600.50", 60, True), ("100.00", 5, False)]
        assert screen.says("2 packages are changed.")
        assert list_effects(screen) == []
        assert (get_rows(screen)[0]["Price"], get_rows(screen)[1]["Limit"]) == (2600.5, 5)

    def test_message_names_a_single_package(self, screen):
        assert edit(screen, {"Price": 2600}).click("Save 1 change").says("Table is changed.")

    def test_undo_restores_all_packages(self, screen, event):
        edit(screen, {"Price": 2600}, {"Limit": 5, "On sale": False}).click("Save 3 changes").click("Undo")
        assert screen.toasts() == ["Change undone."]
        assert get_stored(event) == BEFORE

    def test_undo_is_refused_after_a_colleague_edit(self, screen, event, packages_on_sale):
        edit(screen, {"Price": 2600}, {"Limit": 5}).click("Save 2 changes")
        update_as_colleague(event, packages_on_sale[1], name="Seat")
        assert screen.click("Undo").toasts() == ["Not undone. Bea Colleague changed Seat after you opened it: name."]
        assert get_stored(event) == [("2600.00", 60, True), ("100.00", 5, True)]


class TestRefusal:
    @pytest.mark.parametrize(
        ("cells", "sentence"),
        [
            (
                {"Limit": 59},
                "Table: 60 are sold already, so the limit cannot be 59. Enter 60 or more. "
                "You typed limit from 60 to 59.",
            ),
            ({"Limit": 0}, "Table: Enter 1 or more. You typed limit from 60 to 0."),
            ({"Limit": 10_001}, "Table: Enter 10,000 or less. You typed limit from 60 to 10,001."),
            (
                {"Price": -1},
                "Table: Enter a price from 0.00 to 1,000,000.00. You typed price from $2,500.00 to -$1.00.",
            ),
            ({"Price": 99.999}, "Table: Use at most two decimals. You typed price from $2,500.00 to 99.999."),
            (
                {"Price": None},
                "Table: Enter a price. Use 0 for a free package. You typed price from $2,500.00 to nothing.",
            ),
        ],
    )
    def test_problem_names_the_package_and_keeps_the_edits(self, screen, event, cells, sentence):
        edit(screen, cells, {"Price": 120})
        assert [text.replace("**", "") for text in screen.texts() if text.startswith("**Table**")] == [sentence]
        assert "Price from $100.00 to $120.00" in list_effects(screen)[0]
        assert screen.field("Save 2 changes").disabled
        assert get_stored(event) == BEFORE

    @pytest.mark.parametrize(("limit", "is_taken"), [(60, True), (59, False)])
    def test_limit_cannot_go_below_what_is_sold(self, visit, coordinator, event, limit, is_taken):
        make.package(event)
        package = make.package(event, quantity_limit=100)
        for _ in range(3):
            make.purchase(event, package, quantity=20)
        screen = visit("packages", coordinator, event).enter("View", "table")
        edit(screen, {}, {"Limit": limit})
        assert screen.field("Save 1 change").disabled != is_taken

    def test_other_edits_can_be_saved_after_discarding_the_refused_one(self, screen, event):
        edit(screen, {"Limit": 59}, {"Price": 120}).click("Discard this change").click("Save 1 change")
        assert get_stored(event) == [BEFORE[0], ("120.00", None, True)]

    def test_price_of_zero_is_accepted(self, screen, event):
        edit(screen, {}, {"Price": 0}).click("Save 1 change")
        assert get_stored(event)[1] == ("0.00", None, True)


class TestConflict:
    def test_conflict_shows_the_current_values(self, screen, event, packages_on_sale):
        edit(screen, {"Price": 2600}, {"Price": 120})
        update_as_colleague(event, packages_on_sale[0], price="2700", quantity_limit=80)
        screen.rerun()
        assert screen.says("Bea Colleague changed Table after you opened it: price, quantity limit.")
        assert screen.says("It is at $2,700.00 and limited to 80 now.")
        assert screen.field("Save 2 changes").disabled

    def test_conflict_at_save_saves_nothing(self, screen, event, packages_on_sale):
        edit(screen, {"Price": 2600}, {"Price": 120})
        update_as_colleague(event, packages_on_sale[0], price="2700")
        screen.click("Save 2 changes")
        assert screen.says("Nothing was changed, because of Table.")
        assert screen.says("Bea Colleague changed Table after you opened it: price.")
        assert get_stored(event) == [("2700.00", 60, True), BEFORE[1]]
        assert "Price from $100.00 to $120.00" in list_effects(screen)[0]

    @pytest.mark.parametrize(("choice", "price"), [("Keep mine", "2600.00"), ("Take theirs", "2700.00")])
    def test_choice_keeps_the_other_edits(self, screen, event, packages_on_sale, choice, price):
        edit(screen, {"Price": 2600}, {"Price": 120})
        update_as_colleague(event, packages_on_sale[0], price="2700")
        screen.rerun().click(choice)
        assert list(screen.app.error) == []
        screen.click("Save 2 changes" if choice == "Keep mine" else "Save 1 change")
        assert get_stored(event) == [(price, 60, True), ("120.00", None, True)]

    def test_colleague_edit_of_an_unedited_row_is_shown(self, screen, event, packages_on_sale):
        edit(screen, {}, {"Price": 120})
        update_as_colleague(event, packages_on_sale[0], price="2700")
        screen.rerun()
        assert get_rows(screen)[0]["Price"] == 2700
        screen.click("Save 1 change")
        assert get_stored(event) == [("2700.00", 60, True), ("120.00", None, True)]

    def test_sale_is_no_conflict(self, screen, event, packages_on_sale):
        edit(screen, {}, {"Limit": 5})
        make.purchase(event, packages_on_sale[1], quantity=2)
        assert get_rows(screen.rerun())[1]["Sold"] == 2
        screen.click("Save 1 change")
        assert get_stored(event)[1] == ("100.00", 5, True)

    def test_sale_beyond_the_edited_limit_refuses_it(self, screen, event, packages_on_sale):
        edit(screen, {}, {"Limit": 1})
        make.purchase(event, packages_on_sale[1], quantity=2)
        screen.click("Save 1 change")
        assert screen.says("Nothing was changed, because of Ticket.")
        assert screen.says("2 are sold already, so the limit cannot be 1. Enter 2 or more.")

    def test_deleted_package_is_reported_and_other_edits_stay(self, screen, event, packages_on_sale):
        edit(screen, {"Price": 2600}, {"Price": 120})
        delete_package(event, packages_on_sale[1])
        screen.rerun()
        assert screen.says("Ticket was deleted in the meantime, so your changes to it are gone.")
        screen.click("Save 1 change")
        assert get_stored(event) == [("2600.00", 60, True)]

    def test_package_deleted_at_save_saves_nothing(self, screen, event, packages_on_sale):
        edit(screen, {"Price": 2600}, {"Price": 120})
        delete_package(event, packages_on_sale[1])
        screen.click("Save 2 changes")
        assert screen.says("This package does not exist")
        assert get_stored(event) == BEFORE[:1]
        assert "Price from $2,500.00 to $2,600.00" in list_effects(screen)[0]

    def test_new_package_appears_and_edits_stay_in_their_rows(self, screen, event, packages_on_sale):
        edit(screen, {}, {"Price": 120})
        make.package(event, name="Late")
        screen.rerun()
        assert [(row["Package"], row["Price"]) for row in get_rows(screen)][1:] == [("Ticket", 120), ("Late", 100)]
        screen.click("Save 1 change")
        assert get_stored(event)[1:] == [("120.00", None, True), ("100.00", None, True)]

    def test_lost_permission_saves_nothing(self, screen, event, coordinator):
        edit(screen, {"Price": 2600})
        to_viewer = update(Staff).where(Staff.id == coordinator.staff_id).values(role="viewer")
        db.write(lambda session: session.execute(to_viewer))
        screen.click("Save 1 change")
        assert get_stored(event) == BEFORE


def test_edits_survive_another_view(screen, event):
    edit(screen, {"Price": 2600}, {"Limit": 5}).enter("View", "cards").enter("View", "table")
    assert (get_rows(screen)[0]["Price"], get_rows(screen)[1]["Limit"]) == (2600, 5)
    edit(screen, {"Limit": 70}).click("Save 3 changes")
    assert get_stored(event) == [("2600.00", 70, True), ("100.00", 5, True)]


def test_each_event_has_its_own_table(screen, event, coordinator):
    other = make.event()
    make.assign(coordinator, other)
    for _ in range(2):
        make.package(other)
    edit(screen, {"Price": 2600})
    screen.app.query_params["event"] = str(other.id)
    assert list_effects(screen.rerun()) == []

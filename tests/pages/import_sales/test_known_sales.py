"""The import page with numbers that are here already: another shop's, and those with another status at the seller."""

import pytest

from tests.support import make
from tests.support.import_screen import list_import_buttons, list_problem_cells, list_purchases, list_table_rows, upload
from tests.support.known_shop import create_shop
from tests.support.sales_file import read_data, run_import
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.sales import corrections

pytestmark = pytest.mark.system  # each file is read in a process of its own
FIRST_SHOP = read_data("import_cases/16-first-shop.csv")
SECOND_SHOP = read_data("import_cases/16b-second-shop.csv")
REFUNDED = FIRST_SHOP.replace(b"external_sale_id", b"external_sale_id,payment_status").replace(
    b",1001", b",1001,refunded"
)
PREFIX = "Prefix of this seller's order numbers"


@pytest.fixture
def shop():
    event = create_shop()
    run_import(event, FIRST_SHOP)
    return event


@pytest.fixture
def page(visit, shop):
    return visit("import_sales", make.staff(event=shop), shop)


def test_second_shop_is_imported_under_a_prefix_that_is_proposed_next_time(page, shop):
    upload(page, SECOND_SHOP)
    assert page.says("2 problems in 2 rows of 3. Nothing was imported.")
    assert page.says("2 order numbers are here already, for another sale. Are these another seller's numbers?")
    assert list_problem_cells(page) == [(2, "external_sale_id"), (3, "external_sale_id")]
    page.type(PREFIX, "shop 2").rerun()
    assert page.says("Use at most 20 letters A-Z, digits, points, hyphens and underscores.")
    assert (list_import_buttons(page), page.field(PREFIX).value) == ([], "shop 2")
    page.type(PREFIX, "shop2").rerun()
    upload(page, SECOND_SHOP)  # once more, as after a correction
    page.click("Import 3 sales")
    assert {each.external_sale_id for each in list_purchases(shop)} == {
        "1001", "1002", "shop2:1001", "shop2:1002", "shop2:1003",
    }  # fmt: skip
    assert page.says("prefix shop2")
    upload(page, SECOND_SHOP)
    assert page.says("Every sale in this file is here already. There is nothing to import.")
    assert page.field(PREFIX).value == "shop2"
    upload(page, FIRST_SHOP)
    assert page.says("Every sale in this file is here already. There is nothing to import.")


def test_statuses_are_taken_over_when_the_switch_is_on(page, shop):
    upload(page, REFUNDED)
    assert page.says("1 sale that is here has another status at the seller now.")
    assert list_table_rows(page)[0] == {
        "Row": "2", "Order number": "1001", "Here": "Paid", "At the seller": "Refunded", "Revenue": "-$100.00",
    }  # fmt: skip
    assert not any(label.startswith("Change ") for label in page.labels())
    page.type("Take these statuses over", True).rerun()
    page.click("Change 1 status")
    assert page.says("0 sales imported from sales.csv. 1 status changed. 2 are here already.")
    assert {each.external_sale_id: each.payment_status for each in list_purchases(shop)} == {
        "1001": "refunded", "1002": "completed",
    }  # fmt: skip
    assert page.says("1 status changed")


def test_voided_sale_of_another_buyer_offers_both_ways_out(page, shop):
    [sold] = [each for each in list_purchases(shop) if each.external_sale_id == "1001"]
    db.write(lambda s: corrections.void(s, OPERATOR, shop.id, sold.id, "Twice"))
    upload(page, FIRST_SHOP.replace(b"ada@", b"eve@"))
    assert list_problem_cells(page) == [(2, "external_sale_id")]
    assert page.field(PREFIX).value == ""
    page.type("Also import sales that were voided here", True).rerun()
    assert list_import_buttons(page) == ["Import 1 sale"]

"""Exports of ten sellers: which columns are asked about, and the summary to compare with the seller's own figures."""

from typing import NamedTuple

import pytest

from tests.support.import_cases import check_case
from tests.support.sales_file import read_table
from tests.support.seller_exports import EXPORTS
from ticketing.imports import column_mapping, left_out_columns, summary


class Expected(NamedTuple):
    """Rows read, imported and left out; orders, packages, seats, total and fee by status and package; and so on."""

    rows: tuple
    by_status: dict
    by_package: dict
    dates: tuple
    warnings: dict


EXPECTED = {
    "Eventbrite": Expected(
        (6, 6, {}),
        {
            "completed": (3, 4, 13, "847.20", "29.60"),
            "failed": (1, 1, 1, "107.40", "7.40"),
            "refunded": (1, 1, 1, "107.40", "7.40"),
        },
        {"Seat": (3, 5, 5, "537.00", "37.00"), "Table": (1, 1, 10, "525.00", "7.40")},
        ("10-13 18:28", "10-13 18:28"),
        {"total": 5},
    ),
    "Tito": Expected(
        (5, 5, {}),
        {"completed": (3, 4, 13, "790.00", "0.00"), "failed": (1, 1, 1, "100.00", "0.00")},
        {"Seat": (3, 4, 4, "390.00", "0.00"), "Table": (1, 1, 10, "500.00", "0.00")},
        ("10-01 14:02", "10-01 14:02"),
        {"total": 1},
    ),
    "Hi.Events": Expected(
        (4, 4, {}),
        {
            "completed": (2, 2, 2, "216.50", "0.00"),
            "failed": (1, 1, 1, "0.00", "0.00"),
            "refunded": (1, 1, 1, "108.25", "0.00"),
        },
        {"Seat": (4, 4, 4, "324.75", "0.00")},
        ("10-01 14:00", "10-04 14:00"),
        {"part_refunded": 1, "total": 4},
    ),
    "Shopify": Expected(
        (7, 7, {}),
        {
            "completed": (3, 6, 15, "990.00", "0.00"),
            "failed": (1, 1, 1, "100.00", "0.00"),
            "refunded": (1, 2, 11, "600.00", "0.00"),
        },
        {"Seat": (5, 7, 7, "690.00", "0.00"), "Table": (2, 2, 20, "1000.00", "0.00")},
        ("10-01 14:00", "10-01 14:00"),
        {"part_refunded": 1},
    ),
    "Stripe": Expected(
        (5, 5, {}),
        {
            "completed": (2, 2, 2, "200.00", "6.40"),
            "failed": (1, 1, 1, "100.00", "3.20"),
            "refunded": (2, 2, 2, "200.00", "6.40"),
        },
        {"Seat": (5, 5, 5, "500.00", "16.00")},
        ("10-01 15:00", "10-01 15:00"),
        {"part_refunded": 1},
    ),
    "PayPal": Expected(
        (5, 3, {"refund_row": 2}),
        {"completed": (2, 2, 11, "600.00", "18.43"), "refunded": (1, 2, 2, "200.00", "6.46")},
        {"Table": (1, 1, 10, "500.00", "14.94"), "Seat": (2, 3, 3, "300.00", "9.95")},
        ("10-21 04:22", "10-24 04:22"),
        {"part_refunded": 1, "refund_row": 2},
    ),
    "Square": Expected(
        (4, 3, {"refund_row": 1}),
        {"completed": (2, 4, 13, "790.00", "0.00")},
        {"Seat": (2, 3, 3, "290.00", "0.00"), "Table": (1, 1, 10, "500.00", "0.00")},
        ("10-01 22:30", "10-02 22:30"),
        {"refund_row": 1},
    ),
    "WooCommerce": Expected(
        (7, 7, {}),
        {
            "completed": (3, 6, 15, "1000.00", "0.00"),
            "pending": (1, 1, 1, "100.00", "0.00"),
            "refunded": (1, 2, 11, "600.00", "0.00"),
        },
        {"Seat": (5, 7, 7, "700.00", "0.00"), "Table": (2, 2, 20, "1000.00", "0.00")},
        ("10-01 14:00", "10-01 14:00"),
        {"part_refunded": 1},
    ),
    "Humanitix": Expected(
        (4, 4, {}),
        {
            "completed": (2, 2, 2, "208.00", "8.00"),
            "failed": (1, 1, 1, "104.00", "4.00"),
            "refunded": (1, 1, 1, "104.00", "4.00"),
        },
        {"Seat": (4, 4, 4, "416.00", "16.00")},
        ("10-01 14:11", "10-04 14:11"),
        {"part_refunded": 1, "total": 4},
    ),
    "Givebutter": Expected(
        (4, 4, {}),
        {
            "completed": (1, 1, 1, "100.00", "3.20"),
            "pending": (1, 1, 1, "100.00", "3.20"),
            "failed": (1, 1, 1, "100.00", "3.20"),
            "refunded": (1, 1, 1, "100.00", "3.20"),
        },
        {"Seat": (4, 4, 4, "400.00", "12.80")},
        ("10-01 14:00", "10-04 14:00"),
        {},
    ),
}


def count_figures(groups):
    return {
        each.label: (each.orders, each.packages, each.seats, str(each.total), str(each.fee)) for each in groups
    }  # fmt: skip


@pytest.mark.parametrize("seller", EXPORTS)
def test_export_is_imported_whole_with_figures_of_the_file(seller):
    export, expected = EXPORTS[seller], EXPECTED[seller]
    table = read_table(export.file_name, export.content)
    columns = column_mapping.propose(table, {}).columns | export.columns
    assert {each.title: each.kind for each in left_out_columns.find(table, columns)} == export.asked

    result = check_case(table, **({"columns": columns} if export.columns else {}), **export.choices)
    found = summary.build(len(table.records), result)

    assert result.problems == []
    assert (found.rows, found.rows_imported, found.rows_left_out) == expected.rows
    assert count_figures(found.by_status) == expected.by_status
    assert count_figures(found.by_package) == expected.by_package
    assert tuple(f"{each:%m-%d %H:%M}" for each in (found.earliest, found.latest)) == expected.dates
    assert {kind: len(each) for kind, each in summary.group_warnings(result.warnings).items()} == expected.warnings
    assert found.rows == found.rows_imported + sum(found.rows_left_out.values())
    for groups in (found.by_status, found.by_package):
        assert sum(each.packages for each in groups) == found.all_sales.packages
        assert sum(each.total for each in groups) == found.all_sales.total


def test_proposals_change_nothing_before_they_are_chosen():
    export = EXPORTS["Stripe"]
    table = read_table(export.file_name, export.content)
    assert column_mapping.propose(table, {}).uses == {}
    statuses = [sale.payment_status for sale in check_case(table, constants={"ticket_type": "Seat"}).sales]
    assert statuses == ["completed", "completed", "refunded", "completed", "failed"]

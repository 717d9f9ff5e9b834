"""Columns that no field takes: which are named, what is proposed, and what each choice does to the sales."""

from dataclasses import replace

import pytest

from tests.support import make, mapped_import, seller_files
from tests.support.import_cases import check_case, list_cells, read_case
from tests.support.sales_file import read_table
from ticketing.imports import column_mapping, left_out_columns

HEADER = ("Order ID", "Order date", "Name", "Email", "Ticket type", "Quantity", "Total", "Status")
SEATS = ("Order ID", "Order date", "Buyer name", "Buyer email", "Ticket type", "Price", "Status")


def row(order="O1", total="100.00", status="Paid", quantity="1", **more):
    return [order, "2026-10-01", "Ada Lim", "ada@example.org", "Seat", quantity, total, status, *more.values()]


def seat(order="O1", price="100.00", status="Paid", package="Seat", **more):
    return [order, "2026-10-01", "Ada Lim", "ada@example.org", package, price, status, *more.values()]


def read_rows(*rows, titles=(), header=HEADER):
    return read_table("export.csv", seller_files.to_csv([(*header, *titles), *rows]))


def find(table):
    return left_out_columns.find(table, column_mapping.propose(table, {}).columns)


def list_found(table):
    return [(each.title, each.kind, each.proposed) for each in find(table)]


def list_statuses(result):
    assert result.problems == []
    return [
        (sale.external_sale_id[:4].partition("/")[0], sale.quantity, str(sale.total), sale.payment_status)
        for sale in result.sales
    ]


def list_parts(result):
    return [(each.row, each.column, each.message) for each in result.warnings if each.kind == "part_refunded"]


class TestNaming:
    @pytest.mark.parametrize(
        ("title", "cell", "kind", "proposed"),
        [
            ("Amount Refunded", "40.00", "refund", "refunded"),
            ("Refunded Amount", "700", "refund", "refunded"),
            ("Refund Status", "REFUNDED", "refund", "refunded"),
            ("Is Fully Refunded", "1", "refund", "refunded"),
            ("refunded_at", "2026-10-02", "refund", "refunded"),
            ("Cancelled at", "2026-10-02 10:00", "cancellation", "failed"),
            ("Void", "yes", "cancellation", "failed"),
            ("Disputed Amount", "100.00", "chargeback", "refunded"),
            ("Chargeback", "lost", "chargeback", "refunded"),
            ("Converted Currency", "usd", "currency", "currency"),
            ("Event timezone", "America/New_York", "time_zone", "time_zone"),
            ("Taxes", "8.25", "tax", "ignore"),
            ("Subtotal", "92.00", "price", "ignore"),
            ("Net sales", "92.00", "price", "ignore"),
            ("Payout", "$92.00", "price", "ignore"),
            ("Net of refunds", "92.00", "price", "ignore"),
            ("Type", "Payment Refund", "rows", "status"),
        ],
    )
    def test_column_that_speaks_of_money_is_named_with_a_proposal(self, title, cell, kind, proposed):
        table = read_rows(row(more=cell), row("O2", more=""), titles=(title,))
        assert list_found(table) == [(title, kind, proposed)]
        [column] = find(table)
        assert (column.rows, column.examples) == (1, (cell,))

    @pytest.mark.parametrize(
        ("title", "cell"),
        [
            ("Amount Refunded", "0.00"),
            ("Amount Refunded", ""),
            ("Refunded", "No"),
            ("Is Refunded", "false"),
            ("Refund Status", "not_refunded"),
            ("Dispute Status", "won"),
            ("Void", "0"),
            ("Taxes", "$0.00"),
            ("Tax ID", "12-3456789"),
            ("Refund policy", "None after May"),
            ("Price tier", "Early bird"),
            ("Total tickets", "4"),
            ("Sales channel", "web"),
            ("Payment Type", "card"),
            ("Company", "Void Ltd, who asked for a refund of something else in May"),
            ("Seat zone", "B"),
        ],
    )
    def test_column_that_says_nothing_or_speaks_of_something_else_is_not_named(self, title, cell):
        assert list_found(read_rows(row(more=cell), titles=(title,))) == []

    def test_column_that_a_field_takes_is_not_named(self):
        table = read_rows(row(currency="USD"), titles=("Currency",))
        assert list_found(table) == []
        assert [each.title for each in left_out_columns.find(table, {})] == ["Total", "Currency"]

    def test_words_of_rows_are_only_those_of_columns_with_few_words(self):
        rows = [row(f"O{number}", note=f"word {number}") for number in range(12)]
        assert list_found(read_rows(*rows[:11], row("R", note="refund"), titles=("Kind",))) == [
            ("Kind", "rows", "status")
        ]
        assert list_found(read_rows(*rows, row("R", note="refund"), titles=("Kind",))) == []

    def test_decided_columns_and_those_of_our_own_files(self):
        table = read_rows(row(more="40.00"), titles=("Amount Refunded",))
        mapping = column_mapping.propose(table, {})
        [undecided] = left_out_columns.find_undecided(table, mapping.columns, {})
        assert left_out_columns.find_undecided(table, mapping.columns, {"Amount Refunded": "ignore"}) == ()
        assert [str(each) for each in left_out_columns.list_warnings(table, [undecided])] == [
            "row 1, Amount Refunded: This column is left out and speaks of refunds: 1 row has 40.00. "
            "Nothing of it is imported until you choose its meaning where columns are matched."
        ]
        ours = read_table("sales.csv", b"ticket_type,total_amount,Tax\nSeat,100.00,8.25\n")
        assert [each.title for each in left_out_columns.find_undecided(ours, None, {})] == ["Tax"]

    def test_choices_are_saved_for_the_columns_that_are_left(self):
        table = read_rows(row(more="40.00"), titles=("Amount Refunded",))
        uses = {"Amount Refunded": "refunded", "Gone": "ignore"}
        stored = column_mapping.to_json(column_mapping.ColumnMapping(uses=uses))
        assert column_mapping.from_json(stored, table, {}).uses == {"Amount Refunded": "refunded"}
        assert column_mapping.from_json(stored | {"uses": {"Total": "steal"}}, table, {}).uses == {}


class TestCases:
    def test_55_hi_events_orders(self):
        table = read_case("55-hi-events-orders.csv")
        found = [each for each in list_found(table) if each[1] == "refund"]
        assert found == [
            ("Total Refunded", "refund", "refunded"),
            ("Refund Status", "refund", "refunded"),
            ("Is Partially Refunded", "refund", "refunded"),
            ("Is Fully Refunded", "refund", "refunded"),
        ]
        result = check_case(table, constants={"ticket_type": "Seat"}, uses={title: use for title, _, use in found})
        assert list_statuses(result) == [
            ("HI-1", 1, "100.00", "refunded"),
            ("HI-2", 1, "100.00", "completed"),
            ("HI-3", 1, "100.00", "completed"),
        ]
        assert [(row, sentence) for row, _, sentence in list_parts(result)] == [
            (3, "$40.00 of $100.00 was refunded. The sale is imported with its whole total.")
        ]

    def test_56_stripe(self):
        table = read_case("56-stripe.csv")
        result = check_case(table, constants={"ticket_type": "Seat"}, uses={"Amount Refunded": "refunded"})
        assert [(sale.external_sale_id, sale.payment_status) for sale in result.sales] == [
            ("ch_1", "completed"),
            ("ch_2", "completed"),
            ("ch_3", "refunded"),
        ]
        assert list_cells(result.problems) == [(5, "currency")]
        assert list_parts(result) == [
            (3, "Amount Refunded", "$40.00 of $100.00 was refunded. The sale is imported with its whole total.")
        ]

    def test_59_shopify_refund_is_of_the_whole_order(self):
        table = read_case("59-shopify-full.csv")
        assert [each[0] for each in list_found(table)] == ["Subtotal", "Lineitem price", "Refunded Amount"]
        paid = read_table("x.csv", seller_files.to_csv(replace_status(table, "paid")))
        for refunded, statuses in (("ignore", {"completed"}), ("refunded", {"refunded"})):
            result = check_case(paid, uses={"Refunded Amount": refunded})
            assert {sale.payment_status for sale in result.sales} == statuses
            assert [str(sale.total) for sale in result.sales] == ["200.00", "500.00"]

    def test_15_paypal_refund_rows_refund_the_sale_that_they_name(self):
        table = read_case("15-paypal.csv")
        assert ('"Type"', "rows", "refund_rows") in list_found(table)
        assert list_cells(check_case(table).problems) == [(3, "total_amount")]
        result = check_case(table, uses={'"Type"': "refund_rows"})
        assert list_statuses(result) == [("8AB", 1, "1560.00", "completed"), ("8AD", 1, "500.00", "completed")]
        [left_out] = [each for each in result.warnings if each.kind == "refund_row"]
        assert (left_out.row, left_out.column) == (3, '"Type"')
        assert left_out.message == (
            "This row is a refund of $1,560.00 for a sale it doesn't name. Find the sale here, and mark it as refunded."
        )


def replace_status(table, status):
    place = table.titles.index("Financial Status")
    yield table.titles
    for _, cells in table.records:
        yield [status if at == place and cell else cell for at, cell in enumerate(cells)]


class TestRefunds:
    @pytest.mark.parametrize(
        ("refunded", "status", "part"),
        [
            ("100.00", "refunded", ""),
            ("-100.00", "refunded", ""),
            ("$120", "refunded", ""),
            ("99.99", "completed", "$99.99 of $100.00 was refunded."),
            ("0.00", "completed", ""),
            ("", "completed", ""),
        ],
    )
    def test_amount_is_compared_with_the_total(self, refunded, status, part):
        table = read_rows(row(more=refunded), row("O2", more="1"), titles=("Amount Refunded",))
        result = check_case(table, uses={"Amount Refunded": "refunded"})
        assert list_statuses(result)[0] == ("O1", 1, "100.00", status)
        assert [each[2].partition(". ")[0] + "." for each in list_parts(result) if each[0] == 2] == [part] * bool(part)

    @pytest.mark.parametrize(
        ("title", "cell", "status", "is_part"),
        [
            ("Refund Status", "REFUNDED", "refunded", False),
            ("Refund Status", "PARTIALLY_REFUNDED", "completed", True),
            ("Is Partially Refunded", "1", "completed", True),
            ("Refunded", "yes", "refunded", False),
            ("Refunded", "no", "completed", False),
            ("Refunded date", "2026-10-05", "refunded", False),
            ("Refunded quantity", "2", "refunded", False),
            ("Quantity refunded", "3", "refunded", False),
        ],
    )
    def test_words_flags_dates_and_counts(self, title, cell, status, is_part):
        table = read_rows(row(quantity="2", more=cell), row("O2", quantity="9", more="5"), titles=(title,))
        result = check_case(table, uses={title: "refunded"})
        assert list_statuses(result)[0][3] == status
        assert (2 in [each[0] for each in list_parts(result)]) == is_part

    @pytest.mark.parametrize("cell", ["1.500", "€100.00"])
    def test_amount_that_can_be_read_in_two_ways_is_no_refund_but_a_warning(self, cell):
        table = read_rows(row(total="1500", more=cell), titles=("Amount Refunded",))
        result = check_case(table, uses={"Amount Refunded": "refunded"})
        assert list_statuses(result) == [("O1", 1, "1500.00", "completed")]
        [(number, _, sentence)] = list_parts(result)
        assert (number, sentence.startswith(f"{cell} cannot be read as a refunded amount without doubt.")) == (2, True)

    def test_amount_says_more_than_a_date_unless_the_file_says_fully(self):
        titles = ("Amount Refunded", "Refunded date", "Is Fully Refunded")
        uses = dict.fromkeys(titles, "refunded")
        for fully, status in (("0", "completed"), ("1", "refunded")):
            result = check_case(read_rows(row(a="40.00", b="2026-10-05", c=fully), titles=titles), uses=uses)
            assert list_statuses(result) == [("O1", 1, "100.00", status)]

    def test_canceled_rows_are_failed_or_refunded_as_chosen(self):
        table = read_rows(row(more="2026-10-05"), row("O2"), titles=("Cancelled at",))
        for use in ("failed", "refunded"):
            assert [each[3] for each in list_statuses(check_case(table, uses={"Cancelled at": use}))] == [
                use,
                "completed",
            ]

    def test_status_is_that_of_the_word(self):
        rows = [row("O1", kind="Chargeback"), row("O2", kind="Cancelled"), row("O3", kind="Sale")]
        result = check_case(read_rows(*rows, titles=("Kind",)), uses={"Kind": "status"})
        assert [each[3] for each in list_statuses(result)] == ["refunded", "failed", "completed"]

    @pytest.mark.parametrize("status", ["Pending", "Failed", "Refunded"])
    def test_refund_ends_every_status_and_a_cancellation_only_sold_ones(self, status):
        table = read_rows(row(status=status, more="x"), titles=("More",))
        assert list_statuses(check_case(table, uses={"More": "refunded"}))[0][3] == "refunded"
        ended = {"Pending": "failed", "Failed": "failed", "Refunded": "refunded"}[status]
        assert list_statuses(check_case(table, uses={"More": "failed"}))[0][3] == ended

    def test_ignored_column_changes_nothing(self):
        table = read_rows(row(more="100.00"), titles=("Amount Refunded",))
        assert list_statuses(check_case(table, uses={"Amount Refunded": "ignore"})) == list_statuses(check_case(table))


class TestOrders:
    def test_refunded_seat_is_a_line_beside_the_paid_ones(self):
        rows = [seat(more=""), seat(more="2026-10-05"), seat(more="")]
        result = check_case(read_rows(*rows, titles=("Refunded at",), header=SEATS), uses={"Refunded at": "refunded"})
        assert list_statuses(result) == [("O1", 2, "200.00", "completed"), ("O1", 1, "100.00", "refunded")]

    def test_seats_without_a_status_do_not_take_that_of_the_refunded_one(self):
        rows = [seat(status="", more=""), seat(status="", more="yes")]
        result = check_case(read_rows(*rows, titles=("Refunded",), header=SEATS), uses={"Refunded": "refunded"})
        assert list_statuses(result) == [("O1", 1, "100.00", "completed"), ("O1", 1, "100.00", "refunded")]

    @pytest.mark.parametrize(("refunded", "statuses"), [("300.00", ["refunded"]), ("100.00", ["completed"])])
    def test_amount_of_the_order_that_all_rows_repeat(self, refunded, statuses):
        rows = [seat(more=refunded) for _ in range(3)]
        title = "Order Refund Amount"
        table = read_rows(*rows, titles=(title,), header=SEATS)
        result = check_case(table, uses={title: "refunded"}, amount_scopes={"total_amount": "row"})
        assert [each[3] for each in list_statuses(result)] == statuses
        assert len(list_parts(result)) == (statuses == ["completed"])

    def test_amount_of_each_seat_is_compared_with_its_price(self):
        rows = [seat(more="100.00"), seat(more="30.00"), seat(more="0.00")]
        result = check_case(
            read_rows(*rows, titles=("Refunded amount",), header=SEATS), uses={"Refunded amount": "refunded"}
        )
        assert list_statuses(result) == [("O1", 1, "100.00", "refunded"), ("O1", 2, "200.00", "completed")]
        assert [each[0] for each in list_parts(result)] == [3]

    def test_rows_of_refunds_are_summed_for_the_sale_that_they_name(self):
        titles = ("Type", "Reference Txn ID")
        rows = [
            row("A1", kind="Payment", ref=""), row("A2", kind="Payment", ref=""),
            row("R1", "-60.00", kind="Refund", ref="A1"), row("R2", "-40.00", kind="Refund", ref="A1"),
            row("R3", "-40.00", kind="Refund", ref="A2"),
        ]  # fmt: skip
        result = check_case(read_rows(*rows, titles=titles), uses={"Type": "refund_rows"})
        assert list_statuses(result) == [("A1", 1, "100.00", "refunded"), ("A2", 1, "100.00", "completed")]
        assert [each[0] for each in list_parts(result)] == [3]
        assert result.rows_left_out == {"refund_row": 3}
        assert "This row is a refund of $60.00 for A1, in row 2." in [each.message for each in result.warnings]


def test_sale_that_is_here_already_has_no_warning_about_its_refund(event):
    make.package(event, name="Seat", price="100")
    rows = [seat(more="40.00"), seat(more=""), seat("O2", more="40.00")]
    content = seller_files.to_csv([(*SEATS, "Refunded amount"), *rows])
    mapping = replace(mapped_import.propose_mapping(event, content), uses={"Refunded amount": "refunded"})
    first = mapped_import.check(event, content, mapping)
    assert [each.row for each in first.warnings if each.kind == "part_refunded"] == [2, 4]
    assert (first.summary.rows_imported, first.summary.rows_left_out) == (3, {})
    mapped_import.run(event, content, mapping)
    again = mapped_import.check(event, content, mapping)
    assert {each.kind for each in again.warnings} == {"here"}
    assert (again.summary.rows_imported, again.summary.rows_left_out) == (0, {"here": 3})

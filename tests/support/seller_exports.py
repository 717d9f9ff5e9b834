"""Exports of ten sellers as their documentation and public programs show them, with invented people.

Sources, looked up on November 30, 2026: Eventbrite, docs/decisions/0010; Tito, its CSV header in public scripts;
Hi.Events, OrdersExport.php; Shopify, help.shopify.com "Exporting orders"; Stripe, its unified payments export; PayPal,
the activity download; Square, its item sales; WooCommerce, the defaults of Advanced Order Export; Humanitix and
Givebutter, the orders and transactions of their public APIs.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.support import seller_files

TITO = (
    "Number", "Ticket Created Date", "Ticket Last Updated Date", "Ticket", "Ticket Full Name", "Ticket First Name",
    "Ticket Last Name", "Ticket Email", "Ticket Company Name", "Ticket Phone Number", "Event", "Void Status", "Price",
    "Discount Status", "Ticket Reference", "Tags", "Unique Ticket URL", "Unique Order URL", "Order Reference",
    "Order Name", "Order Email", "Order Company Name", "Order Phone Number", "Order Discount Code", "Order IP",
    "Order Created Date", "Order Completed Date", "Payment Reference",
)  # fmt: skip
HI_EVENTS = (
    "ID", "First Name", "Last Name", "Email", "Total Before Additions", "Total Gross", "Total Tax", "Total Fee",
    "Total Refunded", "Status", "Payment Status", "Refund Status", "Currency", "Created At", "Public ID",
    "Occurrence Date", "Payment Provider", "Is Partially Refunded", "Is Fully Refunded", "Is Free Order",
    "Is Manually Created", "Billing Address", "Notes", "Promo Code", "Opted In To Marketing",
)  # fmt: skip
SHOPIFY = (
    "Name", "Email", "Financial Status", "Paid at", "Fulfillment Status", "Fulfilled at", "Accepts Marketing",
    "Currency", "Subtotal", "Shipping", "Taxes", "Total", "Discount Code", "Discount Amount", "Shipping Method",
    "Created at", "Lineitem quantity", "Lineitem name", "Lineitem price", "Lineitem compare at price", "Lineitem sku",
    "Lineitem requires shipping", "Lineitem taxable", "Lineitem fulfillment status", "Billing Name", "Billing Street",
    "Billing City", "Billing Zip", "Billing Country", "Billing Phone", "Notes", "Note Attributes", "Cancelled at",
    "Payment Method", "Payment Reference", "Refunded Amount", "Vendor", "Outstanding Balance", "Employee", "Location",
    "Id", "Tags", "Risk Level", "Source", "Lineitem discount", "Phone", "Receipt Number",
)  # fmt: skip
STRIPE = (
    "id", "Created date (UTC)", "Amount", "Amount Refunded", "Currency", "Captured", "Converted Amount",
    "Converted Amount Refunded", "Converted Currency", "Decline Reason", "Description", "Fee", "Refunded date (UTC)",
    "Statement Descriptor", "Status", "Seller Message", "Taxes On Fee", "Card ID", "Card Name", "Customer ID",
    "Customer Description", "Customer Email", "Disputed Amount", "Dispute Status", "Invoice ID", "Transfer",
)  # fmt: skip
PAYPAL = (
    "Date", "Time", "TimeZone", "Name", "Type", "Status", "Currency", "Gross", "Fee", "Net", "From Email Address",
    "To Email Address", "Transaction ID", "Shipping Address", "Address Status", "Item Title", "Item ID",
    "Shipping and Handling Amount", "Insurance Amount", "Sales Tax", "Reference Txn ID", "Invoice Number",
    "Custom Number", "Quantity", "Receipt ID", "Balance", "Contact Phone Number", "Subject", "Note", "Country Code",
    "Balance Impact",
)  # fmt: skip
SQUARE = (
    "Date", "Time", "Time Zone", "Category", "Item", "Qty", "Price Point Name", "SKU", "Modifiers Applied",
    "Gross Sales", "Discounts", "Net Sales", "Tax", "Transaction ID", "Payment ID", "Device Name", "Notes", "Details",
    "Event Type", "Location", "Dining Option", "Customer ID", "Customer Name", "Customer Reference ID", "Unit", "Count",
)  # fmt: skip
WOOCOMMERCE = (
    "Order Number", "Order Status", "Order Date", "Customer Note", "First Name (Billing)", "Last Name (Billing)",
    "Company (Billing)", "Address 1&2 (Billing)", "City (Billing)", "State Code (Billing)", "Postcode (Billing)",
    "Country Code (Billing)", "Email (Billing)", "Phone (Billing)", "First Name (Shipping)", "Last Name (Shipping)",
    "Address 1&2 (Shipping)", "City (Shipping)", "State Code (Shipping)", "Postcode (Shipping)",
    "Country Code (Shipping)", "Payment Method Title", "Cart Discount Amount", "Order Subtotal Amount",
    "Shipping Method Title", "Order Shipping Amount", "Order Refund Amount", "Order Total Amount",
    "Order Total Tax Amount", "SKU", "Item #", "Item Name", "Quantity (- Refund)", "Item Cost", "Coupon Code",
    "Discount Amount", "Discount Amount Tax",
)  # fmt: skip


@dataclass(frozen=True)
class SellerExport:
    """A file, the columns that are asked about with their kinds, and what a person chooses in the Columns step."""

    seller: str
    file_name: str
    content: bytes
    asked: dict[str, str]
    choices: dict[str, Any] = field(default_factory=dict)
    columns: dict[str, tuple[str, ...]] = field(default_factory=dict)


def _csv(header: tuple[str, ...], records: Iterable[dict[str, str]]) -> bytes:
    return seller_files.to_csv(seller_files.build_rows(header, *records))


def _eventbrite() -> SellerExport:
    attendee = seller_files.eventbrite_attendee
    fees = {"Eventbrite Fees": "4.20", "Eventbrite Payment Processing": "3.20", "Order Date": "10/13/26 14:28"}
    rows = [
        attendee("10482", "1", "Seat", "107.40", **fees),
        attendee("10482", "2", "Seat", "107.40", **fees),
        attendee("10483", "3", "Seat", "107.40", **fees),
        attendee("10483", "4", "Seat", "107.40", **fees | {"Attendee Status": "Refunded"}),
        attendee("10484", "5", "Table", "525.00", **fees),
        attendee("10485", "6", "Seat", "107.40", **fees | {"Attendee Status": "Not Attending"}),
    ]
    return SellerExport(
        "Eventbrite",
        "eventbrite-attendees.csv",
        _csv(seller_files.EVENTBRITE_ATTENDEES, rows),
        {},
        {"amount_scopes": {"total_amount": "row"}},
    )


def _tito() -> SellerExport:
    def ticket(number: int, order: str, name: str = "Seat", **more: str) -> dict[str, str]:
        return {
            "Number": str(number), "Ticket Created Date": "2026-10-01 14:00:00", "Ticket": name, "Event": "Gala",
            "Ticket Full Name": f"Guest {number}", "Ticket Email": f"guest{number}@example.org", "Void Status": "",
            "Price": {"Seat": "100.00", "Table": "500.00"}[name], "Ticket Reference": f"{order}-{number}",
            "Order Reference": order, "Order Name": "Ada Lim", "Order Email": f"{order.lower()}@example.org",
            "Order Created Date": "2026-10-01 14:00:00", "Order Completed Date": "2026-10-01 14:02:00",
        } | more  # fmt: skip

    rows = [
        ticket(1, "GIAO"), ticket(2, "GIAO"), ticket(3, "KLMO", **{"Void Status": "void"}), ticket(4, "KLMO", "Table"),
        ticket(5, "PQRS", Price="90.00", **{"Order Discount Code": "EARLY10"}),
    ]  # fmt: skip
    return SellerExport(
        "Tito",
        "tito-tickets.csv",
        _csv(TITO, rows),
        {"Void Status": "cancellation"},
        {"uses": {"Void Status": "failed"}, "time_zone": "UTC"},
    )


def _hi_events() -> SellerExport:
    def order(number: int, refunded: str = "0", **more: str) -> dict[str, str]:
        return {
            "ID": str(10 + number), "Public ID": f"HI-{number}", "First Name": "Ada", "Last Name": f"Lim {number}",
            "Email": f"hi{number}@example.org", "Total Before Additions": "100", "Total Gross": "108.25",
            "Total Tax": "8.25", "Total Fee": "0", "Total Refunded": refunded, "Status": "COMPLETED",
            "Payment Status": "PAYMENT_RECEIVED", "Currency": "USD", "Created At": f"2026-10-0{number} 14:00:00",
        } | more  # fmt: skip

    rows = [
        order(1, "108.25", **{"Refund Status": "REFUNDED", "Is Fully Refunded": "1"}),
        order(2, "40", **{"Refund Status": "PARTIALLY_REFUNDED", "Is Partially Refunded": "1"}),
        order(3),
        order(4, **{"Status": "CANCELLED", "Payment Status": "NO_PAYMENT_REQUIRED", "Total Gross": "0"}),
    ]
    refunds = ("Total Refunded", "Refund Status", "Is Partially Refunded", "Is Fully Refunded")
    others = {"Total Before Additions": "price", "Total Tax": "tax", "Status": "rows"}
    return SellerExport(
        "Hi.Events",
        "hi-events-orders.csv",
        _csv(HI_EVENTS, rows),
        others | dict.fromkeys(refunds, "refund"),
        {
            "constants": {"ticket_type": "Seat"},
            "uses": dict.fromkeys(refunds, "refunded")
            | {"Total Before Additions": "ignore", "Total Tax": "ignore", "Status": "status"},
            "statuses": {"no payment required": "completed"},
            "time_zone": "UTC",
        },
    )


def _shopify() -> SellerExport:
    def order(name: str, total: str, **more: str) -> dict[str, str]:
        return {
            "Name": name, "Email": f"{name[1:]}@example.org", "Financial Status": "paid", "Currency": "USD",
            "Paid at": "2026-10-01 10:00:05 -0400", "Subtotal": total, "Shipping": "0.00", "Taxes": "0.00",
            "Total": total, "Discount Amount": "0.00", "Created at": "2026-10-01 10:00:00 -0400",
            "Billing Name": "Ada Lim", "Refunded Amount": "0.00", "Outstanding Balance": "0.00", "Id": f"50{name[1:]}",
            "Lineitem quantity": "1", "Lineitem name": "Seat", "Lineitem price": "100.00", "Lineitem discount": "0.00",
        } | more  # fmt: skip

    def item(name: str, package: str, price: str) -> dict[str, str]:
        return {
            "Name": name, "Email": f"{name[1:]}@example.org", "Created at": "2026-10-01 10:00:00 -0400",
            "Lineitem quantity": "1", "Lineitem name": package, "Lineitem price": price, "Lineitem discount": "0.00",
        }  # fmt: skip

    rows = [
        order("#1001", "700.00", **{"Lineitem quantity": "2"}),
        item("#1001", "Table", "500.00"),
        order("#1002", "600.00", **{"Financial Status": "refunded", "Refunded Amount": "600.00"}),
        item("#1002", "Table", "500.00"),
        order("#1003", "100.00", **{"Cancelled at": "2026-10-02 09:00:00 -0400"}),
        order("#1004", "90.00", **{"Discount Code": "EARLY10", "Discount Amount": "10.00", "Subtotal": "90.00"}),
        order("#1005", "200.00", **{"Lineitem quantity": "2", "Refunded Amount": "100.00"}),
    ]
    return SellerExport(
        "Shopify",
        "shopify-orders.csv",
        _csv(SHOPIFY, rows),
        {"Subtotal": "price", "Lineitem price": "price", "Cancelled at": "cancellation", "Refunded Amount": "refund"},
        {
            "uses": {
                "Subtotal": "ignore",
                "Lineitem price": "ignore",
                "Cancelled at": "failed",
                "Refunded Amount": "refunded",
            }
        },
    )


def _stripe() -> SellerExport:
    def charge(number: int, **more: str) -> dict[str, str]:
        return {
            "id": f"ch_{number}", "Created date (UTC)": "2026-10-01 15:00", "Amount": "100.00", "Fee": "3.20",
            "Amount Refunded": "0.00", "Currency": "usd", "Captured": "TRUE", "Converted Amount": "100.00",
            "Converted Amount Refunded": "0.00", "Converted Currency": "usd", "Description": "Seat", "Status": "Paid",
            "Card Name": "Ada Lim", "Customer Email": f"ch{number}@example.org", "Taxes On Fee": "0.00",
        } | more  # fmt: skip

    refund = "Amount Refunded", "Converted Amount Refunded"
    rows = [
        charge(1),
        charge(2, **dict.fromkeys(refund, "40.00"), **{"Refunded date (UTC)": "2026-10-03 10:00"}),
        charge(3, Status="Refunded", **dict.fromkeys(refund, "100.00"), **{"Refunded date (UTC)": "2026-10-03 10:00"}),
        charge(4, **{"Disputed Amount": "100.00", "Dispute Status": "lost"}),
        charge(5, Status="Failed", Captured="FALSE"),
    ]
    marking = (*refund, "Refunded date (UTC)", "Disputed Amount", "Dispute Status")
    return SellerExport(
        "Stripe",
        "stripe-payments.csv",
        _csv(STRIPE, rows),
        {
            "Amount Refunded": "refund", "Converted Amount": "price", "Converted Amount Refunded": "refund",
            "Converted Currency": "currency", "Refunded date (UTC)": "refund", "Disputed Amount": "chargeback",
            "Dispute Status": "chargeback",
        },
        {
            "uses": {"Converted Amount": "ignore", "Converted Currency": "ignore"} | dict.fromkeys(marking, "refunded"),
        },
    )  # fmt: skip


def _paypal() -> SellerExport:
    def activity(number: int, gross: str, fee: str, net: str, **more: str) -> dict[str, str]:
        return {
            "Date": f"10/2{number}/2026", "Time": "21:22:17", "TimeZone": "PDT", "Name": "Ada Lim", "Net": net,
            "Type": "Website Payment", "Status": "Completed", "Currency": "USD", "Gross": gross, "Fee": fee,
            "From Email Address": f"p{number}@example.org", "To Email Address": "gala@example.org",
            "Transaction ID": f"8A{number}", "Item Title": "Seat", "Quantity": "1", "Balance": f"{number}00.00",
            "Shipping and Handling Amount": "0.00", "Sales Tax": "0.00", "Balance Impact": "Credit",
        } | more  # fmt: skip

    rows = [
        activity(0, "500.00", "-14.94", "485.06", **{"Item Title": "Table"}),
        activity(1, "200.00", "-6.46", "193.54", Quantity="2"),
        activity(2, "-200.00", "6.46", "-193.54", Type="Payment Refund", **{"Reference Txn ID": "8A1"}),
        activity(3, "100.00", "-3.49", "96.51"),
        activity(4, "-30.00", "0.00", "-30.00", Type="Payment Refund", **{"Reference Txn ID": "8A3"}),
    ]
    return SellerExport(
        "PayPal",
        "paypal-activity.csv",
        _csv(PAYPAL, rows),
        {"Type": "rows", "Net": "price"},
        {"uses": {"Type": "refund_rows", "Net": "ignore"}},
    )


def _square() -> SellerExport:
    def sale(number: int, item: str, quantity: str, gross: str, net: str, **more: str) -> dict[str, str]:
        return {
            "Date": f"2026-10-0{number}", "Time": "18:30:00", "Time Zone": "Eastern Time (US & Canada)", "Item": item,
            "Qty": quantity, "Gross Sales": gross, "Discounts": "$0.00", "Net Sales": net, "Tax": "$0.00",
            "Transaction ID": f"SQ{number}", "Event Type": "Payment", "Customer Name": "Ada Lim", "Count": quantity,
        } | more  # fmt: skip

    rows = [
        sale(1, "Seat", "2", "$200.00", "$200.00"),
        sale(2, "Seat", "1", "$100.00", "$90.00", Discounts="-$10.00"),
        sale(2, "Table", "1", "$500.00", "$500.00"),
        sale(3, "Seat", "-1", "-$100.00", "-$100.00", **{"Event Type": "Refund", "Details": "Refund of SQ1"}),
    ]
    return SellerExport(
        "Square",
        "square-items.csv",
        _csv(SQUARE, rows),
        {"Gross Sales": "price", "Event Type": "rows", "Details": "rows"},
        {
            "constants": {"purchaser_email": "box-office@example.org"},
            "uses": {"Gross Sales": "ignore", "Event Type": "refund_rows", "Details": "ignore"},
        },
        {"total_amount": ("Net Sales",)},
    )


def _woocommerce() -> SellerExport:
    def item(order: str, name: str, quantity: str, total: str, **more: str) -> dict[str, str]:
        return {
            "Order Number": order, "Order Status": "Completed", "Order Date": "2026-10-01 10:00",
            "First Name (Billing)": "Ada", "Last Name (Billing)": "Lim", "Email (Billing)": f"w{order}@example.org",
            "Phone (Billing)": "555-0100", "Cart Discount Amount": "0.00", "Order Subtotal Amount": total,
            "Order Shipping Amount": "0.00", "Order Refund Amount": "0.00", "Order Total Amount": total,
            "Order Total Tax Amount": "0.00", "Item #": "1", "Item Name": name, "Quantity (- Refund)": quantity,
            "Item Cost": {"Seat": "100.00", "Table": "500.00"}[name], "Discount Amount": "0.00",
        } | more  # fmt: skip

    rows = [
        item("501", "Seat", "2", "700.00"),
        item("501", "Table", "1", "700.00", **{"Item #": "2"}),
        item("502", "Seat", "1", "100.00", **{"Order Status": "Processing"}),
        item("503", "Seat", "1", "600.00", **{"Order Status": "Refunded", "Order Refund Amount": "600.00"}),
        item("503", "Table", "1", "600.00", **{"Order Status": "Refunded", "Order Refund Amount": "600.00"}),
        item("504", "Seat", "2", "200.00", **{"Order Refund Amount": "100.00"}),
        item("505", "Seat", "1", "100.00", **{"Order Status": "On hold"}),
    ]
    return SellerExport(
        "WooCommerce",
        "woocommerce-orders.csv",
        _csv(WOOCOMMERCE, rows),
        {"Order Subtotal Amount": "price", "Order Refund Amount": "refund", "Item Cost": "price"},
        {
            "uses": {"Order Subtotal Amount": "ignore", "Order Refund Amount": "refunded", "Item Cost": "ignore"},
            "statuses": {"processing": "completed"},
            "amount_scopes": {"total_amount": "order"},
            "time_zone": "America/New_York",
        },
    )


def _humanitix() -> SellerExport:
    def order(number: int, total: int, refunds: int = 0, **more: Any) -> dict[str, Any]:
        totals = {
            "subtotal": total, "humanitixFee": 4, "bookingFee": 4, "passedOnFee": 4, "absorbedFee": 0, "taxes": 0,
            "totalTaxes": 0, "discounts": 0, "refunds": refunds, "netSales": total - refunds, "grossSales": total,
            "total": total + 4,
        }  # fmt: skip
        return {
            "_id": f"65a5f3e{number}", "currency": "USD", "orderName": f"HSX{number}", "status": "complete",
            "financialStatus": "paid", "firstName": "Ada", "lastName": "Lim", "email": f"h{number}@example.org",
            "mobile": "555-0100", "paymentType": "credit", "purchaseTotals": totals, "salesChannel": "online",
            "createdAt": f"2026-10-0{number}T14:11:29.561Z",
        } | more  # fmt: skip

    orders = [
        order(1, 100),
        order(2, 100, 104, financialStatus="refunded"),
        order(3, 100, 25, financialStatus="partially-refunded"),
        order(4, 100, status="cancelled"),
    ]
    content = json.dumps({"total": 4, "pageSize": 100, "page": 1, "orders": orders}).encode()
    prices = ("subtotal", "netSales", "grossSales")
    return SellerExport(
        "Humanitix",
        "humanitix-orders.json",
        content,
        {"financialStatus": "rows", "purchaseTotals.refunds": "refund"}
        | {f"purchaseTotals.{name}": "price" for name in prices},
        {
            "constants": {"ticket_type": "Seat"},
            "uses": {"financialStatus": "status", "purchaseTotals.refunds": "refunded"}
            | {f"purchaseTotals.{name}": "ignore" for name in prices},
        },
    )


def _givebutter() -> SellerExport:
    def transaction(number: int, amount: int, **more: Any) -> dict[str, Any]:
        return {
            "id": f"GB{number}", "number": str(1000 + number), "campaign_code": "GALA26", "first_name": "Ada",
            "last_name": "Lim", "email": f"g{number}@example.org", "phone": "555-0100", "status": "succeeded",
            "method": "card", "amount": amount, "fee": 3.2, "fee_covered": 0, "donated": amount - 3.2,
            "payout": amount - 3.2, "currency": "USD", "transacted_at": f"2026-10-0{number}T14:00:00.000000Z",
            "created_at": f"2026-10-0{number}T14:00:05.000000Z", "captured": True, "refunded": False,
            "refunded_at": None,
        } | more  # fmt: skip

    transactions = [
        transaction(1, 100),
        transaction(2, 100, refunded=True, refunded_at="2026-10-05T10:00:00.000000Z"),
        transaction(3, 100, status="cancelled"),
        transaction(4, 100, status="authorized"),
    ]
    return SellerExport(
        "Givebutter",
        "givebutter-transactions.json",
        json.dumps({"data": transactions, "meta": {"total": 4}}).encode(),
        {"donated": "price", "payout": "price", "refunded": "refund", "refunded_at": "refund"},
        {
            "constants": {"ticket_type": "Seat"},
            "uses": {"donated": "ignore", "payout": "ignore", "refunded": "refunded", "refunded_at": "refunded"},
        },
    )


EXPORTS = {
    export.seller: export
    for export in (
        _eventbrite(), _tito(), _hi_events(), _shopify(), _stripe(), _paypal(), _square(), _woocommerce(), _humanitix(),
        _givebutter(),
    )
}  # fmt: skip

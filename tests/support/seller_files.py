"""Files as other programs write them: real headers (docs/decisions/0010), invented people."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

import xlsxwriter

PRETIX_ORDERS = (
    "Event slug", "Order code", "Order total", "Status", "Email", "Phone number", "Order date", "Order time", "Company",
    "Name", "Given name", "Family name", "Address", "ZIP code", "City", "Country", "State", "Custom address field",
    "VAT ID", "Date of last payment", "Fees", "Order locale", "Gross at 0.00 % tax", "Net at 0.00 % tax",
    "Tax value at 0.00 % tax", "Invoice numbers", "Sales channel", "Requires special attention", "Comment",
    "Follow-up date", "Positions", "E-mail address verified", "Payment providers",
)  # fmt: skip
PRETIX_POSITIONS = (
    "Event slug", "Order code", "Position ID", "Status", "Email", "Phone number", "Order date", "Order time", "Product",
    "Variation", "Price", "Tax rate", "Tax rule", "Tax value", "Attendee name", "Attendee name: Given name",
    "Attendee name: Family name", "Attendee email", "Company", "Address", "ZIP code", "City", "Country", "State",
    "Voucher", "Pseudonymization ID", "Seat ID", "Seat name", "Seat zone", "Seat row", "Seat number", "Order comment",
    "Follow-up date", "Vegetarian?", "Company", "Invoice address name", "Invoice address name: Given name",
    "Invoice address name: Family name", "Address", "ZIP code", "City", "Country", "State", "VAT ID", "Sales channel",
    "Order locale", "E-mail address verified", "Payment providers",
)  # fmt: skip
EVENTBRITE_ORDERS = (
    "Order ID", "Order date", "Buyer first name", "Buyer last name", "Buyer email", "Phone number", "Purchaser city",
    "Purchaser state", "Purchaser country", "Event name", "Event ID", "Event start date", "Event start time",
    "Event timezone", "Event location", "Ticket quantity", "Payment type", "Payment status", "Currency", "Gross sales",
    "Ticket revenue", "Eventbrite service fee", "Eventbrite payment processing fee", "Net sales",
)  # fmt: skip
EVENTBRITE_ATTENDEES = (
    "Order #", "Order Date", "First Name", "Last Name", "Email", "Quantity", "Price Tier", "Ticket Type", "Attendee #",
    "Group", "Order Type", "Currency", "Total Paid", "Fees Paid", "Eventbrite Fees", "Eventbrite Payment Processing",
    "Attendee Status", "Buyer First Name", "Buyer Last Name", "Buyer Email", "Job Title",
)  # fmt: skip


def build_rows(header: Sequence[str], *records: dict[str, str]) -> list[list[str]]:
    """Return the header and the records as rows. A key that is twice in the header means its first column."""
    rows = [list(header)]
    for record in records:
        assert set(record) <= set(header), set(record) - set(header)
        cells = [""] * len(header)
        for name, cell in record.items():
            cells[header.index(name)] = cell
        rows.append(cells)
    return rows


def to_csv(table: Iterable[Sequence[str]], delimiter: str = ",") -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter).writerows(table)
    return text.getvalue().encode()


def to_workbook(*tables: Iterable[Sequence[Any]], **options: Any) -> bytes:
    """Return a workbook with a sheet for each table; numbers, dates and times are Excel's own."""
    content = io.BytesIO()
    formats = {"default_date_format": "yyyy-mm-dd hh:mm:ss", "in_memory": True}
    with xlsxwriter.Workbook(content, formats | options) as book:
        for table in tables:
            sheet = book.add_worksheet()
            for number, row in enumerate(table):
                for place, cell in enumerate(row):
                    write = sheet.write_string if isinstance(cell, str) else sheet.write
                    if cell not in ("", None):
                        write(number, place, cell)
    return content.getvalue()


def pretix_order(code: str, total: str, positions: int, **more: str) -> dict[str, str]:
    return {
        "Event slug": "gala", "Order code": code, "Order total": total, "Status": "Paid", "Fees": "0.00",
        "Email": f"{code.lower()}@example.org", "Order date": "2026-10-01", "Order time": "18:30:00",
        "Name": "Ana Ruiz", "Given name": "Ana", "Family name": "Ruiz", "Positions": str(positions),
        "Order locale": "en", "Sales channel": "web", "Payment providers": "Bank transfer",
    } | more  # fmt: skip


def pretix_position(code: str, number: int, product: str, price: str, guest: str = "", **more: str) -> dict[str, str]:
    return {
        "Event slug": "gala", "Order code": code, "Position ID": str(number), "Status": "Paid",
        "Email": f"{code.lower()}@example.org", "Order date": "2026-10-01", "Order time": "18:30:00",
        "Product": product, "Price": price, "Tax rate": "0.00", "Tax value": "0.00", "Attendee name": guest,
        "Invoice address name": "Ana Ruiz", "Pseudonymization ID": f"{code}{number}", "Sales channel": "web",
    } | more  # fmt: skip


def eventbrite_order(number: str, tickets: int, gross: str, **more: str) -> dict[str, str]:
    return {
        "Order ID": number, "Order date": "2026-10-01 16:01:14", "Buyer first name": "John", "Buyer last name": "Frye",
        "Buyer email": f"{number}@example.org", "Ticket quantity": str(tickets), "Currency": "USD",
        "Payment status": "Completed", "Gross sales": gross, "Eventbrite service fee": "4.29",
        "Eventbrite payment processing fee": "3.21", "Event name": "Gala",
    } | more  # fmt: skip


def eventbrite_attendee(order: str, number: str, ticket: str, paid: str, **more: str) -> dict[str, str]:
    return {
        "Order #": order, "Order Date": "11/29/25 22:28", "First Name": "Jane", "Last Name": f"Doe {number}",
        "Email": f"jane.{number}@example.org", "Quantity": "1", "Ticket Type": ticket, "Attendee #": number,
        "Order Type": "Eventbrite Completed", "Currency": "USD", "Total Paid": paid, "Fees Paid": "0",
        "Eventbrite Fees": "2.10", "Eventbrite Payment Processing": "1.40", "Attendee Status": "Attending",
        "Buyer First Name": "Bo", "Buyer Last Name": "Li", "Buyer Email": f"{order}@example.org",
    } | more  # fmt: skip

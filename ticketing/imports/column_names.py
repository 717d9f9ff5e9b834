"""How other programs call the columns of an import: pretix's order data, Eventbrite's reports, and everyday words.

Where the names were found, and when: docs/decisions/0010. Names are compared without case, spaces and punctuation.
"""

from __future__ import annotations

import re

# By our column, the best name first. Each entry is the columns that together are ours: a first and a last name,
# a date and a time, two fees. "*" behind a name: it is the amount of one seat or item, preferred when the rows of an
# order become one purchase; without it an amount of the whole order is preferred.
ALIASES: dict[str, tuple[tuple[str, ...], ...]] = {
    "ticket_type": (
        ("ticket_type",), ("Product", "Variation"), ("Product",), ("Ticket type",), ("Package",), ("Ticket name",),
        ("Ticket",), ("Item name",), ("Item",), ("Package name",), ("Product name",), ("Price level",),
    ),
    "purchaser_name": (
        ("purchaser_name",), ("Buyer first name", "Buyer last name"), ("Purchaser first name", "Purchaser last name"),
        ("Customer first name", "Customer last name"), ("Billing first name", "Billing last name"),
        ("Invoice address name",), ("Buyer name",), ("Buyer",), ("Purchaser",), ("Customer name",), ("Customer",),
        ("Billing name",), ("Donor name",), ("Donor",), ("Full name",), ("Name",), ("First name", "Last name"),
        ("First name", "Surname"), ("Given name", "Family name"), ("Attendee name",),
        ("Attendee first name", "Attendee last name"),
    ),
    "purchaser_email": (
        ("purchaser_email",), ("Buyer email",), ("Customer email",), ("Billing email",), ("Donor email",), ("Email",),
        ("E-mail",), ("Email address",), ("E-mail address",), ("Attendee email",),
    ),
    "quantity": (
        ("quantity",), ("Ticket quantity",), ("Qty",), ("Number of tickets",), ("Tickets",), ("Positions",),
        ("Ticket count",), ("Count",),
    ),
    "total_amount": (
        ("total_amount",), ("Price*",), ("Ticket price*",), ("Item price*",), ("Total paid",), ("Order total",),
        ("Gross sales",), ("Total",), ("Amount paid",), ("Gross revenue (USD)",), ("Gross revenue",), ("Gross",),
        ("Grand total",), ("Amount",), ("Price",), ("Ticket price",), ("Paid",),
    ),
    "purchase_date": (
        ("purchase_date",), ("Order date", "Order time"), ("Order date",), ("Purchase date", "Purchase time"),
        ("Purchased at",), ("Purchased on",), ("Date", "Time"), ("Date",), ("Created at",), ("Created",),
        ("Datetime",), ("Date of purchase",), ("Sale date",), ("Sale time",), ("Order created",),
    ),
    "external_sale_id": (
        ("external_sale_id",), ("Order code",), ("Order ID",), ("Order #",), ("Order no.",), ("Order number",),
        ("Order",), ("Purchase ID",), ("Confirmation number",), ("Transaction ID",), ("Sale ID",), ("Reference",),
        ("ID",), ("Code",),
    ),
    "promo_code": (
        ("promo_code",), ("Voucher",), ("Voucher code",), ("Discount code",), ("Coupon code",), ("Coupon",),
        ("Promotional code",),
    ),
    "discount_amount": (("discount_amount",), ("Discount",), ("Discounts",), ("Discount value",)),
    "fee_amount": (
        ("fee_amount",), ("Eventbrite service fee", "Eventbrite payment processing fee"),
        ("Eventbrite fees", "Eventbrite payment processing"),
        ("Eventbrite fees (USD)", "Eventbrite payment processing (USD)"), ("Fees paid",), ("Fees",), ("Fee",),
        ("Service fee",),
    ),
    "payment_status": (
        ("payment_status",), ("Status",), ("Order status",), ("Attendee status",), ("Financial status",), ("State",),
    ),
    "notes": (("notes",), ("Order comment",), ("Comment",), ("Note",), ("Comments",), ("Remarks",)),
    "purchaser_phone": (
        ("purchaser_phone",), ("Phone number",), ("Phone",), ("Mobile phone",), ("Mobile",), ("Cell phone",),
        ("Telephone",), ("Billing phone",), ("Customer phone",), ("Buyer phone",),
    ),
    "guest_name": (
        ("Attendee name",), ("Attendee first name", "Attendee last name"), ("Guest name",), ("Guest",),
        ("First name", "Last name"), ("First name", "Surname"),
    ),
    "guest_email": (("Attendee email",), ("Guest email",), ("Email",)),
}  # fmt: skip

# Columns that only a file of seats or items has.
SEAT_COLUMNS = frozenset(
    {"positionid", "attendee#", "attendeeno", "attendeename", "attendeefirstname", "barcodenumber"}
)


def normalize(name: str) -> str:
    """The form in which names of columns are compared: "E-Mail" is "email", "Order #" is "order#"."""
    return re.sub(r"[^\w#]+|_", "", name.removesuffix("*").casefold())

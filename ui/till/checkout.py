"""What an order at the till costs, and recording it once."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ticketing import db, money
from ticketing.catalog import options
from ticketing.errors import (
    IdempotencyMismatch,
    InvalidInput,
    NotSignedIn,
    Shortage,
    SoldOut,
    TicketingError,
    Unavailable,
)
from ticketing.models import Event, Option, Package
from ticketing.pricing import Quote
from ticketing.sales import guests, order_form, orders, till_drafts
from ticketing.sales.order_draft import MAX_LINES
from ticketing.sales.orders import RecordedOrder
from ui.session import PageContext
from ui.till.state import Receipt, Till, read_typed

FIELDS = {
    "donor.name": "name",
    "donor.email": "email",
    "donor.phone": "phone",
    "promo_code": "code",
    "notes": "notes",
}


@dataclass(frozen=True)
class OrderView:
    """What the page shows of the order: packages of the event and questions by package, by id."""

    packages: Mapping[uuid.UUID, Package]
    questions: Mapping[uuid.UUID, Sequence[Option]]

    def find_package(self, package_id: str) -> Package | None:
        return self.packages.get(uuid.UUID(package_id))


def get_quote(context: PageContext, event: Event, till: Till, view: OrderView) -> tuple[Quote, str]:
    """Return what the order costs, and why its promo code does not apply; the total is then without it.

    Raises InvalidInput when a line comes to too much.
    """
    lines = list_priced_lines(till, view)
    code = till.content["code"]
    typed = {"channel": till.content["channel"], "donor_email": till.content["email"]}
    with db.read_session() as s:
        try:
            return order_form.quote(s, context.actor, event.id, lines, promo_code=code, **typed), ""
        except (Unavailable, NotSignedIn):
            raise
        except TicketingError as exc:
            refusal = str(exc)
        return order_form.quote(s, context.actor, event.id, lines, **typed), refusal


def list_priced_lines(till: Till, view: OrderView) -> list[tuple[uuid.UUID, int]]:
    return [
        (uuid.UUID(line["package_id"]), line["quantity"])
        for line in till.lines
        if view.find_package(line["package_id"])
    ]


def record(
    context: PageContext, event: Event, till: Till, draft_id: uuid.UUID, shown_total: Decimal, view: OrderView
) -> None:
    """Record the order once, however often the button is clicked: the draft's id is the idempotency key.

    A callback of Streamlit: it reads the session's state once and calls nothing that could end it halfway.
    """
    read_typed(till)
    if till.draft_id != draft_id:  # the second click of a double click
        return
    till.answered += 1
    form = till.form
    form.problems, form.refusal = {}, ""
    form.attempts += 1
    if len(till.lines) > MAX_LINES:
        form.refusal = f"An order has at most {MAX_LINES} packages. Remove some."
        return
    try:
        quote, _ = get_quote(context, event, till, view)
        if quote.total != shown_total:  # clicked before the change was shown
            form.refusal = f"The total is {money.format_dollars(quote.total)} now. Check it, then record the sale."
            return
        recorded = db.write(lambda s: store(s, context, event, till))
    except InvalidInput as exc:
        show_problems(till, view, exc.fields)
    except SoldOut as exc:
        problems = {f"lines.{each.line}.quantity": format_shortage(each) for each in exc.shortages}
        show_problems(till, view, problems)
    except IdempotencyMismatch:
        form.refusal = (
            "This order was recorded before your last change. It is in Latest sales; start over for the next one."
        )
    except TicketingError as exc:
        show_problems(till, view, {exc.field or "": str(exc)})
    else:
        names = {package.id: package.name for package in view.packages.values()}
        till.receipt = Receipt(recorded, names)
        till.start()


def store(s: db.Session, context: PageContext, event: Event, till: Till) -> RecordedOrder:
    """Record the order and delete its draft, in one transaction."""
    asked = options.list_active_by_package(s, event.id, [uuid.UUID(line["package_id"]) for line in till.lines])
    draft = order_form.parse_draft(s, context.actor, event.id, get_draft_values(till, asked))
    recorded = orders.record(s, context.actor, event.id, draft, idempotency_key=str(till.draft_id))
    till_drafts.discard(s, context.actor, event.id, till.draft_id)
    return recorded


def get_draft_values(till: Till, asked: Mapping[uuid.UUID, Sequence[Option]]) -> dict[str, Any]:
    """Return what was typed as the values of an OrderDraft, without answers that are empty or not asked any more."""
    content = till.content
    lines = [
        {
            "package_id": (package_id := uuid.UUID(line["package_id"])),
            "quantity": line["quantity"],
            "answers": [
                {"option_id": option.id, "value": value}
                for option in asked.get(package_id, ())
                if (value := line["answers"].get(str(option.id))) not in (None, "", [])
            ],
            "guests": guests.parse_guest_list(line["guests"]),
            "package_version": till.quoted.get(package_id),
        }
        for line in till.lines
    ]
    return {
        "donor": {name: content[name] for name in ("name", "email", "phone")},
        "promo_code": content["code"],
        "channel": content["channel"],
        "payment_status": content["payment_status"],
        "notes": content["notes"],
        "lines": lines,
    }


def format_shortage(shortage: Shortage) -> str:
    advice = f"Order {shortage.left:,}" if shortage.left else "Remove it"
    return f"{shortage}. {advice}, or raise its limit."


def show_problems(till: Till, view: OrderView, fields: Mapping[str, str]) -> None:
    """Put each problem of a refused order beside its field, and unfold what hides such a field."""
    required = {option.id for asked in view.questions.values() for option in asked if option.is_required}
    for name, sentence in fields.items():
        if field := find_field(till, name):
            till.form.problems.setdefault(field, sentence)
            kind, *ids = field.split("_")
            if kind == "guests" or (kind == "answer" and uuid.UUID(ids[1]) not in required):
                package_id = uuid.UUID(ids[0])
                till.unfolded[package_id] = till.unfolded.get(package_id, 0) + 1
        else:
            till.form.refusal = sentence


def find_field(till: Till, name: str) -> str | None:
    """Return the page's field for one of OrderDraft, such as `lines.0.answers.OPTION`; None for the whole order."""
    first, _, rest = name.partition(".")
    if first == "lines" and rest:
        index, _, field = rest.partition(".")
        package_id = till.lines[int(index)]["package_id"]
        if field.startswith("answers."):
            return f"answer_{package_id}_{field.removeprefix('answers.')}"
        return f"{'guests' if field.startswith('guests') else 'quantity'}_{package_id}"
    return FIELDS.get(name)

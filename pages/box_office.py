"""Box office: record one sale, with its total shown before it is recorded."""

import time
import uuid
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from ticketing import db, money
from ticketing.catalog import options, packages
from ticketing.catalog.events import Event
from ticketing.catalog.options import Option
from ticketing.catalog.packages import Package
from ticketing.errors import TicketingError, Unavailable
from ticketing.pricing import Quote
from ticketing.purchase_filter import BOX_OFFICE_PURCHASES
from ticketing.reporting import purchase_list
from ticketing.reporting.purchase_list import PurchaseRow
from ticketing.sales import guests, purchases
from ticketing.sales.purchases import RecordedPurchase
from ui import session, text
from ui.purchases import details
from ui.session import PageContext
from ui.widgets import forms
from ui.widgets.forms import FormState
from ui.widgets.page_header import render_header

context, event = session.require_event("change")

DOUBLE_CLICK_SECONDS = 1
LATEST_SALES = 5
MAX_CODES_SHOWN = 20
KEPT_FIELDS = ("package_id", "channel", "payment_status")
PRICE_FIELDS = ("package_id", "quantity", "channel", "promo_code")
DEFAULT_VALUES = {
    "package_id": None,
    "quantity": 1,
    "name": "",
    "email": "",
    "phone": "",
    "promo_code": "",
    "guests": "",
    "channel": "card_terminal",
    "payment_status": "completed",
    "notes": "",
}


@dataclass
class SaleState:
    """What the last run of the page rendered for the sale in progress: its questions, and the inputs of the total."""

    options: list[Option] = field(default_factory=list)
    quoted_inputs: dict[str, Any] = field(default_factory=dict)


def render_page(context: PageContext, event: Event) -> None:
    with db.read_session() as s:
        latest = purchase_list.list_page(s, context.actor, event.id, BOX_OFFICE_PURCHASES, per_page=LATEST_SALES)
        on_offer = {package.id: package for package in packages.list_enabled(s, context.actor, event.id)}
    render_header("Box office", event)
    if not on_offer:
        render_nothing_on_sale()
        return
    form = get_sale_form(event, on_offer)
    package = on_offer[form.typed()["package_id"]]
    form.version = package.version
    with db.read_session() as s:
        get_sale_state(form).options = options.list_active(s, context.actor, package.id)
    render_receipt(event)
    forms.render_summary(form.problems, form.refusal)
    left, right = st.columns(2, gap="large")
    with left:
        render_sale_fields(form, on_offer)
    with right, st.container(border=True):
        render_payment(context, event, form, package)
    if latest:
        render_latest_sales(event, latest)
    details.render(context, event)


def render_nothing_on_sale() -> None:
    with st.container(border=True):
        st.subheader("Nothing is on sale", anchor=False)
        st.markdown("Add a package or put one on sale, then sell it here.")


def form_kind(event: Event) -> str:
    """Return the kind of the sale's form: each event has its own, so that visiting another event loses nothing."""
    return f"sale_{event.id}"


def start_sale(event: Event, values: dict[str, Any]) -> None:
    forms.open_form(form_kind(event), None, 0, DEFAULT_VALUES | values)


def get_sale_form(event: Event, on_offer: dict[uuid.UUID, Package]) -> FormState:
    """Return the sale in progress, with a package that is on offer; start one if there is none."""
    first_choice = next((p.id for p in on_offer.values() if not p.is_sold_out), next(iter(on_offer)))
    if forms.find_form(form_kind(event)) is None:
        start_sale(event, {"package_id": first_choice})
    form = forms.find_form(form_kind(event))
    assert form is not None
    if form.typed()["package_id"] not in on_offer:
        form.problems.setdefault("package_id", "The package you chose is no longer on sale. Choose another package.")
        st.session_state[form.key("package_id")] = first_choice
    return form


def get_sale_state(form: FormState) -> SaleState:
    return forms.get_page_state(form, SaleState)


def render_receipt(event: Event) -> None:
    """Show the last sale of this event, until the next one."""
    if "receipt" not in st.session_state:
        return
    recorded: RecordedPurchase
    recorded, package_name = st.session_state.receipt
    purchase = recorded.purchase
    if purchase.event_id != event.id:
        return
    codes = " ".join(ticket.code for ticket in recorded.tickets[:MAX_CODES_SHOWN])
    hidden = len(recorded.tickets) - MAX_CODES_SHOWN
    more = f" and {hidden:,} more" if hidden > 0 else ""
    what = f"{purchase.quantity:,} × {text.escape_markdown(package_name)}"
    label = "Ticket code" if len(recorded.tickets) == 1 else "Ticket codes"
    st.success(
        f"{what} for {text.escape_markdown(purchase.purchaser_name)}, {text.format_dollars(purchase.total)}. "
        f"{label}: {codes}{more}.",
        title="Recorded",
        icon=":material/check_circle:",
    )


def render_sale_fields(form: FormState, on_offer: dict[uuid.UUID, Package]) -> None:
    """Show the fields, in the order in which one asks a donor at the table."""
    st.selectbox(
        "Package",
        list(on_offer),
        key=form.key("package_id"),
        persist_state="session",
        format_func=lambda package_id: format_package(on_offer[package_id]),
    )
    forms.render_problem(form.problems, "package_id")
    st.number_input("Quantity", 1, 10_000, key=form.key("quantity"), persist_state="session")
    forms.render_problem(form.problems, "quantity")
    for option in get_sale_state(form).options:
        render_question(form, option)
    render_donor_fields(form)
    st.text_area(
        "Guests (optional)",
        key=form.key("guests"),
        persist_state="session",
        on_change="ignore",
        height=100,
        placeholder="Ana Lopez, ana@example.org\nBen Okafor",
    )
    forms.render_hint("One guest per line, with an e-mail address after a comma if you have it. Name the rest later.")
    for name in form.problems:
        if name.startswith("guests"):
            forms.render_problem(form.problems, name)
    st.text_input("Note (optional)", key=form.key("notes"), persist_state="session", on_change="ignore")
    forms.render_problem(form.problems, "notes")


def format_package(package: Package) -> str:
    left = "sold out" if package.is_sold_out else "" if package.available is None else f"{package.available:,} left"
    price, seats = money.format_dollars(package.price), text.format_count(package.seats_per_package, "seat")
    return " · ".join(part for part in (package.name, price, seats, left) if part)


def render_question(form: FormState, option: Option) -> None:
    label = text.escape_markdown(option.label) + ("" if option.is_required else " (optional)")
    key = answer_key(form, option)
    if option.option_type == "boolean":
        st.segmented_control(label, ["Yes", "No"], key=key, persist_state="session", on_change="ignore")
    elif option.option_type == "multi_select":
        st.pills(
            label,
            option.choices or [],
            selection_mode="multi",
            format_func=text.escape_markdown,
            key=key,
            persist_state="session",
            on_change="ignore",
        )
    else:
        st.text_input(label, key=key, persist_state="session", on_change="ignore", max_chars=options.MAX_ANSWER_LENGTH)
    forms.render_problem(form.problems, f"answers.{option.id}")


def render_donor_fields(form: FormState) -> None:
    st.text_input("Donor's name", key=form.key("name"), persist_state="session", on_change="ignore")
    forms.render_problem(form.problems, "donor.name")
    st.text_input(
        "Donor's e-mail address", key=form.key("email"), persist_state="session", on_change="ignore", type="email"
    )
    forms.render_problem(form.problems, "donor.email")
    st.text_input(
        "Donor's phone (optional)", key=form.key("phone"), persist_state="session", on_change="ignore", type="phone"
    )
    forms.render_problem(form.problems, "donor.phone")


def render_payment(context: PageContext, event: Event, form: FormState, package: Package) -> None:
    """Show how it is paid, the total, and the button that records the sale; no total while it cannot be quoted."""
    st.pills(
        "Paid by",
        purchases.BOX_OFFICE_CHANNELS,
        key=form.key("channel"),
        persist_state="session",
        required=True,
        format_func=text.CHANNEL_LABELS.__getitem__,
    )
    st.segmented_control(
        "Status",
        ("completed", "pending"),
        key=form.key("payment_status"),
        persist_state="session",
        required=True,
        format_func=text.STATUS_LABELS.__getitem__,
        on_change="ignore",
    )
    st.text_input("Promo code (optional)", key=form.key("promo_code"), persist_state="session")
    forms.render_hint("Applied once per order, not per seat.")
    try:
        quote = get_quote(context, event, form, package)
    except Unavailable:
        raise
    except TicketingError as exc:
        forms.render_problem({"promo_code": str(exc)}, "promo_code")
        st.button("Record sale", type="primary", width="stretch", disabled=True)
        return
    get_sale_state(form).quoted_inputs = get_price_inputs(form)
    forms.render_problem(form.problems, "promo_code")
    render_total(form, package, quote)
    st.button(
        f"Record sale, {text.format_dollars(quote.total)}",
        type="primary",
        width="stretch",
        on_click=record,
        args=(context, event, form.form_id, package.name),
        key=form.key("record"),
    )


def get_quote(context: PageContext, event: Event, form: FormState, package: Package) -> Quote:
    typed = form.typed()
    with db.read_session() as s:
        return purchases.quote(
            s,
            context.actor,
            event.id,
            package_id=package.id,
            quantity=typed["quantity"] or 1,
            channel=typed["channel"],
            promo_code=typed["promo_code"],
            donor_email=typed["email"],
        )


def get_price_inputs(form: FormState) -> dict[str, Any]:
    """Return the values that the total depends on."""
    typed = form.typed()
    return {name: typed[name] for name in PRICE_FIELDS}


def render_total(form: FormState, package: Package, quote: Quote) -> None:
    quantity = form.typed()["quantity"] or 1
    seats = text.format_count(package.seats_per_package * quantity, "seat")
    st.markdown(f"{quantity:,} × {text.escape_markdown(package.name)} · {seats}")
    if quote.discount:
        subtotal, discount = text.format_dollars(quote.list_price), text.format_dollars(-quote.discount)
        st.markdown(f"Subtotal {subtotal}  \nDiscount {discount}")
    st.subheader(f"Total {text.format_dollars(quote.total)}", anchor=False)


def record(context: PageContext, event: Event, form_id: str, package_name: str) -> None:
    """Record the sale once, however often the button is clicked: the form's id is the idempotency key."""
    form = forms.find_form(form_kind(event))
    if form is None or form.form_id != form_id or is_second_click(form):
        return
    typed = form.typed()
    if get_sale_state(form).quoted_inputs != get_price_inputs(form):  # clicked before the change was rendered
        form.problems, form.refusal = {}, "The total has just changed. Check it, then record the sale."
        return
    recorded = forms.submit(
        form,
        lambda s: purchases.record(
            s,
            context.actor,
            event.id,
            purchases.parse_draft(s, event.id, get_draft_values(form)),
            idempotency_key=form.form_id,
        ),
    )
    if recorded:
        st.session_state.receipt = recorded, package_name
        st.session_state.recorded_at = time.monotonic()
        start_sale(event, {name: typed[name] for name in KEPT_FIELDS})


def is_second_click(form: FormState) -> bool:
    """Whether this is the second click of a double click, which meets the empty form of the next sale."""
    is_just_recorded = time.monotonic() - st.session_state.get("recorded_at", 0) < DOUBLE_CLICK_SECONDS
    return is_just_recorded and not form.changed_values()


def get_draft_values(form: FormState) -> dict[str, Any]:
    typed = form.typed()
    answers = [{"option_id": o.id, "value": get_answer(form, o)} for o in get_sale_state(form).options]
    copied = ("package_id", "quantity", "promo_code", "channel", "payment_status", "notes")
    return {name: typed[name] for name in copied} | {
        "donor": {name: typed[name] for name in ("name", "email", "phone")},
        "answers": [answer for answer in answers if answer["value"] not in (None, "", [])],
        "guests": guests.parse_guest_list(typed["guests"]),
        "package_version": form.version,
    }


def answer_key(form: FormState, option: Option) -> str:
    return form.key(f"answer_{option.id}")


def get_answer(form: FormState, option: Option) -> object:
    answer = st.session_state.get(answer_key(form, option))
    if option.option_type == "boolean":
        return {"Yes": True, "No": False}.get(answer or "")
    return answer


def render_latest_sales(event: Event, rows: list[PurchaseRow]) -> None:
    """List the last sales recorded here, where a mistake is noticed first; it is voided in the details."""
    st.subheader("Latest sales", anchor=False)
    for row in rows:
        purchase = row.purchase
        parts = [
            text.format_datetime(purchase.purchased_at, event.time_zone),
            f"{purchase.quantity:,} × {text.escape_markdown(row.package)}",
            text.escape_markdown(purchase.purchaser_name),
            text.format_dollars(purchase.total),
        ]
        if purchase.payment_status != "completed":
            parts.append(text.STATUS_LABELS[purchase.payment_status].lower())
        with st.container(horizontal=True, vertical_alignment="center", wrap=False, key=f"sold_{purchase.id}"):
            st.markdown(" · ".join(parts), width="stretch")
            st.button("Details", key=f"open_{purchase.id}", on_click=details.open_purchase, args=(purchase.id,))


render_page(context, event)

"""The registration table: one sale, its total shown before it is recorded."""

import time
from dataclasses import dataclass, field

import streamlit as st

from ticketing import db, money
from ticketing.catalog import options, packages
from ticketing.errors import TicketingError, Unavailable
from ticketing.models import Option
from ticketing.purchase_filter import BOX_OFFICE_PURCHASES
from ticketing.reporting import purchase_list
from ticketing.sales import guests, purchases
from ui import session, text
from ui.purchases import details
from ui.widgets import forms
from ui.widgets.page_header import render_header

context, event = session.require_event("change")

# One in progress for each event, so that a look at another event loses nothing.
FORM_KIND = f"sale_{event.id}"
DOUBLE_CLICK_SECONDS = 1
KEPT_FIELDS = ("package_id", "channel", "payment_status")
DEFAULT_VALUES = {
    "package_id": None, "quantity": 1, "name": "", "email": "", "phone": "", "promo_code": "", "guests": "",
    "channel": "card_terminal", "payment_status": "completed", "notes": "",
}  # fmt: skip


@dataclass
class SaleState:
    """What the last run of the page rendered for the sale in progress: its questions, and the inputs of the total."""

    options: list[Option] = field(default_factory=list)
    quoted_inputs: dict[str, object] = field(default_factory=dict)


def get_sale_state(form: forms.FormState) -> SaleState:
    return forms.get_page_state(form, SaleState)


def start_sale(kept: dict) -> None:
    forms.open_form(FORM_KIND, None, 0, DEFAULT_VALUES | kept)


def record(form_id: str) -> None:
    """Once, however often it is clicked: the form's id is the idempotency key."""
    form = forms.find_form(FORM_KIND)
    if form.form_id != form_id or is_second_click(form):
        return
    typed = form.typed()
    if get_sale_state(form).quoted_inputs != get_price_inputs(form):
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
        st.session_state.receipt = recorded, package.name
        st.session_state.recorded_at = time.monotonic()
        start_sale({name: typed[name] for name in KEPT_FIELDS})


def is_second_click(form: forms.FormState) -> bool:
    """Whether it meant the sale just recorded, and met the empty form after it."""
    just_now = time.monotonic() - st.session_state.get("recorded_at", 0) < DOUBLE_CLICK_SECONDS
    return just_now and not form.changed_values()


def get_price_inputs(form: forms.FormState) -> dict:
    """What the total depends on. A fast click may come before a change of it was drawn."""
    return {name: form.typed()[name] for name in ("package_id", "quantity", "channel", "promo_code")}


def get_draft_values(form: forms.FormState) -> dict:
    typed = form.typed()
    answers = [{"option_id": o.id, "value": get_answer(form, o)} for o in get_sale_state(form).options]
    return {
        **{
            name: typed[name] for name in ("package_id", "quantity", "promo_code", "channel", "payment_status", "notes")
        },
        "donor": {name: typed[name] for name in ("name", "email", "phone")},
        "answers": [given for given in answers if given["value"] not in (None, "", [])],
        "guests": guests.parse_guest_list(typed["guests"]),
        "package_version": form.version,
    }


def get_answer(form: forms.FormState, option) -> object:
    given = st.session_state.get(form.key(f"answer_{option.id}"))
    return {"Yes": True, "No": False}.get(given) if option.option_type == "boolean" else given


def render_question(form: forms.FormState, option) -> None:
    label = text.escape_markdown(option.label) + ("" if option.is_required else " (optional)")
    key = form.key(f"answer_{option.id}")
    if option.option_type == "boolean":
        st.segmented_control(label, ["Yes", "No"], key=key, persist_state="session", on_change="ignore")
    elif option.option_type == "multi_select":
        st.pills(
            label,
            option.choices,
            selection_mode="multi",
            format_func=text.escape_markdown,
            key=key,
            persist_state="session",
            on_change="ignore",
        )
    else:
        st.text_input(label, key=key, persist_state="session", on_change="ignore", max_chars=options.MAX_ANSWER_LENGTH)
    forms.render_problem(form.problems, f"answers.{option.id}")


def render_sale_fields(form: forms.FormState, on_offer: dict) -> None:
    """The fields, in the order one asks a donor at the table."""
    st.selectbox(
        "Package",
        list(on_offer),
        key=form.key("package_id"),
        persist_state="session",
        format_func=lambda i: format_package(on_offer[i]),
    )
    forms.render_problem(form.problems, "package_id")
    st.number_input("Quantity, in packages", 1, 10_000, key=form.key("quantity"), persist_state="session")
    forms.render_problem(form.problems, "quantity")
    for option in get_sale_state(form).options:
        render_question(form, option)
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
    st.text_area(
        "Guests (optional)", key=form.key("guests"), persist_state="session", on_change="ignore", height=100,
        placeholder="Ana Lopez, ana@example.org\nBen Okafor",
    )  # fmt: skip
    forms.render_hint(
        "One guest per line; an e-mail address may follow after a comma. Seats left over are named later."
    )
    for name in form.problems:
        if name.startswith("guests"):
            forms.render_problem(form.problems, name)
    st.text_input("Note (optional)", key=form.key("notes"), persist_state="session", on_change="ignore")
    forms.render_problem(form.problems, "notes")


def format_package(package) -> str:
    left = "sold out" if package.is_sold_out else "" if package.available is None else f"{package.available:,} left"
    parts = [
        package.name,
        money.format_dollars(package.price),
        text.format_count(package.seats_per_package, "seat"),
        left,
    ]
    return " · ".join(part for part in parts if part)


def render_payment(form: forms.FormState, package) -> None:
    """How it is paid, what it comes to, and the button that records it."""
    typed = form.typed()
    st.pills(
        "Channel",
        purchases.BOX_OFFICE_CHANNELS,
        key=form.key("channel"),
        persist_state="session",
        required=True,
        format_func=text.CHANNEL_LABELS.get,
    )
    st.segmented_control(
        "Payment", ("completed", "pending"), key=form.key("payment_status"), persist_state="session", required=True,
        format_func=text.STATUS_LABELS.get, on_change="ignore",
    )  # fmt: skip
    st.text_input("Promo code (optional)", key=form.key("promo_code"), persist_state="session")
    forms.render_hint("Taken once per purchase, not per seat.")
    try:
        with db.read_session() as s:
            quote = purchases.quote(
                s, context.actor, event.id, package_id=package.id, quantity=typed["quantity"] or 1,
                channel=typed["channel"], promo_code=typed["promo_code"], donor_email=typed["email"],
            )  # fmt: skip
    except Unavailable:
        raise
    except TicketingError as refused:
        forms.render_problem({"promo_code": str(refused)}, "promo_code")
        st.button("Record sale", type="primary", width="stretch", disabled=True)
        return
    get_sale_state(form).quoted_inputs = get_price_inputs(form)
    forms.render_problem(form.problems, "promo_code")
    seats = text.format_count(package.seats_per_package * (typed["quantity"] or 1), "seat")
    st.markdown(f"{typed['quantity'] or 1:,} × {text.escape_markdown(package.name)} · {seats}")
    if quote.discount:
        st.markdown(f"{text.format_dollars(quote.list_price)} less {text.format_dollars(quote.discount)} discount")
    st.subheader(f"Total {text.format_dollars(quote.total)}", anchor=False)
    st.button(
        f"Record sale, {text.format_dollars(quote.total)}", type="primary", width="stretch", on_click=record,
        args=(form.form_id,), key=form.key("record"),
    )  # fmt: skip


def render_receipt(recorded: purchases.RecordedPurchase, name: str) -> None:
    """The last sale of this event, until the next one."""
    sold = recorded.purchase
    if sold.event_id != event.id:
        return
    codes = " ".join(ticket.code for ticket in recorded.tickets[:20])
    more = f" and {len(recorded.tickets) - 20:,} more" if len(recorded.tickets) > 20 else ""
    st.success(
        f"{sold.quantity:,} × {text.escape_markdown(name)} for {text.escape_markdown(sold.purchaser_name)}, {text.format_dollars(sold.total)}. "
        f"Ticket codes: {codes}{more}.",
        title="Recorded", icon=":material/check_circle:",
    )  # fmt: skip


def render_latest_sales(lines: list[purchase_list.PurchaseRow]) -> None:
    """The last sales recorded here, where a slip is noticed first; it is voided in the details."""
    st.subheader("Latest sales", anchor=False)
    for line in lines:
        sold = line.purchase
        with st.container(horizontal=True, vertical_alignment="center", wrap=False, key=f"sold_{sold.id}"):
            when = text.format_datetime(sold.purchased_at, event.time_zone)
            told = f"{when} · {sold.quantity:,} × {text.escape_markdown(line.package)} · {text.escape_markdown(sold.purchaser_name)}"
            state = (
                "" if sold.payment_status == "completed" else f" · {text.STATUS_LABELS[sold.payment_status].lower()}"
            )
            st.markdown(f"{told} · {text.format_dollars(sold.total)}{state}", width="stretch")
            st.button("Details", key=f"open_{sold.id}", on_click=details.open_purchase, args=(sold.id,))


with db.read_session() as s:
    recent = purchase_list.list_page(s, context.actor, event.id, BOX_OFFICE_PURCHASES, per_page=5)
    on_offer = {package.id: package for package in packages.list_enabled(s, context.actor, event.id)}

render_header("Box office", event)
if not on_offer:
    with st.container(border=True):
        st.subheader("Nothing is on sale", anchor=False)
        st.markdown("Add a package, or enable one, and it can be sold here.")
    st.stop()

first_choice = next((p.id for p in on_offer.values() if not p.is_sold_out), next(iter(on_offer)))
if forms.find_form(FORM_KIND) is None:
    start_sale({"package_id": first_choice})
form = forms.find_form(FORM_KIND)
if form.typed()["package_id"] not in on_offer:
    form.problems.setdefault("package_id", "The package chosen before is not for sale any more. Check this one.")
    st.session_state[form.key("package_id")] = first_choice
package = on_offer[form.typed()["package_id"]]
form.version = package.version
with db.read_session() as s:
    get_sale_state(form).options = options.list_active(s, context.actor, package.id)

if "receipt" in st.session_state:
    render_receipt(*st.session_state.receipt)
forms.render_summary(form.problems, form.refusal)
left, right = st.columns(2, gap="large")
with left:
    render_sale_fields(form, on_offer)
with right, st.container(border=True):
    render_payment(form, package)

if recent:
    render_latest_sales(recent)
details.render(context, event)

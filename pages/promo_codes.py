"""The promo codes page: the state, uses and discount of each code, and a dry run of a code."""

import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any, Literal
from zoneinfo import ZoneInfo

import streamlit as st

from ticketing import db, money
from ticketing.catalog import packages, promo_code_check, promo_codes
from ticketing.catalog.events import Event
from ticketing.catalog.promo_codes import PromoCode
from ticketing.errors import RateLimited, TicketingError, Unavailable
from ticketing.validation import validate
from ui import session, text
from ui.audit import history
from ui.runtime import outage
from ui.session import PageContext
from ui.widgets import forms, paging
from ui.widgets.page_header import render_header

context, event = session.require_event()
PER_PAGE = 20
TYPES = ("percentage", "fixed_amount")
NEW_CODE_VALUES = {
    "code": "",
    "discount_type": "percentage",
    "discount_value": "",
    "expires_at": None,
    "max_total_uses": None,
    "max_uses_per_donor": None,
    "is_active": True,
}
STATE_BADGES: dict[str, tuple[str, str, Literal["gray", "red", "orange", "blue", "green"]]] = {
    "off": ("Off", ":material/pause_circle:", "gray"),
    "expired": ("Expired", ":material/event_busy:", "red"),
    "used_up": ("Used up", ":material/block:", "red"),
    "expires_soon": ("Expires", ":material/schedule:", "orange"),
    "never_used": ("Never used", ":material/radio_button_unchecked:", "blue"),
    "active": ("Active", ":material/check_circle:", "green"),
}


@dataclass
class DryRunState:
    """The last dry run of the form: what was entered, and its result or refusal."""

    inputs: dict[str, Any] = field(default_factory=dict)
    result: promo_code_check.DryRunResult | TicketingError | None = None


def start_new() -> None:
    forms.open_form("promo_code", None, 0, NEW_CODE_VALUES)


@outage.keep_page_on_outage()
def handle_menu_choice(context: PageContext, event: Event, promo_code_id: uuid.UUID) -> None:
    """Run the entry picked in a card's menu."""
    picked = st.session_state[f"menu_{promo_code_id}"]
    with db.read_session() as s:
        row, _ = promo_codes.get(s, context.actor, event.id, promo_code_id)
        was_used = picked == "Edit" and promo_codes.was_used(s, row)
    if picked == "Edit":
        convert = partial(to_widget_value, ZoneInfo(event.time_zone))
        values = {name: convert(name, getattr(row, name)) for name in NEW_CODE_VALUES}
        forms.open_form("promo_code", row.id, row.version, values, convert)
        forms.get_form("promo_code").notes = format_used_note(row.current_uses) if was_used else ""
    elif picked == "Delete":
        forms.open_form("promo_code_deletion", row.id, row.version, {"code": row.code})
    elif picked == "Try":
        start_dry_run(context, event, row.code)
    elif picked == "History":
        history.open_dialog(row.id, row.code)
    else:
        on = picked == "Switch on"
        forms.attempt(
            lambda s: promo_codes.update(
                s, context.actor, event.id, row.id, {"is_active": on}, seen_version=row.version
            ),
            f"{row.code} is {'active' if on else 'off'}.",
        )


def format_used_note(uses: int) -> str:
    """Describe a used code; it has no uses when all its purchases were voided, refunded or failed."""
    used = f"Used {text.format_count(uses, 'time')}" if uses else "Used by a purchase that no longer counts"
    return (
        f"{used}: its code, type and value cannot change. Limits, expiry and Active apply to new purchases; past "
        "purchases keep their discount."
    )


def to_widget_value(zone: ZoneInfo, name: str, stored: object) -> object:
    """Return a stored value as its widget holds it."""
    if name == "expires_at" and stored is not None:
        moment = stored if isinstance(stored, datetime) else datetime.fromisoformat(str(stored))
        return moment.astimezone(zone).replace(tzinfo=None)
    if name == "discount_value":
        return format_discount_value(Decimal(str(stored)))
    return stored


def format_discount_value(value: Decimal) -> str:
    return money.format_plain(value).removesuffix(".00")


def save(context: PageContext, event: Event, form: forms.FormState) -> None:
    record_id = form.id
    if record_id is None:
        forms.submit(
            form,
            lambda s: promo_codes.create(
                s, context.actor, event.id, validate(promo_codes.PromoCodeDraft, form.typed())
            ),
            lambda row: f"Code {row.code} created.",
        )
    else:
        forms.submit(
            form,
            lambda s: promo_codes.update(
                s, context.actor, event.id, record_id, form.changed_values(), seen_version=form.version
            ),
            lambda row: f"Code {row.code} saved.",
        )


def delete(context: PageContext, event: Event, form: forms.FormState) -> None:
    record_id = form.id
    assert record_id is not None
    forms.submit(
        form,
        lambda s: promo_codes.delete(s, context.actor, event.id, record_id),
        f"Code {form.values['code']} deleted.",
    )


def render_promo_code_form(context: PageContext, event: Event, form: forms.FormState) -> None:
    fixed = bool(form.notes)
    with st.form("promo_code_form", border=False, enter_to_submit=False):
        st.text_input("Code, 4 to 20 letters and digits", key=form.key("code"), placeholder="EARLY25", disabled=fixed)
        forms.render_problem(form.problems, "code")
        st.segmented_control(
            "Type",
            TYPES,
            key=form.key("discount_type"),
            format_func=text.VALUE_LABELS.__getitem__,
            required=True,
            disabled=fixed,
        )
        forms.render_problem(form.problems, "discount_type")
        st.text_input(
            "Value, in percent or US dollars", key=form.key("discount_value"), placeholder="25", disabled=fixed
        )
        forms.render_hint("Applied once per order, not per seat.")
        forms.render_problem(form.problems, "discount_value")
        forms.render_datetime_input(
            f"Expires (optional), {text.format_zone_city(event.time_zone)} time", form.key("expires_at")
        )
        forms.render_problem(form.problems, "expires_at")
        unlimited: dict[str, Any] = {"placeholder": "Unlimited", "value": None}
        st.number_input("Total uses", 1, 10_000, key=form.key("max_total_uses"), **unlimited)
        forms.render_problem(form.problems, "max_total_uses")
        st.number_input("Uses per donor", 1, 100, key=form.key("max_uses_per_donor"), **unlimited)
        forms.render_problem(form.problems, "max_uses_per_donor")
        st.toggle("Active", key=form.key("is_active"))
        forms.render_submit(
            "Create promo code" if form.id is None else "Save promo code", form, lambda: save(context, event, form)
        )


def render_deletion_form(context: PageContext, event: Event, form: forms.FormState) -> None:
    forms.render_deletion(
        form,
        f"This permanently deletes code {text.escape_markdown(form.values['code'])}.",
        lambda: delete(context, event, form),
    )


@outage.keep_page_on_outage()
def start_dry_run(context: PageContext, event: Event, code: str = "") -> None:
    with db.read_session() as s:
        first = next(iter(packages.list_names(s, context.actor, event.id)), None)
    forms.open_form("trial", None, 0, {"code": code, "package_id": first, "quantity": 1, "email": "", "moment": None})


def render_dry_run_form(context: PageContext, event: Event, form: forms.FormState) -> None:
    """Render the result of every rule and the price; no use of the code is reserved."""
    with db.read_session() as s:
        names = packages.list_names(s, context.actor, event.id)
    if not names:
        st.markdown("Create a package first, to try a code on it.")
        return
    st.text_input("Code", key=form.key("code"), placeholder="EARLY25")
    st.selectbox("Package", list(names), key=form.key("package_id"), format_func=lambda i: names.get(i, ""))
    st.number_input("Quantity", 1, 10_000, key=form.key("quantity"))
    st.text_input("Donor's e-mail address (optional)", key=form.key("email"))
    forms.render_datetime_input("Date and time (default: now)", form.key("moment"))
    typed = form.typed()
    if not (typed["code"] or "").strip():
        forms.render_hint("Enter a code to check it against each rule.")
        return
    result = get_dry_run_result(context, event, form, typed)
    if isinstance(result, TicketingError):
        st.error(text.escape_markdown(str(result)))
        if isinstance(result, RateLimited | Unavailable):
            st.button("Try again", icon=":material/refresh:", on_click=retry_dry_run, args=(form,))
        return
    for rule in (*result.code_rules, *result.package_rules):
        mark = ":green[:material/check_circle: Pass]" if rule.passed else ":red[:material/cancel: Fail]"
        st.markdown(f"{mark} {text.escape_markdown(rule.sentence)}")
    without = "" if result.reason is None else ", without the code"
    if result.quote.discount:
        st.markdown(
            f"Subtotal {text.format_dollars(result.quote.list_price)}  \n"
            f"Discount -{text.format_dollars(result.quote.discount)}"
        )
    st.markdown(f"**Total {text.format_dollars(result.quote.total)}{without}**")


def get_dry_run_result(
    context: PageContext, event: Event, form: forms.FormState, typed: dict[str, Any]
) -> promo_code_check.DryRunResult | TicketingError:
    """Return the result for the entered values; rendering the page again reuses it, so that it is counted once."""
    state = forms.get_page_state(form, DryRunState)
    if state.result is not None and state.inputs == typed:
        return state.result
    result: promo_code_check.DryRunResult | TicketingError
    try:
        result = db.write(
            lambda s: promo_code_check.dry_run(
                s,
                context.actor,
                event.id,
                typed["code"],
                package_id=typed["package_id"],
                quantity=typed["quantity"] or 1,
                donor_email=typed["email"] or "",
                moment=typed["moment"],
            )
        )
    except TicketingError as refused:
        result = refused
    state.inputs, state.result = typed, result
    return result


def retry_dry_run(form: forms.FormState) -> None:
    forms.get_page_state(form, DryRunState).inputs = {}


def render_card(context: PageContext, event: Event, row: PromoCode, total_discount: Decimal, now: datetime) -> None:
    with st.container(border=True, height="stretch", gap="small", key=f"card_{row.id}"):
        with st.container(horizontal=True, vertical_alignment="top", wrap=False):
            with st.container(gap="xsmall"):
                st.subheader(text.escape_markdown(row.code), anchor=False)
                render_state_badge(event, row, now)
                st.markdown(format_discount(row))
            if context.is_allowed("change"):
                toggle = "Switch off" if row.is_active else "Switch on"
                st.menu_button(
                    "Actions",
                    ["Edit", "Try", "History", toggle, "Delete"],
                    key=f"menu_{row.id}",
                    type="tertiary",
                    on_click=handle_menu_choice,
                    args=(context, event, row.id),
                )
        render_uses(event, row, total_discount)


def render_state_badge(event: Event, row: PromoCode, now: datetime) -> None:
    state = promo_codes.get_state(row, now)
    label, icon, color = STATE_BADGES[state]
    if state == "expires_soon" and row.expires_at is not None:
        zone = ZoneInfo(event.time_zone)
        days = (row.expires_at.astimezone(zone).date() - now.astimezone(zone).date()).days
        label = "Expires today" if days == 0 else f"Expires in {text.format_count(days, 'day')}"
    st.badge(label, icon=icon, color=color)


def format_discount(row: PromoCode) -> str:
    if row.discount_type == "percentage":
        return f"{format_discount_value(row.discount_value)}% off"
    return f"{text.format_dollars(row.discount_value)} off"


def render_uses(event: Event, row: PromoCode, total_discount: Decimal) -> None:
    """Render the uses, what is left, the total discount, and the expiry."""
    if row.max_total_uses is None:
        st.markdown(f"Used in {text.format_count(row.current_uses, 'purchase')} · unlimited")
    else:
        left = row.max_total_uses - row.current_uses
        label = f"Used in {row.current_uses:,} of {text.format_count(row.max_total_uses, 'purchase')} · {left:,} left"
        with st.container(key=f"{'part' if left else 'full'}_bar_{row.id}"):
            st.progress(row.current_uses / row.max_total_uses, text=label)
    details = [f"{text.format_dollars(total_discount)} in discounts"]
    if row.max_uses_per_donor:
        details.append(f"{text.format_count(row.max_uses_per_donor, 'purchase')} per donor")
    if row.expires_at:
        verb = "expired" if row.expires_at <= datetime.now(UTC) else "expires"
        details.append(f"{verb} {text.escape_markdown(text.format_datetime(row.expires_at, event.time_zone))}")
    st.markdown(" · ".join(details))


def render_page(context: PageContext, event: Event) -> None:
    with db.read_session() as s:
        rows, total = paging.load(
            "promo_codes_page",
            lambda page: promo_codes.list_page(s, context.actor, event.id, page=page, per_page=PER_PAGE),
        )
    actions = render_header("Promo codes", event, text.format_count(total, "code"))
    if total:
        actions.button("Try a code", icon=":material/science:", on_click=start_dry_run, args=(context, event))
    if context.is_allowed("change"):
        actions.button("New promo code", icon=":material/add:", type="primary", on_click=start_new)
    if not total:
        with st.container(border=True):
            st.subheader("No promo codes yet", anchor=False)
            st.markdown("A promo code takes a percentage or an amount off a purchase. It can expire and have limits.")
    for left in range(0, len(rows), 2):
        for column, (row, total_discount) in zip(st.columns(2), rows[left : left + 2], strict=False):
            with column:
                render_card(context, event, row, total_discount, datetime.now(UTC))
    paging.render("promo_codes_page", total, PER_PAGE)


def render_dialogs(context: PageContext, event: Event) -> None:
    zone = event.time_zone
    forms.render_dialog(
        "promo_code",
        "New promo code",
        "Edit promo code",
        lambda form: render_promo_code_form(context, event, form),
        zone,
    )
    forms.render_dialog(
        "promo_code_deletion",
        "Delete promo code",
        "Delete promo code",
        lambda form: render_deletion_form(context, event, form),
        zone,
    )
    forms.render_dialog(
        "trial", "Try a code", "Try a code", lambda form: render_dry_run_form(context, event, form), zone
    )
    history.render(context, event)


render_page(context, event)
render_dialogs(context, event)

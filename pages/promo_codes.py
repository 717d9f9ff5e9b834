"""The promo codes page: the state, uses and discount of each code, and a dry run of a code."""

import uuid
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import streamlit as st

from ticketing import db, money
from ticketing.catalog import promo_codes
from ticketing.catalog.events import Event
from ticketing.catalog.promo_codes import PromoCode
from ticketing.errors import NotFound
from ticketing.validation import validate
from ui import session, text
from ui.audit import history
from ui.promo_codes import dry_run
from ui.promo_codes import rows as code_rows
from ui.runtime import outage, sales_watch
from ui.session import PageContext
from ui.widgets import forms, list_rows, paging, undo
from ui.widgets.empty_page import render_empty_page
from ui.widgets.page_header import render_archived_note, render_header

context, event = session.require_event()
PER_PAGE, PAGE_KEY = 20, "promo_codes_page"
DIALOGS = ("promo_code", "promo_code_deletion", dry_run.KIND, *history.KINDS)
# By type: label, unit and example of the value.
VALUE_FIELDS = {
    "percentage": ("Percent off", ":material/percent:", "25"),
    "fixed_amount": ("Amount off", ":material/attach_money:", "25.00"),
}
TYPES = tuple(VALUE_FIELDS)
TOTAL_USES_HELP = "Counts orders, not seats or packages. It cannot go below the uses so far."
DONOR_USES_HELP = "Counts orders of one e-mail address."
NEW_CODE_VALUES = {
    "code": "",
    "discount_type": "percentage",
    "discount_value": "",
    "expires_at": None,
    "max_total_uses": None,
    "max_uses_per_donor": None,
    "is_active": True,
}


def open_linked(context: PageContext, event: Event) -> None:
    """Open the code that a link names (`?code=`), once: its form for those who may change it, else its page."""
    linked = st.query_params.pop("code", None)
    if linked is None:
        return
    with db.read_session() as s:
        ids = [str(code_id) for code_id in promo_codes.list_names(s, context.actor, event.id)]
    if linked in ids:
        st.session_state[PAGE_KEY] = ids.index(linked) // PER_PAGE + 1
        if context.may_set_up():
            start_edit(context, event, uuid.UUID(linked))


def start_new() -> None:
    forms.open_form("promo_code", None, 0, NEW_CODE_VALUES)


@outage.keep_page_on_outage()
def start_edit(context: PageContext, event: Event, promo_code_id: uuid.UUID) -> None:
    with db.read_session() as s:
        row, _ = promo_codes.get(s, context.actor, event.id, promo_code_id)
    convert = partial(to_widget_value, ZoneInfo(event.time_zone))
    values = {name: convert(name, getattr(row, name)) for name in NEW_CODE_VALUES}
    forms.open_form("promo_code", row.id, row.version, values, convert)
    forms.get_form("promo_code").read_notes = partial(read_used_note, context, event, promo_code_id)


@outage.keep_page_on_outage()
def handle_menu_choice(context: PageContext, event: Event, promo_code_id: uuid.UUID) -> None:
    """Run the entry picked in a card's menu."""
    picked = st.session_state[f"menu_{promo_code_id}"]
    if picked == "Edit":
        start_edit(context, event, promo_code_id)
        return
    with db.read_session() as s:
        row, _ = promo_codes.get(s, context.actor, event.id, promo_code_id)
    if picked == "Delete":
        forms.open_form("promo_code_deletion", row.id, row.version, {})
    elif picked == "Try":
        dry_run.start(context, event, row.code)
    elif picked == "History":
        history.open_dialog(row.id, row.code)
    else:
        set_active(context, event, row, active=picked == "Switch on")


def set_active(context: PageContext, event: Event, row: PromoCode, *, active: bool) -> None:
    """Switch a code on or off, and offer to undo it."""

    def change(value: bool, version: int, s: db.Session) -> PromoCode:
        values = {"is_active": value}
        return promo_codes.update(s, context.actor, event.id, row.id, values, seen_version=version)

    undo.run(
        f"{row.code} is {'active' if active else 'off'}.",
        partial(change, active, row.version),
        lambda changed, s: change(not active, changed.version, s),
    )


def read_used_note(context: PageContext, event: Event, promo_code_id: uuid.UUID) -> str:
    """Describe a used code as it is now; it has no uses when all its purchases were voided, refunded or failed."""
    with db.read_session() as s:
        row, _ = promo_codes.get(s, context.actor, event.id, promo_code_id)
        uses = row.current_uses
        if not promo_codes.was_used(s, row):
            return ""
    used = f"Used {text.format_count(uses, 'time')}" if uses else "Used by an order that no longer counts"
    return (
        f"{used}: its code, type and value cannot change. Limits, expiry and Active apply to new orders; past "
        "orders keep their discount."
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
        typed = mark_fixed_amount(form, form.typed())
        created: PromoCode | None = forms.submit(
            form,
            lambda s: promo_codes.create(s, context.actor, event.id, validate(promo_codes.PromoCodeDraft, typed)),
            lambda row: f"Code {row.code} created.",
            shown_as=lambda row: f"card_{row.id}",
        )
        if created is not None:
            with db.read_session() as s:
                position = promo_codes.list_codes(s, context.actor, event.id).index(created.code)
            st.session_state[PAGE_KEY] = position // PER_PAGE + 1  # the page that shows it
    else:
        changes, before = mark_fixed_amount(form, form.changed_values()), dict[str, Any]()

        def work(s: db.Session) -> PromoCode:
            row, _ = promo_codes.get(s, context.actor, event.id, record_id)
            before.update(undo.take_snapshot(row, NEW_CODE_VALUES))
            return promo_codes.update(s, context.actor, event.id, record_id, changes, seen_version=form.version)

        saved: PromoCode | None = forms.submit(form, work)
        if saved is None:
            return
        undo.offer_edit(
            f"Code {saved.code} saved.",
            undo.list_old_values(before, saved),
            lambda s, old: promo_codes.update(s, context.actor, event.id, record_id, old, seen_version=saved.version),
        )


def mark_fixed_amount(form: forms.FormState, values: dict[str, Any]) -> dict[str, Any]:
    """Mark a value in dollars as a typed amount; "$25" is no percentage."""
    return forms.mark_amount(values, "discount_value") if form.typed()["discount_type"] == "fixed_amount" else values


def render_promo_code_form(context: PageContext, event: Event, form: forms.FormState) -> None:
    fixed = bool(form.notes)
    # Outside of the form below, so that the value has the unit of the chosen type.
    st.segmented_control(
        "Type",
        TYPES,
        key=form.key("discount_type"),
        format_func=text.VALUE_LABELS.__getitem__,
        required=True,
        disabled=fixed,
    )
    forms.render_problem(form, "discount_type")
    with st.form("promo_code_form", border=False):
        forms.render_required_note()
        st.text_input("Code", key=form.key("code"), placeholder="EARLY25", disabled=fixed)
        forms.render_hint("4 to 20 letters and digits")
        forms.render_problem(form, "code")
        render_value(form, fixed)
        forms.render_datetime_input(
            f"Expires (optional), {text.format_zone_city(event.time_zone)} time", form.key("expires_at")
        )
        forms.render_problem(form, "expires_at")
        render_limits(form)
        st.toggle("Active", key=form.key("is_active"), help="Switched off, no new order can use the code.")
        label = "Create promo code" if form.id is None else "Save promo code"
        forms.render_submit(label, form, lambda: save(context, event, form), start_new)


def render_value(form: forms.FormState, fixed: bool) -> None:
    label, icon, placeholder = VALUE_FIELDS[st.session_state[form.key("discount_type")]]
    st.text_input(label, key=form.key("discount_value"), placeholder=placeholder, icon=icon, disabled=fixed)
    forms.render_hint("Applied once per order, not per seat.")
    forms.render_problem(form, "discount_value")


def render_limits(form: forms.FormState) -> None:
    key = form.key("max_total_uses")
    st.number_input("Total uses (optional)", 1, 10_000, None, key=key, placeholder="Unlimited", help=TOTAL_USES_HELP)
    forms.render_problem(form, "max_total_uses")
    key = form.key("max_uses_per_donor")
    st.number_input("Uses per donor (optional)", 1, 100, None, key=key, placeholder="Unlimited", help=DONOR_USES_HELP)
    forms.render_problem(form, "max_uses_per_donor")


def render_deletion_form(context: PageContext, event: Event, form: forms.FormState) -> None:
    """Ask for confirmation, or offer to switch off a code that was used, as it is now."""
    assert form.id is not None
    try:
        with db.read_session() as s:
            row, _ = promo_codes.get(s, context.actor, event.id, form.id)
            was_used = promo_codes.was_used(s, row)
    except NotFound as gone:
        forms.render_close(form, "" if form.refusal else str(gone))
        return
    code = text.escape_markdown(row.code)
    if not was_used:
        sentence = f"No order has used {code}. This permanently deletes it."
        delete = partial(promo_codes.delete, actor=context.actor, event_id=event.id, promo_code_id=row.id)
        forms.render_deletion(form, sentence, partial(forms.submit, form, delete, f"Code {row.code} deleted."))
        return
    sentence = f"{code} was used, so it stays in the records."
    if row.is_active:
        sentence += " Switch it off instead: no new order can use it."
    label, off = "Switch off" if row.is_active else "", partial(set_active, context, event, row, active=False)
    forms.render_alternative(form, sentence, label, ":material/pause_circle:", off)


def render_rows(
    context: PageContext, event: Event, rows: list[tuple[PromoCode, Decimal]], used: set[uuid.UUID]
) -> None:
    is_editable, titles = context.may_set_up(), code_rows.TITLES
    with list_rows.render_list("promo_codes", "Promo code", titles, is_editable=is_editable):
        for code, taken_off in rows:
            row = code_rows.build_row(event, code, taken_off, datetime.now(UTC))
            on_open = start_edit if is_editable else None
            with list_rows.render_row(row, titles, f"Edit {code.code}", on_open, context, event, code.id):
                if is_editable:
                    label, args = f"{code.code} active", (context, event, code.id)
                    list_rows.render_switch(label, code.id, code.version, handle_switch, *args, is_on=code.is_active)
                    render_menu(context, event, code, code.id in used)


@outage.keep_page_on_outage()
def handle_switch(context: PageContext, event: Event, promo_code_id: uuid.UUID, key: str) -> None:
    with db.read_session() as s:
        row, _ = promo_codes.get(s, context.actor, event.id, promo_code_id)
    set_active(context, event, row, active=st.session_state[key])


def render_menu(context: PageContext, event: Event, row: PromoCode, is_used: bool) -> None:
    """Render the menu of a code; a used one can be switched off and not deleted, which the menu says."""
    toggle = "Switch off" if row.is_active else "Switch on"
    list_rows.render_menu(
        row.code,
        ["Edit", "Try", "History", toggle, *([] if is_used else ["Delete"])],
        row.id,
        handle_menu_choice,
        context,
        event,
        row.id,
        reasons={toggle: "used, so not deleted"} if is_used else None,
    )


def render_page(context: PageContext, event: Event) -> None:
    sales_watch.rerun_on_change(event.id, paused=forms.is_open(*DIALOGS))
    with db.read_session() as s:
        rows, total = paging.load(
            PAGE_KEY,
            lambda page: promo_codes.list_page(s, context.actor, event.id, page=page, per_page=PER_PAGE),
        )
        used = promo_codes.list_used(s, [row for row, _ in rows])
    actions = render_header("Promo codes", event, text.format_count(total, "code"))
    if total:
        actions.button("Try a code", icon=":material/science:", on_click=dry_run.start, args=(context, event))
    if total and context.may_set_up():
        actions.button("New promo code", icon=":material/add:", type="primary", on_click=start_new)
    render_archived_note(event)
    if not total:
        sentence = "A promo code takes a percentage or an amount off an order. It can expire and have limits."
        with render_empty_page("No promo codes yet", sentence, "promo-codes"):
            if context.may_set_up():
                st.button("New promo code", icon=":material/add:", type="primary", on_click=start_new)
    else:
        render_rows(context, event, rows, used)
    paging.render(PAGE_KEY, total, PER_PAGE)


def render_dialogs(context: PageContext, event: Event) -> None:
    zone = event.time_zone
    forms.render_dialog(
        "promo_code",
        "New promo code",
        "Edit promo code",
        lambda form: render_promo_code_form(context, event, form),
        zone,
        drafts=f"{context.actor.staff_id}:{event.id}",
        **forms.SHEET,
    )
    forms.render_dialog(
        "promo_code_deletion",
        "Delete promo code",
        "Delete promo code",
        lambda form: render_deletion_form(context, event, form),
        zone,
    )
    dry_run.render(context, event)
    history.render(context, event)


open_linked(context, event)
render_page(context, event)
render_dialogs(context, event)

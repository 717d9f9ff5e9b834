"""The dialog that tries a code: every rule, and the price, without a use of the code."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from ticketing import db
from ticketing.catalog import packages, promo_code_check
from ticketing.catalog.events import Event
from ticketing.errors import RateLimited, TicketingError, Unavailable
from ui import text
from ui.runtime import outage
from ui.session import PageContext
from ui.widgets import forms

KIND = "trial"  # of the form


@dataclass
class DryRunState:
    """The last dry run of the form: what was entered, and its result or refusal."""

    inputs: dict[str, Any] = field(default_factory=dict)
    result: promo_code_check.DryRunResult | TicketingError | None = None


@outage.keep_page_on_outage()
def start(context: PageContext, event: Event, code: str = "") -> None:
    with db.read_session() as s:
        first = next(iter(packages.list_names(s, context.actor, event.id)), None)
    forms.open_form(KIND, None, 0, {"code": code, "package_id": first, "quantity": 1, "email": "", "moment": None})


def _render_form(context: PageContext, event: Event, form: forms.FormState) -> None:
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
    result = _get_result(context, event, form, typed)
    if isinstance(result, TicketingError):
        st.error(text.escape_markdown(str(result)))
        if isinstance(result, RateLimited | Unavailable):
            st.button("Try again", icon=":material/refresh:", on_click=_retry, args=(form,))
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


def _get_result(
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


def _retry(form: forms.FormState) -> None:
    forms.get_page_state(form, DryRunState).inputs = {}


def render(context: PageContext, event: Event) -> None:
    """Render the dialog while it is open."""
    forms.render_dialog(
        KIND, "Try a code", "Try a code", lambda form: _render_form(context, event, form), event.time_zone
    )

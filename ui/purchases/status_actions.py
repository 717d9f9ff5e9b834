"""Buttons that void a sale or move its payment to the next status: one package, or the whole order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from ticketing import db, money
from ticketing.errors import InvalidInput, StaleVersion, TicketingError
from ticketing.models import SOLD_STATUSES, Event, Purchase
from ticketing.reporting.purchase_list import PurchaseDetails
from ticketing.sales import corrections
from ui import text
from ui.session import PageContext
from ui.widgets import forms, undo


@dataclass(frozen=True)
class StatusAction:
    """A button that changes the payment status; `meaning` is shown before, `done` after, both filled in by purchase."""

    label: str
    icon: str
    meaning: str
    done: str


STATUS_ACTIONS = {
    "completed": StatusAction(
        "Mark as paid", "paid", "{total} will count as revenue.", "Marked as paid: {total} now counts as revenue."
    ),
    "failed": StatusAction(
        "Mark as failed",
        "money_off",
        "Nothing was paid, so {back}. The sale stays on record as failed. This is final.",
        "Marked as failed: {back}.",
    ),
    "refunded": StatusAction(
        "Mark as refunded",
        "undo",
        "{total} is taken out of revenue, and {back}. The sale stays on record as refunded. This is final, and no "
        "money moves: pay the donor back the way they paid.",
        "Marked as refunded: {back}.",
    ),
    "voided": StatusAction(
        "Void",
        "block",
        "For a sale entered by mistake: {back}. The sale stays on record as voided. You can undo it for 10 minutes.",
        "Sale voided: {back}.",
    ),
}


def render(context: PageContext, event: Event, form: forms.FormState, details: PurchaseDetails) -> None:
    """Show the buttons of the actions that are possible now, or the confirmation of the one that was chosen."""
    available = _list_available_actions(details.purchase)
    chosen = st.session_state.get(form.key("step"))
    if chosen in available:
        _render_confirmation(context, event, form, details, chosen)
    elif available:
        with st.container(horizontal=True):
            for name in available:
                st.button(
                    STATUS_ACTIONS[name].label,
                    key=form.key(f"choose_{name}"),
                    icon=f":material/{STATUS_ACTIONS[name].icon}:",
                    on_click=_select_action,
                    args=(form, name),
                )


def _list_available_actions(purchase: Purchase) -> list[str]:
    """Return the next statuses of the payment; a completed or pending sale may be voided too."""
    following = list(corrections.NEXT_STATUSES.get(purchase.payment_status, ()))
    return [*following, "voided"] if following else following


def _render_confirmation(
    context: PageContext, event: Event, form: forms.FormState, details: PurchaseDetails, chosen: str
) -> None:
    action = STATUS_ACTIONS[chosen]
    affected = [line.purchase for line in details.lines if chosen in _list_available_actions(line.purchase)]
    with st.container(border=True):
        whole_order = len(affected) > 1 and _ask_for_whole_order(form, len(affected), len(details.lines))
        values = _message_values(affected if whole_order else [details.purchase], details)
        st.markdown(f"**{action.label}.** {text.escape_markdown(action.meaning.format(**values))}")
        with st.form(form.key(f"confirm_{chosen}"), border=False):
            if chosen == "voided":
                st.text_input("Reason", key=form.key("reason"), placeholder="Entered twice")
                forms.render_problem(form, "reason")
            with st.container(horizontal=True):
                st.form_submit_button(
                    action.label,
                    key=f"{'' if chosen == 'completed' else 'destroy_'}{form.key(f'do_{chosen}')}",
                    type="primary",
                    on_click=_apply_action,
                    args=(context, event, form, details, chosen, whole_order, action.done.format(**values)),
                )
                st.form_submit_button("Cancel", key=form.key("cancel"), on_click=_select_action, args=(form, ""))


def _ask_for_whole_order(form: forms.FormState, affected: int, lines: int) -> bool:
    """Ask whether an action concerns every package of the order that it can, or only the one that is shown."""
    whole = "The whole order" if affected == lines else f"All {affected} packages that can"
    choice = st.radio("For", ["Only this package", whole], key=form.key("scope"), horizontal=True)
    return choice == whole


def _message_values(purchases: Sequence[Purchase], details: PurchaseDetails) -> dict[str, str]:
    quantity = sum(purchase.quantity for purchase in purchases)
    back = "its package goes back" if quantity == 1 else f"its {quantity:,} packages go back"
    rest = {line.purchase.id for line in details.lines if line.purchase.payment_status in SOLD_STATUSES}
    is_last = not rest - {purchase.id for purchase in purchases}
    promo_use = " and its promo code use is returned" if details.promo_code and is_last else ""
    total = money.format_dollars(sum((purchase.total for purchase in purchases), money.ZERO))
    return {"total": total, "back": f"{back} on sale{promo_use}"}


def _select_action(form: forms.FormState, step: str) -> None:
    form.problems, form.refusal = {}, ""
    st.session_state[form.key("step")] = step


def _apply_action(
    context: PageContext,
    event: Event,
    form: forms.FormState,
    details: PurchaseDetails,
    step: str,
    whole_order: bool,
    done: str,
) -> None:
    """Change the purchase or order that was shown, once; the drawer stays open and shows the result."""
    reason = st.session_state.get(form.key("reason")) or ""
    order, purchase = details.order, details.purchase

    def work(s: db.Session) -> int | None:
        """Return the version of a voided order, which undoing the void names."""
        actor = context.actor
        if step == "voided":
            only = {"purchase_id": None if whole_order else purchase.id}
            seen = order.version if whole_order else None
            return corrections.void_order(s, actor, event.id, order.id, reason, seen_version=seen, **only).version
        if whole_order:
            corrections.change_order_status(s, actor, event.id, order.id, step, seen_version=order.version)
        else:
            corrections.change_status(s, actor, event.id, purchase.id, step, seen_version=purchase.version)
        return None

    form.problems, form.refusal = {}, ""
    form.attempts += 1
    try:
        voided_version = db.write(work)
    except InvalidInput as exc:
        form.problems = exc.fields
    except StaleVersion as exc:
        _select_action(form, "")
        form.refusal = f"{exc} Nothing was changed. The purchase is shown as it is now."
    except TicketingError as exc:
        form.refusal = str(exc)
    else:
        _select_action(form, "")
        if voided_version is None:
            forms.add_message(done)
            return
        undo.offer(
            done, lambda s: corrections.undo_void(s, context.actor, event.id, order.id, seen_version=voided_version)
        )

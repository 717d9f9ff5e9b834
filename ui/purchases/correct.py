"""Form that corrects a sale inside the drawer of its purchase: donor and note of the order, answers of the purchase."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import streamlit as st

from ticketing import db
from ticketing.errors import FieldChange, StaleVersion
from ticketing.models import Event, Option, Order
from ticketing.sales import sale_details
from ticketing.sales.order_donor import AnotherDonor
from ticketing.sales.sale_details import SaleDetails
from ui import text
from ui.runtime import outage
from ui.session import PageContext
from ui.widgets import forms, questions, undo

KIND = "correction"
ANSWERS = "lines.0.answers."  # what problems call the answers of the only purchase that this form sends


@dataclass
class CorrectionState:
    """The questions of the form by field, and the donor whose address was typed, until that is confirmed."""

    details: SaleDetails | None = None
    questions: dict[str, Option] = field(default_factory=dict)
    other_donor: AnotherDonor | None = None


def render_button(context: PageContext, event: Event, purchase_id: uuid.UUID) -> None:
    """Render the button that opens the form."""
    st.button(
        "Correct details",
        key=f"correct_{purchase_id}",
        icon=":material/edit:",
        on_click=_open_form,
        args=(context, event, purchase_id),
    )


@outage.keep_page_on_outage()
def _open_form(context: PageContext, event: Event, purchase_id: uuid.UUID) -> None:
    with db.read_session() as s:
        details = sale_details.get(s, context.actor, event.id, purchase_id)
    asked = {f"{ANSWERS}{option.id}": option for option, _ in details.questions}
    convert = partial(_to_widget_value, asked)
    values = {name: convert(name, stored) for name, stored in _get_stored_values(details).items()}
    forms.open_form(KIND, purchase_id, details.order.version, values, convert)
    form = forms.get_form(KIND)
    form.labels = {name: f"Answer to “{option.label}”" for name, option in asked.items()}
    state = forms.get_page_state(form, CorrectionState)
    state.details, state.questions = details, asked


def _get_stored_values(details: SaleDetails) -> dict[str, Any]:
    answers = {f"{ANSWERS}{option.id}": answer for option, answer in details.questions}
    return {name: getattr(details.purchase, column) for name, column in sale_details.COLUMNS.items()} | answers


def _to_widget_value(asked: Mapping[str, Option], name: str, stored: Any) -> Any:
    """Return a stored value as its widget holds it: without one, a list or text is empty."""
    if stored is not None:
        return stored
    return questions.EMPTY_ANSWERS[asked[name].option_type] if name in asked else ""


def render_form(context: PageContext, event: Event, form: forms.FormState) -> None:
    """Render the fields and buttons; the caller shows problems and conflicts above them."""
    state = forms.get_page_state(form, CorrectionState)
    assert state.details is not None
    st.markdown("**Correct details**")
    _render_scope(state.details)
    with st.form("correction_form", border=False):
        forms.render_required_note()
        _render_donor(form)
        for name, option in state.questions.items():
            questions.render(option, form.key(name), stored=st.session_state.get(form.key(name)))
            forms.render_problem(form, name)
        st.text_area("Note (optional)", key=form.key("notes"), height=80)
        forms.render_problem(form, "notes")
        if form.problems or form.refusal:
            forms.render_problem({"above": "Nothing was saved. See the message above."}, "above")
        if state.other_donor is None:
            forms.render_submit("Save correction", form, partial(_save, context, event, form))
        else:
            name = text.escape_markdown(state.other_donor.name)
            st.warning(f"This is **{name}**'s address. Same person?", icon=":material/person_search:")
            forms.render_hint(
                f"If so, the order moves to {name}, whose own name and phone stay as they are. If not, enter another "
                "address."
            )
            confirmed = partial(_save, context, event, form, state.other_donor.donor_id)
            forms.render_submit("Same person, save", form, confirmed)


def _render_scope(details: SaleDetails) -> None:
    """Say what the form corrects, and what to do about everything else."""
    sentences = ["Package, quantity, amounts, promo code, date and how it was paid cannot be corrected."]
    if details.purchase.channel == "import":
        sentences.append("This sale was imported: correct them where it was sold.")
    else:
        sentences.append("If one of them is wrong, void the sale and sell again.")
    if details.line_count > 1:
        sentences.append(f"Donor and note are those of all {details.line_count:,} packages of the order.")
    forms.render_hint(text.escape_markdown(" ".join(sentences)))


def _render_donor(form: forms.FormState) -> None:
    # Without a type: a browser that refuses an address keeps Cancel from working too, which is in the same form.
    st.text_input("Donor's name", key=form.key("donor.name"), autocomplete="off")
    forms.render_problem(form, "donor.name")
    st.text_input("Donor's e-mail address", key=form.key("donor.email"), autocomplete="off")
    forms.render_problem(form, "donor.email")
    st.text_input("Donor's phone (optional)", key=form.key("donor.phone"), autocomplete="off")
    forms.render_problem(form, "donor.phone")


def _save(
    context: PageContext, event: Event, form: forms.FormState, confirmed_donor_id: uuid.UUID | None = None
) -> None:
    """Save only the fields that were changed here; another donor's address asks for a confirmation first."""
    state = forms.get_page_state(form, CorrectionState)
    state.other_donor = None
    version, changed = form.version, form.changed_values()
    order: Order | None = forms.submit(form, lambda s: _correct(s, context, event, form, changed, confirmed_donor_id))
    if order is not None and order.version == version:
        forms.add_message("Nothing was changed.")
    elif order is not None:
        old = {name: form.values[name] for name in changed}
        undo.offer("Sale corrected.", partial(_undo, context, event, form, state, old, order.version))
    if state.other_donor is not None:
        form.problems = {}


def _undo(
    context: PageContext,
    event: Event,
    form: forms.FormState,
    state: CorrectionState,
    old: Mapping[str, Any],
    version: int,
    s: db.Session,
) -> None:
    """Give the sale the values again that it had before, and the order its donor, if that address is theirs still."""
    assert state.details is not None
    _send(s, context, event, form, state, old, version, state.details.order.donor_id)


def _send(
    s: db.Session,
    context: PageContext,
    event: Event,
    form: forms.FormState,
    state: CorrectionState,
    changed: Mapping[str, Any],
    version: int,
    confirmed_donor_id: uuid.UUID | None,
) -> Order:
    assert state.details is not None
    assert form.id is not None
    answers = {state.questions[name].id: value for name, value in changed.items() if name in state.questions}
    return sale_details.correct(
        s,
        context.actor,
        event.id,
        state.details.order.id,
        {name: value for name, value in changed.items() if name in sale_details.COLUMNS},
        {form.id: answers} if answers else {},
        seen_version=version,
        confirmed_donor_id=confirmed_donor_id,
    )


def _correct(
    s: db.Session,
    context: PageContext,
    event: Event,
    form: forms.FormState,
    changed: Mapping[str, Any],
    confirmed_donor_id: uuid.UUID | None,
) -> Order:
    state = forms.get_page_state(form, CorrectionState)
    try:
        return _send(s, context, event, form, state, changed, form.version, confirmed_donor_id)
    except AnotherDonor as exc:
        state.other_donor = exc
        raise
    except StaleVersion as exc:
        assert form.id is not None
        now = sale_details.get(s, context.actor, event.id, form.id)
        exc.changes = (*exc.changes, *_list_answer_changes(form, state.questions, now, exc.changes))
        raise


def _list_answer_changes(
    form: forms.FormState, questions: Mapping[str, Option], now: SaleDetails, changes: Sequence[FieldChange]
) -> Iterator[FieldChange]:
    """Return the changes of answers by field of this form; the audit log knows them by their questions."""
    stored = _get_stored_values(now)
    for name, option in questions.items():
        answer = form.to_widget_value(name, stored.get(name))
        if answer != form.values[name]:
            found = [each for each in changes if each.field == f"{sale_details.ANSWER_FIELD} {option.label}"]
            latest = (found or list(changes))[-1]
            yield FieldChange(name, form.values[name], answer, latest.by, latest.at)

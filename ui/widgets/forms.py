"""Forms: their state, problems beside fields, edit conflicts, and messages after a rerun."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from functools import partial
from html import escape
from typing import Any, TypeVar, cast

import streamlit as st

from ticketing import db, money
from ticketing.errors import InvalidInput, NotFound, NotSignedIn, StaleVersion, TicketingError, Unavailable
from ui import text
from ui.runtime import outage
from ui.widgets import conflicts
from ui.widgets.form_state import FormState as FormState

State = TypeVar("State")
# Options of st.dialog for a long form: a sheet at the side, beside which the page stays in view.
SHEET: dict[str, Any] = {"position": "right", "width": 560}
UNDO_KEY = "undo"  # of ui/widgets/undo.py in the page's state


def open_form(
    kind: str,
    record_id: uuid.UUID | None,
    version: int,
    values: dict[str, Any],
    to_widget_value: Callable[[str, Any], Any] = lambda _name, stored: stored,
) -> None:
    """Open a form whose widgets start with `values`, by field name.

    `to_widget_value` turns a stored value, as in the audit log, into the value of the field's widget.
    """
    close_form(kind)
    form = st.session_state[f"opened_{kind}"] = FormState(
        kind, record_id, version, dict(values), to_widget_value=to_widget_value
    )
    for name, value in values.items():
        st.session_state[form.key(name)] = value


def mark_amount(values: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the values of fields with the text of an amount marked as typed, so that "$1,234.50" is accepted."""
    typed = values.get(name)
    return values | {name: money.TypedAmount(typed)} if isinstance(typed, str) else values


def find_form(kind: str) -> FormState | None:
    """Return the open form of this kind, if there is one."""
    return st.session_state.get(f"opened_{kind}")


def is_open(*kinds: str) -> bool:
    """Return whether a form of one of these kinds is open."""
    return any(find_form(kind) is not None for kind in kinds)


def get_form(kind: str) -> FormState:
    """Return the open form of this kind. For code that runs only while it is open: raises KeyError without one."""
    form: FormState = st.session_state[f"opened_{kind}"]
    return form


def close_form(kind: str) -> None:
    """Close the form of this kind and drop the page state that was kept with it."""
    form = st.session_state.pop(f"opened_{kind}", None)
    if form is not None:
        st.session_state.pop(form.key("page_state"), None)
        if form.draft:
            st.session_state.setdefault("finished_drafts", []).append(form.draft)


def get_page_state(form: FormState, state_type: type[State]) -> State:
    """Return what one page keeps with this form, created empty at first use; it ends with the form."""
    # Every run of a page's script defines its classes anew, so isinstance would fail on state of an earlier run.
    return cast("State", st.session_state.setdefault(form.key("page_state"), state_type()))


def skip_if_closed(form: FormState, action: Callable[[], None]) -> Callable[[], None]:
    """Wrap a button's callback so that the second of two quick clicks, which finds the form closed, does nothing."""
    return lambda: action() if find_form(form.kind) is form else None


def submit(
    form: FormState,
    work: Callable[[Any], Any],
    success_message: str | Callable[[Any], str] = "",
    *,
    count_attempt: Callable[[Any], Any] | None = None,
    shown_as: Callable[[Any], str] | None = None,
) -> Any:
    """Run `work` in one transaction, then close the form with a message, or keep it open with what is wrong.

    For a form's submit callback. Returns the result of `work`, or None if it was refused. `count_attempt` runs before,
    in a transaction of its own, which is committed even if `work` is refused. Where the page shows
    the result, `shown_as` returns the key of its card, and the message is for screen readers only.
    """
    is_done, result = write(form, work, count_attempt)
    if not is_done:
        return None
    close_form(form.kind)
    st.session_state.pop(UNDO_KEY, None)
    if success_message:
        message = success_message if isinstance(success_message, str) else success_message(result)
        if shown_as is None:
            add_message(message)
        else:
            announce(message, shown_as(result))
    return result


def write(
    form: FormState, work: Callable[[Any], Any], count_attempt: Callable[[Any], Any] | None = None
) -> tuple[bool, Any]:
    """Run `work` in one transaction and keep the form open, with what is wrong if it was refused.

    Returns whether it was done, and its result. `count_attempt` is as in `submit`.
    """
    form.problems, form.refusal, form.auto_merged = {}, "", []
    form.attempts += 1
    try:
        if count_attempt is not None:
            db.write(count_attempt)
        return True, db.write(work)
    except InvalidInput as error:
        form.problems = error.fields
    except NotSignedIn as error:
        form.refusal, form.is_signed_out = str(error), True
    except StaleVersion as error:
        form.refusal = str(error)
        conflicts.merge(form, error)
    except TicketingError as error:
        if error.field in form.values:
            form.problems = {error.field: str(error)}
        else:
            form.refusal = str(error)
    return False, None


def attempt(work: Callable[[Any], Any], success_message: str) -> bool:
    """Run `work` for a button without a form, and show a message. Return whether it succeeded."""
    try:
        db.write(work)
    except TicketingError as error:
        add_message(str(error), icon=":material/error:")
        return False
    add_message(success_message)
    return True


def add_message(message: str, icon: str = ":material/check_circle:") -> None:
    """Queue a message for the next run. It ends the offer to undo an earlier change. `message` is plain text."""
    st.session_state.pop(UNDO_KEY, None)
    st.session_state.setdefault("messages", []).append((message, icon))


def announce(message: str, card_key: str) -> None:
    """Say in the next run what the page shows by itself, to screen readers only, and scroll to its card.

    `message` is plain text.
    """
    st.session_state.setdefault("announcements", []).append((message, card_key))


def render_messages() -> None:
    """Show the queued messages, and tell the browser which drafts it need not keep any longer."""
    for message, icon in st.session_state.pop("messages", []):
        st.toast(text.escape_markdown(message), icon=icon)
    for message, card_key in st.session_state.pop("announcements", []):
        st.html(f'<div class="announcement" role="status" data-card="{escape(card_key)}">{escape(message)}</div>')
    for draft in st.session_state.pop("finished_drafts", []):
        st.html(f'<div data-forget="{escape(draft)}"></div>')


def render_datetime_input(label: str, key: str) -> datetime | None:
    """Render an empty date and time input without a zone, in the years that ticketing.validation accepts.

    Its clock has 24 hours. Where people use 12, a hint says so; forms.css adds "in the morning" or "in the evening".
    """
    entered = st.datetime_input(
        label,
        None,
        key=key,
        min_value=datetime(2000, 1, 1),
        max_value=datetime(2099, 12, 31),
        format=text.get_date_input_format(),
    )
    if text.is_month_first():
        render_hint("24-hour clock: 18:30 is 6:30 PM.")
    return entered


def render_hint(sentence: str) -> None:
    """Render help under a field. The contrast of st.caption is too low (4.1:1). `sentence` is Markdown."""
    st.markdown(f":small[:gray[{sentence}]]")


def render_problem(problems: FormState | Mapping[str, str], name: str, field: str = "") -> None:
    """Render the problem of a field, if it has one. Call after the field.

    Given the form, the browser also marks the field and moves the focus to it, by the key of the container
    (ui/scripts/forms.js). `field` is the field's name in the form where the problem has another one.
    """
    sentences = problems.problems if isinstance(problems, FormState) else problems
    if sentence := sentences.get(name):
        key = f"problem_{problems.key(field or name)}" if isinstance(problems, FormState) else None
        st.container(key=key).markdown(f":red[:material/error: {text.escape_markdown(sentence)}]")


def render_summary(form: FormState) -> None:
    """Render what is wrong at the top of the form, as an alert that screen readers announce."""
    sentence = text.escape_markdown(form.refusal)
    if form.problems and not sentence:
        count = len(form.problems)
        sentence = f"Please fix the {'highlighted field' if count == 1 else f'{count} highlighted fields'}."
    if sentence:
        with st.container(key=f"refusal_{form.form_id}_{form.attempts}"):
            st.error(sentence)


def render_required_note() -> None:
    """Say how required fields differ, at the top of a form that has optional ones."""
    render_hint("Required unless marked optional.")


def render_dialog(
    kind: str,
    new_title: str,
    edit_title: str,
    body: Callable[[FormState], None],
    zone: str,
    on_close: Callable[[], None] | None = None,
    drafts: str = "",
    **dialog_options: Any,
) -> None:
    """Show the dialog of this kind while its form is open; dismissing it closes the form, or calls `on_close`.

    The form's header is rendered above `body`. With `drafts`, which names the user and what the form belongs to, the
    browser keeps what was typed until the form is closed; never for data of donors, guests and recipients.
    `dialog_options` are passed to st.dialog.
    """

    def render_body() -> None:
        form = find_form(kind)
        is_next = form is not None and bool(drafts) and not form.draft  # opened by "Save and add another"
        if form is None or form.is_signed_out or is_next:
            if form is not None:
                form.is_signed_out = False
            # Only the whole page can close the dialog, list what was saved, or show that the user is signed out.
            st.rerun()
        with outage.keep_page_on_outage():
            if form.draft:
                for name, value in form.values.items():  # Streamlit drops the fields of a page that was left
                    st.session_state.setdefault(form.key(name), value)
                st.html(f'<div class="draft-note" data-draft="{escape(form.draft)}">We kept what you typed here.</div>')
            render_form_header(form, zone)
            body(form)

    if form := find_form(kind):
        if drafts and not form.draft:
            form.draft = f"{drafts}:{kind}:{form.id or 'new'}:{form.version}"
        close = on_close or (lambda: close_form(kind))
        st.dialog(new_title if form.id is None else edit_title, on_dismiss=close, **dialog_options)(render_body)()


def render_form_header(form: FormState, zone: str) -> None:
    """Render what is wrong with a form, and its notes or what colleagues changed. Call before its fields."""
    if form.read_notes is not None:
        with suppress(NotFound, Unavailable):  # deleted meanwhile or away, which saving will say
            form.notes = form.read_notes()
    if form.auto_merged or form.conflicts:
        conflicts.render(form, zone)
        return
    render_summary(form)
    if form.notes:
        st.warning(text.escape_markdown(form.notes), icon=":material/history:")


def render_deletion(
    form: FormState,
    sentence: str,
    on_delete: Callable[[], None],
    delete_label: str = "Delete for good",
    icon: str = ":material/delete:",
    keep_label: str = "Cancel",
) -> None:
    """Ask for confirmation of a deletion, or offer to close after a refusal. `sentence` is Markdown."""
    if form.refusal:
        render_close(form)
        return
    st.markdown(sentence)
    with st.container(horizontal=True):
        key = f"destroy_{form.form_id}"  # red, as is every button whose key begins like this
        st.button(delete_label, key=key, type="primary", icon=icon, on_click=skip_if_closed(form, on_delete))
        st.button(keep_label, on_click=close_form, args=(form.kind,))


def render_alternative(form: FormState, sentence: str, label: str, icon: str, on_click: Callable[[], None]) -> None:
    """Say why something cannot be deleted, and offer what is possible; nothing with an empty `label`.

    `sentence` is Markdown. The form is closed before `on_click` is called.
    """
    st.markdown(sentence)
    with st.container(horizontal=True):
        if label:
            st.button(
                label, type="primary", icon=icon, on_click=skip_if_closed(form, partial(_close_then, form, on_click))
            )
        render_close(form)


def _submit_and_open(kind: str, on_submit: Callable[[], None], open_another: Callable[[], None]) -> None:
    on_submit()
    if find_form(kind) is None:  # it was saved
        open_another()


def _close_then(form: FormState, action: Callable[[], None]) -> None:
    close_form(form.kind)
    action()


def render_close(form: FormState, sentence: str = "") -> None:
    """Render a button that closes the form, below an error if there is one."""
    if sentence:
        st.error(text.escape_markdown(sentence))
    st.button("Close", key=form.key("close"), on_click=close_form, args=(form.kind,))


def render_submit(
    label: str, form: FormState, on_submit: Callable[[], None], open_another: Callable[[], None] | None = None
) -> None:
    """Render the submit and the cancel button of an st.form.

    With `open_another`, which opens the next form, a new record can also be saved with a button that does so.
    """
    with st.container(horizontal=True):
        st.form_submit_button(
            label, type="primary", on_click=skip_if_closed(form, on_submit), disabled=bool(form.conflicts)
        )
        if open_another is not None and form.id is None:
            on_click = skip_if_closed(form, partial(_submit_and_open, form.kind, on_submit, open_another))
            st.form_submit_button("Save and add another", key=form.key("another"), on_click=on_click)
        st.form_submit_button("Cancel", key=form.key("cancel"), on_click=close_form, args=(form.kind,))

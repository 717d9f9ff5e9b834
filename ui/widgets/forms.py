"""Forms: their state, problems beside fields, edit conflicts, and messages after a rerun."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar, cast

import streamlit as st

from ticketing import db
from ticketing.errors import FieldChange, InvalidInput, NotSignedIn, StaleVersion, TicketingError
from ui import text
from ui.runtime import outage

State = TypeVar("State")


@dataclass
class FormState:
    """An open form. `id` is None for a new record.

    `values` and `version` are those of the record when the form was opened, so that a later edit by a colleague is
    noticed. `problems` are sentences by field, `refusal` is a sentence about the whole form, `notes` a warning.
    `auto_merged` are changes of colleagues that the form took over, `conflicts` those that the user has to decide.
    """

    kind: str
    id: uuid.UUID | None
    version: int
    values: dict[str, Any]
    problems: dict[str, str] = field(default_factory=dict)
    refusal: str = ""
    to_widget_value: Callable[[str, Any], Any] = lambda _name, stored: stored
    auto_merged: list[FieldChange] = field(default_factory=list)
    conflicts: dict[str, FieldChange] = field(default_factory=dict)
    notes: str = ""
    is_signed_out: bool = False
    form_id: str = field(default_factory=lambda: uuid.uuid4().hex)

    def key(self, name: str) -> str:
        """Return the widget key of a field, unique to this form, so that no input of an earlier form comes back."""
        return f"{self.kind}_{name}_{self.form_id}"

    def typed(self) -> dict[str, Any]:
        """Return what the fields hold now, by field name."""
        return {name: st.session_state.get(self.key(name), value) for name, value in self.values.items()}

    def changed_values(self) -> dict[str, Any]:
        """Return the fields that the user changed since the form was opened."""
        return {name: value for name, value in self.typed().items() if value != self.values[name]}


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


def find_form(kind: str) -> FormState | None:
    """Return the open form of this kind, if there is one."""
    return st.session_state.get(f"opened_{kind}")


def get_form(kind: str) -> FormState:
    """Return the open form of this kind. For code that runs only while it is open: raises KeyError without one."""
    form: FormState = st.session_state[f"opened_{kind}"]
    return form


def close_form(kind: str) -> None:
    """Close the form of this kind and drop the page state that was kept with it."""
    form = st.session_state.pop(f"opened_{kind}", None)
    if form is not None:
        st.session_state.pop(form.key("page_state"), None)


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
) -> Any:
    """Run `work` in one transaction, then close the form with a message, or keep it open with what is wrong.

    For a form's submit callback. Returns the result of `work`, or None if it was refused. `count_attempt` runs before,
    in a transaction of its own, which is committed even if `work` is refused.
    """
    form.problems, form.refusal = {}, ""
    try:
        if count_attempt is not None:
            db.write(count_attempt)
        result = db.write(work)
    except InvalidInput as error:
        form.problems = error.fields
    except NotSignedIn as error:
        form.refusal, form.is_signed_out = str(error), True
    except StaleVersion as error:
        form.refusal = str(error)
        _merge(form, error)
    except TicketingError as error:
        if error.field in form.values:
            form.problems = {error.field: str(error)}
        else:
            form.refusal = str(error)
    else:
        close_form(form.kind)
        if success_message:
            add_message(success_message if isinstance(success_message, str) else success_message(result))
        return result
    return None


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
    """Queue a message for the next run. `message` is plain text, not Markdown."""
    st.session_state.setdefault("messages", []).append((message, icon))


def render_messages() -> None:
    """Show the queued messages."""
    for message, icon in st.session_state.pop("messages", []):
        st.toast(text.escape_markdown(message), icon=icon)


def render_datetime_input(label: str, key: str) -> datetime | None:
    """Render an empty date and time input without a zone, in the years that ticketing.validation accepts."""
    return st.datetime_input(label, None, key=key, min_value=datetime(2000, 1, 1), max_value=datetime(2099, 12, 31))


def render_hint(sentence: str) -> None:
    """Render help under a field. The contrast of st.caption is too low (4.1:1). `sentence` is Markdown."""
    st.markdown(f":small[:gray[{sentence}]]")


def render_problem(problems: Mapping[str, str], name: str) -> None:
    """Render the problem of a field, if it has one. Call after the field."""
    if sentence := problems.get(name):
        st.markdown(f":red[:material/error: {text.escape_markdown(sentence)}]")


def render_summary(problems: Mapping[str, str], refusal: str = "") -> None:
    """Render what is wrong at the top of the form, as an alert that screen readers announce."""
    if refusal:
        st.error(text.escape_markdown(refusal))
    elif problems:
        fields = "highlighted field" if len(problems) == 1 else f"{len(problems)} highlighted fields"
        st.error(f"Please fix the {fields}.")


def render_dialog(
    kind: str,
    new_title: str,
    edit_title: str,
    body: Callable[[FormState], None],
    zone: str,
    on_close: Callable[[], None] | None = None,
    **dialog_options: Any,
) -> None:
    """Show the dialog of this kind while its form is open; dismissing it closes the form, or calls `on_close`.

    The form's header is rendered above `body`. `dialog_options` are passed to st.dialog.
    """

    def render_body() -> None:
        form = find_form(kind)
        if form is None or form.is_signed_out:
            if form is not None:
                form.is_signed_out = False
            st.rerun()  # only the whole page can close the dialog, or show that the user is signed out
        with outage.keep_page_on_outage():
            render_form_header(form, zone)
            body(form)

    if form := find_form(kind):
        close = on_close or (lambda: close_form(kind))
        st.dialog(new_title if form.id is None else edit_title, on_dismiss=close, **dialog_options)(render_body)()


def render_form_header(form: FormState, zone: str) -> None:
    """Render what is wrong with a form, its notes, and what colleagues changed. Call before its fields."""
    render_summary(form.problems, form.refusal)
    if form.notes:
        st.warning(text.escape_markdown(form.notes), icon=":material/history:")
    render_conflicts(form, zone)


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
        st.button("Close", on_click=close_form, args=(form.kind,))
        return
    st.markdown(sentence)
    with st.container(horizontal=True):
        st.button(delete_label, type="primary", icon=icon, on_click=skip_if_closed(form, on_delete))
        st.button(keep_label, on_click=close_form, args=(form.kind,))


def render_submit(label: str, form: FormState, on_submit: Callable[[], None]) -> None:
    """Render the submit and the cancel button of an st.form."""
    with st.container(horizontal=True):
        st.form_submit_button(
            label, type="primary", on_click=skip_if_closed(form, on_submit), disabled=bool(form.conflicts)
        )
        st.form_submit_button("Cancel", on_click=close_form, args=(form.kind,))


def render_conflicts(form: FormState, zone: str) -> None:
    """Render what colleagues changed since the form was opened, and a choice for each field that both changed."""
    for change in form.auto_merged:
        st.info(f"{_describe_change(change, zone)} We've added it to your form.", icon=":material/merge:")
    for name, change in form.conflicts.items():
        st.warning(
            f"{_describe_change(change, zone)} {_describe_own_change(form, name, zone)}", icon=":material/call_split:"
        )
        with st.container(horizontal=True):
            st.button("Keep mine", key=form.key(f"mine_{name}"), on_click=_resolve_conflict, args=(form, name, False))
            st.button(
                "Take theirs", key=form.key(f"theirs_{name}"), on_click=_resolve_conflict, args=(form, name, True)
            )
    if form.conflicts:
        st.markdown("Choose for each, then save.")


def _describe_change(change: FieldChange, zone: str) -> str:
    old, new = (text.escape_markdown(text.format_value(change.field, each, zone)) for each in (change.old, change.new))
    action = f"changed {old} to {new}"
    if change.field == "image":  # its value is a hash
        action = "removed it" if change.new is None else "replaced it" if change.old else "added one"
    when = text.format_datetime(change.at, zone)
    return (
        f"**{text.FIELD_LABELS.get(change.field, change.field)}**: {text.escape_markdown(change.by)} {action}, {when}."
    )


def _describe_own_change(form: FormState, name: str, zone: str) -> str:
    typed = st.session_state.get(form.key(name))
    if name == "image":
        return "You chose another." if typed else "You removed it."
    return f"You typed {text.escape_markdown(text.format_value(name, typed, zone))}."


def _merge(form: FormState, stale: StaleVersion) -> None:
    """Take over the fields that only colleagues changed; a field that both changed becomes a conflict."""
    form.version = stale.current_version
    for name, change in {change.field: change for change in stale.changes if change.field in form.values}.items():
        theirs = form.to_widget_value(name, change.new)
        if form.typed()[name] in (form.values[name], theirs):
            st.session_state[form.key(name)] = theirs
            form.auto_merged.append(change)
        else:
            form.conflicts[name] = change
        form.values[name] = theirs


def _resolve_conflict(form: FormState, name: str, take_theirs: bool) -> None:
    del form.conflicts[name]
    if take_theirs:
        st.session_state[form.key(name)] = form.values[name]

"""What forms share: a record opened at one moment, problems beside their fields, conflicts, messages after a rerun."""

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
    """A form in progress. `id` is None for something new; `values` and `version` are of the moment it was opened,
    so that a colleague's edit in between is noticed."""

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
        """The widget's key: of this opening, so that nothing typed in an earlier one comes back."""
        return f"{self.kind}_{name}_{self.form_id}"

    def typed(self) -> dict[str, Any]:
        """What stands in the fields now, by field name."""
        return {name: st.session_state.get(self.key(name), value) for name, value in self.values.items()}

    def changed_values(self) -> dict[str, Any]:
        """The fields that the person changed since the form was opened."""
        return {name: value for name, value in self.typed().items() if value != self.values[name]}


def open_form(
    kind: str,
    record_id: uuid.UUID | None,
    version: int,
    values: dict[str, Any],
    to_widget_value: Callable[[str, Any], Any] = lambda _name, stored: stored,
) -> None:
    """Starts a form whose widgets take their first values from `values`, by key.

    `as_typed` turns a field's stored value (as the audit trail has it) into what its widget holds.
    """
    close_form(kind)
    form = st.session_state[f"opened_{kind}"] = FormState(
        kind, record_id, version, dict(values), to_widget_value=to_widget_value
    )
    for name, value in values.items():
        st.session_state[form.key(name)] = value


def find_form(kind: str) -> FormState | None:
    """The form of this kind that is in progress."""
    return st.session_state.get(f"opened_{kind}")


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
    """For a button's callback: the second of two quick clicks finds the form closed, and does nothing."""
    return lambda: action() if find_form(form.kind) is form else None


def submit(
    form: FormState,
    work: Callable[[Any], Any],
    success_message: str | Callable[[Any], str] = "",
    *,
    count_attempt: Callable[[Any], Any] | None = None,
) -> Any:
    """Does `work` in one transaction; closes the form and says `done`, or keeps it open with what is wrong.

    For a form's submit callback. Answers with the work's result, or None when it was refused. `counted` comes first, in
    a transaction of its own, which stays although `work` is refused.
    """
    form.problems, form.refusal = {}, ""
    try:
        if count_attempt is not None:
            db.write(count_attempt)
        result = db.write(work)
    except InvalidInput as wrong:
        form.problems = wrong.fields
    except NotSignedIn as out:
        form.refusal, form.is_signed_out = str(out), True
    except StaleVersion as stale:
        form.refusal = str(stale)
        _merge(form, stale)
    except TicketingError as refused:
        if refused.field in form.values:
            form.problems = {refused.field: str(refused)}
        else:
            form.refusal = str(refused)
    else:
        close_form(form.kind)
        if success_message:
            add_message(success_message if isinstance(success_message, str) else success_message(result))
        return result
    return None


def attempt(work: Callable[[Any], Any], success_message: str) -> bool:
    """Does `work` for a button without a form; says `done`, or why not. Answers whether it was done."""
    try:
        db.write(work)
    except TicketingError as refused:
        add_message(str(refused), icon=":material/error:")
        return False
    add_message(success_message)
    return True


def add_message(message: str, icon: str = ":material/check_circle:") -> None:
    """A message for after the rerun; user text in it is shown as typed."""
    st.session_state.setdefault("messages", []).append((message, icon))


def render_messages() -> None:
    for message, icon in st.session_state.pop("messages", []):
        st.toast(text.escape_markdown(message), icon=icon)


def render_datetime_input(label: str, key: str) -> datetime | None:
    """A date and time without a zone, empty at first, in the years that the domain takes (fields.Moment)."""
    return st.datetime_input(label, None, key=key, min_value=datetime(2000, 1, 1), max_value=datetime(2099, 12, 31))


def render_hint(sentence: str) -> None:
    """Help under a field. Streamlit's own caption is too pale to read (4.1:1)."""
    st.markdown(f":small[:gray[{sentence}]]")


def render_problem(problems: Mapping[str, str], name: str) -> None:
    """The sentence under the field it is about."""
    if sentence := problems.get(name):
        st.markdown(f":red[:material/error: {text.escape_markdown(sentence)}]")


def render_summary(problems: Mapping[str, str], refusal: str = "") -> None:
    """What is wrong, announced to screen readers, at the top of the form."""
    if refusal:
        st.error(text.escape_markdown(refusal))
    elif problems:
        told = "the field marked below" if len(problems) == 1 else f"the {len(problems)} fields marked below"
        st.error(f"Nothing was saved. Check {told}.")


def render_dialog(
    kind: str,
    new_title: str,
    edit_title: str,
    body: Callable[[FormState], None],
    zone: str,
    on_close: Callable[[], None] | None = None,
    **dialog_options: Any,
) -> None:
    """Opens the dialog of this kind while its form is in progress; closing it ends the form, or does `on_close`.

    Above the body stand what is wrong, the form's notes, and what others changed meanwhile. `frame` is st.dialog's.
    """

    def draw() -> None:
        form = find_form(kind)
        if form is None or form.is_signed_out:
            if form is not None:
                form.is_signed_out = False
            st.rerun()  # the whole page, which alone can close the dialog, or show that its person is out
        with outage.keep_page_on_outage():
            render_form_header(form, zone)
            body(form)

    if form := find_form(kind):
        close = on_close or (lambda: close_form(kind))
        st.dialog(new_title if form.id is None else edit_title, on_dismiss=close, **dialog_options)(draw)()


def render_form_header(form: FormState, zone: str) -> None:
    """What is wrong with a form, its notes, and what others changed meanwhile; for above its fields."""
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
    keep_label: str = "Keep it",
) -> None:
    """Says what is gone for good and asks; after a refusal there is nothing to ask. `sentence` is Markdown."""
    if form.refusal:
        st.button("Close", on_click=close_form, args=(form.kind,))
        return
    st.markdown(sentence)
    with st.container(horizontal=True):
        st.button(delete_label, type="primary", icon=icon, on_click=skip_if_closed(form, on_delete))
        st.button(keep_label, on_click=close_form, args=(form.kind,))


def render_submit(label: str, form: FormState, on_submit: Callable[[], None]) -> None:
    """The button that says what it does, and the way out beside it. For inside st.form."""
    with st.container(horizontal=True):
        st.form_submit_button(
            label, type="primary", on_click=skip_if_closed(form, on_submit), disabled=bool(form.conflicts)
        )
        st.form_submit_button("Cancel", on_click=close_form, args=(form.kind,))


def render_conflicts(form: FormState, zone: str) -> None:
    """Field by field what others changed since the form was opened, and the choice for the fields both changed."""
    for change in form.auto_merged:
        st.info(f"{_describe_change(change, zone)} It is taken along here.", icon=":material/merge:")
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
    did = f"changed {old} to {new}"
    if change.field == "image":  # known by a name that nobody can read
        did = "removed it" if change.new is None else "replaced it" if change.old else "added one"
    when = text.format_datetime(change.at, zone)
    return f"**{text.FIELD_LABELS.get(change.field, change.field)}**: {text.escape_markdown(change.by)} {did}, {when}."


def _describe_own_change(form: FormState, name: str, zone: str) -> str:
    typed = st.session_state.get(form.key(name))
    if name == "image":
        return "You chose another." if typed else "You removed it."
    return f"You typed {text.escape_markdown(text.format_value(name, typed, zone))}."


def _merge(form: FormState, stale: StaleVersion) -> None:
    """What only they changed comes along, what only the person here changed stays, the rest waits for a decision."""
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

"""The form of a question: ask it with several packages, or change it in one or in all that ask the same."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import streamlit as st

from ticketing import db
from ticketing.catalog import options, packages, questions
from ticketing.catalog.events import Event
from ticketing.catalog.options import Option, OptionDraft
from ticketing.catalog.questions import OptionEdit, OptionsRefused, Question
from ticketing.errors import InvalidInput, NotFound, StaleVersion, TicketingError
from ticketing.formatting import join_names
from ticketing.validation import validate
from ui import text
from ui.session import PageContext
from ui.widgets import forms, undo

KIND = "option"
FIELDS = ("label", "option_type", "is_required", "choices")
MAX_LISTED_PACKAGES = 5
_NEW_VALUES = {"label": "", "option_type": "boolean", "is_required": True, "choices": ""}


@dataclass
class _Scope:
    """The options that an open form may change, by id: version and package, as they were seen.

    They are read when the form is opened and after a refusal. `asked_by` are the packages that ask what a new question
    copies.
    """

    versions: dict[uuid.UUID, int] = field(default_factory=dict)
    names: dict[uuid.UUID, str] = field(default_factory=dict)
    asked_by: frozenset[uuid.UUID] = frozenset()

    def read(self, question: Question) -> None:
        self.versions = {tally.option.id: tally.option.version for tally in question.active}
        self.names = {tally.option.id: tally.package_name for tally in question.active}


def start_new(package_ids: Sequence[uuid.UUID] = ()) -> None:
    """Open the form of a new question for these packages."""
    forms.open_form(KIND, None, 0, _NEW_VALUES | {"package_ids": list(package_ids)})


def start_copy(question: Question) -> None:
    """Open the form of a new question as other packages ask it."""
    values = {name: _to_widget_value(name, getattr(question.first, name)) for name in FIELDS}
    forms.open_form(KIND, None, 0, values | {"package_ids": []})
    form = forms.get_form(KIND)
    forms.get_page_state(form, _Scope).asked_by = frozenset(tally.option.package_id for tally in question.active)


def start_edit(context: PageContext, event: Event, option_id: uuid.UUID, for_all: bool) -> None:
    """Open the form of a question as one package asks it; with `for_all`, every package that asks it is changed."""
    with db.read_session() as s:
        question = questions.find(s, context.actor, event.id, option_id)
    if question is None:
        forms.add_message(str(NotFound("option")), icon=":material/error:")
        return
    option = next(tally.option for tally in question.tallies if tally.option.id == option_id)
    values = {name: _to_widget_value(name, getattr(option, name)) for name in FIELDS}
    forms.open_form(KIND, option.id, option.version, values, _to_widget_value)
    form = forms.get_form(KIND)
    forms.get_page_state(form, _Scope).read(question)
    st.session_state[form.key("for_all")] = for_all
    form.read_notes = partial(_read_answered_note, context, event, form)


def render(context: PageContext, event: Event) -> None:
    """Render the form while it is open."""
    forms.render_dialog(
        KIND,
        "New option",
        "Edit option",
        lambda form: _render_form(context, event, form),
        event.time_zone,
        drafts=f"{context.actor.staff_id}:{event.id}",
        **forms.SHEET,
    )


def _to_widget_value(name: str, stored: Any) -> Any:
    """Return a stored value as its widget holds it: choices one per line."""
    return "\n".join(stored or []) if name == "choices" else stored


def _to_draft_values(values: dict[str, Any]) -> dict[str, Any]:
    """Return widget values as draft values: choices as a list, None unless the option is a list."""
    if "choices" not in values:
        return values
    lines = [line.strip() for line in values["choices"].splitlines() if line.strip()]
    return values | {"choices": lines if values.get("option_type") in (None, *options.LIST_OPTION_TYPES) else None}


def _read_answered_note(context: PageContext, event: Event, form: forms.FormState) -> str:
    """Say what a change means for the answers that the packages to change have now."""
    assert form.id is not None
    with db.read_session() as s:
        question = questions.find(s, context.actor, event.id, form.id)
    targets = _list_targets(form)
    tallies = [tally for tally in (question.tallies if question else ()) if tally.option.id in targets]
    if not any(tally.is_answered for tally in tallies):
        return ""
    answered = sum(tally.answered for tally in tallies)
    if not answered:
        return "It was answered in a voided purchase. Changes apply to new purchases."
    return (
        f"{text.format_count(answered, 'purchase has', 'purchases have')} answered. Those answers stay as "
        "they are, also when a choice is removed. Changes apply to new purchases."
    )


def _list_targets(form: forms.FormState) -> list[uuid.UUID]:
    """Return the ids of the options that saving changes, the one that the form was opened for first."""
    assert form.id is not None
    scope = forms.get_page_state(form, _Scope)
    if st.session_state.get(form.key("for_all")):
        return list(dict.fromkeys([form.id, *scope.versions]))
    chosen = st.session_state.get(form.key("package"), form.id)
    return [chosen if chosen in scope.versions else form.id]


def _create(context: PageContext, event: Event, form: forms.FormState) -> None:
    def work(s: db.Session) -> list[Option]:
        package_ids, values = form.typed()["package_ids"], _to_draft_values(form.typed())
        problems = {} if package_ids else {"package_ids": "Choose at least one package."}
        try:
            draft = validate(OptionDraft, {name: values[name] for name in FIELDS})
        except InvalidInput as wrong:
            raise InvalidInput(wrong.fields | problems) from None
        if problems:
            raise InvalidInput(problems)
        return questions.create(s, context.actor, event.id, package_ids, draft)

    forms.submit(form, work, _format_created, shown_as=lambda rows: f"card_{rows[0].id}")


def _start_another(context: PageContext, event: Event, form: forms.FormState) -> None:
    """Open the form of the next question for the packages of the last one that have room for it."""
    with db.read_session() as s:
        counts = options.count_active(s, context.actor, event.id)
    start_new([each for each in form.typed()["package_ids"] if counts.get(each, 0) < options.MAX_ACTIVE])


def _format_created(rows: Sequence[Option]) -> str:
    return "Question added." if len(rows) == 1 else f"Question added to {len(rows):,} packages."


def _save(context: PageContext, event: Event, form: forms.FormState) -> None:
    """Change the options of all chosen packages or none, and offer to undo that as one."""
    assert form.id is not None
    changed, before = form.changed_values(), dict[uuid.UUID, dict[str, Any]]()
    if {"option_type", "choices"} & changed.keys():
        changed |= {name: form.typed()[name] for name in ("option_type", "choices")}
    versions = forms.get_page_state(form, _Scope).versions | {form.id: form.version}
    values = _to_draft_values(changed)
    edits = [OptionEdit(option_id, versions[option_id], values) for option_id in _list_targets(form)]

    def work(s: db.Session) -> list[Option]:
        question = questions.find(s, context.actor, event.id, edits[0].option_id)
        for tally in question.tallies if question else ():
            before[tally.option.id] = undo.take_snapshot(tally.option, FIELDS)
        try:
            return questions.update(s, context.actor, event.id, edits)
        except OptionsRefused as refused:
            raise _find_own_refusal(form, edits, refused) from refused

    saved: list[Option] | None = forms.submit(form, work)
    if saved is None:
        _read_again(context, event, form)
        return
    old = [OptionEdit(row.id, row.version, undo.list_old_values(before[row.id], row)) for row in saved]
    old = [edit for edit in old if edit.values]
    if not old:
        forms.add_message("Nothing was changed.")
        return
    where = f" for {len(saved):,} packages" if len(saved) > 1 else ""
    undo.offer(f"“{saved[0].label}” saved{where}.", lambda s: questions.update(s, context.actor, event.id, old))


def _find_own_refusal(form: forms.FormState, edits: Sequence[OptionEdit], refused: OptionsRefused) -> TicketingError:
    """Return the refusal of the option that the form shows, with which the form can be merged; else that of all."""
    for package in refused.packages:
        is_own = package.option_id == form.id
        if is_own and (len(edits) == 1 or isinstance(package.error, StaleVersion)):
            return package.error
    return refused


def _read_again(context: PageContext, event: Event, form: forms.FormState) -> None:
    """Take the packages that ask the same after a refusal, and the versions of their options."""
    assert form.id is not None
    with suppress(TicketingError):  # saving will say
        with db.read_session() as s:
            question = questions.find(s, context.actor, event.id, form.id)
        if question is not None:
            forms.get_page_state(form, _Scope).read(question)


def _render_form(context: PageContext, event: Event, form: forms.FormState) -> None:
    # Outside of the form below: what is asked where decides which fields there are.
    if form.id is None:
        _render_packages(context, event, form)
    else:
        _render_scope(form)
    has_answers, is_list = bool(form.notes), form.values["option_type"] in options.LIST_OPTION_TYPES
    st.segmented_control(
        "Answer",
        options.LIST_OPTION_TYPES if has_answers and is_list else options.OPTION_TYPES,
        key=form.key("option_type"),
        format_func=text.VALUE_LABELS.__getitem__,
        required=True,
        disabled=has_answers and not is_list,
        help="Once a question was answered, only a list can change: to choose one, while no answer has several.",
    )
    forms.render_problem(form, "option_type")
    with st.form("option_form", border=False):
        st.text_input("Question", key=form.key("label"), placeholder="Dietary restriction?")
        forms.render_problem(form, "label")
        if st.session_state[form.key("option_type")] in options.LIST_OPTION_TYPES:
            _render_choices(form)
        st.toggle("Required", key=form.key("is_required"), help="A sale cannot be recorded without an answer.")
        if form.id is None:
            another = partial(_start_another, context, event, form)
            forms.render_submit("Add option", form, lambda: _create(context, event, form), another)
        else:
            forms.render_submit("Save option", form, lambda: _save(context, event, form))


def _render_packages(context: PageContext, event: Event, form: forms.FormState) -> None:
    """Let a new question be added to the packages that have room for it."""
    with db.read_session() as s:
        names = packages.list_names(s, context.actor, event.id)
        counts = options.count_active(s, context.actor, event.id)
    asked_by = forms.get_page_state(form, _Scope).asked_by
    full = [name for package_id, name in names.items() if counts.get(package_id, 0) >= options.MAX_ACTIVE]
    if len(names) > 1:
        st.multiselect(
            "Packages",
            [each for each, name in names.items() if name not in full and each not in asked_by],
            key=form.key("package_ids"),
            format_func=lambda package_id: names.get(package_id, ""),
            placeholder="Choose packages",
        )
        if full:
            sentence = f"Not offered, with {options.MAX_ACTIVE} options already: {_list_names(full)}."
            forms.render_hint(text.escape_markdown(sentence))
        forms.render_problem(form, "package_ids")


def _render_scope(form: forms.FormState) -> None:
    """Let the change be made for one package, or for all that ask the same."""
    assert form.id is not None
    names = forms.get_page_state(form, _Scope).names
    if len(names) < 2:
        return
    key = form.key("package")
    if st.session_state.get(key) not in names:
        st.session_state[key] = form.id if form.id in names else next(iter(names))
    st.selectbox("Package", list(names), key=key, format_func=lambda option_id: names.get(option_id, ""))
    others = [name for option_id, name in names.items() if option_id != st.session_state[key]]
    are = "package that asks" if len(others) == 1 else f"{len(others):,} packages that ask"
    st.toggle(f"Also for the {are} the same", key=form.key("for_all"))
    forms.render_hint(text.escape_markdown(_list_names(others)))


def _list_names(names: Sequence[str]) -> str:
    more = len(names) - MAX_LISTED_PACKAGES
    return join_names([*names[:MAX_LISTED_PACKAGES], f"{more:,} more"] if more > 1 else names)


def _render_choices(form: forms.FormState) -> None:
    key, placeholder = form.key("choices"), "Beef\nChicken\nVegan"
    st.text_area("Choices, one per line", key=key, placeholder=placeholder, height=120, persist_state="session")
    forms.render_hint("2 to 10 choices, shown in this order.")
    for name in form.problems:
        if name.startswith("choices"):
            forms.render_problem(form, name, "choices")

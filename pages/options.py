"""The options page: the questions asked with a package, in display order, with their answers."""

import uuid
from typing import Any

import streamlit as st

from ticketing import db
from ticketing.catalog import options, packages
from ticketing.catalog.events import Event
from ticketing.catalog.packages import Package
from ticketing.validation import validate
from ui import menu, session, text
from ui.session import PageContext
from ui.widgets import forms
from ui.widgets.page_header import render_header

context, event = session.require_event()
TYPES = ("boolean", "multi_select", "text_input")
NEW_OPTION_VALUES = {"label": "", "option_type": "boolean", "is_required": True, "choices": ""}


def start_new() -> None:
    forms.open_form("option", None, 0, NEW_OPTION_VALUES)


def to_widget_value(name: str, stored: Any) -> Any:
    """Return a stored value as its widget holds it: choices one per line."""
    return "\n".join(stored or []) if name == "choices" else stored


def to_draft_values(values: dict[str, Any]) -> dict[str, Any]:
    """Return widget values as draft values: choices as a list, None unless the option is multiple choice."""
    if "choices" not in values:
        return values
    lines = [line.strip() for line in values["choices"].splitlines() if line.strip()]
    return values | {"choices": lines if values.get("option_type", "multi_select") == "multi_select" else None}


def handle_menu_choice(context: PageContext, package: Package, tally: options.Tally, ids: list[uuid.UUID]) -> None:
    """Run the entry picked in an option's menu."""
    option, position = tally.option, ids.index(tally.option.id)
    match st.session_state[f"menu_{option.id}"]:
        case "Edit":
            values = {name: to_widget_value(name, getattr(option, name)) for name in NEW_OPTION_VALUES}
            forms.open_form("option", option.id, option.version, values, to_widget_value)
            forms.get_form("option").notes = format_answered_note(tally)
        case "Delete":
            forms.open_form("option_deletion", option.id, option.version, {"label": option.label})
        case "Stop asking":
            forms.attempt(
                lambda s: options.retire(s, context.actor, package.id, option.id),
                f"“{option.label}” is no longer asked.",
            )
        case moved:
            other = position - 1 if moved == "Move up" else position + 1
            ids[position], ids[other] = ids[other], ids[position]
            forms.attempt(lambda s: options.reorder(s, context.actor, package.id, ids), "Order saved.")


def format_answered_note(tally: options.Tally) -> str:
    if not tally.answered:
        return ""
    return (
        f"{text.format_count(tally.answered, 'purchase has', 'purchases have')} answered. Those answers stay as "
        "they are, also when a choice is removed, and the type cannot change. Changes apply to new purchases."
    )


def save(context: PageContext, package: Package, form: forms.FormState) -> None:
    record_id = form.id
    if record_id is None:
        forms.submit(
            form,
            lambda s: options.create(
                s, context.actor, package.id, validate(options.OptionDraft, to_draft_values(form.typed()))
            ),
            "Question added.",
        )
    else:
        changed = form.changed_values()
        if {"option_type", "choices"} & changed.keys():
            changed |= {name: form.typed()[name] for name in ("option_type", "choices")}
        forms.submit(
            form,
            lambda s: options.update(
                s, context.actor, package.id, record_id, to_draft_values(changed), seen_version=form.version
            ),
            lambda option: f"“{option.label}” saved.",
        )


def delete(context: PageContext, package: Package, form: forms.FormState) -> None:
    record_id = form.id
    assert record_id is not None
    forms.submit(
        form,
        lambda s: options.delete(s, context.actor, package.id, record_id),
        f"“{form.values['label']}” deleted.",
    )


def render_option_form(context: PageContext, package: Package, form: forms.FormState) -> None:
    with st.form("option_form", border=False, enter_to_submit=False):
        st.text_input("Question", key=form.key("label"), placeholder="Dietary restriction?")
        forms.render_problem(form.problems, "label")
        st.segmented_control(
            "Answer",
            TYPES,
            key=form.key("option_type"),
            format_func=text.VALUE_LABELS.__getitem__,
            required=True,
            disabled=bool(form.notes),
        )
        forms.render_problem(form.problems, "option_type")
        st.text_area(
            "Choices, one per line (for multiple choice)",
            key=form.key("choices"),
            placeholder="Beef\nChicken\nVegan",
            height=120,
        )
        forms.render_hint("2 to 10 choices, shown in this order. Donors can pick several.")
        for name in form.problems:
            if name.startswith("choices"):
                forms.render_problem(form.problems, name)
        st.toggle("Required", key=form.key("is_required"))
        forms.render_submit(
            "Add option" if form.id is None else "Save option", form, lambda: save(context, package, form)
        )


def render_deletion_form(context: PageContext, package: Package, form: forms.FormState) -> None:
    forms.render_deletion(
        form,
        f"This permanently deletes “{text.escape_markdown(form.values['label'])}”.",
        lambda: delete(context, package, form),
    )


def render_card(context: PageContext, package: Package, tally: options.Tally, ids: list[uuid.UUID]) -> None:
    option = tally.option
    with st.container(border=True, gap="small", key=f"card_{option.id}"):
        with st.container(horizontal=True, vertical_alignment="top", wrap=False):
            with st.container(gap="xsmall"):
                st.subheader(text.escape_markdown(option.label), anchor=False)
                requirement = "required" if option.is_required else "optional"
                st.markdown(f"{text.VALUE_LABELS[option.option_type]} · {requirement}")
                if option.retired_at is not None:
                    st.badge("No longer asked", icon=":material/archive:", color="gray")
            if context.is_allowed("change") and option.retired_at is None:
                position = ids.index(option.id)
                moves = ["Move up"] * (position > 0) + ["Move down"] * (position < len(ids) - 1)
                st.menu_button(
                    "Actions",
                    ["Edit", *moves, "Stop asking", "Delete"],
                    key=f"menu_{option.id}",
                    type="tertiary",
                    on_click=handle_menu_choice,
                    args=(context, package, tally, ids),
                )
        st.markdown(f":gray[{text.format_count(tally.answered, 'answer')}]")
        if tally.by_answer:
            is_boolean = option.option_type == "boolean"
            counts = [
                f"{text.escape_markdown(answer.capitalize() if is_boolean else answer)} **{times:,}**"
                for answer, times in tally.by_answer.items()
            ]
            st.markdown(" · ".join(counts))


def select_package(names: dict[uuid.UUID, str]) -> uuid.UUID:
    if st.session_state.get("options_package") not in names:
        st.session_state.options_package = next(iter(names))
    return st.selectbox(
        "Package",
        list(names),
        key="options_package",
        format_func=lambda package_id: names.get(package_id, ""),
        persist_state="session",
    )


def render_no_packages(event: Event) -> None:
    with st.container(border=True):
        st.subheader("No packages yet", anchor=False)
        st.markdown("Options belong to a package. Create one first.")
        st.page_link(menu.path("packages"), label="Packages", query_params=session.event_query_params(event))


def render_page(context: PageContext, event: Event) -> None:
    with db.read_session() as s:
        names = packages.list_names(s, context.actor, event.id)
    actions = render_header("Options", event)
    if not names:
        render_no_packages(event)
        return
    package_id = select_package(names)
    with db.read_session() as s:
        package = packages.get(s, context.actor, event.id, package_id)
        tallies = options.list_tallies(s, context.actor, package_id)
    active = [tally.option.id for tally in tallies if tally.option.retired_at is None]
    if context.is_allowed("change"):
        is_full = len(active) >= options.MAX_ACTIVE
        actions.button("New option", icon=":material/add:", type="primary", on_click=start_new, disabled=is_full)
        if is_full:
            forms.render_hint(f"A package has at most {options.MAX_ACTIVE} options. Stop asking one to add another.")
    if not tallies:
        with st.container(border=True):
            st.subheader("No questions yet", anchor=False)
            st.markdown("Ask buyers for what you need: diet, shirt size, name for the card.")
    for tally in tallies:
        render_card(context, package, tally, active)
    render_dialogs(context, event, package)


def render_dialogs(context: PageContext, event: Event, package: Package) -> None:
    zone = event.time_zone
    forms.render_dialog(
        "option", "New option", "Edit option", lambda form: render_option_form(context, package, form), zone
    )
    forms.render_dialog(
        "option_deletion",
        "Delete option",
        "Delete option",
        lambda form: render_deletion_form(context, package, form),
        zone,
    )


render_page(context, event)

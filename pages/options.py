"""Options: the questions asked with a package, in their order, and what was answered."""

import uuid

import streamlit as st

from ticketing import db
from ticketing.catalog import options, packages
from ticketing.validation import validate
from ui import menu, session, text
from ui.widgets import forms
from ui.widgets.page_header import render_header

context, event = session.require_event()
TYPES = ("boolean", "multi_select", "text_input")
EMPTY = {"label": "", "option_type": "boolean", "is_required": True, "choices": ""}


def start_new() -> None:
    forms.open_form("option", None, 0, EMPTY)


def to_widget_value(name: str, stored: object) -> object:
    """Choices stand in their field one per line."""
    return "\n".join(stored or []) if name == "choices" else stored


def to_draft_values(values: dict) -> dict:
    if "choices" not in values:
        return values
    lines = [line.strip() for line in values["choices"].splitlines() if line.strip()]
    return values | {"choices": lines if values.get("option_type", "multi_select") == "multi_select" else None}


def handle_menu_choice(option_id: uuid.UUID, ids: list[uuid.UUID]) -> None:
    """What was picked in a question's menu."""
    tally = next(each for each in tallies if each.option.id == option_id)
    option, place = tally.option, ids.index(option_id)
    match st.session_state[f"menu_{option_id}"]:
        case "Edit":
            values = {name: to_widget_value(name, getattr(option, name)) for name in EMPTY}
            forms.open_form("option", option.id, option.version, values, to_widget_value)
            forms.find_form("option").notes = format_answered_note(tally)
        case "Delete":
            forms.open_form("option_deletion", option.id, option.version, {"label": option.label})
        case "Retire":
            forms.attempt(
                lambda s: options.retire(s, context.actor, package.id, option.id),
                f"“{option.label}” is retired: new purchases no longer ask it.",
            )
        case moved:
            other = place - 1 if moved == "Move up" else place + 1
            ids[place], ids[other] = ids[other], ids[place]
            forms.attempt(lambda s: options.reorder(s, context.actor, package.id, ids), "The order is saved.")


def format_answered_note(tally: options.Tally) -> str:
    if not tally.answered:
        return ""
    return (
        f"{text.format_count(tally.answered, 'purchase has', 'purchases have')} answered. Those answers stay as they are, "
        "also where a choice is removed; the type stays. A change applies to purchases from now on."
    )


def save() -> None:
    form = forms.find_form("option")
    if form.id is None:
        forms.submit(
            form,
            lambda s: options.create(
                s, context.actor, package.id, validate(options.OptionDraft, to_draft_values(form.typed()))
            ),
            lambda option: f"“{option.label}” is asked from now on.",
        )
    else:
        changed = form.changed_values()
        if {"option_type", "choices"} & changed.keys():
            changed |= {name: form.typed()[name] for name in ("option_type", "choices")}
        forms.submit(
            form,
            lambda s: options.update(
                s, context.actor, package.id, form.id, to_draft_values(changed), seen_version=form.version
            ),
            lambda option: f"“{option.label}” is saved.",
        )


def delete() -> None:
    form = forms.find_form("option_deletion")
    forms.submit(
        form,
        lambda s: options.delete(s, context.actor, package.id, form.id),
        f"“{form.values['label']}” is deleted.",
    )


def render_option_form(form: forms.FormState) -> None:
    with st.form("option_form", border=False, enter_to_submit=False):
        st.text_input("Question", key=form.key("label"), placeholder="Dietary restriction?")
        forms.render_problem(form.problems, "label")
        st.segmented_control(
            "Answer", TYPES, key=form.key("option_type"), format_func=text.VALUE_LABELS.get, required=True,
            disabled=bool(form.notes),
        )  # fmt: skip
        forms.render_problem(form.problems, "option_type")
        st.text_area(
            "Choices, one per line (for a pick from a list)", key=form.key("choices"),
            placeholder="Beef\nChicken\nVegan", height=120,
        )  # fmt: skip
        forms.render_hint("2 to 10 choices, shown in this order; the donor picks one or more.")
        for field in form.problems:
            if field.startswith("choices"):
                forms.render_problem(form.problems, field)
        st.toggle("An answer is required", key=form.key("is_required"))
        forms.render_submit("Add option" if form.id is None else "Save option", form, save)


def render_deletion_form(form: forms.FormState) -> None:
    forms.render_deletion(
        form, f"“{text.escape_markdown(form.values['label'])}” is gone for good. Nobody has answered it.", delete
    )


def render_card(tally: options.Tally, ids: list[uuid.UUID]) -> None:
    option = tally.option
    with st.container(border=True, gap="small", key=f"card_{option.id}"):
        with st.container(horizontal=True, vertical_alignment="top", wrap=False):
            with st.container(gap="xsmall"):
                st.subheader(text.escape_markdown(option.label), anchor=False)
                needed = "answer required" if option.is_required else "optional"
                st.markdown(f"{text.VALUE_LABELS[option.option_type]} · {needed}")
                if option.retired_at is not None:
                    st.badge("Retired", icon=":material/archive:", color="gray")
            if context.is_allowed("change") and option.retired_at is None:
                place = ids.index(option.id)
                moves = ["Move up"] * (place > 0) + ["Move down"] * (place < len(ids) - 1)
                st.menu_button(
                    "Actions", ["Edit", *moves, "Retire", "Delete"], key=f"menu_{option.id}", type="tertiary",
                    on_click=handle_menu_choice, args=(option.id, ids),
                )  # fmt: skip
        st.markdown(f":gray[{text.format_count(tally.answered, 'answer')}]")
        if tally.by_answer:
            told = [f"{text.escape_markdown(answer.capitalize() if option.option_type == 'boolean' else answer)} **{times:,}**"
                    for answer, times in tally.by_answer.items()]  # fmt: skip
            st.markdown(" · ".join(told))


with db.read_session() as s:
    names = packages.list_names(s, context.actor, event.id)

actions = render_header("Options", event)
if not names:
    with st.container(border=True):
        st.subheader("No packages yet", anchor=False)
        st.markdown("Options belong to a package. Make one first.")
        st.page_link(menu.path("packages"), label="Packages", query_params=session.event_query_params(event))
    st.stop()

if st.session_state.get("options_package") not in names:
    st.session_state.options_package = next(iter(names))
package_id = st.selectbox(
    "Package", list(names), key="options_package", format_func=lambda i: names.get(i, ""), persist_state="session"
)
with db.read_session() as s:
    package = packages.get(s, context.actor, event.id, package_id)
    tallies = options.list_tallies(s, context.actor, package_id)

active = [tally.option.id for tally in tallies if tally.option.retired_at is None]
if context.is_allowed("change"):
    full = len(active) >= options.MAX_ACTIVE
    actions.button("New option", icon=":material/add:", type="primary", on_click=start_new, disabled=full)
    if full:
        forms.render_hint(f"A package has at most {options.MAX_ACTIVE} options. Retire one to add another.")
if not tallies:
    with st.container(border=True):
        st.subheader("Nothing is asked yet", anchor=False)
        st.markdown("Ask what you need to know of each purchase: a diet, a shirt size, the name on the table card.")
for tally in tallies:
    render_card(tally, active)

forms.render_dialog("option", "New option", "Edit option", render_option_form, event.time_zone)
forms.render_dialog("option_deletion", "Delete option", "Delete option", render_deletion_form, event.time_zone)

"""Options: the questions asked with a package, in their order, and what was answered."""

import uuid

import streamlit as st

from ticketing import db
from ticketing.catalog import options, packages
from ticketing.validation import validated
from ui import menu, session, text
from ui.widgets import forms
from ui.widgets.page_header import show_header

here, event = session.require_event()
TYPES = ("boolean", "multi_select", "text_input")
EMPTY = {"label": "", "option_type": "boolean", "is_required": True, "choices": ""}


def start_new() -> None:
    forms.open_form("option", None, 0, EMPTY)


def as_typed(name: str, stored: object) -> object:
    """Choices stand in their field one per line."""
    return "\n".join(stored or []) if name == "choices" else stored


def as_draft(values: dict) -> dict:
    if "choices" not in values:
        return values
    lines = [line.strip() for line in values["choices"].splitlines() if line.strip()]
    return values | {"choices": lines if values.get("option_type", "multi_select") == "multi_select" else None}


def choose(option_id: uuid.UUID, ids: list[uuid.UUID]) -> None:
    """What was picked in a question's menu."""
    tally = next(each for each in tallies if each.option.id == option_id)
    option, place = tally.option, ids.index(option_id)
    match st.session_state[f"menu_{option_id}"]:
        case "Edit":
            values = {name: as_typed(name, getattr(option, name)) for name in EMPTY}
            forms.open_form("option", option.id, option.version, values, as_typed)
            forms.opened("option").notes = answered_note(tally)
        case "Delete":
            forms.open_form("option_deletion", option.id, option.version, {"label": option.label})
        case "Retire":
            forms.attempt(
                lambda s: options.retire(s, here.actor, package.id, option.id),
                f"“{option.label}” is retired: new purchases no longer ask it.",
            )
        case moved:
            other = place - 1 if moved == "Move up" else place + 1
            ids[place], ids[other] = ids[other], ids[place]
            forms.attempt(lambda s: options.arrange(s, here.actor, package.id, ids), "The order is saved.")


def answered_note(tally: options.Tally) -> str:
    if not tally.answered:
        return ""
    return (
        f"{text.count(tally.answered, 'purchase has', 'purchases have')} answered. Those answers stay as they are, "
        "also where a choice is removed; the type stays. A change applies to purchases from now on."
    )


def save() -> None:
    form = forms.opened("option")
    if form.id is None:
        forms.submit(
            form,
            lambda s: options.create(s, here.actor, package.id, validated(options.OptionDraft, as_draft(form.typed()))),
            lambda option: f"“{option.label}” is asked from now on.",
        )
    else:
        changed = form.changed()
        if {"option_type", "choices"} & changed.keys():
            changed |= {name: form.typed()[name] for name in ("option_type", "choices")}
        forms.submit(
            form,
            lambda s: options.change(s, here.actor, package.id, form.id, as_draft(changed), seen_version=form.version),
            lambda option: f"“{option.label}” is saved.",
        )


def delete() -> None:
    form = forms.opened("option_deletion")
    forms.submit(
        form,
        lambda s: options.delete(s, here.actor, package.id, form.id),
        f"“{form.values['label']}” is deleted.",
    )


def option_form(form: forms.Opened) -> None:
    with st.form("option_form", border=False, enter_to_submit=False):
        st.text_input("Question", key=form.key("label"), placeholder="Dietary restriction?")
        forms.show_problem(form.problems, "label")
        st.segmented_control(
            "Answer", TYPES, key=form.key("option_type"), format_func=text.WORDS.get, required=True,
            disabled=bool(form.notes),
        )  # fmt: skip
        forms.show_problem(form.problems, "option_type")
        st.text_area(
            "Choices, one per line (for a pick from a list)", key=form.key("choices"),
            placeholder="Beef\nChicken\nVegan", height=120,
        )  # fmt: skip
        forms.hint("2 to 10 choices, shown in this order; the donor picks one or more.")
        for field in form.problems:
            if field.startswith("choices"):
                forms.show_problem(form.problems, field)
        st.toggle("An answer is required", key=form.key("is_required"))
        forms.show_submit("Add option" if form.id is None else "Save option", form, save)


def deletion(form: forms.Opened) -> None:
    forms.show_deletion(form, f"“{text.md(form.values['label'])}” is gone for good. Nobody has answered it.", delete)


def card(tally: options.Tally, ids: list[uuid.UUID]) -> None:
    option = tally.option
    with st.container(border=True, gap="small", key=f"card_{option.id}"):
        with st.container(horizontal=True, vertical_alignment="top", wrap=False):
            with st.container(gap="xsmall"):
                st.subheader(text.md(option.label), anchor=False)
                needed = "answer required" if option.is_required else "optional"
                st.markdown(f"{text.WORDS[option.option_type]} · {needed}")
                if option.retired_at is not None:
                    st.badge("Retired", icon=":material/archive:", color="gray")
            if here.may("change") and option.retired_at is None:
                place = ids.index(option.id)
                moves = ["Move up"] * (place > 0) + ["Move down"] * (place < len(ids) - 1)
                st.menu_button(
                    "Actions", ["Edit", *moves, "Retire", "Delete"], key=f"menu_{option.id}", type="tertiary",
                    on_click=choose, args=(option.id, ids),
                )  # fmt: skip
        st.markdown(f":gray[{text.count(tally.answered, 'answer')}]")
        if tally.by_answer:
            told = [f"{text.md(answer.capitalize() if option.option_type == 'boolean' else answer)} **{times:,}**"
                    for answer, times in tally.by_answer.items()]  # fmt: skip
            st.markdown(" · ".join(told))


with db.reading() as s:
    names = packages.names(s, here.actor, event.id)

actions = show_header("Options", event)
if not names:
    with st.container(border=True):
        st.subheader("No packages yet", anchor=False)
        st.markdown("Options belong to a package. Make one first.")
        st.page_link(menu.path("packages"), label="Packages", query_params=session.query(event))
    st.stop()

if st.session_state.get("options_package") not in names:
    st.session_state.options_package = next(iter(names))
package_id = st.selectbox(
    "Package", list(names), key="options_package", format_func=lambda i: names.get(i, ""), persist_state="session"
)
with db.reading() as s:
    package = packages.get(s, here.actor, event.id, package_id)
    tallies = options.tallies(s, here.actor, package_id)

active = [tally.option.id for tally in tallies if tally.option.retired_at is None]
if here.may("change"):
    full = len(active) >= options.MOST_ACTIVE
    actions.button("New option", icon=":material/add:", type="primary", on_click=start_new, disabled=full)
    if full:
        forms.hint(f"A package has at most {options.MOST_ACTIVE} options. Retire one to add another.")
if not tallies:
    with st.container(border=True):
        st.subheader("Nothing is asked yet", anchor=False)
        st.markdown("Ask what you need to know of each purchase: a diet, a shirt size, the name on the table card.")
for tally in tallies:
    card(tally, active)

forms.show_dialog("option", "New option", "Edit option", option_form, event.time_zone)
forms.show_dialog("option_deletion", "Delete option", "Delete option", deletion, event.time_zone)

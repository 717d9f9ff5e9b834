"""The options page: the questions that the packages of the event ask, with their answers."""

import uuid
from collections.abc import Sequence
from functools import partial

import streamlit as st

from ticketing import db
from ticketing.catalog import options, packages, questions
from ticketing.catalog.events import Event
from ticketing.catalog.questions import Question, Tally
from ui import menu, session, text
from ui.options import answers, option_form, row_menu
from ui.options import rows as option_rows
from ui.options.row_menu import Entry, Listing
from ui.session import PageContext
from ui.widgets import forms, list_rows, paging, undo
from ui.widgets.empty_page import render_empty_page
from ui.widgets.page_header import render_archived_note, render_header

context, event = session.require_event()
PAGE_KEY, ALL_PACKAGES = "options_page", "all"


def handle_menu_choice(context: PageContext, event: Event, question: Question, listing: Listing) -> None:
    """Run the entry picked in a question's menu."""
    tallies = listing.list_tallies(question)
    match st.session_state[f"menu_{question.first.id}"]:
        case Entry.EDIT:
            start_edit(context, event, question, listing)
        case Entry.ADD_PACKAGES:
            option_form.start_copy(question)
        case Entry.ANSWERS:
            answers.open_dialog(question.first.id)
        case Entry.STOP_ASKING:
            stop_asking(context, event, [tally for tally in tallies if tally.is_active])
        case Entry.ASK_AGAIN:
            ask_again(context, event, [tally for tally in tallies if not tally.is_active])
        case Entry.DELETE:
            values = {"label": question.first.label, "ids": [tally.option.id for tally in tallies]}
            forms.open_form("option_deletion", question.first.id, 0, values)
        case moved:
            move(context, tallies[0], listing.option_ids, -1 if moved == Entry.MOVE_UP else 1)


def start_edit(context: PageContext, event: Event, question: Question, listing: Listing) -> None:
    """Edit a question for all packages, or as one package asks it when its questions are listed."""
    tally = next(tally for tally in listing.list_tallies(question) if tally.is_active)
    option_form.start_edit(context, event, tally.option.id, for_all=listing.package_id is None)


def format_packages(tallies: list[Tally]) -> str:
    return f" in {len(tallies):,} packages" if len(tallies) > 1 else ""


def stop_asking(context: PageContext, event: Event, tallies: list[Tally]) -> None:
    ids: dict[uuid.UUID, int | None] = dict.fromkeys(tally.option.id for tally in tallies)
    undo.run(
        f"“{tallies[0].option.label}” is no longer asked{format_packages(tallies)}.",
        lambda s: questions.retire(s, context.actor, event.id, ids),
        lambda rows, s: questions.ask_again(s, context.actor, event.id, {row.id: row.version for row in rows}),
    )


def ask_again(context: PageContext, event: Event, tallies: list[Tally]) -> None:
    ids: dict[uuid.UUID, int | None] = dict.fromkeys(tally.option.id for tally in tallies)
    undo.run(
        f"“{tallies[0].option.label}” is asked again{format_packages(tallies)}.",
        lambda s: questions.ask_again(s, context.actor, event.id, ids),
        lambda rows, s: questions.retire(s, context.actor, event.id, {row.id: row.version for row in rows}),
    )


def move(context: PageContext, tally: Tally, ids: Sequence[uuid.UUID], step: int) -> None:
    """Exchange an option with the one before or after it in its package."""
    option, after = tally.option, list(ids)
    position = ids.index(option.id)
    after[position], after[position + step] = after[position + step], after[position]
    undo.run(
        f"“{option.label}” moved {'up' if step < 0 else 'down'}.",
        lambda s: options.reorder(s, context.actor, option.package_id, after, seen_order=ids),
        lambda _, s: options.reorder(s, context.actor, option.package_id, ids, seen_order=after),
    )


def render_deletion_form(context: PageContext, event: Event, form: forms.FormState) -> None:
    """Ask for confirmation, or offer to stop asking a question that has answers now."""
    assert form.id is not None
    with db.read_session() as s:
        question = questions.find(s, context.actor, event.id, form.id)
    label = text.escape_markdown(form.values["label"])
    tallies = [tally for tally in (question.tallies if question else ()) if tally.option.id in form.values["ids"]]
    if not any(tally.is_answered for tally in tallies):
        where = f" from {len(tallies):,} packages" if len(tallies) > 1 else ""
        sentence = f"Nobody has answered “{label}”. This permanently deletes it{where}."
        seen_versions = dict.fromkeys(form.values["ids"])
        delete = partial(questions.delete, actor=context.actor, event_id=event.id, seen_versions=seen_versions)
        done = f"“{form.values['label']}” deleted."
        forms.render_deletion(form, sentence, partial(forms.submit, form, delete, done))
        return
    answered = sum(tally.answered for tally in tallies)
    sentence = f"“{label}” has {text.format_count(answered, 'answer') if answered else 'answers in voided purchases'}"
    asked = [tally for tally in tallies if tally.is_active]
    forms.render_alternative(
        form,
        f"{sentence}, so it stays in the records.",
        Entry.STOP_ASKING if asked else "",
        ":material/archive:",
        partial(stop_asking, context, event, asked),
    )


def render_rows(context: PageContext, event: Event, rows: list[Question], listing: Listing) -> None:
    is_editable, titles = context.may_set_up(), option_rows.TITLES
    with list_rows.render_list("options", "Question", titles, is_editable=True):
        for question in rows:
            row, label = option_rows.build_row(question), text.escape_markdown(question.first.label)
            if is_editable and listing.is_asked(question):
                opened = list_rows.render_row(
                    row, titles, f"Edit “{label}”", start_edit, context, event, question, listing
                )
            else:
                opened = list_rows.render_row(
                    row, titles, f"Answers to “{label}”", answers.open_dialog, question.first.id
                )
            with opened:
                render_menu(context, event, question, listing, label)


def render_menu(context: PageContext, event: Event, question: Question, listing: Listing, label: str) -> None:
    entries = row_menu.list_entries(question, listing) if context.may_set_up() else {Entry.ANSWERS: ""}
    list_rows.render_menu(
        f"“{label}”",
        list(entries),
        question.first.id,
        handle_menu_choice,
        context,
        event,
        question,
        listing,
        reasons={entry: reason for entry, reason in entries.items() if reason},
    )


def render_package_filter(names: dict[uuid.UUID, str]) -> uuid.UUID | None:
    """Return the package whose questions are listed; None for all. The only package of an event is listed at once."""
    if len(names) == 1:
        return next(iter(names))
    if st.session_state.get("options_package") not in names:
        st.session_state.options_package = ALL_PACKAGES
    choices: list[uuid.UUID | str] = [ALL_PACKAGES, *names]
    picked = st.selectbox(
        "Questions of",
        choices,
        key="options_package",
        format_func=lambda choice: "All packages" if isinstance(choice, str) else names.get(choice, ""),
        persist_state="session",
        label_visibility="collapsed",
        width=320,
        on_change=partial(st.session_state.pop, PAGE_KEY, None),
    )
    return picked if isinstance(picked, uuid.UUID) else None


def render_no_packages(event: Event) -> None:
    with render_empty_page("No packages yet", "Options belong to a package. Create one first.", "options"):
        st.page_link(menu.path("packages"), label="Packages", query_params=session.event_query_params(event))


def render_no_questions(context: PageContext, package_ids: list[uuid.UUID]) -> None:
    sentence = "Ask buyers for what you need: diet, shirt size, name for the card."
    with render_empty_page("No questions yet", sentence, "options"):
        if context.may_set_up():
            st.button(
                "New option", icon=":material/add:", type="primary", on_click=option_form.start_new, args=(package_ids,)
            )


def render_page(context: PageContext, event: Event) -> None:
    with db.read_session() as s:
        names = packages.list_names(s, context.actor, event.id)
    heading = st.container()
    if not names:
        with heading:
            render_header("Options", event)
            render_archived_note(event)
        render_no_packages(event)
        return
    package_id = render_package_filter(names)
    with db.read_session() as s:
        rows, total = paging.load(
            PAGE_KEY,
            lambda page: questions.list_page(s, context.actor, event.id, package_id=package_id, page=page),
        )
        counts = options.count_active(s, context.actor, event.id)
        active = options.list_active(s, context.actor, package_id) if package_id else []
    with heading:
        actions = render_header("Options", event, text.format_count(total, "question"))
        render_archived_note(event)
    chosen = [package_id] if package_id else [each for each in names if counts.get(each, 0) < options.MAX_ACTIVE]
    if not total:
        render_no_questions(context, chosen)
    else:
        if context.may_set_up():
            is_full = all(counts.get(each, 0) >= options.MAX_ACTIVE for each in chosen)
            actions.button(
                "New option",
                icon=":material/add:",
                type="primary",
                on_click=option_form.start_new,
                args=(chosen,),
                disabled=is_full,
            )
            if is_full:
                forms.render_hint(
                    f"A package has at most {options.MAX_ACTIVE} options. Stop asking one to add another."
                )
        listing = Listing(len(names), package_id, tuple(option.id for option in active))
        render_rows(context, event, rows, listing)
        paging.render(PAGE_KEY, total, questions.PER_PAGE)
    option_form.render(context, event)
    answers.render(context, event)
    forms.render_dialog(
        "option_deletion",
        "Delete option",
        "Delete option",
        lambda form: render_deletion_form(context, event, form),
        event.time_zone,
    )


render_page(context, event)

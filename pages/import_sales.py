"""Import sales from a file in three steps: the file, its columns unless they are ours, check and import."""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ticketing import db, imports
from ticketing.actors import Actor
from ticketing.catalog import packages
from ticketing.catalog.events import Event
from ticketing.errors import TicketingError, Unavailable
from ticketing.imports.column_mapping import ColumnMapping
from ui import menu, session, text
from ui.imports import batches, check_options, check_result, columns, left_out, sheets, statuses
from ui.imports import job as import_job
from ui.imports.draft import ImportDraft, Step, open_file
from ui.runtime import uploads
from ui.widgets import forms
from ui.widgets.page_header import render_archived_note, render_header

context, event = session.require_event("change")

FILE_EXTENSIONS = ["csv", "xlsx", "xls", "json", "jsonl", "ndjson", "txt", "tsv"]
STEP_LABELS: dict[Step, str] = {"file": "File", "columns": "Columns", "check": "Check and import"}
EXAMPLE_FILES = (
    ("CSV", "sales-example.csv", imports.example_csv),
    ("Excel", "sales-example.xlsx", imports.example_excel),
    ("JSON", "sales-example.json", imports.example_json),
)
PROGRESS_POLL_SECONDS = 0.3


def render_page(actor: Actor, event: Event) -> None:
    """Render the step that the event's draft is at."""
    render_header("Import", event)
    if event.is_archived:
        render_archived_note(event)
        batches.render(context, event)
        return
    draft: ImportDraft | None = st.session_state.get(state_key(event, "draft"))
    step = draft.step if draft else "file"
    render_steps(step, skips_columns=draft is not None and draft.mapping is None)
    if draft is None or step == "file":
        render_file_step(actor, event, draft)
        return
    st.markdown(sheets.format_file(draft))
    sheets.render_notices(draft)
    if step == "columns":
        render_columns_step(actor, event, draft)
    else:
        render_check_step(actor, event, draft)


def state_key(event: Event, name: str) -> str:
    """Return a key of the session's state. It belongs to the event, so that a draft never shows in another one."""
    return f"import_{name}_{event.id}"


def render_steps(current: Step, skips_columns: bool) -> None:
    """Render the names of the steps, those that are done with a check mark."""
    parts, is_done = [], True
    for number, (step, name) in enumerate(STEP_LABELS.items(), start=1):
        if step == current:
            is_done = False
            parts.append(f"**:material/counter_{number}: {name}**")
        elif is_done:
            label = f"{name} match" if step == "columns" and skips_columns else name
            parts.append(f":green[:material/check_circle: {label}]")
        else:
            parts.append(f":gray[:material/counter_{number}: {name}]")
    st.markdown(" :gray[:material/chevron_right:] ".join(parts))


def render_file_step(actor: Actor, event: Event, draft: ImportDraft | None) -> None:
    if draft is not None and draft.import_result is not None:
        render_import_result(event, draft, draft.import_result)
        draft = None
    if draft is not None:
        render_read_file(actor, event, draft)
    render_file_uploader(actor, event, draft)
    render_examples(actor, event)
    batches.render(context, event)


def render_read_file(actor: Actor, event: Event, draft: ImportDraft) -> None:
    """Render the file that was read, and the choice of its sheets."""
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            name = text.escape_markdown(draft.file_name)
            st.markdown(f"**{name}**" if draft.content else sheets.format_file(draft), width="stretch")
            place = st.container(width="content")
        names = sheets.render_sheet_choice(draft)
        can_continue = bool(names) or draft.content is None
        is_clicked = place.button("Continue with this file", type="primary", disabled=not can_continue)
        sheets.render_notices(draft)
    if is_clicked:
        read = tuple(sheet.name for sheet in draft.get_table().sheets if sheet.is_read)
        if draft.content is None or names == read:
            draft.go_to_step(draft.first_step)
            st.rerun()
        read_file(actor, event, draft.file_name, draft.content, draft, names)


def render_import_result(event: Event, draft: ImportDraft, result: imports.ImportResult) -> None:
    late = " It finished before it could be canceled." if draft.was_canceled_too_late else ""
    changed = text.format_count(result.statuses_changed, "status", "statuses")
    st.success(
        f"{text.format_count(result.rows_imported, 'sale')} imported from {text.escape_markdown(draft.file_name)}."
        f"{f' {changed} changed.' if result.statuses_changed else ''}"
        f"{check_result.format_skipped(result.rows_skipped)}{late}",
        icon=":material/check_circle:",
    )
    st.page_link(
        menu.path("sales"),
        label="See the sales",
        icon=":material/monitoring:",
        query_params=session.event_query_params(event),
    )


def render_file_uploader(actor: Actor, event: Event, previous: ImportDraft | None) -> None:
    """Read the file as soon as it is uploaded, and go on to the next step."""
    number_key, refusal_key = state_key(event, "number"), state_key(event, "refusal")
    number = st.session_state.get(number_key, 0)
    file = uploads.render_uploader(
        "Sales file: CSV, Excel or JSON, up to 50,000 rows" if previous is None else "Or choose another file",
        types=FILE_EXTENSIONS,
        key=state_key(event, f"file_{number}"),
        on_change=lambda: st.session_state.pop(refusal_key, None),
    )
    if file is not None and refusal_key not in st.session_state:
        read_file(actor, event, file.name, file.getvalue(), previous)
    if refusal := st.session_state.get(refusal_key):
        st.error(text.escape_markdown(refusal), icon=":material/error:")


def read_file(
    actor: Actor,
    event: Event,
    name: str,
    content: bytes,
    previous: ImportDraft | None,
    sheet_names: Sequence[str] = (),
) -> None:
    """Read a file and go on to the next step, or keep the reason why it cannot be read."""
    waiting = st.empty()
    with st.spinner(f"Reading {text.escape_markdown(name)}"):
        try:
            draft = open_file(actor, event.id, name, content, previous, lambda: render_wait(waiting), sheet_names)
            check_options.propose_prefix(actor, draft, previous)
        except Unavailable:
            raise
        except TicketingError as exc:
            st.session_state[state_key(event, "refusal")] = str(exc)
        else:
            number_key = state_key(event, "number")
            st.session_state[state_key(event, "draft")] = draft
            # A new uploader: the old one would keep the file.
            st.session_state[number_key] = st.session_state.get(number_key, 0) + 1
            st.rerun()
    waiting.empty()


def render_wait(place: DeltaGenerator) -> None:
    """Say why it takes longer. A click elsewhere ends the wait, because this renders."""
    place.info(
        "Another file is being read, and this server reads one at a time. Yours follows.",
        icon=":material/hourglass_top:",
    )


def render_examples(actor: Actor, event: Event) -> None:
    st.markdown(
        "Exports from Eventbrite, pretix and others work as they are: the next step matches their columns. Nothing "
        "changes until you import, and sales that are here already are skipped."
    )
    with st.expander("Creating the file yourself? Columns and examples"):
        st.markdown(
            "Required: `ticket_type`, `purchaser_name`, `purchaser_email`, `quantity`, `total_amount`, "
            "`purchase_date`, `external_sale_id`.\n\n"
            "Optional: `promo_code`, `discount_amount`, `fee_amount`, `payment_status`, `notes`, `purchaser_phone`.\n\n"
            f"Times without an offset are {text.escape_markdown(text.format_zone_city(event.time_zone))} time."
        )
        with st.container(horizontal=True):
            for kind, file_name, write in EXAMPLE_FILES:
                st.download_button(
                    f"Example as {kind}",
                    partial(create_example, actor, event.id, write),
                    file_name,
                    on_click="ignore",
                    icon=":material/download:",
                )


def create_example(actor: Actor, event_id: uuid.UUID, write: Callable[..., bytes]) -> bytes:
    with db.read_session() as s:
        return write(s, actor, event_id)


def render_columns_step(actor: Actor, event: Event, draft: ImportDraft) -> None:
    with db.read_session() as s:
        package_names = packages.list_names(s, actor, event.id)
    st.header("Match your columns", anchor=False)
    st.markdown(
        "These are the choices from the last file with these columns. Check that they still apply."
        if draft.is_mapping_saved
        else "This is a guess from the names of the columns and their content. Correct what is wrong."
    )
    columns.render_columns(draft, package_names, event.time_zone)
    left_out.render_questions(draft)
    columns.render_packages(draft, package_names)
    statuses.render_statuses(draft)
    draft.mapping = mapping = replace(draft.build_mapping(package_names), uses=left_out.get_uses(draft))
    left_out.render_all_columns(draft)
    columns.render_preview(get_preview(actor, draft, mapping), mapping, event.time_zone)
    missing = [*columns.list_missing_choices(draft, mapping, package_names), *left_out.describe_missing(draft)]
    if missing:
        st.warning(f"Still to choose: {', '.join(missing)}.", icon=":material/rule:")
    with st.container(horizontal=True):
        st.button("Check the file", type="primary", disabled=bool(missing), on_click=draft.go_to_step, args=("check",))
        st.button("Back to the file", on_click=draft.go_to_step, args=("file",))


def get_preview(actor: Actor, draft: ImportDraft, mapping: ColumnMapping) -> tuple[imports.SalePreview, ...]:
    """Return the first sales under this mapping, from the draft while the mapping is the same."""
    if draft.preview is None or draft.preview[0] != mapping:
        with db.read_session() as s:
            previews = imports.preview(
                s, actor, draft.event_id, draft.get_table(), mapping, check_options.get_options(draft)
            )
        draft.preview = mapping, previews
    return draft.preview[1]


def render_check_step(actor: Actor, event: Event, draft: ImportDraft) -> None:
    if draft.job is not None:
        render_progress(draft, draft.job)
        return
    if draft.checked is None:
        with st.spinner(f"Checking {text.format_count(draft.summary.rows, 'row')}"), db.read_session() as s:
            file = draft.file_name, draft.get_table(), draft.mapping
            draft.checked = imports.check(s, actor, draft.event_id, *file, check_options.get_options(draft))
        st.rerun()
    with st.container():
        if draft.outcome:
            st.warning(text.escape_markdown(draft.outcome), icon=":material/undo:")
        check_result.render(draft, draft.checked, event.time_zone, partial(start_import, actor, draft))


def start_import(actor: Actor, draft: ImportDraft) -> None:
    """Start the import. A second click does nothing, since the draft has its job by then."""
    if draft.job is None:
        draft.outcome = ""
        file = draft.file_name, draft.get_table(), draft.mapping, check_options.get_options(draft)
        draft.job = import_job.start(
            lambda s, progress: imports.run(s, actor, draft.event_id, *file, progress=progress)
        )


def render_progress(draft: ImportDraft, job: import_job.Job) -> None:
    """Show the progress and wait for the end. A click elsewhere ends the wait, not the import."""
    st.empty()  # replaces the result of the check, whose buttons would stay until this run ends
    bar = st.progress(0.0, format_progress(job))
    st.button("Cancel", on_click=job.cancel, disabled=job.is_canceled, icon=":material/close:")
    forms.render_hint("Sales of this file appear once all of them are imported. You can leave this page.")
    while not job.ended.wait(PROGRESS_POLL_SECONDS):
        bar.progress(job.rows / job.total if job.total else 0.0, format_progress(job))
    draft.finish_job(job)
    st.rerun()


def format_progress(job: import_job.Job) -> str:
    if job.is_canceled:
        return "Canceling"
    return f"{job.rows:,} of {job.total:,} sales" if job.total else "Reading the file"


render_page(context.actor, event)

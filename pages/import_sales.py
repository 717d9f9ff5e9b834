"""Import sales from a file in three steps: the file, its columns unless they are ours, check and import."""

import uuid
from collections.abc import Callable
from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ticketing import db, imports
from ticketing.actors import Actor
from ticketing.catalog import packages
from ticketing.catalog.events import Event
from ticketing.errors import TicketingError, Unavailable
from ticketing.imports.column_mapping import ColumnMapping
from ticketing.imports.rows import Problem
from ui import menu, session, text
from ui.imports import columns
from ui.imports import job as import_job
from ui.imports.draft import ImportDraft, Step, open_file
from ui.runtime import uploads
from ui.widgets import forms, paging, tables
from ui.widgets.page_header import render_header

context, event = session.require_event("change")

FILE_EXTENSIONS = ["csv", "xlsx", "xls", "json", "txt", "tsv"]
STEP_LABELS: dict[Step, str] = {"file": "File", "columns": "Columns", "check": "Check and import"}
EXAMPLE_FILES = (
    ("CSV", "sales-example.csv", imports.example_csv),
    ("Excel", "sales-example.xlsx", imports.example_excel),
    ("JSON", "sales-example.json", imports.example_json),
)
PROBLEMS_PER_PAGE = 50
PROGRESS_POLL_SECONDS = 0.3


def render_page(actor: Actor, event: Event) -> None:
    """Render the step that the event's draft is at."""
    render_header("Import", event)
    draft: ImportDraft | None = st.session_state.get(state_key(event, "draft"))
    step = draft.step if draft else "file"
    render_steps(step, skips_columns=draft is not None and draft.mapping is None)
    if draft is None or step == "file":
        render_file_step(actor, event, draft)
        return
    st.markdown(format_file(draft))
    if step == "columns":
        render_columns_step(actor, event, draft)
    else:
        render_check_step(actor, draft)


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


def format_file(draft: ImportDraft) -> str:
    return f"**{text.escape_markdown(draft.file_name)}** · {text.format_count(draft.summary.rows, 'row')}"


def render_file_step(actor: Actor, event: Event, draft: ImportDraft | None) -> None:
    if draft is not None and draft.import_result is not None:
        render_import_result(event, draft, draft.import_result)
        draft = None
    if draft is not None:
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            st.markdown(format_file(draft), width="stretch")
            st.button("Continue with this file", type="primary", on_click=draft.go_to_step, args=(draft.first_step,))
    render_file_uploader(actor, event, draft)
    render_examples(actor, event)
    render_batches(actor, event)


def render_import_result(event: Event, draft: ImportDraft, result: imports.ImportResult) -> None:
    late = " It finished before it could be canceled." if draft.was_canceled_too_late else ""
    st.success(
        f"{text.format_count(result.rows_imported, 'sale')} imported from {text.escape_markdown(draft.file_name)}."
        f"{format_skipped(result.rows_skipped)}{late}",
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
        waiting = st.empty()
        with st.spinner(f"Reading {text.escape_markdown(file.name)}"):
            try:
                draft = open_file(actor, event.id, file.name, file.getvalue(), previous, lambda: render_wait(waiting))
            except Unavailable:
                raise
            except TicketingError as exc:
                st.session_state[refusal_key] = str(exc)
            else:
                st.session_state[state_key(event, "draft")] = draft
                st.session_state[number_key] = number + 1  # a new uploader: the old one would keep the file
                st.rerun()
        waiting.empty()
    if refusal := st.session_state.get(refusal_key):
        st.error(text.escape_markdown(refusal), icon=":material/error:")


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


def render_batches(actor: Actor, event: Event) -> None:
    key = state_key(event, "batches")
    with db.read_session() as s:
        batches, total = paging.load(key, lambda page: imports.list_batches(s, actor, event.id, page=page))
    if not batches:
        return
    st.subheader("Imports so far", anchor=False)
    tables.render(
        "Imports, the latest first",
        (tables.Column("File"), tables.Column("When"), tables.number_column("Sales"), tables.number_column("Skipped")),
        [
            (
                tables.TwoLineCell(batch.file_name, f"by {batch.imported_by}"),
                text.format_datetime(batch.created_at, event.time_zone),
                f"{batch.rows_imported:,}",
                f"{batch.rows_skipped:,}",
            )
            for batch in batches
        ],
    )
    paging.render(key, total, imports.PER_PAGE)


def render_columns_step(actor: Actor, event: Event, draft: ImportDraft) -> None:
    with db.read_session() as s:
        package_names = packages.list_names(s, actor, event.id)
    st.subheader("Match your columns", anchor=False)
    st.markdown(
        "These are the choices from the last file with these columns. Check that they still apply."
        if draft.is_mapping_saved
        else "This is a guess from the names of the columns and their content. Correct what is wrong."
    )
    columns.render_columns(draft, package_names)
    columns.render_packages(draft, package_names)
    draft.mapping = mapping = draft.build_mapping(package_names)
    columns.render_preview(get_preview(actor, draft, mapping), mapping, event.time_zone)
    missing = columns.list_missing_choices(draft, mapping, package_names)
    if missing:
        st.warning(f"Still to choose: {', '.join(missing)}.", icon=":material/rule:")
    with st.container(horizontal=True):
        st.button("Check the file", type="primary", disabled=bool(missing), on_click=draft.go_to_step, args=("check",))
        st.button("Back to the file", on_click=draft.go_to_step, args=("file",))


def get_preview(actor: Actor, draft: ImportDraft, mapping: ColumnMapping) -> tuple[imports.SalePreview, ...]:
    """Return the first sales under this mapping, from the draft while the mapping is the same."""
    if draft.preview is None or draft.preview[0] != mapping:
        with db.read_session() as s:
            previews = imports.preview(s, actor, draft.event_id, draft.get_table(), mapping)
        draft.preview = mapping, previews
    return draft.preview[1]


def render_check_step(actor: Actor, draft: ImportDraft) -> None:
    if draft.job is not None:
        render_progress(draft, draft.job)
        return
    if draft.checked is None:
        with st.spinner(f"Checking {text.format_count(draft.summary.rows, 'row')}"), db.read_session() as s:
            draft.checked = imports.check(s, actor, draft.event_id, draft.file_name, draft.get_table(), draft.mapping)
        st.rerun()
    with st.container():
        if draft.outcome:
            st.warning(text.escape_markdown(draft.outcome), icon=":material/undo:")
        render_check_result(actor, draft, draft.checked)


def render_check_result(actor: Actor, draft: ImportDraft, result: imports.CheckResult) -> None:
    """Render the result of the check, the next steps, and the tables of problems and warnings."""
    rows = text.format_count(result.rows, "row")
    if result.problems:
        st.error(
            f"{text.format_count(len(result.problems), 'problem')} in {rows}. Nothing was imported. "
            "Correct the file and choose it again.",
            icon=":material/error:",
        )
    elif result.to_import:
        st.success(f"No problems in {rows}.{format_skipped(result.to_skip)}", icon=":material/check_circle:")
        st.markdown(
            f"Ready to import: {text.format_count(result.to_import, 'sale')} of "
            f"{text.format_count(result.packages, 'package')}, {text.format_dollars(result.revenue)} in revenue."
        )
    else:
        st.info("Every sale in this file is here already. There is nothing to import.", icon=":material/done_all:")
    render_next_steps(actor, draft, result)
    if result.problems:
        render_problems(draft, "problems", result.problems, "Problems by row and column")
    skipped = tuple(each for each in result.warnings if each.column == "external_sale_id")
    unusual = tuple(each for each in result.warnings if each not in skipped)
    if unusual:
        with st.expander(f"{text.format_count(len(unusual), 'warning')}: imported unchanged"):
            render_problems(draft, "unusual", unusual, "Warnings by row and column")
    if skipped:
        with st.expander(f"{text.format_count(len(skipped), 'row')} skipped"):
            render_problems(draft, "skipped", skipped, "Skipped rows")


def format_skipped(rows: int) -> str:
    return f" {text.format_count(rows, 'is', 'are')} here already." if rows else ""


def render_next_steps(actor: Actor, draft: ImportDraft, result: imports.CheckResult) -> None:
    with st.container(horizontal=True):
        if result.to_import and not result.problems:
            st.button(
                f"Import {text.format_count(result.to_import, 'sale')}",
                type="primary",
                icon=":material/upload:",
                on_click=start_import,
                args=(actor, draft),
            )
        if result.problems:
            st.download_button(
                "Download the problems",
                imports.problems_csv(result),
                "problems.csv",
                "text/csv",
                on_click="ignore",
                type="primary",
                icon=":material/download:",
            )
        if draft.mapping is not None or result.problems:
            label = "Match columns and packages" if draft.mapping is None else "Back to the columns"
            st.button(label, on_click=draft.go_to_step, args=("columns",))
        st.button("Choose another file", on_click=draft.go_to_step, args=("file",))


def render_problems(draft: ImportDraft, name: str, problems: tuple[Problem, ...], alt: str) -> None:
    """Render one page of problems, each with the title of its column in the file."""
    key = draft.get_key(name)
    first = (int(st.session_state.get(key, 1)) - 1) * PROBLEMS_PER_PAGE
    rows = [
        {
            "Row": each.row,
            "Column": text.escape_markdown(draft.format_title(each.column)),
            "What to do": text.escape_markdown(each.message),
        }
        for each in problems[first : first + PROBLEMS_PER_PAGE]
    ]
    with st.container(key=f"sentences_{name}"):
        st.table(rows, border="horizontal", hide_index=True, alt=alt)
    paging.render(key, len(problems), PROBLEMS_PER_PAGE)


def start_import(actor: Actor, draft: ImportDraft) -> None:
    """Start the import. A second click does nothing, since the draft has its job by then."""
    if draft.job is None:
        draft.outcome = ""
        table = draft.get_table()
        draft.job = import_job.start(
            lambda s, progress: imports.run(
                s, actor, draft.event_id, draft.file_name, table, draft.mapping, progress=progress
            )
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

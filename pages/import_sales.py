"""Sales made elsewhere, from a file, in three steps: the file, its columns unless they are ours, check and import."""

from collections.abc import Callable
from functools import partial

import streamlit as st

from ticketing import db, imports
from ticketing.catalog import packages
from ticketing.errors import TicketingError, Unavailable
from ui import menu, session, text
from ui.imports import columns, draft
from ui.imports import job as import_job
from ui.imports.draft import ImportDraft
from ui.widgets import forms, paging, tables
from ui.widgets.page_header import render_header

context, event = session.require_event("change")

FILE_EXTENSIONS = ["csv", "xlsx", "xls", "json", "txt", "tsv"]
STEP_LABELS = {"file": "File", "columns": "Columns", "check": "Check and import"}
EXAMPLE_FILES = (
    ("CSV", "sales-example.csv", imports.example_csv),
    ("Excel", "sales-example.xlsx", imports.example_excel),
    ("JSON", "sales-example.json", imports.example_json),
)
PROBLEMS_PER_PAGE = 50
PROGRESS_POLL_SECONDS = 0.3


def state_key(name: str) -> str:
    """Where this page keeps something: of this event, so that nothing shows beside another."""
    return f"import_{name}_{event.id}"


def render_steps(current: draft.Step, skips_columns: bool) -> None:
    """Where one is; a step that is done has a tick."""
    parts, is_done = [], True
    for number, (step, name) in enumerate(STEP_LABELS.items(), start=1):
        if step == current:
            is_done = False
            parts.append(f"**:material/counter_{number}: {name}**")
        elif is_done:
            told = f"{name}: ours" if step == "columns" and skips_columns else name
            parts.append(f":green[:material/check_circle: {told}]")
        else:
            parts.append(f":gray[:material/counter_{number}: {name}]")
    st.markdown(" :gray[:material/chevron_right:] ".join(parts))


def render_file_step(work: ImportDraft | None) -> None:
    if work is not None and work.import_result is not None:
        render_import_result(work)
        work = None
    if work is not None:
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            st.markdown(
                f"**{text.escape_markdown(work.file_name)}** · {text.format_count(work.summary.rows, 'row')}",
                width="stretch",
            )
            st.button("Go on with this file", type="primary", on_click=work.go, args=(work.first_step,))
    render_file_uploader(work)
    render_examples()
    render_batches()


def render_file_uploader(previous: ImportDraft | None) -> None:
    """Reads the file as soon as it is there; the next step follows by itself."""
    number = st.session_state.get(state_key("number"), 0)
    file = st.file_uploader(
        "File with the sales: CSV, Excel or JSON, at most 50,000 rows" if previous is None else "Or another file",
        type=FILE_EXTENSIONS, key=state_key(f"file_{number}"),
        on_change=lambda: st.session_state.pop(state_key("refusal"), None),
    )  # fmt: skip
    if file is not None and state_key("refusal") not in st.session_state:
        with st.spinner(f"Reading {text.escape_markdown(file.name)}"):
            try:
                work = draft.open_file(context.actor, event.id, file.name, file.getvalue(), previous)
            except Unavailable:
                raise
            except TicketingError as refused:
                st.session_state[state_key("refusal")] = str(refused)
            else:
                st.session_state[state_key("work")] = work
                st.session_state[state_key("number")] = number + 1  # lets go of the uploader, which holds the file too
                st.rerun()
    if refusal := st.session_state.get(state_key("refusal")):
        st.error(text.escape_markdown(refusal), icon=":material/error:")


def render_examples() -> None:
    st.markdown(
        "A report of Eventbrite, pretix or another seller comes in as it is: the next step asks which of its columns "
        "is which. Nothing changes before you import, and a sale that is here already is skipped."
    )
    with st.expander("Writing the file yourself? Columns and examples"):
        st.markdown(
            "Required: `ticket_type`, `purchaser_name`, `purchaser_email`, `quantity`, `total_amount`, "
            "`purchase_date`, `external_sale_id`.\n\n"
            "Optional: `promo_code`, `discount_amount`, `fee_amount`, `payment_status`, `notes`, `purchaser_phone`.\n\n"
            f"A time without an offset is taken as {text.escape_markdown(text.format_zone_city(event.time_zone))} time."
        )
        with st.container(horizontal=True):
            for kind, file_name, write in EXAMPLE_FILES:
                st.download_button(
                    f"Example as {kind}", partial(create_example, write), file_name, on_click="ignore",
                    icon=":material/download:",
                )  # fmt: skip


def create_example(write: Callable[..., bytes]) -> bytes:
    """Made when it is asked for."""
    with db.read_session() as s:
        return write(s, context.actor, event.id)


def render_batches() -> None:
    with db.read_session() as s:
        batches, total = paging.load(
            state_key("batches"), lambda page: imports.list_batches(s, context.actor, event.id, page=page)
        )
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
    paging.render(state_key("batches"), total, imports.PER_PAGE)


def render_columns_step(work: ImportDraft) -> None:
    with db.read_session() as s:
        on_sale = packages.list_names(s, context.actor, event.id)
    st.subheader("Which column is which?", anchor=False)
    st.markdown(
        "As it was for the last file with these columns. See whether it still holds."
        if work.is_mapping_saved
        else "This is our guess from the names of the columns and what is in them. Correct what is wrong."
    )
    columns.render_columns(work, on_sale)
    columns.render_packages(work, on_sale)
    work.mapping = work.typed(on_sale)
    columns.render_preview(get_preview(work), work.mapping, event.time_zone)
    needed = columns.list_missing_choices(work, work.mapping, on_sale)
    if needed:
        st.warning(f"Still to choose: {', '.join(needed)}.", icon=":material/rule:")
    with st.container(horizontal=True):
        st.button("Check the file", type="primary", disabled=bool(needed), on_click=work.go, args=("check",))
        st.button("Back to the file", on_click=work.go, args=("file",))


def get_preview(work: ImportDraft) -> tuple[imports.SalePreview, ...]:
    if work.preview is None or work.preview[0] != work.mapping:
        with db.read_session() as s:
            first = imports.preview(
                s, context.actor, event.id, work.file_name, work.content, work.mapping, table=work.table()
            )
        work.preview = work.mapping, first
    return work.preview[1]


def render_check_step(work: ImportDraft) -> None:
    if work.job is not None:
        render_progress(work)
        return
    if work.checked is None:
        with st.spinner(f"Checking {text.format_count(work.summary.rows, 'row')}"), db.read_session() as s:
            work.checked = imports.check(s, context.actor, event.id, work.file_name, work.content, work.mapping)
        st.rerun()
    with st.container():
        if work.outcome:
            st.warning(text.escape_markdown(work.outcome), icon=":material/undo:")
        render_check_result(work, work.checked)


def render_check_result(work: ImportDraft, result: imports.CheckResult) -> None:
    """What the check found, and the one next step."""
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
            f"{text.format_count(result.to_import, 'sale')} of {text.format_count(result.packages, 'package')} would come in, "
            f"{text.format_dollars(result.revenue)} of revenue."
        )
    else:
        st.info("Every sale in this file is here already. There is nothing to import.", icon=":material/done_all:")
    with st.container(horizontal=True):
        if result.to_import and not result.problems:
            st.button(
                f"Import {text.format_count(result.to_import, 'sale')}", type="primary", icon=":material/upload:",
                on_click=start_import, args=(work,),
            )  # fmt: skip
        if result.problems:
            st.download_button(
                "Download the problems", imports.problems_csv(result), "problems.csv", "text/csv", on_click="ignore",
                type="primary", icon=":material/download:",
            )  # fmt: skip
        if work.mapping is not None or result.problems:
            label = "Match columns and packages" if work.mapping is None else "Back to the columns"
            st.button(label, on_click=work.go, args=("columns",))
        st.button("Choose another file", on_click=work.go, args=("file",))
    if result.problems:
        render_problems(work, "problems", result.problems, "Problems by row and column")
    skipped = tuple(each for each in result.warnings if each.column == "external_sale_id")
    unusual = tuple(each for each in result.warnings if each not in skipped)
    if unusual:
        with st.expander(f"{text.format_count(len(unusual), 'warning')}: taken as they are"):
            render_problems(work, "unusual", unusual, "Warnings by row and column")
    if skipped:
        with st.expander(f"{text.format_count(len(skipped), 'row')} skipped"):
            render_problems(work, "skipped", skipped, "Skipped rows")


def format_skipped(rows: int) -> str:
    return f" {rows:,} {'is' if rows == 1 else 'are'} here already." if rows else ""


def render_problems(work: ImportDraft, name: str, problems: tuple[imports.Problem, ...], alt: str) -> None:
    """Page by page, each with the column as the file calls it."""
    key = work.key(name)
    first = (int(st.session_state.get(key, 1)) - 1) * PROBLEMS_PER_PAGE
    rows = [
        {
            "Row": each.row,
            "Column": text.escape_markdown(work.title(each.column)),
            "What to do": text.escape_markdown(each.message),
        }
        for each in problems[first : first + PROBLEMS_PER_PAGE]
    ]
    with st.container(key=f"sentences_{name}"):
        st.table(rows, border="horizontal", hide_index=True, alt=alt)
    paging.render(key, len(problems), PROBLEMS_PER_PAGE)


def start_import(work: ImportDraft) -> None:
    """Once, however often it is clicked: a work has one job."""
    if work.job is None:
        work.outcome = ""
        work.job = import_job.start(
            lambda s, progress: imports.run(
                s, context.actor, event.id, work.file_name, work.content, work.mapping, progress=progress
            )
        )


def render_progress(work: ImportDraft) -> None:
    """How far it is, and the way to stop it. The run waits for the end; another click ends the wait, not the import."""
    job = work.job
    st.empty()  # in the place of what the check found, whose buttons would stay until this run is over
    bar = st.progress(0.0, format_progress(job))
    st.button("Cancel", on_click=job.cancel, disabled=job.is_canceled, icon=":material/close:")
    forms.render_hint("Nobody sees a sale of this file before all are in. You can leave this page meanwhile.")
    while not job.ended.wait(PROGRESS_POLL_SECONDS):
        bar.progress(job.rows / job.total if job.total else 0.0, format_progress(job))
    work.finish_job(job)
    st.rerun()


def format_progress(job: import_job.Job) -> str:
    if job.is_canceled:
        return "Undoing what was stored"
    return f"{job.rows:,} of {job.total:,} sales" if job.total else "Reading the file"


def render_import_result(work: ImportDraft) -> None:
    done = work.import_result
    late = " It was done before it could be cancelled." if work.was_canceled_too_late else ""
    st.success(
        f"{text.format_count(done.rows_imported, 'sale')} imported from {text.escape_markdown(work.file_name)}."
        f"{format_skipped(done.rows_skipped)}{late}",
        icon=":material/check_circle:",
    )
    st.page_link(
        menu.path("sales"),
        label="See the sales",
        icon=":material/monitoring:",
        query_params=session.event_query_params(event),
    )


render_header("Import", event)
import_draft: ImportDraft | None = st.session_state.get(state_key("work"))
step = import_draft.step if import_draft else "file"
render_steps(step, skips_columns=import_draft is not None and import_draft.mapping is None)
if import_draft is not None and step != "file":
    st.markdown(
        f"**{text.escape_markdown(import_draft.file_name)}** · {text.format_count(import_draft.summary.rows, 'row')}"
    )
if step == "check":
    render_check_step(import_draft)
elif step == "columns":
    render_columns_step(import_draft)
else:
    render_file_step(import_draft)

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
from ui.imports.draft import Work
from ui.widgets import forms, paging, tables
from ui.widgets.page_header import show_header

here, event = session.require_event("change")

TYPES = ["csv", "xlsx", "xls", "json", "txt", "tsv"]
STEPS = {"file": "File", "columns": "Columns", "check": "Check and import"}
EXAMPLES = (
    ("CSV", "sales-example.csv", imports.example_csv),
    ("Excel", "sales-example.xlsx", imports.example_excel),
    ("JSON", "sales-example.json", imports.example_json),
)
PROBLEMS_AT_ONCE = 50
SECONDS_BETWEEN_LOOKS = 0.3


def state(name: str) -> str:
    """Where this page keeps something: of this event, so that nothing shows beside another."""
    return f"import_{name}_{event.id}"


def show_steps(current: draft.Step, skips_columns: bool) -> None:
    """Where one is; a step that is done has a tick."""
    parts, is_done = [], True
    for number, (step, name) in enumerate(STEPS.items(), start=1):
        if step == current:
            is_done = False
            parts.append(f"**:material/counter_{number}: {name}**")
        elif is_done:
            told = f"{name}: ours" if step == "columns" and skips_columns else name
            parts.append(f":green[:material/check_circle: {told}]")
        else:
            parts.append(f":gray[:material/counter_{number}: {name}]")
    st.markdown(" :gray[:material/chevron_right:] ".join(parts))


def show_file_step(work: Work | None) -> None:
    if work is not None and work.imported is not None:
        show_done(work)
        work = None
    if work is not None:
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{text.md(work.file_name)}** · {text.count(work.facts.rows, 'row')}", width="stretch")
            st.button("Go on with this file", type="primary", on_click=work.go, args=(work.first_step,))
    choose_file(work)
    show_examples()
    show_batches()


def choose_file(before: Work | None) -> None:
    """Reads the file as soon as it is there; the next step follows by itself."""
    number = st.session_state.get(state("number"), 0)
    file = st.file_uploader(
        "File with the sales: CSV, Excel or JSON, at most 50,000 rows" if before is None else "Or another file",
        type=TYPES, key=state(f"file_{number}"),
        on_change=lambda: st.session_state.pop(state("refusal"), None),
    )  # fmt: skip
    if file is not None and state("refusal") not in st.session_state:
        with st.spinner(f"Reading {text.md(file.name)}"):
            try:
                work = draft.open_file(here.actor, event.id, file.name, file.getvalue(), before)
            except Unavailable:
                raise
            except TicketingError as refused:
                st.session_state[state("refusal")] = str(refused)
            else:
                st.session_state[state("work")] = work
                st.session_state[state("number")] = number + 1  # lets go of the uploader, which holds the file too
                st.rerun()
    if refusal := st.session_state.get(state("refusal")):
        st.error(text.md(refusal), icon=":material/error:")


def show_examples() -> None:
    st.markdown(
        "A report of Eventbrite, pretix or another seller comes in as it is: the next step asks which of its columns "
        "is which. Nothing changes before you import, and a sale that is here already is skipped."
    )
    with st.expander("Writing the file yourself? Columns and examples"):
        st.markdown(
            "Required: `ticket_type`, `purchaser_name`, `purchaser_email`, `quantity`, `total_amount`, "
            "`purchase_date`, `external_sale_id`.\n\n"
            "Optional: `promo_code`, `discount_amount`, `fee_amount`, `payment_status`, `notes`, `purchaser_phone`.\n\n"
            f"A time without an offset is taken as {text.md(text.zone_city(event.time_zone))} time."
        )
        with st.container(horizontal=True):
            for kind, file_name, write in EXAMPLES:
                st.download_button(
                    f"Example as {kind}", partial(example, write), file_name, on_click="ignore",
                    icon=":material/download:",
                )  # fmt: skip


def example(write: Callable[..., bytes]) -> bytes:
    """Made when it is asked for."""
    with db.reading() as s:
        return write(s, here.actor, event.id)


def show_batches() -> None:
    with db.reading() as s:
        batches, total = paging.load(
            state("batches"), lambda page: imports.list_batches(s, here.actor, event.id, page=page)
        )
    if not batches:
        return
    st.subheader("Imports so far", anchor=False)
    tables.show(
        "Imports, the latest first",
        (tables.Column("File"), tables.Column("When"), tables.number("Sales"), tables.number("Skipped")),
        [
            (
                tables.Lines(batch.file_name, f"by {batch.imported_by}"),
                text.moment(batch.created_at, event.time_zone),
                f"{batch.rows_imported:,}",
                f"{batch.rows_skipped:,}",
            )
            for batch in batches
        ],
    )
    paging.show(state("batches"), total, imports.PER_PAGE)


def show_columns_step(work: Work) -> None:
    with db.reading() as s:
        on_sale = packages.names(s, here.actor, event.id)
    st.subheader("Which column is which?", anchor=False)
    st.markdown(
        "As it was for the last file with these columns. See whether it still holds."
        if work.is_known
        else "This is our guess from the names of the columns and what is in them. Correct what is wrong."
    )
    columns.show_columns(work, on_sale)
    columns.show_packages(work, on_sale)
    work.mapping = work.typed(on_sale)
    columns.show_arrivals(arrivals(work), work.mapping, event.time_zone)
    needed = columns.still_needed(work, work.mapping, on_sale)
    if needed:
        st.warning(f"Still to choose: {', '.join(needed)}.", icon=":material/rule:")
    with st.container(horizontal=True):
        st.button("Check the file", type="primary", disabled=bool(needed), on_click=work.go, args=("check",))
        st.button("Back to the file", on_click=work.go, args=("file",))


def arrivals(work: Work) -> tuple[imports.Arrival, ...]:
    if work.arrivals is None or work.arrivals[0] != work.mapping:
        with db.reading() as s:
            first = imports.preview(
                s, here.actor, event.id, work.file_name, work.content, work.mapping, table=work.table()
            )
        work.arrivals = work.mapping, first
    return work.arrivals[1]


def show_check_step(work: Work) -> None:
    if work.job is not None:
        show_import(work)
        return
    if work.checked is None:
        with st.spinner(f"Checking {text.count(work.facts.rows, 'row')}"), db.reading() as s:
            work.checked = imports.check(s, here.actor, event.id, work.file_name, work.content, work.mapping)
        st.rerun()
    with st.container():
        if work.outcome:
            st.warning(text.md(work.outcome), icon=":material/undo:")
        show_found(work, work.checked)


def show_found(work: Work, found: imports.Check) -> None:
    """What the check found, and the one next step."""
    rows = text.count(found.rows, "row")
    if found.problems:
        st.error(
            f"{text.count(len(found.problems), 'problem')} in {rows}. Nothing was imported. "
            "Correct the file and choose it again.",
            icon=":material/error:",
        )
    elif found.to_import:
        st.success(f"No problems in {rows}.{here_already(found.to_skip)}", icon=":material/check_circle:")
        st.markdown(
            f"{text.count(found.to_import, 'sale')} of {text.count(found.packages, 'package')} would come in, "
            f"{text.dollars(found.revenue)} of revenue."
        )
    else:
        st.info("Every sale in this file is here already. There is nothing to import.", icon=":material/done_all:")
    with st.container(horizontal=True):
        if found.to_import and not found.problems:
            st.button(
                f"Import {text.count(found.to_import, 'sale')}", type="primary", icon=":material/upload:",
                on_click=start_import, args=(work,),
            )  # fmt: skip
        if found.problems:
            st.download_button(
                "Download the problems", imports.problems_csv(found), "problems.csv", "text/csv", on_click="ignore",
                type="primary", icon=":material/download:",
            )  # fmt: skip
        if work.mapping is not None or found.problems:
            label = "Match columns and packages" if work.mapping is None else "Back to the columns"
            st.button(label, on_click=work.go, args=("columns",))
        st.button("Choose another file", on_click=work.go, args=("file",))
    if found.problems:
        show_list(work, "problems", found.problems, "Problems by row and column")
    skipped = tuple(each for each in found.warnings if each.column == "external_sale_id")
    unusual = tuple(each for each in found.warnings if each not in skipped)
    if unusual:
        with st.expander(f"{text.count(len(unusual), 'warning')}: taken as they are"):
            show_list(work, "unusual", unusual, "Warnings by row and column")
    if skipped:
        with st.expander(f"{text.count(len(skipped), 'row')} skipped"):
            show_list(work, "skipped", skipped, "Skipped rows")


def here_already(rows: int) -> str:
    return f" {rows:,} {'is' if rows == 1 else 'are'} here already." if rows else ""


def show_list(work: Work, name: str, found: tuple[imports.Problem, ...], alt: str) -> None:
    """Page by page, each with the column as the file calls it."""
    key = work.key(name)
    first = (int(st.session_state.get(key, 1)) - 1) * PROBLEMS_AT_ONCE
    rows = [
        {"Row": each.row, "Column": text.md(work.title(each.column)), "What to do": text.md(each.message)}
        for each in found[first : first + PROBLEMS_AT_ONCE]
    ]
    with st.container(key=f"sentences_{name}"):
        st.table(rows, border="horizontal", hide_index=True, alt=alt)
    paging.show(key, len(found), PROBLEMS_AT_ONCE)


def start_import(work: Work) -> None:
    """Once, however often it is clicked: a work has one job."""
    if work.job is None:
        work.outcome = ""
        work.job = import_job.start(
            lambda s, progress: imports.run(
                s, here.actor, event.id, work.file_name, work.content, work.mapping, progress=progress
            )
        )


def show_import(work: Work) -> None:
    """How far it is, and the way to stop it. The run waits for the end; another click ends the wait, not the import."""
    job = work.job
    st.empty()  # in the place of what the check found, whose buttons would stay until this run is over
    bar = st.progress(0.0, progress_of(job))
    st.button("Cancel", on_click=job.cancel, disabled=job.is_cancelled, icon=":material/close:")
    forms.hint("Nobody sees a sale of this file before all are in. You can leave this page meanwhile.")
    while not job.ended.wait(SECONDS_BETWEEN_LOOKS):
        bar.progress(job.rows / job.total if job.total else 0.0, progress_of(job))
    work.take_over(job)
    st.rerun()


def progress_of(job: import_job.Job) -> str:
    if job.is_cancelled:
        return "Undoing what was stored"
    return f"{job.rows:,} of {job.total:,} sales" if job.total else "Reading the file"


def show_done(work: Work) -> None:
    done = work.imported
    late = " It was done before it could be cancelled." if work.is_cancelled_too_late else ""
    st.success(
        f"{text.count(done.rows_imported, 'sale')} imported from {text.md(work.file_name)}."
        f"{here_already(done.rows_skipped)}{late}",
        icon=":material/check_circle:",
    )
    st.page_link(
        menu.path("sales"), label="See the sales", icon=":material/monitoring:", query_params=session.query(event)
    )


show_header("Import", event)
work: Work | None = st.session_state.get(state("work"))
step = work.step if work else "file"
show_steps(step, skips_columns=work is not None and work.mapping is None)
if work is not None and step != "file":
    st.markdown(f"**{text.md(work.file_name)}** · {text.count(work.facts.rows, 'row')}")
if step == "check":
    show_check_step(work)
elif step == "columns":
    show_columns_step(work)
else:
    show_file_step(work)

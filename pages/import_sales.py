"""Sales made elsewhere, from a CSV file: a check that changes nothing, then the import, all or nothing."""

import pandas as pd
import streamlit as st

from ticketing import db, imports
from ticketing.errors import TicketingError
from ui import menu, session, text
from ui.header import show_header

here, event = session.require_event("change")


def state(name: str) -> str:
    """Where this page keeps something: of this event and this file, so that nothing shows beside another."""
    return f"import_{name}_{event.id}_{st.session_state.get('import_number', 0)}"


def check() -> None:
    """Judges the file that was just chosen and keeps the answer for the page."""
    file = st.session_state[state("file")]
    st.session_state.pop(state("check"), None)
    st.session_state.pop(state("refusal"), None)
    if file is None:
        return
    try:
        with db.reading() as s:
            st.session_state[state("check")] = imports.check(s, here.actor, event.id, file.name, file.getvalue())
    except TicketingError as refused:
        st.session_state[state("refusal")] = str(refused)


def run() -> None:
    """Imports the checked file in one transaction, all or nothing: whatever interrupts it undoes it."""
    file = st.session_state[state("file")]
    bar = st.progress(0.0, "Importing")
    try:
        done = db.write(
            lambda s: imports.run(
                s, here.actor, event.id, file.name, file.getvalue(),
                progress=lambda rows, total: bar.progress(rows / total, f"Importing, {rows:,} of {total:,} rows"),
            )
        )  # fmt: skip
    except imports.ImportRefused as refused:
        st.session_state[state("check")] = refused.check
    except TicketingError as refused:
        st.session_state[state("refusal")] = str(refused)
    else:
        st.session_state.import_done = done
        st.session_state.import_number = st.session_state.get("import_number", 0) + 1
    st.rerun()


def show_table(problems: tuple[imports.Problem, ...], alt: str) -> None:
    st.dataframe(
        pd.DataFrame(
            [(problem.row, problem.column, problem.message) for problem in problems],
            columns=["Row", "Column", "What to do"],
        ),
        hide_index=True, alt=alt,
        column_config={"Row": st.column_config.Column(width=60), "Column": st.column_config.Column(width=140)},
    )  # fmt: skip


def show(found: imports.Check) -> None:
    """What the check found, and the one next step."""
    if found.problems:
        st.error(
            f"{text.count(len(found.problems), 'problem')} in {text.count(found.rows, 'row')}. Nothing was imported. "
            "Correct the file and choose it again.",
            icon=":material/error:",
        )
        show_table(found.problems, "Problems by row and column")
        st.download_button(
            "Download the problems", imports.problems_csv(found), "problems.csv", "text/csv", on_click="ignore",
            icon=":material/download:",
        )  # fmt: skip
    elif found.to_import:
        skipped = f" {text.count(found.to_skip, 'row is', 'rows are')} here already." if found.to_skip else ""
        st.success(f"No problems in {text.count(found.rows, 'row')}.{skipped}", icon=":material/check_circle:")
        label = f"Import {text.count(found.to_import, 'sale')}"
        if st.button(label, type="primary", icon=":material/upload:"):
            run()
    else:
        st.info("Every sale in this file is here already. There is nothing to import.")
    skipped = tuple(each for each in found.warnings if each.column == "external_sale_id")
    unusual = tuple(each for each in found.warnings if each not in skipped)
    if unusual:
        with st.expander(f"{text.count(len(unusual), 'warning')}: taken as they are"):
            show_table(unusual, "Warnings by row and column")
    if skipped:
        with st.expander(f"{text.count(len(skipped), 'row')} skipped"):
            show_table(skipped, "Skipped rows")


show_header("Import", event)
st.markdown(
    "Bring in sales made elsewhere. The file is checked first and nothing changes until you import it; "
    "a sale that is here already is skipped, so the same file can be chosen again."
)

if done := st.session_state.pop("import_done", None):
    skipped = f" {done.rows_skipped:,} were here already." if done.rows_skipped else ""
    st.success(f"{text.count(done.rows_imported, 'sale')} imported.{skipped}", icon=":material/check_circle:")
    st.page_link(
        menu.path("sales"), label="See the sales", icon=":material/monitoring:", query_params=session.query(event)
    )

st.file_uploader("CSV file with the sales", type=["csv"], key=state("file"), on_change=check)
if refusal := st.session_state.get(state("refusal")):
    st.error(text.md(refusal))
if found := st.session_state.get(state("check")):
    show(found)
else:
    with st.expander("Which columns does the file need?"):
        st.markdown(
            "Required: `ticket_type`, `purchaser_name`, `purchaser_email`, `quantity`, `total_amount`, "
            "`purchase_date`, `external_sale_id`.\n\n"
            "Optional: `promo_code`, `discount_amount`, `fee_amount`, `payment_status`, `notes`, `purchaser_phone`.\n\n"
            f"A time without an offset is taken as {text.md(text.zone_city(event.time_zone))} time."
        )
        with db.reading() as s:
            example = imports.example_csv(s, here.actor, event.id)
        st.download_button(
            "Download an example file", example, "sales-example.csv", "text/csv", on_click="ignore",
            icon=":material/download:",
        )  # fmt: skip

"""The result of a check: problems, or what an import would store and every warning, and the next steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from ticketing import imports
from ticketing.imports import summary
from ticketing.imports.rows import Problem
from ticketing.imports.summary import Figures, ImportSummary
from ui import text
from ui.imports import check_options
from ui.imports.draft import ImportDraft
from ui.widgets import paging

PROBLEMS_PER_PAGE = 50
WARNINGS_PER_PAGE = 10


def render(draft: ImportDraft, result: imports.CheckResult, zone: str, start_import: Callable[[], None]) -> None:
    """Render the result of the check in the event's time zone, the next steps, and every problem and warning."""
    if result.problems:
        correct = " Correct the file and choose it again." if result.other_sales < len(result.problems) else ""
        st.error(f"{result.problem_count}. Nothing was imported.{correct}", icon=":material/error:")
    elif result.to_import:
        rows = text.format_count(result.rows, "row")
        st.success(f"No problems in {rows}.{format_skipped(result.to_skip)}", icon=":material/check_circle:")
        st.markdown(
            f"Ready to import: {text.format_count(result.to_import, 'sale')}, which "
            f"{'adds' if result.to_import == 1 else 'add'} {text.format_count(result.packages, 'package')} and "
            f"{text.format_dollars(result.revenue)} in revenue."
        )
    else:
        here = "is here already or was voided here" if result.voided else "is here already"
        st.info(f"Every sale in this file {here}. There is nothing to import.", icon=":material/done_all:")
    check_options.render_prefix(draft, result)
    _render_date_switch(draft, result)
    _render_voided_sales(draft, result)
    check_options.render_status_changes(draft, result)
    _render_next_steps(draft, result, start_import)
    if result.problems:
        render_problems(draft, "problems", result.problems, "Problems by row and column")
    else:
        _render_summary(result.summary, zone)
    _render_warnings(draft, result.warnings)


def format_skipped(sales: int) -> str:
    """Return a sentence about the sales that are skipped, or nothing."""
    return f" {text.format_count(sales, 'is', 'are')} here already." if sales else ""


def render_problems(
    draft: ImportDraft,
    name: str,
    problems: Sequence[Problem],
    alt: str,
    heading: str = "What to do",
    per_page: int = PROBLEMS_PER_PAGE,
) -> None:
    """Render one page of problems, each with the title of its column in the file."""
    key = draft.get_key(name)
    first = (int(st.session_state.get(key, 1)) - 1) * per_page
    rows = [
        {
            "Row": text.escape_markdown(each.row),
            "Column": text.escape_markdown(draft.format_title(each.column)),
            heading: text.escape_markdown(each.message),
        }
        for each in problems[first : first + per_page]
    ]
    with st.container(key=f"sentences_{name}"):
        st.table(rows, border="horizontal", hide_index=True, alt=alt)
    paging.render(key, len(problems), per_page)


def _render_summary(found: ImportSummary, zone: str) -> None:
    """Render figures to compare with those of the seller: rows, statuses, packages and dates."""
    st.header("Compare with the seller", anchor=False)
    parts = [f"{text.format_count(found.rows, 'row')} read", f"{found.rows_imported:,} in sales to import"]
    parts += [text.format_count(rows, *summary.LEFT_OUT_TITLES[kind]) for kind, rows in found.rows_left_out.items()]
    st.markdown(" · ".join(parts))
    if found.earliest is not None and found.latest is not None:
        first, last = (text.format_datetime(each, zone) for each in (found.earliest, found.latest))
        st.markdown(f"First sale {text.escape_markdown(first)} · last sale {text.escape_markdown(last)}")
    statuses = [(text.STATUS_LABELS[each.label], each) for each in found.by_status]
    _render_figures("Status", statuses, found.all_sales)
    packages = [(text.escape_markdown(each.label), each) for each in found.by_package]
    _render_figures("Package", packages, found.all_sales)
    amounts = [("discounts", found.all_sales.discount), ("fees", found.all_sales.fee)]
    if given := [f"{text.format_dollars(amount)} {label}" for label, amount in amounts if amount]:
        st.markdown(f"In all of these sales: {', '.join(given)}.")


def _render_figures(title: str, groups: Sequence[tuple[str, Figures]], total: Figures) -> None:
    """Render a table of figures with its sum, narrow enough for a phone."""
    lines = [*groups, ("**All**", total)] if len(groups) > 1 else groups
    rows = [
        {
            title: label,
            "Orders": f"{each.orders:,}",
            "Packages": f"{each.packages:,}",
            "Seats": f"{each.seats:,}",
            "Total": text.format_dollars(each.total),
        }
        for label, each in lines
    ]
    if rows:
        st.table(rows, border="horizontal", hide_index=True, alt=f"Sales of the file by {title.lower()}")


def _render_warnings(draft: ImportDraft, warnings: Sequence[Problem]) -> None:
    groups = summary.group_warnings(warnings)
    if not groups:
        return
    st.header(text.format_count(len(warnings), "warning"), anchor=False)
    for kind, found in groups.items():
        title = text.format_count(len(found), *summary.WARNING_TITLES[kind])
        st.markdown(f"**{text.escape_markdown(title)}**")
        render_problems(draft, f"warnings_{kind or 'other'}", found, title, "Warning", WARNINGS_PER_PAGE)


def _render_date_switch(draft: ImportDraft, result: imports.CheckResult) -> None:
    """Let staff accept dates that cannot be right by the usual rule; the file is then checked again."""
    if result.has_unlikely_dates or draft.is_on("accept_dates"):
        st.toggle(
            "These dates are right",
            key=draft.get_key("accept_dates"),
            persist_state="session",
            on_change=draft.check_again,
            help="Without it, a date after now, after the event or more than 3 years before it is a problem.",
        )


def _render_voided_sales(draft: ImportDraft, result: imports.CheckResult) -> None:
    """Render the sales of the file that were voided here, and the switch that imports them again."""
    is_problem = any(problem.kind == "voided" for problem in result.problems)
    if not result.voided and not is_problem and not draft.is_on("imports_voided"):
        return
    if result.voided:
        sales = text.format_count(len(result.voided), "sale of this file was", "sales of this file were")
        st.warning(f"{sales} voided here and will not be imported.", icon=":material/block:")
        render_problems(draft, "voided", result.voided, "Sales that were voided here")
    st.toggle(
        "Also import sales that were voided here",
        key=draft.get_key("imports_voided"),
        persist_state="session",
        on_change=draft.check_again,
    )


def _render_next_steps(draft: ImportDraft, result: imports.CheckResult, start_import: Callable[[], None]) -> None:
    with st.container(horizontal=True):
        label = check_options.format_import_button(draft, result)
        if label and not result.problems:
            st.button(
                label,
                type="primary",
                icon=":material/upload:",
                on_click=start_import,
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

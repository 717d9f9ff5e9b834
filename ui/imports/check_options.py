"""What staff choose where a file is checked: what to let through, whose numbers these are, what to take over."""

from __future__ import annotations

from decimal import Decimal

import streamlit as st

from ticketing import db
from ticketing.actors import Actor
from ticketing.errors import InvalidInput
from ticketing.imports import CheckResult, prefixes
from ticketing.imports.options import ImportOptions
from ui import text
from ui.imports.draft import ImportDraft
from ui.widgets import forms, paging

CHANGES_PER_PAGE = 50


def get_options(draft: ImportDraft) -> ImportOptions:
    """Return the choices for this file."""
    return ImportOptions(
        accept_dates=draft.is_on("accept_dates"),
        imports_voided=draft.is_on("imports_voided"),
        id_prefix=st.session_state.get(draft.get_key("id_prefix"), ""),
        changes_statuses=draft.is_on("changes_statuses"),
    )


def propose_prefix(actor: Actor, draft: ImportDraft, previous: ImportDraft | None) -> None:
    """Set the prefix of earlier files with these columns, or what was typed for the file that this one replaces."""
    with db.read_session() as session:
        proposed = prefixes.propose_prefix(session, actor, draft.event_id, draft.get_table(), draft.mapping)
    st.session_state[draft.get_key("proposed_prefix")] = prefix = proposed
    if previous is not None and previous.summary.titles == draft.summary.titles:
        typed = get_options(previous).id_prefix
        prefix = typed if typed != st.session_state.get(previous.get_key("proposed_prefix")) else proposed
    _set_prefix(draft, prefix)


def _set_prefix(draft: ImportDraft, prefix: str) -> None:
    st.session_state[draft.get_key("id_prefix")] = st.session_state[draft.get_key("typed_prefix")] = prefix


def render_prefix(draft: ImportDraft, result: CheckResult) -> None:
    """Render whose numbers the file has, when some are here for other sales or the seller has a prefix."""
    prefix = st.session_state.get(draft.get_key("id_prefix"), "")
    key, problem = draft.get_key("typed_prefix"), st.session_state.get(draft.get_key("prefix_problem"), "")
    if not (result.other_sales or prefix or problem):
        return
    if result.other_reports:
        files = text.escape_markdown(", ".join(result.other_reports))
        st.warning(
            f"These orders are here already from another report: {files}. Import each order from one report only.",
            icon=":material/content_copy:",
        )
    elif result.other_sales:
        numbers = text.format_count(result.other_sales, "order number is", "order numbers are")
        st.warning(
            f"{numbers} here already, for another sale. Are these another seller's numbers? Give them a prefix.",
            icon=":material/call_split:",
        )
    st.text_input(
        "Prefix of this seller's order numbers",
        key=key,
        persist_state="session",
        width=320,
        placeholder="For example, shop2",
        on_change=_check_prefix,
        args=(draft,),
        help="Stored before each number, as in shop2:1001, and proposed for the next file with these columns.",
    )
    forms.render_problem({"id_prefix": problem} if problem else {}, "id_prefix")


def _check_prefix(draft: ImportDraft) -> None:
    """For a callback: check the file again under the prefix that was typed, or say why it cannot be stored."""
    typed = (st.session_state.get(draft.get_key("typed_prefix")) or "").strip()
    problem_key = draft.get_key("prefix_problem")
    try:
        ImportOptions(id_prefix=typed).validate()
    except InvalidInput as exc:
        st.session_state[problem_key] = exc.fields["id_prefix"]
        return
    st.session_state[problem_key] = ""
    _set_prefix(draft, typed)
    draft.check_again()


def render_status_changes(draft: ImportDraft, result: CheckResult) -> None:
    """Render the sales that went on at the seller, and the switch that takes their statuses over."""
    changes = result.status_changes
    if not changes:
        return
    sales = text.format_count(len(changes), "sale that is here has", "sales that are here have")
    st.info(f"{sales} another status at the seller now.", icon=":material/published_with_changes:")
    key = draft.get_key("changes")
    first = (int(st.session_state.get(key, 1)) - 1) * CHANGES_PER_PAGE
    rows = [
        {
            "Row": text.escape_markdown(each.row),
            "Order number": text.escape_markdown(each.external_sale_id),
            "Here": text.STATUS_LABELS[each.current],
            "At the seller": text.STATUS_LABELS[each.status],
            "Revenue": _format_revenue(each.revenue),
        }
        for each in changes[first : first + CHANGES_PER_PAGE]
    ]
    with st.container(key="sentences_changes"):
        st.table(rows, border="horizontal", hide_index=True, alt="Sales with another status at the seller")
    paging.render(key, len(changes), CHANGES_PER_PAGE)
    st.toggle(
        "Take these statuses over",
        key=draft.get_key("changes_statuses"),
        persist_state="session",
        on_change=draft.check_again,
        help="Refunded and failed sales put their packages back on sale. An undo of the import leaves them so.",
    )


def is_changing(draft: ImportDraft, result: CheckResult) -> bool:
    """Return whether an import would change statuses."""
    return bool(result.status_changes) and draft.is_on("changes_statuses")


def format_import_button(draft: ImportDraft, result: CheckResult) -> str:
    """Return what the button of the import does: "Import 3 sales and change 2 statuses"."""
    parts = [f"Import {text.format_count(result.to_import, 'sale')}"] if result.to_import else []
    if is_changing(draft, result):
        statuses = text.format_count(len(result.status_changes), "status", "statuses")
        parts.append(f"{'change' if parts else 'Change'} {statuses}")
    return " and ".join(parts)


def _format_revenue(amount: Decimal) -> str:
    return f"{'+' if amount > 0 else ''}{text.format_dollars(amount)}" if amount else ""

"""List of audit log changes by day, for the audit log page and the history of a record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from html import escape
from itertools import groupby
from zoneinfo import ZoneInfo

import streamlit as st

from ticketing.catalog.restore import RestorableEntry
from ticketing.reporting.audit_log import Change
from ui import text
from ui.audit import restore, sentences

MAX_INLINE_FIELDS = 12


def render(changes: Sequence[Change], offers: Mapping[int, RestorableEntry], zone: str, heading_level: int = 2) -> None:
    """Render changes under a heading per day. Entries in `offers` get a restore button."""
    today = datetime.now(UTC).astimezone(ZoneInfo(zone)).date()
    for day, changes_of_day in groupby(changes, key=lambda change: _get_local_date(change, zone)):
        st.html(f'<h{heading_level} class="day">{_format_day_heading(day, today)}</h{heading_level}>')
        with st.container(gap=None):
            for change in changes_of_day:
                _render_change(change, offers, zone)


def build(changes: Sequence[Change], zone: str) -> str:
    """Return changes under a heading per day as HTML for paper: with all details, and without buttons."""
    today = datetime.now(UTC).astimezone(ZoneInfo(zone)).date()
    parts = []
    for day, changes_of_day in groupby(changes, key=lambda change: _get_local_date(change, zone)):
        parts.append(f'<h2 class="day">{_format_day_heading(day, today)}</h2>')
        parts += [f'<div class="printed-change">{_format_change_html(change, zone)}</div>' for change in changes_of_day]
    return "".join(parts).replace("<details>", "<details open>")


def _get_local_date(change: Change, zone: str) -> date:
    return change.first.occurred_at.astimezone(ZoneInfo(zone)).date()


def _format_day_heading(day: date, today: date) -> str:
    label = text.format_day(day, today)
    return label.capitalize() if (today - day).days in (0, 1) else f"{day:%A} {label}"


def _render_change(change: Change, offers: Mapping[int, RestorableEntry], zone: str) -> None:
    restorable = [entry for entry in change.entries if entry.id in offers]
    has_several_records = len({entry.subject_id for entry in change.entries}) > 1
    with st.container(key=f"change_{change.first.id}", horizontal=True, vertical_alignment="center", gap="small"):
        st.html(_format_change_html(change, zone), width="stretch")
        if restorable:
            with st.container(horizontal=True, width="content", gap="small", key=f"restores_{change.first.id}"):
                for entry in restorable:
                    record_name = offers[entry.id].package_name or entry.subject_name
                    suffix = f" of {record_name}" if has_several_records else ""
                    st.button(
                        text.escape_markdown(f"Restore {sentences.get_field_noun(entry)}{suffix}"),
                        key=f"restore_{entry.id}",
                        type="tertiary",
                        icon=":material/settings_backup_restore:",
                        on_click=restore.open_dialog,
                        args=(entry,),
                    )


def _format_change_html(change: Change, zone: str) -> str:
    """Return the sentence of a change, its fields, and when and where it was made."""
    sentence, actor = sentences.format_sentence(change, zone), change.first.actor
    sentence_html = escape(sentence)
    if sentence.startswith(actor):
        sentence_html = f"<strong>{escape(actor)}</strong>{escape(sentence.removeprefix(actor))}"
    local = change.first.occurred_at.astimezone(ZoneInfo(zone))
    when = f'<time datetime="{local.isoformat()}">{text.format_time(local)}</time> · {sentences.format_via(change)}'
    fields_html = _format_fields_html(change, zone)
    return f'<div class="deed"><div><p>{sentence_html}</p>{fields_html}</div><div class="quiet">{when}</div></div>'


def _format_fields_html(change: Change, zone: str) -> str:
    diffs = sentences.list_field_diffs(change, zone)
    if not diffs:
        return ""
    if sentences.is_creation_or_deletion(change):
        is_deletion = change.first.action.endswith(".deleted")
        items = "".join(
            f"<li>{_format_value_html(diff.field, diff.before if is_deletion else diff.after)}</li>" for diff in diffs
        )
        return f"<details><summary>Details</summary><ul>{items}</ul></details>"
    items = "".join(
        f"<li>{_format_value_html(diff.field, diff.before)} "
        '<span class="arrow" role="img" aria-label="changed to">→</span> '
        f"<span>{escape(diff.after)}</span></li>"
        for diff in diffs
    )
    if len(diffs) > MAX_INLINE_FIELDS:
        return f"<details><summary>All {len(diffs):,} fields</summary><ul>{items}</ul></details>"
    return f"<ul>{items}</ul>"


def _format_value_html(field: str, value: str) -> str:
    return f'<span class="quiet">{escape(field)}</span> <span>{escape(value)}</span>'

"""Changes of the audit log one below the other, day by day: the page and each record's history draw them alike."""

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
    """Draws them under a heading for each day; `level` is that of these headings. Where there is an offer, a button."""
    today = datetime.now(UTC).astimezone(ZoneInfo(zone)).date()
    for which, of_day in groupby(changes, key=lambda change: _get_local_date(change, zone)):
        st.html(f'<h{heading_level} class="day">{_format_day_heading(which, today)}</h{heading_level}>')
        with st.container(gap=None):
            for change in of_day:
                _render_change(change, offers, zone)


def _get_local_date(change: Change, zone: str) -> date:
    return change.first.occurred_at.astimezone(ZoneInfo(zone)).date()


def _format_day_heading(which: date, today: date) -> str:
    told = text.format_day(which, today)
    return told.capitalize() if (today - which).days in (0, 1) else f"{which:%A} {told}"


def _render_change(change: Change, offers: Mapping[int, RestorableEntry], zone: str) -> None:
    restorable = [entry for entry in change.entries if entry.id in offers]
    several = len({entry.subject_id for entry in change.entries}) > 1
    with st.container(key=f"change_{change.first.id}", gap=None):
        st.html(_format_change_html(change, zone))
        if restorable:
            with st.container(horizontal=True, gap="small", key=f"restores_{change.first.id}"):
                for entry in restorable:
                    of = f" of {entry.subject_name}" if several else ""
                    st.button(
                        text.escape_markdown(f"Restore {sentences.get_field_noun(entry)}{of}"),
                        key=f"restore_{entry.id}",
                        type="tertiary",
                        icon=":material/settings_backup_restore:",
                        on_click=restore.open_dialog,
                        args=(entry,),
                    )


def _format_change_html(change: Change, zone: str) -> str:
    """Who did what, its fields, and when and over which way."""
    told, who = sentences.format_sentence(change, zone), change.first.actor
    if told.startswith(who):
        told_html = f"<strong>{escape(who)}</strong>{escape(told.removeprefix(who))}"
    else:
        told_html = escape(told)
    local = change.first.occurred_at.astimezone(ZoneInfo(zone))
    when = f'<time datetime="{local.isoformat()}">{text.format_time(local)}</time> {sentences.format_via(change)}'
    return (
        f'<div class="deed"><p>{told_html}</p>{_format_fields_html(change, zone)}<div class="quiet">{when}</div></div>'
    )


def _format_fields_html(change: Change, zone: str) -> str:
    lines = sentences.list_field_diffs(change, zone)
    if not lines:
        return ""
    if sentences.is_creation_or_deletion(change):
        is_gone = change.first.action.endswith(".deleted")
        items = "".join(
            f"<li>{_format_value_html(line.field, line.before if is_gone else line.after)}</li>" for line in lines
        )
        summary = "What it was" if is_gone else "What was entered"
        return f"<details><summary>{summary}</summary><ul>{items}</ul></details>"
    items = "".join(
        f'<li>{_format_value_html(line.field, line.before)} <span class="arrow" role="img" aria-label="became">→</span> '
        f"<span>{escape(line.after)}</span></li>"
        for line in lines
    )
    if len(lines) > MAX_INLINE_FIELDS:
        return f"<details><summary>All {len(lines):,} fields</summary><ul>{items}</ul></details>"
    return f"<ul>{items}</ul>"


def _format_value_html(field: str, value: str) -> str:
    return f'<span class="quiet">{escape(field)}</span> <span>{escape(value)}</span>'

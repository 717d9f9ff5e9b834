"""The imports so far, and the dialog that undoes one."""

from __future__ import annotations

import uuid
from functools import partial

import streamlit as st

from ticketing import db
from ticketing.catalog.events import Event
from ticketing.errors import Conflict
from ticketing.formatting import format_count
from ticketing.imports import batches
from ticketing.imports.batches import ChangedPurchase, ChangedSinceImport, UndoPreview
from ticketing.models import ImportBatch
from ui import text
from ui.session import PageContext
from ui.widgets import forms, paging, tables

KIND = "import_undo"


def render(context: PageContext, event: Event) -> None:
    """Render the imports into the event, the latest first, each with a button that opens the dialog of its undo."""
    key = f"import_batches_{event.id}"
    with db.read_session() as s:
        found, total = paging.load(key, lambda page: batches.list_batches(s, context.actor, event.id, page=page))
    if not found:
        return
    st.header("Imports so far", anchor=False)
    for batch in found:
        _render_batch(context, event, batch)
    paging.render(key, total, batches.PER_PAGE)
    forms.render_dialog(
        KIND, "Undo import", "Undo import", partial(_render_undo, context, event), event.time_zone, width="medium"
    )


def _render_batch(context: PageContext, event: Event, batch: ImportBatch) -> None:
    figures = [
        text.format_count(batch.rows_imported, "sale"),
        text.format_count(batch.orders, "order"),
        f"{text.format_dollars(batch.revenue)} in revenue",
        *([f"{batch.rows_skipped:,} skipped"] if batch.rows_skipped else []),
        *([_format_statuses(batch)] if batch.statuses_changed else []),
        *([f"prefix {text.escape_markdown(batch.id_prefix)}"] if batch.id_prefix else []),
    ]
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        with st.container(gap="xxsmall"):
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.markdown(f"**{text.escape_markdown(batch.file_name)}**", width="content")
                if batch.undone_at is not None:
                    st.badge("Undone", icon=":material/undo:", color="gray")
            st.markdown(" · ".join(figures))
            imported_at = text.format_datetime(batch.created_at, event.time_zone)
            forms.render_hint(text.escape_markdown(f"Imported {imported_at}, by {batch.imported_by}"))
            if batch.undone_at is not None:
                undone_at = text.format_datetime(batch.undone_at, event.time_zone)
                forms.render_hint(
                    text.escape_markdown(f"Undone {undone_at}, by {batch.undone_by}: {batch.undo_reason}")
                )
        if batch.undone_at is None and batch.rows_imported:
            st.button(
                "Undo", key=f"undo_{batch.id}", icon=":material/undo:", on_click=_open, args=(context, event, batch)
            )


def _format_statuses(batch: ImportBatch) -> str:
    return text.format_count(batch.statuses_changed, "status changed", "statuses changed")


def _open(context: PageContext, event: Event, batch: ImportBatch) -> None:
    """For a callback: read what the undo would do now, and open the dialog with it."""
    try:
        preview = _read(context, event, batch.id)
    except Conflict as exc:
        forms.add_message(str(exc), icon=":material/error:")
        return
    forms.open_form(KIND, batch.id, 0, {"reason": "", "confirmed": False})
    forms.get_form(KIND).values["preview"] = preview


def _read(context: PageContext, event: Event, batch_id: uuid.UUID) -> UndoPreview:
    with db.read_session() as s:
        return batches.preview_undo(s, context.actor, event.id, batch_id)


def _render_undo(context: PageContext, event: Event, form: forms.FormState) -> None:
    preview: UndoPreview = form.values["preview"]
    st.markdown(f"**{text.escape_markdown(preview.batch.file_name)}** · {_format_effect(preview)}")
    if preview.changed_count:
        changed = text.format_count(preview.changed_count, "purchase was", "purchases were")
        st.warning(f"{changed} changed since the import. These changes are lost.", icon=":material/edit_note:")
        _render_changes(preview, event)
        st.checkbox("Void the changed purchases as well", key=form.key("confirmed"))
        forms.render_problem(form, "confirmed")
    st.text_input("Reason", key=form.key("reason"), placeholder="The dates are of another year")
    forms.render_problem(form, "reason")
    if preview.batch.statuses_changed:
        forms.render_hint(f"{_format_statuses(preview.batch)} by this import, and these stay as they are.")
    forms.render_hint("This is final. The file can be imported again, corrected or as it is.")
    with st.container(horizontal=True):
        st.button(
            "Undo import",
            key=f"destroy_{form.form_id}",
            type="primary",
            icon=":material/undo:",
            on_click=forms.skip_if_closed(form, partial(_undo, context, event, form)),
        )
        st.button("Cancel", key=form.key("cancel"), on_click=forms.close_form, args=(KIND,))


def _format_effect(preview: UndoPreview) -> str:
    """Return what the undo does, in numbers as they were when the dialog was opened."""
    purchases = text.format_count(preview.purchases, "purchase", "purchases")
    uses = text.format_count(preview.promo_uses, "promo code use is", "promo code uses are")
    packages = text.format_count(preview.packages, "package goes", "packages go")
    returned = f", {uses} returned" if preview.promo_uses else ""
    orders = text.format_count(preview.orders, "order")
    return (
        f"{purchases} of {orders} will be voided. {packages} back on sale{returned}, "
        f"and {text.format_dollars(preview.revenue)} in revenue is taken out."
    )


def _render_changes(preview: UndoPreview, event: Event) -> None:
    tables.render(
        "Purchases changed since the import",
        (tables.Column("Purchase"), tables.Column("Status"), tables.Column("Last change")),
        [
            (
                tables.TwoLineCell(
                    each.purchaser_name, f"{each.quantity:,} × {each.package}, order {each.order_number}"
                ),
                text.STATUS_LABELS[each.payment_status],
                _format_last_change(each, event),
            )
            for each in preview.changed
        ],
    )
    if rest := preview.changed_count - len(preview.changed):
        forms.render_hint(f"And {format_count(rest, 'more purchase')}.")


def _format_last_change(changed: ChangedPurchase, event: Event) -> str:
    if changed.changed_at is None:
        return ""
    return f"{changed.changed_by}, {text.format_datetime(changed.changed_at, event.time_zone)}"


def _undo(context: PageContext, event: Event, form: forms.FormState) -> None:
    """Undo the import that was shown. When purchases were changed meanwhile, show them first."""
    preview: UndoPreview = form.values["preview"]
    values = form.typed()
    if preview.changed_count and not values["confirmed"]:
        form.refusal, form.problems = "", {"confirmed": "Confirm that these purchases are voided as well."}
        return

    def work(s: db.Session) -> UndoPreview:
        assert form.id is not None
        try:
            return batches.undo(
                s, context.actor, event.id, form.id, values["reason"] or "", confirmed=preview.changes_token
            )
        except ChangedSinceImport as exc:
            form.values["preview"] = exc.preview
            st.session_state[form.key("confirmed")] = False
            raise

    forms.submit(form, work, lambda undone: f"{undone.batch.file_name} is undone: {_format_voided(undone)}.")


def _format_voided(undone: UndoPreview) -> str:
    return format_count(undone.purchases, "purchase is voided", "purchases are voided")

"""The second step of an import: match the columns and packages of a foreign file to ours."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import date, datetime

import streamlit as st

from ticketing import imports
from ticketing.file_reader.columns import COLUMNS, REQUIRED_COLUMNS
from ticketing.imports.column_mapping import SUMMED_COLUMNS, ColumnMapping
from ticketing.imports.rows import STATUSES
from ticketing.validation import name_key
from ui import menu, text
from ui.imports.draft import ImportDraft
from ui.widgets import forms

# In the order in which people recognize a sale.
REQUIRED_FIELDS = (
    "external_sale_id",
    "purchase_date",
    "purchaser_name",
    "purchaser_email",
    "ticket_type",
    "quantity",
    "total_amount",
)
OPTIONAL_FIELDS = tuple(column for column in COLUMNS if column not in REQUIRED_COLUMNS)
LABELS = {
    "external_sale_id": "Order number",
    "purchase_date": "Date of sale",
    "purchaser_name": "Purchaser's name",
    "purchaser_email": "Purchaser's e-mail address",
    "ticket_type": "Package",
    "quantity": "Quantity",
    "total_amount": "Total paid ($)",
    "promo_code": "Promo code",
    "discount_amount": "Discount ($)",
    "fee_amount": "Fee ($)",
    "payment_status": "Payment status",
    "notes": "Note",
    "purchaser_phone": "Purchaser's phone",
    "guest_name": "Guest's name",
    "guest_email": "Guest's e-mail address",
}
ROW_KINDS = {
    False: "A whole purchase",
    True: "Part of an order, such as a seat: rows with the same order and package become one purchase",
}
MISSING_COLUMN_MESSAGES = {
    "": "Choose its column, or enter one value for all rows.",
    "external_sale_id": "Choose its column, so the same order isn't imported twice.",
}
# No other column can have the same value in all sales.
CONSTANT_COLUMNS = {*REQUIRED_COLUMNS, "payment_status", "notes"} - {"external_sale_id"}
MAX_PACKAGE_NAMES = 100
DATE_ORDER_LABELS = {"day_first": "day, month, year", "month_first": "month, day, year"}


def render_columns(draft: ImportDraft, package_names: Mapping[uuid.UUID, str]) -> None:
    """Render a field for each of our columns, two in a row, the required ones first."""
    st.radio(
        "What is each row of this file?",
        list(ROW_KINDS),
        key=draft.get_key("combine"),
        persist_state="session",
        format_func=lambda combine: ROW_KINDS[bool(combine)],
    )
    _render_fields(draft, REQUIRED_FIELDS, package_names)
    with st.expander("More columns (optional)"):
        _render_fields(draft, OPTIONAL_FIELDS, package_names)
    if imported := [
        _short_label(column).lower()
        for column in OPTIONAL_FIELDS
        if draft.get_titles(column) or draft.get_constant(column)
    ]:
        forms.render_hint(f"Also imported: {', '.join(imported)}.")


def list_missing_choices(
    draft: ImportDraft, mapping: ColumnMapping, package_names: Mapping[uuid.UUID, str]
) -> list[str]:
    """Return what has to be chosen before the file can be checked, in words."""
    missing = [_short_label(column).lower() for column in REQUIRED_FIELDS if _is_missing(draft, column)]
    if mapping.date_order is None:
        missing.append("the order of day and month")
    if unmatched := _count_unmatched_packages(draft, package_names).keys() - mapping.packages.keys():
        missing.append(f"our package for {text.format_count(len(unmatched), 'name')}")
    return missing


def render_packages(draft: ImportDraft, package_names: Mapping[uuid.UUID, str]) -> None:
    """Render a choice of our package for each name in the file that no package has."""
    titles = draft.get_titles("ticket_type")
    if not titles:
        return
    st.subheader("Match your packages", anchor=False)
    unmatched = _count_unmatched_packages(draft, package_names)
    match_count = len(draft.count_package_names(titles)) - len(unmatched)
    if not unmatched:
        st.markdown(_format_matches(match_count))
        return
    others = f" {text.format_count(match_count, 'other matches', 'others match')} already." if match_count else ""
    st.markdown(f"{text.format_count(len(unmatched), 'package name')} to match.{others}")
    if len(unmatched) > MAX_PACKAGE_NAMES:
        st.warning(
            f"That is too many to match one by one, so only the first {MAX_PACKAGE_NAMES} are shown. "
            f"Is {_join_titles(titles)} the right column for packages?"
        )
    labels = text.unique_labels({package_id: (name, "") for package_id, name in package_names.items()})
    names = list(unmatched)[:MAX_PACKAGE_NAMES]
    for start in range(0, len(names), 2):
        for place, name in zip(st.columns(2, gap="medium"), names[start : start + 2], strict=False):
            with place.container(gap="xsmall"):
                _render_package_choice(draft, name, unmatched[name], labels)
    forms.render_hint("Does the file have a package that isn't here yet? Create it; your choices on this page stay.")
    st.page_link(
        menu.path("packages"),
        label="Open packages",
        icon=":material/confirmation_number:",
        query_params={"event": str(draft.event_id)},
    )


def _format_matches(count: int) -> str:
    if count == 1:
        return "The package name matches."
    return "Both package names match." if count == 2 else f"All {count:,} package names match."


def _render_package_choice(draft: ImportDraft, name: str, rows: int, labels: Mapping[uuid.UUID, str]) -> None:
    # The label is collapsed: screen readers read it as written, with the escapes that Markdown needs.
    st.markdown(f"{text.escape_markdown(name)} :gray[· {text.format_count(rows, 'row')}]")
    st.selectbox(
        f"Our package for {name}",
        list(labels),
        None,
        key=draft.get_package_key(name),
        format_func=lambda package_id: labels.get(package_id, ""),
        placeholder="Choose a package",
        persist_state="session",
        label_visibility="collapsed",
    )


def render_preview(previews: Sequence[imports.SalePreview], mapping: ColumnMapping, zone: str) -> None:
    """Render the first sales in a sentence each, as they will be stored, with their problems."""
    st.subheader("Preview of the first rows", anchor=False)
    with st.container(border=True):
        for preview in previews:
            _render_sale_preview(preview, mapping, zone)


def _render_sale_preview(preview: imports.SalePreview, mapping: ColumnMapping, zone: str) -> None:
    values = preview.values
    quantity, package = values.get("quantity", "?"), values.get("ticket_type", "?")
    main_parts = [
        f"**{text.escape_markdown(quantity)} × {text.escape_markdown(package)}**",
        text.escape_markdown(values.get("purchaser_name", "?")),
        _format_amount(values.get("total_amount")),
    ]
    status = values.get("payment_status", "")
    details = [
        values.get("purchaser_email"),
        _format_datetime(values.get("purchase_date"), zone),
        text.STATUS_LABELS.get(status, status),
        f"order {values['external_sale_id']}" if "external_sale_id" in values else None,
    ]
    with st.container(gap="xxsmall"):
        st.markdown(" · ".join(main_parts))
        forms.render_hint(" · ".join([f"Row {preview.row}", *(text.escape_markdown(each) for each in details if each)]))
        for column, sentence in preview.problems.items():
            if column != "purchase_date" or mapping.date_order is not None:
                forms.render_problem({column: f"{_short_label(column)}: {sentence}" if column else sentence}, column)


def _format_amount(amount: str | None) -> str:
    return text.escape_markdown(text.format_amount(amount)) if amount else "?"


def _format_datetime(cell: str | None, zone: str) -> str | None:
    """Return the time in the event's zone, or an invalid cell as the file has it."""
    try:
        return text.format_datetime(datetime.fromisoformat(cell or ""), zone)
    except ValueError:
        return cell


def _count_unmatched_packages(draft: ImportDraft, package_names: Mapping[uuid.UUID, str]) -> dict[str, int]:
    """Return the package names of the file that no package has here, with the number of rows of each."""
    titles = draft.get_titles("ticket_type")
    ours = {name_key(name) for name in package_names.values()}
    names = draft.count_package_names(titles) if titles else {}
    return {name: rows for name, rows in names.items() if name_key(name) not in ours}


def _short_label(column: str) -> str:
    return LABELS[column].partition(" (")[0]


def _is_missing(draft: ImportDraft, column: str) -> bool:
    is_filled = bool(draft.get_titles(column) or draft.get_constant(column))
    return not is_filled and not (column == "quantity" and draft.combines_rows())


def _render_fields(draft: ImportDraft, columns: Sequence[str], package_names: Mapping[uuid.UUID, str]) -> None:
    for start in range(0, len(columns), 2):
        for place, column in zip(st.columns(2, gap="medium"), columns[start : start + 2], strict=False):
            with place:
                _render_field(draft, column, package_names)


def _render_field(draft: ImportDraft, column: str, package_names: Mapping[uuid.UUID, str]) -> None:
    with st.container(gap="xsmall"):
        st.multiselect(
            LABELS[column],
            draft.summary.titles,
            key=draft.get_key(f"columns_{column}"),
            persist_state="session",
            placeholder="Not in the file",
            select_all=False,
        )
        if titles := draft.get_titles(column):
            forms.render_hint(_format_examples(draft, column, titles))
    if column in CONSTANT_COLUMNS and (rows := draft.count_empty_rows(column)):
        where = f"where empty ({text.format_count(rows, 'row')})" if titles else "for all rows"
        _render_constant_field(draft, column, f"{_short_label(column)} {where}", package_names)
    if column in REQUIRED_COLUMNS and _is_missing(draft, column):
        forms.render_problem({column: MISSING_COLUMN_MESSAGES.get(column, MISSING_COLUMN_MESSAGES[""])}, column)
    if column == "purchase_date":
        _render_date_order(draft)


def _format_examples(draft: ImportDraft, column: str, titles: Sequence[str]) -> str:
    if len(titles) == 1:
        examples = draft.summary.examples.get(titles[0], ())
    else:
        separator = " + " if column in SUMMED_COLUMNS else " "
        examples = tuple(separator.join(row.get(title, "") for title in titles) for row in draft.summary.first_rows)
    return " · ".join(text.escape_markdown(each) for each in examples) or "Empty in all rows"


def _render_constant_field(draft: ImportDraft, column: str, label: str, package_names: Mapping[uuid.UUID, str]) -> None:
    key = draft.get_key(f"same_{column}")
    choices = {"ticket_type": sorted(package_names.values()), "payment_status": STATUSES}.get(column)
    if choices is not None:
        st.selectbox(
            label,
            ["", *choices],
            key=key,
            persist_state="session",
            format_func=lambda value: text.STATUS_LABELS.get(value, value) or "Nothing",
        )
    else:
        placeholders = {"purchase_date": "2026-10-31", "quantity": "1 per row" if draft.combines_rows() else ""}
        st.text_input(label, key=key, persist_state="session", placeholder=placeholders.get(column, ""))


def _render_date_order(draft: ImportDraft) -> None:
    """Render the choice of day or month first when the dates can be read both ways, by an example from the file."""
    dates = draft.get_date_readings(draft.get_titles("purchase_date"))
    if len(dates.orders) < 2:
        return
    labels = {order: _format_date(dates.readings.get(order, "")) or DATE_ORDER_LABELS[order] for order in dates.orders}
    st.radio(
        f"Which day is {text.escape_markdown(dates.example)}?"
        if dates.example
        else "In which order are day and month?",
        dates.orders,
        None,
        key=draft.get_key("date_order"),
        persist_state="session",
        horizontal=True,
        format_func=lambda order: labels.get(order, ""),
    )
    if st.session_state.get(draft.get_key("date_order")) is None:
        forms.render_problem({"order": "These dates can be read both ways. Choose one."}, "order")


def _format_date(reading: str) -> str:
    try:
        day = date.fromisoformat(reading[:10])
    except ValueError:
        return ""
    return f"{day.day} {day:%B %Y}"


def _join_titles(titles: Sequence[str]) -> str:
    return " and ".join(text.escape_markdown(title) for title in titles)

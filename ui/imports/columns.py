"""The second step of an import: which column of a foreign file is which of ours, and which package is which."""

from __future__ import annotations

import uuid
from collections.abc import Mapping as Named
from collections.abc import Sequence
from datetime import date, datetime

import streamlit as st

from ticketing import imports
from ticketing.imports.column_mapping import COLUMNS, SUMMED_COLUMNS, ColumnMapping
from ticketing.imports.rows import STATUSES
from ticketing.imports.table import REQUIRED_COLUMNS
from ticketing.validation import name_key
from ui import menu, text
from ui.imports.draft import ImportDraft
from ui.widgets import forms

# In the order in which one recognises a sale.
REQUIRED_FIELDS = (
    "external_sale_id", "purchase_date", "purchaser_name", "purchaser_email", "ticket_type", "quantity",
    "total_amount",
)  # fmt: skip
OPTIONAL_FIELDS = tuple(column for column in COLUMNS if column not in REQUIRED_COLUMNS)
LABELS = {
    "external_sale_id": "Order number",
    "purchase_date": "Date of sale",
    "purchaser_name": "Purchaser's name",
    "purchaser_email": "Purchaser's e-mail address",
    "ticket_type": "Package",
    "quantity": "Quantity, in packages",
    "total_amount": "Total paid, in US dollars",
    "promo_code": "Promo code",
    "discount_amount": "Discount, in US dollars",
    "fee_amount": "Fee, in US dollars",
    "payment_status": "Payment status",
    "notes": "Note",
    "purchaser_phone": "Purchaser's phone",
    "guest_name": "Guest's name",
    "guest_email": "Guest's e-mail address",
}
ROW_KINDS = {
    False: "A whole purchase",
    True: "A part of an order, such as a seat: rows of the same order and package become one purchase",
}
MISSING_COLUMN_MESSAGES = {
    "": "Choose its column, or fill in what holds for all rows.",
    "external_sale_id": "Choose its column: by this number a sale is known again when it is in the next file too.",
}
# Of the rest no value could be true of all sales.
CONSTANT_COLUMNS = {*REQUIRED_COLUMNS, "payment_status", "notes"} - {"external_sale_id"}
MAX_PACKAGE_NAMES = 100
DATE_ORDER_LABELS = {"day_first": "day, month, year", "month_first": "month, day, year"}


def render_columns(draft: ImportDraft, package_names: Named[uuid.UUID, str]) -> None:
    """A field for each of our columns, two beside each other; those that a sale cannot do without stand first."""
    st.radio(
        "What is a row of this file?", list(ROW_KINDS), key=draft.key("combine"), persist_state="session",
        format_func=ROW_KINDS.get,
    )  # fmt: skip
    _render_fields(draft, REQUIRED_FIELDS, package_names)
    with st.expander("More columns (optional)"):
        _render_fields(draft, OPTIONAL_FIELDS, package_names)
    if found := [
        _short_label(column).lower()
        for column in OPTIONAL_FIELDS
        if draft.chosen(column) or draft.constant_value(column)
    ]:
        forms.render_hint(f"Taken along: {', '.join(found)}.")


def list_missing_choices(draft: ImportDraft, mapping: ColumnMapping, package_names: Named[uuid.UUID, str]) -> list[str]:
    """What has to be chosen before the file can be checked, in words."""
    needed = [_short_label(column).lower() for column in REQUIRED_FIELDS if _is_missing(draft, column)]
    if mapping.date_order is None:
        needed.append("the order of day and month")
    if open_names := [name for name in _count_unmatched_packages(draft, package_names) if name not in mapping.packages]:
        needed.append(f"our package for {text.format_count(len(open_names), 'name')}")
    return needed


def render_packages(draft: ImportDraft, package_names: Named[uuid.UUID, str]) -> None:
    """A choice of ours for each package that the file calls by another name."""
    titles = draft.chosen("ticket_type")
    foreign = _count_unmatched_packages(draft, package_names)
    if not titles:
        return
    st.subheader("Which package is which?", anchor=False)
    same = len(draft.package_names(titles)) - len(foreign)
    if not foreign:
        st.markdown(f"{text.format_count(same, 'name')} in the file, called the same here.")
        return
    also = f" {text.format_count(same, 'more is', 'more are')} called the same here." if same else ""
    st.markdown(f"{text.format_count(len(foreign), 'name')} in the file that no package has here.{also}")
    if len(foreign) > MAX_PACKAGE_NAMES:
        st.warning(
            f"That is too many to match one by one, and the first {MAX_PACKAGE_NAMES} are shown. Is {_join_titles(titles)} the "
            "column of the packages?"
        )
    labels = text.unique_labels({package_id: (name, "") for package_id, name in package_names.items()})
    shown = list(foreign.items())[:MAX_PACKAGE_NAMES]
    for start in range(0, len(shown), 2):
        for place, (name, rows) in zip(st.columns(2, gap="medium"), shown[start : start + 2], strict=False):
            # Collapsed, because a label is read out as it is written, with what makes it harmless for Markdown.
            with place.container(gap="xsmall"):
                st.markdown(f"{text.escape_markdown(name)} :gray[· {text.format_count(rows, 'row')}]")
                st.selectbox(
                    f"Our package for {name}", list(labels), None, key=draft.package_key(name),
                    format_func=lambda package_id: labels.get(package_id, ""), placeholder="Choose our package",
                    persist_state="session", label_visibility="collapsed",
                )  # fmt: skip
    forms.render_hint(
        "Something is sold in the file that is not a package here? Make the package; what you chose stays."
    )
    st.page_link(
        menu.path("packages"), label="Open packages", icon=":material/confirmation_number:",
        query_params={"event": str(draft.event_id)},
    )  # fmt: skip


def render_preview(arrivals: Sequence[imports.SalePreview], mapping: ColumnMapping, zone: str) -> None:
    """The first sales in a sentence each, as they will be stored, and what is wrong with them."""
    st.subheader("The first rows as they will arrive", anchor=False)
    with st.container(border=True):
        for arrival in arrivals:
            _render_sale_preview(arrival, mapping, zone)


def _render_sale_preview(arrival: imports.SalePreview, mapping: ColumnMapping, zone: str) -> None:
    values = arrival.values
    told = [
        f"**{text.escape_markdown(values.get('quantity', '?'))} × {text.escape_markdown(values.get('ticket_type', '?'))}**",
        text.escape_markdown(values.get("purchaser_name", "?")),
        _format_amount(values.get("total_amount")),
    ]
    more = [values.get("purchaser_email"), _format_datetime(values.get("purchase_date"), zone)]
    more += [text.STATUS_LABELS.get(values.get("payment_status", ""), values.get("payment_status"))]
    more += [f"order {values['external_sale_id']}" if "external_sale_id" in values else None]
    with st.container(gap="xxsmall"):
        st.markdown(" · ".join(told))
        forms.render_hint(" · ".join([f"Row {arrival.row}", *(text.escape_markdown(each) for each in more if each)]))
        for column, sentence in arrival.wrong.items():
            if column != "purchase_date" or mapping.date_order is not None:
                forms.render_problem({column: f"{_short_label(column)}: {sentence}" if column else sentence}, column)


def _format_amount(given: str | None) -> str:
    return text.escape_markdown(text.format_amount(given)) if given else "?"


def _format_datetime(given: str | None, zone: str) -> str | None:
    """In the event's zone; what could not be read stays as the file has it."""
    try:
        return text.format_datetime(datetime.fromisoformat(given or ""), zone)
    except ValueError:
        return given


def _count_unmatched_packages(draft: ImportDraft, package_names: Named[uuid.UUID, str]) -> dict[str, int]:
    """What the file calls packages and nothing here is called, with the rows of each."""
    titles = draft.chosen("ticket_type")
    ours = {name_key(name) for name in package_names.values()}
    names = draft.package_names(titles) if titles else {}
    return {name: rows for name, rows in names.items() if name_key(name) not in ours}


def _short_label(column: str) -> str:
    return LABELS[column].partition(",")[0]


def _is_missing(draft: ImportDraft, column: str) -> bool:
    is_given = bool(draft.chosen(column) or draft.constant_value(column))
    return not is_given and not (column == "quantity" and st.session_state.get(draft.key("combine")))


def _render_fields(draft: ImportDraft, columns: Sequence[str], package_names: Named[uuid.UUID, str]) -> None:
    for start in range(0, len(columns), 2):
        for place, column in zip(st.columns(2, gap="medium"), columns[start : start + 2], strict=False):
            with place:
                _render_field(draft, column, package_names)


def _render_field(draft: ImportDraft, column: str, package_names: Named[uuid.UUID, str]) -> None:
    with st.container(gap="xsmall"):
        st.multiselect(
            LABELS[column], draft.summary.titles, key=draft.key(f"columns_{column}"), persist_state="session",
            placeholder="Not in the file", select_all=False,
        )  # fmt: skip
        if titles := draft.chosen(column):
            forms.render_hint(_format_examples(draft, column, titles))
    if column in CONSTANT_COLUMNS and (rows := draft.count_empty_rows(column)):
        where = f" where it is empty, in {text.format_count(rows, 'row')}" if titles else ", the same for all rows"
        _render_constant_field(draft, column, _short_label(column) + where, package_names)
    if column in REQUIRED_COLUMNS and _is_missing(draft, column):
        forms.render_problem({column: MISSING_COLUMN_MESSAGES.get(column, MISSING_COLUMN_MESSAGES[""])}, column)
    if column == "purchase_date":
        _render_date_order(draft)


def _format_examples(draft: ImportDraft, column: str, titles: Sequence[str]) -> str:
    if len(titles) == 1:
        examples = draft.summary.examples.get(titles[0], ())
    else:
        joint = " + " if column in SUMMED_COLUMNS else " "
        examples = tuple(joint.join(row.get(title, "") for title in titles) for row in draft.summary.first_rows)
    return " · ".join(text.escape_markdown(each) for each in examples) or "Empty in all rows"


def _render_constant_field(draft: ImportDraft, column: str, label: str, package_names: Named[uuid.UUID, str]) -> None:
    key = draft.key(f"same_{column}")
    choices = {"ticket_type": sorted(package_names.values()), "payment_status": STATUSES}.get(column)
    if choices is not None:
        st.selectbox(
            label, ["", *choices], key=key, persist_state="session",
            format_func=lambda value: text.STATUS_LABELS.get(value, value) or "Nothing",
        )  # fmt: skip
    else:
        counts_rows = st.session_state.get(draft.key("combine"))
        shown = {"purchase_date": "2026-10-31", "quantity": "Each row is one" if counts_rows else ""}.get(column, "")
        st.text_input(label, key=key, persist_state="session", placeholder=shown)


def _render_date_order(draft: ImportDraft) -> None:
    """Asked only where both readings are possible, by a date of the file."""
    dates = draft.get_date_readings(draft.chosen("purchase_date"))
    if len(dates.orders) < 2:
        return
    told = {order: _format_date(dates.readings.get(order, "")) or DATE_ORDER_LABELS[order] for order in dates.orders}
    st.radio(
        f"Which day is {text.escape_markdown(dates.example)}?" if dates.example else "In which order are its dates?",
        dates.orders, None, key=draft.key("date_order"), persist_state="session", horizontal=True,
        format_func=told.get,
    )  # fmt: skip
    if st.session_state.get(draft.key("date_order")) is None:
        forms.render_problem({"order": "Its dates can be read both ways. Choose one."}, "order")


def _format_date(reading: str) -> str:
    try:
        day = date.fromisoformat(reading[:10])
    except ValueError:
        return ""
    return f"{day.day} {day:%B %Y}"


def _join_titles(titles: Sequence[str]) -> str:
    return " and ".join(text.escape_markdown(title) for title in titles)

"""The second step of an import: match the columns and packages of a foreign file to ours."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import date, datetime

import streamlit as st

from ticketing import imports, money
from ticketing.catalog import events
from ticketing.file_reader.columns import AMOUNT_COLUMNS, COLUMNS, REQUIRED_COLUMNS
from ticketing.imports import choices, dates
from ticketing.imports.choices import MissingChoice
from ticketing.imports.column_formats import SUMMED_COLUMNS
from ticketing.imports.column_mapping import CONSTANT_COLUMNS, ColumnMapping
from ticketing.imports.rows import STATUSES
from ui import menu, text
from ui.imports import amounts
from ui.imports.draft import ImportDraft
from ui.imports.labels import LABELS
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
ROW_KINDS = {
    False: "A whole purchase",
    True: "Part of an order, such as a seat: rows with the same order and package become one purchase",
}
MAX_PACKAGE_NAMES = 100
DATE_ORDER_LABELS = {"day_first": "day, month, year", "month_first": "month, day, year"}


def render_columns(draft: ImportDraft, package_names: Mapping[uuid.UUID, str], zone: str) -> None:
    """Render a field for each of our columns, two in a row, the required ones first. `zone` is the event's."""
    st.radio(
        "What is each row of this file?",
        list(ROW_KINDS),
        key=draft.get_key("combine"),
        persist_state="session",
        format_func=lambda combine: ROW_KINDS[bool(combine)],
    )
    _render_fields(draft, REQUIRED_FIELDS, package_names, zone)
    is_undecided = any(
        _is_sign_missing(draft, column) or amounts.is_missing(draft, column) for column in OPTIONAL_FIELDS
    )
    with st.expander("More columns (optional)", expanded=is_undecided):
        _render_fields(draft, OPTIONAL_FIELDS, package_names, zone)
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
    missing = choices.list_missing(draft.get_readings(), mapping, package_names)
    columns = [each.column for each in missing if each.kind == "columns"]
    return [
        *(_short_label(column).lower() for column in REQUIRED_FIELDS if column in columns),
        *(_describe_choice(each) for each in missing if each.kind != "columns"),
    ]


def _describe_choice(missing: MissingChoice) -> str:
    match missing.kind:
        case "date_order":
            return "the order of day and month"
        case "swaps_dates":
            return "how converted dates are meant"
        case "time_zone":
            return "the time zone"
        case "decimal_signs":
            return f"what {text.escape_markdown(missing.example)} means"
        case "amount_scopes":
            return f"what the amounts of {_short_label(missing.column).lower()} are"
        case "packages":
            return f"our package for {text.format_count(len(missing.words), 'name')}"
        case _:
            return f"our status for {text.format_count(len(missing.words), 'word')}"


def render_packages(draft: ImportDraft, package_names: Mapping[uuid.UUID, str]) -> None:
    """Render a choice of our package for each name in the file that no package has."""
    titles = draft.get_titles("ticket_type")
    if not titles:
        return
    st.header("Match your packages", anchor=False)
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
    st.header("Preview of the first rows", anchor=False)
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
        forms.render_hint(
            " · ".join(
                [f"Row {text.escape_markdown(preview.row)}", *(text.escape_markdown(each) for each in details if each)]
            )
        )
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
    mapping = ColumnMapping({"ticket_type": draft.get_titles("ticket_type")})
    return choices.count_unmatched_packages(draft.get_readings(), mapping, package_names)


def _short_label(column: str) -> str:
    return LABELS[column].partition(" (")[0]


def _is_missing(draft: ImportDraft, column: str) -> bool:
    is_filled = bool(draft.get_titles(column) or draft.get_constant(column))
    return not is_filled and not (column == "quantity" and draft.combines_rows())


def _render_fields(
    draft: ImportDraft, columns: Sequence[str], package_names: Mapping[uuid.UUID, str], zone: str
) -> None:
    for start in range(0, len(columns), 2):
        for place, column in zip(st.columns(2, gap="medium"), columns[start : start + 2], strict=False):
            with place:
                _render_field(draft, column, package_names)
                if column == "purchase_date":
                    _render_date_order(draft)
                    _render_converted_dates(draft)
                    _render_time_zone(draft, zone)
                elif column in SUMMED_COLUMNS:
                    _render_decimal_sign(draft, column)
                    if column in AMOUNT_COLUMNS:
                        amounts.render_scope(draft, column)


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
        forms.render_problem({column: MissingChoice("columns", column).message}, column)


def _format_examples(draft: ImportDraft, column: str, titles: Sequence[str]) -> str:
    if len(titles) == 1:
        examples = draft.summary.examples.get(titles[0], ())
    else:
        separator = " + " if column in SUMMED_COLUMNS else " "
        examples = tuple(separator.join(row.get(title, "") for title in titles) for row in draft.summary.first_rows)
    return " · ".join(text.escape_markdown(each) for each in examples) or "Empty in all rows"


def _render_constant_field(draft: ImportDraft, column: str, label: str, package_names: Mapping[uuid.UUID, str]) -> None:
    key = draft.get_key(f"same_{column}")
    values = {"ticket_type": sorted(package_names.values()), "payment_status": STATUSES}.get(column)
    if values is not None:
        st.selectbox(
            label,
            ["", *values],
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
        forms.render_problem({"order": choices.MESSAGES["date_order"]}, "order")


def _render_converted_dates(draft: ImportDraft) -> None:
    """Render the choice of how dates are meant that a spreadsheet has made of text, beside others that it left."""
    example = draft.get_date_readings(draft.get_titles("purchase_date")).converted_example
    if not example:
        return
    labels = {swaps: _format_date(dates.normalize_datetime(example, None, swaps_iso=swaps)) for swaps in (False, True)}
    key = draft.get_key("swaps_dates")
    st.radio(
        f"Which day is {text.escape_markdown(example)}?",
        list(labels),
        None,
        key=key,
        persist_state="session",
        horizontal=True,
        format_func=lambda swaps: labels[bool(swaps)],
    )
    if st.session_state.get(key) is None:
        forms.render_problem({"dates": choices.MESSAGES["swaps_dates"]}, "dates")


def _render_time_zone(draft: ImportDraft, zone: str) -> None:
    """Render the choice of a time zone when neither a title nor a column nor the times themselves name one."""
    if not draft.asks_time_zone():
        return
    key = draft.get_key("time_zone")
    others = [each for each in events.list_time_zones() if each not in (zone, "UTC")]
    st.selectbox(
        "Time zone of these times",
        list(dict.fromkeys((zone, "UTC", *others))),
        None,
        key=key,
        persist_state="session",
        placeholder="Choose a time zone",
        format_func=lambda each: f"{text.format_zone_city(each)}, as the event" if each == zone else each,
    )
    if st.session_state.get(key) is None:
        forms.render_problem({"zone": choices.MESSAGES["time_zone"]}, "zone")


def _is_sign_missing(draft: ImportDraft, column: str) -> bool:
    """Return whether staff have to choose how numbers such as 1.500 are meant, and have not."""
    if column not in SUMMED_COLUMNS or len(draft.get_number_readings(draft.get_titles(column)).signs) < 2:
        return False
    return st.session_state.get(draft.get_key(f"decimal_sign_{column}")) is None


def _render_decimal_sign(draft: ImportDraft, column: str) -> None:
    """Render the choice of what 1.500 is where the column does not show it, by a number from the file."""
    numbers = draft.get_number_readings(draft.get_titles(column))
    readings = money.list_readings("".join(each for each in numbers.example if each in "0123456789.,"))
    if len(numbers.signs) < 2 or readings is None:
        return
    decimal_sign = "point" if "." in numbers.example else "comma"
    thousands_sign = "comma" if decimal_sign == "point" else "point"
    labels = {thousands_sign: readings[0], decimal_sign: readings[1]}
    st.radio(
        f"How much is {text.escape_markdown(numbers.example)}?",
        list(labels),
        None,
        key=draft.get_key(f"decimal_sign_{column}"),
        persist_state="session",
        horizontal=True,
        format_func=lambda sign: labels.get(sign, ""),
    )
    if _is_sign_missing(draft, column):
        forms.render_problem({"sign": choices.MESSAGES["decimal_signs"]}, "sign")


def _format_date(reading: str) -> str:
    try:
        day = date.fromisoformat(reading[:10])
    except ValueError:
        return ""
    return f"{day.day} {day:%B %Y}"


def _join_titles(titles: Sequence[str]) -> str:
    return " and ".join(text.escape_markdown(title) for title in titles)

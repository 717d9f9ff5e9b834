"""The second step of an import: which column of a foreign file is which of ours, and which package is which."""

from __future__ import annotations

import uuid
from collections.abc import Mapping as Named
from collections.abc import Sequence
from datetime import date, datetime

import streamlit as st

from ticketing import imports
from ticketing.imports.column_mapping import COLUMNS, SUMMED, Mapping
from ticketing.imports.rows import STATUSES
from ticketing.imports.table import REQUIRED
from ticketing.validation import name_key
from ui import menu, text
from ui.imports.draft import Work
from ui.widgets import forms

# In the order in which one recognises a sale.
NEEDED = (
    "external_sale_id", "purchase_date", "purchaser_name", "purchaser_email", "ticket_type", "quantity",
    "total_amount",
)  # fmt: skip
OTHERS = tuple(column for column in COLUMNS if column not in REQUIRED)
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
KINDS = {
    False: "A whole purchase",
    True: "A part of an order, such as a seat: rows of the same order and package become one purchase",
}
UNKNOWN = {
    "": "Choose its column, or fill in what holds for all rows.",
    "external_sale_id": "Choose its column: by this number a sale is known again when it is in the next file too.",
}
# Of the rest no value could be true of all sales.
ONE_VALUE = {*REQUIRED, "payment_status", "notes"} - {"external_sale_id"}
MOST_NAMES = 100
ORDERS = {"day_first": "day, month, year", "month_first": "month, day, year"}


def show_columns(work: Work, on_sale: Named[uuid.UUID, str]) -> None:
    """A field for each of our columns, two beside each other; those that a sale cannot do without stand first."""
    st.radio(
        "What is a row of this file?", list(KINDS), key=work.key("combine"), persist_state="session",
        format_func=KINDS.get,
    )  # fmt: skip
    _fields(work, NEEDED, on_sale)
    with st.expander("More columns (optional)"):
        _fields(work, OTHERS, on_sale)
    if found := [_short(column).lower() for column in OTHERS if work.chosen(column) or work.same(column)]:
        forms.hint(f"Taken along: {', '.join(found)}.")


def still_needed(work: Work, mapping: Mapping, on_sale: Named[uuid.UUID, str]) -> list[str]:
    """What has to be chosen before the file can be checked, in words."""
    needed = [_short(column).lower() for column in NEEDED if _lacks(work, column)]
    if mapping.date_order is None:
        needed.append("the order of day and month")
    if open_names := [name for name in _foreign(work, on_sale) if name not in mapping.packages]:
        needed.append(f"our package for {text.count(len(open_names), 'name')}")
    return needed


def show_packages(work: Work, on_sale: Named[uuid.UUID, str]) -> None:
    """A choice of ours for each package that the file calls by another name."""
    titles = work.chosen("ticket_type")
    foreign = _foreign(work, on_sale)
    if not titles:
        return
    st.subheader("Which package is which?", anchor=False)
    same = len(work.package_names(titles)) - len(foreign)
    if not foreign:
        st.markdown(f"{text.count(same, 'name')} in the file, called the same here.")
        return
    also = f" {text.count(same, 'more is', 'more are')} called the same here." if same else ""
    st.markdown(f"{text.count(len(foreign), 'name')} in the file that no package has here.{also}")
    if len(foreign) > MOST_NAMES:
        st.warning(
            f"That is too many to match one by one, and the first {MOST_NAMES} are shown. Is {_joined(titles)} the "
            "column of the packages?"
        )
    labels = text.told_apart({package_id: (name, "") for package_id, name in on_sale.items()})
    shown = list(foreign.items())[:MOST_NAMES]
    for start in range(0, len(shown), 2):
        for place, (name, rows) in zip(st.columns(2, gap="medium"), shown[start : start + 2], strict=False):
            # Collapsed, because a label is read out as it is written, with what makes it harmless for Markdown.
            with place.container(gap="xsmall"):
                st.markdown(f"{text.md(name)} :gray[· {text.count(rows, 'row')}]")
                st.selectbox(
                    f"Our package for {name}", list(labels), None, key=work.package_key(name),
                    format_func=lambda package_id: labels.get(package_id, ""), placeholder="Choose our package",
                    persist_state="session", label_visibility="collapsed",
                )  # fmt: skip
    forms.hint("Something is sold in the file that is not a package here? Make the package; what you chose stays.")
    st.page_link(
        menu.path("packages"), label="Open packages", icon=":material/confirmation_number:",
        query_params={"event": str(work.event_id)},
    )  # fmt: skip


def show_arrivals(arrivals: Sequence[imports.Arrival], mapping: Mapping, zone: str) -> None:
    """The first sales in a sentence each, as they will be stored, and what is wrong with them."""
    st.subheader("The first rows as they will arrive", anchor=False)
    with st.container(border=True):
        for arrival in arrivals:
            _show_arrival(arrival, mapping, zone)


def _show_arrival(arrival: imports.Arrival, mapping: Mapping, zone: str) -> None:
    values = arrival.values
    told = [
        f"**{text.md(values.get('quantity', '?'))} × {text.md(values.get('ticket_type', '?'))}**",
        text.md(values.get("purchaser_name", "?")),
        _amount(values.get("total_amount")),
    ]
    more = [values.get("purchaser_email"), _moment(values.get("purchase_date"), zone)]
    more += [text.STATUSES.get(values.get("payment_status", ""), values.get("payment_status"))]
    more += [f"order {values['external_sale_id']}" if "external_sale_id" in values else None]
    with st.container(gap="xxsmall"):
        st.markdown(" · ".join(told))
        forms.hint(" · ".join([f"Row {arrival.row}", *(text.md(each) for each in more if each)]))
        for column, sentence in arrival.wrong.items():
            if column != "purchase_date" or mapping.date_order is not None:
                forms.show_problem({column: f"{_short(column)}: {sentence}" if column else sentence}, column)


def _amount(given: str | None) -> str:
    return text.md(text.amount(given)) if given else "?"


def _moment(given: str | None, zone: str) -> str | None:
    """In the event's zone; what could not be read stays as the file has it."""
    try:
        return text.moment(datetime.fromisoformat(given or ""), zone)
    except ValueError:
        return given


def _foreign(work: Work, on_sale: Named[uuid.UUID, str]) -> dict[str, int]:
    """What the file calls packages and nothing here is called, with the rows of each."""
    titles = work.chosen("ticket_type")
    ours = {name_key(name) for name in on_sale.values()}
    names = work.package_names(titles) if titles else {}
    return {name: rows for name, rows in names.items() if name_key(name) not in ours}


def _short(column: str) -> str:
    return LABELS[column].partition(",")[0]


def _lacks(work: Work, column: str) -> bool:
    is_given = bool(work.chosen(column) or work.same(column))
    return not is_given and not (column == "quantity" and st.session_state.get(work.key("combine")))


def _fields(work: Work, columns: Sequence[str], on_sale: Named[uuid.UUID, str]) -> None:
    for start in range(0, len(columns), 2):
        for place, column in zip(st.columns(2, gap="medium"), columns[start : start + 2], strict=False):
            with place:
                _field(work, column, on_sale)


def _field(work: Work, column: str, on_sale: Named[uuid.UUID, str]) -> None:
    with st.container(gap="xsmall"):
        st.multiselect(
            LABELS[column], work.facts.titles, key=work.key(f"columns_{column}"), persist_state="session",
            placeholder="Not in the file", select_all=False,
        )  # fmt: skip
        if titles := work.chosen(column):
            forms.hint(_examples(work, column, titles))
    if column in ONE_VALUE and (rows := work.open_rows(column)):
        where = f" where it is empty, in {text.count(rows, 'row')}" if titles else ", the same for all rows"
        _same_for_all(work, column, _short(column) + where, on_sale)
    if column in REQUIRED and _lacks(work, column):
        forms.show_problem({column: UNKNOWN.get(column, UNKNOWN[""])}, column)
    if column == "purchase_date":
        _date_order(work)


def _examples(work: Work, column: str, titles: Sequence[str]) -> str:
    if len(titles) == 1:
        examples = work.facts.examples.get(titles[0], ())
    else:
        joint = " + " if column in SUMMED else " "
        examples = tuple(joint.join(row.get(title, "") for title in titles) for row in work.facts.first_rows)
    return " · ".join(text.md(each) for each in examples) or "Empty in all rows"


def _same_for_all(work: Work, column: str, label: str, on_sale: Named[uuid.UUID, str]) -> None:
    key = work.key(f"same_{column}")
    choices = {"ticket_type": sorted(on_sale.values()), "payment_status": STATUSES}.get(column)
    if choices is not None:
        st.selectbox(
            label, ["", *choices], key=key, persist_state="session",
            format_func=lambda value: text.STATUSES.get(value, value) or "Nothing",
        )  # fmt: skip
    else:
        counts_rows = st.session_state.get(work.key("combine"))
        shown = {"purchase_date": "2026-10-31", "quantity": "Each row is one" if counts_rows else ""}.get(column, "")
        st.text_input(label, key=key, persist_state="session", placeholder=shown)


def _date_order(work: Work) -> None:
    """Asked only where both readings are possible, by a date of the file."""
    dates = work.dates(work.chosen("purchase_date"))
    if len(dates.orders) < 2:
        return
    told = {order: _told(dates.readings.get(order, "")) or ORDERS[order] for order in dates.orders}
    st.radio(
        f"Which day is {text.md(dates.example)}?" if dates.example else "In which order are its dates?",
        dates.orders, None, key=work.key("date_order"), persist_state="session", horizontal=True,
        format_func=told.get,
    )  # fmt: skip
    if st.session_state.get(work.key("date_order")) is None:
        forms.show_problem({"order": "Its dates can be read both ways. Choose one."}, "order")


def _told(reading: str) -> str:
    try:
        day = date.fromisoformat(reading[:10])
    except ValueError:
        return ""
    return f"{day.day} {day:%B %Y}"


def _joined(titles: Sequence[str]) -> str:
    return " and ".join(text.md(title) for title in titles)

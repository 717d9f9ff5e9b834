"""Helpers for tests of the import page: upload files, and read its step and tables."""

from __future__ import annotations

import csv
import io

from sqlalchemy import select

from tests.support.screen import unescape_markdown
from ticketing import db
from ticketing.models import Purchase


def upload(page, content, name="sales.csv"):
    if "Choose another file" in page.labels():
        page.click("Choose another file")
    page.app.file_uploader[0].upload(name, content)
    return page.rerun()


def list_purchases(event):
    with db.read_session() as session:
        return session.scalars(select(Purchase).where(Purchase.event_id == event.id)).all()


def get_import_draft(page, event):
    return page.app.session_state[f"import_draft_{event.id}"]


def list_import_buttons(page):
    return [label for label in page.labels() if label.startswith("Import ")]


def list_table_rows(page, number=0):
    """Return the rows of a table of problems, warnings or skipped rows."""
    rows = page.app.table[number].value.to_dict("records")
    return [{name: unescape_markdown(str(cell)) for name, cell in row.items()} for row in rows]


def list_problem_cells(page):
    return [(int(each["Row"]), each["Column"]) for each in list_table_rows(page)]


def get_current_step(page):
    """Return the name of the open step."""
    (steps,) = [each for each in page.texts() if ":material/chevron_right:" in each]
    return steps.split("**")[1].partition(": ")[2]


def seller_csv(
    *rows, titles=("Order #", "Order Date", "First Name", "Last Name", "Email", "Ticket Type", "Qty", "Paid")
):
    text = io.StringIO(newline="")
    csv.writer(text).writerows([titles, *rows])
    return text.getvalue().encode()


def seller_row(
    number, name="Table", when="2026-10-31 18:30 EDT", first="Zoë", last="Müller", quantity="1", paid="$1,100.00"
):
    return (number, when, first, last, f"d{number}@example.org", name, quantity, paid)

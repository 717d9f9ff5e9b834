"""Files of sales with valid defaults, so that a test names only the cells it is about."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.support import make
from ticketing import db, imports
from ticketing.actors import OPERATOR, Actor
from ticketing.file_reader import worker
from ticketing.file_reader.columns import REQUIRED_COLUMNS
from ticketing.imports import CheckResult, ImportResult, files
from ticketing.imports.options import ImportOptions
from ticketing.imports.table import Table
from ticketing.models import Event, Package

DATA = Path(__file__).parents[1] / "data"


def read_data(name: str) -> bytes:
    return (DATA / name).read_bytes()


def sale(package: Package | str, **cells: object) -> dict[str, str]:
    """Return a row: by default one completed sale of one package at its price, with a unique id."""
    quantity = str(cells.get("quantity", 1))
    price = "100.00" if isinstance(package, str) else str(package.price * (int(quantity) if quantity.isdigit() else 1))
    values = {
        "ticket_type": package if isinstance(package, str) else package.name,
        "purchaser_name": "Ana Ruiz",
        "purchaser_email": make.email(),
        "quantity": "1",
        "total_amount": price,
        "purchase_date": "2026-10-01T12:00:00",
        "external_sale_id": make.unique("EXT"),
    }
    return values | {column: str(cell) for column, cell in cells.items()}


def sales_csv(*rows: dict[str, str], delimiter: str = ",") -> bytes:
    columns = list(dict.fromkeys([*REQUIRED_COLUMNS, *(column for row in rows for column in row)]))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, restval="", delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def read_table(file_name: str, content: bytes, sheet_names: Sequence[str] = ()) -> Table:
    """Return what `files.read` would, without a process of its own."""
    output = io.BytesIO()
    kind, encoding = files.recognize(file_name, content), files.detect_encoding(content)
    worker.write_table(kind, encoding, io.BytesIO(content), output, sheet_names)
    return files.parse_output(output.getvalue())


def check_import(event: Event, content: bytes, actor: Actor = OPERATOR, **options: Any) -> CheckResult:
    file = "sales.csv", read_table("sales.csv", content), None, ImportOptions(**options)
    with db.read_session() as session:
        return imports.check(session, actor, event.id, *file)


def run_import(
    event: Event,
    content: bytes,
    actor: Actor = OPERATOR,
    progress: Callable[[int, int], None] | None = None,
    **options: Any,
) -> ImportResult:
    file = "sales.csv", read_table("sales.csv", content), None, ImportOptions(**options)
    return db.write(lambda session: imports.run(session, actor, event.id, *file, progress=progress))


def list_problem_cells(check: CheckResult) -> list[tuple[int, str]]:
    """Return row and column of each problem."""
    return [(problem.row, problem.column) for problem in check.problems]


def create_gala() -> Event:
    """Create the event of data/gala.json with its packages, options and promo codes."""
    gala = json.loads(read_data("gala.json"))
    event = make.event(**gala["event"])
    for package in gala["packages"]:
        created = make.package(event, **package)
        for option in gala["options"].get(package["name"], []):
            make.option(created, **option)
    for promo_code in gala["promo_codes"]:
        make.promo_code(event, **promo_code)
    return event

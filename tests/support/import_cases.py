"""Check the files of tests/data/import_cases, or siblings of them, as the import page would, without a database."""

from __future__ import annotations

import uuid
from dataclasses import replace
from decimal import Decimal
from typing import Any

from tests.support.sales_file import read_data, read_table
from ticketing.imports import column_mapping, orders, parsing
from ticketing.imports.rows import ExistingData, Problem, ValidationResult, list_warnings, validate
from ticketing.imports.table import Table
from ticketing.models import Package, PromoCode
from ticketing.validation import name_key

PACKAGES = (("Seat", "100.00", 1), ("Table", "500.00", 10))


def read_case(name: str) -> Table:
    return read_table(name, read_data(f"import_cases/{name}"))


def check_case(
    table: Table,
    *,
    packages: tuple[tuple[str, str, int], ...] = PACKAGES,
    venue_zone: str = "America/New_York",
    constants: dict[str, str] | None = None,
    **choices: Any,
) -> ValidationResult:
    """Check a file under its proposed columns and these choices; one with our own columns is checked as it is.

    `packages` are name, price and seats of each; the promo code EARLY10 exists. `constants` and `choices` are fields of
    the ColumnMapping.
    """
    stored = [_build_package(*each) for each in packages]
    names = {package.id: package.name for package in stored}
    if column_mapping.is_needed(table) or constants or choices:
        mapping = column_mapping.propose(table, names)
        mapping = replace(mapping, constants=mapping.constants | (constants or {}), **choices)
        table = column_mapping.apply(table, mapping, names)
    records = list(parsing.parse(table, venue_zone))
    existing = ExistingData(
        packages={package.name_key: package for package in stored},
        promo_codes={"EARLY10": PromoCode(id=uuid.uuid4(), code="EARLY10", current_uses=0)},
        external_sale_ids={},
        donor_uses={},
    )
    result = validate(orders.combine_table(table, records, existing, venue_zone), existing)
    result.warnings += [each for each in list_warnings(records) if each.row not in result.skipped_rows]
    return result


def list_cells(problems: list[Problem]) -> list[tuple[int, str]]:
    """Return row and column of each problem."""
    return [(each.row, each.column) for each in problems]


def _build_package(name: str, price: str, seats: int) -> Package:
    return Package(
        id=uuid.uuid4(), name=name, name_key=name_key(name), price=Decimal(price), seats_per_package=seats, sold_count=0
    )

"""What an import would store, in figures that can be compared with the seller's own. No database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from ticketing import money
from ticketing.imports.rows import STATUSES, Problem, Sale, ValidationResult

# Why rows are not imported, after their number, in the order in which they are listed.
LEFT_OUT_TITLES: Mapping[str, tuple[str, str]] = {
    "here": ("here already", "here already"),
    "voided": ("voided here", "voided here"),
    "status": ("left out for its status", "left out for their status"),
    "refund_row": ("refund of another row", "refunds of other rows"),
    "problem": ("with problems", "with problems"),
}
# What the warnings of a kind say, after their number: "3 totals that ...".
WARNING_TITLES: Mapping[str, tuple[str, str]] = {
    "left_out": ("column that was left out without a choice", "columns that were left out without a choice"),
    "column": ("column that is not part of an import", "columns that are not part of an import"),
    "part_refunded": ("sale that was refunded in part", "sales that were refunded in part"),
    "refund_row": ("row that is a refund", "rows that are refunds"),
    "total": (
        "total that is not price x quantity less discount",
        "totals that are not price x quantity less discount",
    ),
    "rounded": ("amount that is rounded to the cent", "amounts that are rounded to the cent"),
    "status": ("row that is left out for its status", "rows that are left out for their status"),
    "status_stays": ("status that cannot be taken over", "statuses that cannot be taken over"),
    "here": ("sale that is here already", "sales that are here already"),
    "voided": ("sale that was voided here", "sales that were voided here"),
    "": ("other warning", "other warnings"),
}


@dataclass(frozen=True)
class Figures:
    """Sums over sales. Amounts are in USD; `total` is what was paid, `fee` and `discount` as the file has them.

    An order with lines of several statuses or packages counts once in each.
    """

    label: str
    orders: int
    packages: int
    seats: int
    total: Decimal
    discount: Decimal
    fee: Decimal


@dataclass(frozen=True)
class ImportSummary:
    """What an import would do with the rows of a file.

    `rows` = `rows_imported` + the numbers of `rows_left_out`, by LEFT_OUT_TITLES. `by_status` and `by_package` divide
    the sales of `all_sales`; statuses without sales are left out. `earliest` and `latest` are in UTC.
    """

    rows: int
    rows_imported: int
    rows_left_out: Mapping[str, int]
    all_sales: Figures
    by_status: tuple[Figures, ...]
    by_package: tuple[Figures, ...]
    earliest: datetime | None
    latest: datetime | None


def build(rows: int, result: ValidationResult) -> ImportSummary:
    """Return the summary of a file with this number of rows; those that nothing else explains have problems."""
    sales = result.sales
    imported = sum(sale.row_count for sale in sales)
    left_out = Counter(result.rows_left_out)
    left_out["problem"] = max(rows - imported - left_out.total(), 0)
    packages = dict.fromkeys(sale.package.name for sale in sales)
    moments = [sale.purchased_at for sale in sales]
    return ImportSummary(
        rows=rows,
        rows_imported=imported,
        rows_left_out={kind: left_out[kind] for kind in LEFT_OUT_TITLES if left_out[kind]},
        all_sales=_sum("", sales),
        by_status=_group(sales, STATUSES, lambda sale: sale.payment_status),
        by_package=_group(sales, packages, lambda sale: sale.package.name),
        earliest=min(moments, default=None),
        latest=max(moments, default=None),
    )


def group_warnings(warnings: Iterable[Problem]) -> dict[str, tuple[Problem, ...]]:
    """Return the warnings by kind, in the order of WARNING_TITLES."""
    groups: dict[str, list[Problem]] = {kind: [] for kind in WARNING_TITLES}
    for warning in warnings:
        groups[warning.kind if warning.kind in groups else ""].append(warning)
    return {kind: tuple(found) for kind, found in groups.items() if found}


def _group(sales: Sequence[Sale], labels: Iterable[str], get_label: Callable[[Sale], str]) -> tuple[Figures, ...]:
    groups: dict[str, list[Sale]] = {label: [] for label in labels}
    for sale in sales:
        groups[get_label(sale)].append(sale)
    return tuple(_sum(label, group) for label, group in groups.items() if group)


def _sum(label: str, sales: Sequence[Sale]) -> Figures:
    numbers = {(sale.order_number, "") if sale.order_number else ("", sale.external_sale_id) for sale in sales}
    return Figures(
        label,
        orders=len(numbers),
        packages=sum(sale.quantity for sale in sales),
        seats=sum(sale.quantity * sale.package.seats_per_package for sale in sales),
        total=sum((sale.total for sale in sales), money.ZERO),
        discount=sum((sale.discount for sale in sales), money.ZERO),
        fee=sum((sale.fee or money.ZERO for sale in sales), money.ZERO),
    )

"""What an import would store, in figures that can be compared with the seller's own. No database."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

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
    moments = [sale.purchased_at for sale in sales]
    sums = _sum_groups(sales)
    return ImportSummary(
        rows=rows,
        rows_imported=imported,
        rows_left_out={kind: left_out[kind] for kind in LEFT_OUT_TITLES if left_out[kind]},
        all_sales=_add_up("", sums.values()),
        by_status=tuple(
            _add_up(label, [each for (status, _), each in sums.items() if status == label])
            for label in STATUSES
            if any(status == label for status, _ in sums)
        ),
        by_package=tuple(
            _add_up(label, [each for (_, name), each in sums.items() if name == label])
            for label in dict.fromkeys(name for _, name in sums)
        ),
        earliest=min(moments, default=None),
        latest=max(moments, default=None),
    )


def group_warnings(warnings: Iterable[Problem]) -> dict[str, tuple[Problem, ...]]:
    """Return the warnings by kind, in the order of WARNING_TITLES."""
    groups: dict[str, list[Problem]] = {kind: [] for kind in WARNING_TITLES}
    for warning in warnings:
        groups[warning.kind if warning.kind in groups else ""].append(warning)
    return {kind: tuple(found) for kind, found in groups.items() if found}


class _Sums(NamedTuple):
    """Sums over sales; `order_numbers` and the ids of sales that are orders of their own tell orders apart."""

    order_numbers: Set[str]
    single_ids: Set[str]
    packages: int
    seats: int
    total: Decimal
    discount: Decimal
    fee: Decimal


def _sum_groups(sales: Iterable[Sale]) -> dict[tuple[str, str], _Sums]:
    """Return the sums by status and name of the package, from which all others follow."""
    groups: dict[tuple[str, str], list[Sale]] = defaultdict(list)
    for sale in sales:
        groups[sale.payment_status, sale.package.name].append(sale)
    return {key: _sum(group) for key, group in groups.items()}


def _sum(sales: Sequence[Sale]) -> _Sums:
    packages = sum(sale.quantity for sale in sales)
    return _Sums(
        {sale.order_number for sale in sales if sale.order_number},
        {sale.external_sale_id for sale in sales if not sale.order_number},
        packages,
        packages * sales[0].package.seats_per_package,
        sum((sale.total for sale in sales), money.ZERO),
        sum((sale.discount for sale in sales), money.ZERO),
        sum((sale.fee or money.ZERO for sale in sales), money.ZERO),
    )


def _add_up(label: str, sums: Iterable[_Sums]) -> Figures:
    order_numbers, single_ids, packages, seats, total, discount, fee = zip(_NOTHING, *sums, strict=True)
    return Figures(
        label,
        orders=len(frozenset().union(*order_numbers)) + len(frozenset().union(*single_ids)),
        packages=sum(packages),
        seats=sum(seats),
        total=sum(total, money.ZERO),
        discount=sum(discount, money.ZERO),
        fee=sum(fee, money.ZERO),
    )


_NOTHING = _Sums(frozenset(), frozenset(), 0, 0, money.ZERO, money.ZERO, money.ZERO)

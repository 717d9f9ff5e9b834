"""Property test: after any operations, every figure is the sum of the exported CSV rows."""

import asyncio
import csv
import io
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from tests.support import make
from tests.support.sales_file import run_import, sale, sales_csv
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.catalog import events
from ticketing.errors import TicketingError
from ticketing.models import BOX_OFFICE_CHANNELS, CHANNELS, PAYMENT_STATUSES, Event, Package, PromoCode, Purchase
from ticketing.ops import verify
from ticketing.purchase_filter import ALL_PURCHASES, PurchaseFilter
from ticketing.reporting import csv_export, figures, purchase_list
from ticketing.reporting.purchase_list import PurchaseTotals
from ticketing.sales import corrections, guests

COUNTING = ("completed", "pending")
CODES = ("THIRD33", "TENOFF")
ZONES = ("America/New_York", "Pacific/Auckland", "Asia/Beirut")
GOAL = Decimal("1234.56")
START = datetime(2026, 10, 23, 20, tzinfo=UTC)  # clocks change in Beirut on the 25th, in New York on 1 November

purchase_indexes = st.integers(0, 11)
moments = st.integers(0, 10 * 24 * 60).map(lambda minutes: START + timedelta(minutes=minutes))
amounts = st.decimals(0, 200, places=2)
sale_fields = st.fixed_dictionaries(
    {
        "package": st.integers(0, 2),
        "quantity": st.integers(1, 3),
        "promo_code": st.sampled_from((None, None, *CODES)),
        "payment_status": st.sampled_from(COUNTING),
        "channel": st.sampled_from((*BOX_OFFICE_CHANNELS, "online")),
        "named": st.integers(0, 2),
        "moment": moments,
    }
)
import_fields = st.fixed_dictionaries(
    {
        "package": st.integers(0, 2),
        "quantity": st.integers(1, 3),
        "promo_code": st.sampled_from((None, *CODES)),
        "payment_status": st.sampled_from(("completed", "pending", "failed", "refunded")),
        "total_amount": amounts,
        "discount_amount": amounts,
        "moment": moments,
    }
)
operations = st.one_of(
    *[st.tuples(st.just("sell"), sale_fields)] * 4,
    *[st.tuples(st.just("import_sales"), st.lists(import_fields, min_size=1, max_size=4))] * 2,
    st.tuples(st.just("void"), purchase_indexes),
    st.tuples(st.just("change_status"), purchase_indexes, st.sampled_from(("completed", "failed", "refunded"))),
    st.tuples(st.just("name_guests"), purchase_indexes, st.dictionaries(st.integers(1, 3), st.booleans(), min_size=1)),
    st.tuples(st.just("move"), st.sampled_from(ZONES)),
)


@dataclass(frozen=True)
class Gala:
    """An event with three packages (a seat, a limited table, a sponsorship) and two promo codes."""

    event: Event
    packages: tuple[Package, ...]
    promo_codes: tuple[PromoCode, ...]

    @classmethod
    def create(cls) -> "Gala":
        event = make.event(time_zone=ZONES[0], revenue_goal=GOAL)
        packages = (
            make.package(event, name="Seat", price="33.33"),
            make.package(event, name="Table", price="100", seats_per_package=3, quantity_limit=6),
            make.package(event, name="Sponsor", price="500", seats_per_package=2, is_sponsorship=True),
        )
        codes = (
            make.promo_code(event, code=CODES[0], discount_type="percentage", discount_value="33"),
            make.promo_code(event, code=CODES[1], discount_type="fixed_amount", discount_value="10"),
        )
        return cls(event, packages, codes)

    def perform(self, operation: str, *arguments: Any) -> None:
        """Run an operation; refusals are expected, such as a sold-out table or a void of an import."""
        with suppress(TicketingError):
            getattr(self, operation)(*arguments)

    def sell(self, sold: dict[str, Any]) -> None:
        fields = {name: value for name, value in sold.items() if name not in ("package", "named")}
        named = [{"name": f"Guest {seat}"} for seat in range(sold["named"])]
        make.purchase(self.event, self.packages[sold["package"]], guests=named, **fields)

    def import_sales(self, rows: list[dict[str, Any]]) -> None:
        run_import(self.event, sales_csv(*(self._line(**row) for row in rows)))

    def _line(self, package: int, moment: datetime, promo_code: str | None, **cells: Any) -> dict[str, str]:
        given = {"purchase_date": moment.isoformat(), "promo_code": promo_code or ""}
        return sale(self.packages[package], **given, **cells)

    def void(self, number: int) -> None:
        self._change(number, lambda s, row: corrections.void(s, OPERATOR, self.event.id, row.id, "Twice"))

    def change_status(self, number: int, status: str) -> None:
        self._change(
            number,
            lambda s, row: corrections.change_status(
                s, OPERATOR, self.event.id, row.id, status, seen_version=row.version
            ),
        )

    def name_guests(self, number: int, seats: dict[int, bool]) -> None:
        named = {seat: {"name": "Zoë"} if is_named else None for seat, is_named in seats.items()}
        self._change(
            number,
            lambda s, row: guests.name_guests(s, OPERATOR, self.event.id, row.id, named, seen_version=row.version),
        )

    def _change(self, number: int, change: Any) -> None:
        def work(session: db.Session) -> None:
            rows = session.scalars(select(Purchase).where(Purchase.event_id == self.event.id)).all()
            if rows:
                change(session, sorted(rows, key=lambda row: row.id)[number % len(rows)])

        db.write(work)

    def move(self, time_zone: str) -> None:
        def work(session: db.Session) -> None:
            seen = events.get(session, OPERATOR, self.event.id).version
            events.update(session, OPERATOR, self.event.id, {"time_zone": time_zone}, seen_version=seen)

        db.write(work)


class Row:
    """One purchase as its CSV row describes it."""

    def __init__(self, cells: dict[str, str]) -> None:
        self.package, self.code, self.channel = cells["package"], cells["promo_code"] or None, cells["channel"]
        self.status, self.is_sponsorship = cells["payment_status"], cells["is_sponsorship"] == "true"
        self.day = date.fromisoformat(cells["purchased_at"][:10])
        self.quantity, self.seats = int(cells["quantity"]), int(cells["seats"])
        self.named = len(cells["guests"].split("; ")) if cells["guests"] else 0
        self.list_price, self.discount, self.total = (
            Decimal(cells[name]) for name in ("list_price", "discount", "total")
        )
        self.counts, self.is_completed = self.status in COUNTING, self.status == "completed"


def export_rows(gala: Gala, session: db.Session, purchase_filter: PurchaseFilter) -> list[Row]:
    async def collect() -> bytes:
        export = csv_export.build_purchases_export(session, OPERATOR, gala.event.id, purchase_filter)
        return b"".join([chunk async for chunk in csv_export.stream(export)])

    return [Row(cells) for cells in csv.DictReader(io.StringIO(asyncio.run(collect()).decode("utf-8-sig")))]


def revenue(rows: list[Row]) -> Decimal:
    return sum((row.total for row in rows if row.is_completed), Decimal(0))


def count_packages(rows: list[Row]) -> int:
    return sum(row.quantity for row in rows if row.counts)


def discount(rows: list[Row]) -> Decimal:
    return sum((row.discount for row in rows if row.is_completed), Decimal(0))


def count_purchases(rows: list[Row]) -> int:
    return sum(row.counts for row in rows)


def group_counting_by(rows: list[Row], attribute: str) -> dict[Any, list[Row]]:
    """Return the sold rows by the value of one attribute."""
    groups = defaultdict(list)
    for row in rows:
        if row.counts:
            groups[getattr(row, attribute)].append(row)
    return groups


def expected_status_sales(rows: list[Row], status: str) -> figures.StatusSales:
    some = [row for row in rows if row.status == status]
    return figures.StatusSales(
        status,
        len(some),
        sum(row.quantity for row in some),
        sum(row.seats for row in some),
        sum((row.total for row in some), Decimal(0)),
    )


def expected_package_sales(rows: list[Row], package: Package) -> figures.PackageSales:
    some = [row for row in rows if row.package == package.name]
    sold = count_packages(some)
    left = None if package.quantity_limit is None else package.quantity_limit - sold
    return figures.PackageSales(
        package.id,
        package.name,
        sold,
        package.quantity_limit,
        left,
        sum(row.seats for row in some if row.counts),
        sum(row.named for row in some if row.counts),
        revenue(some),
        package.is_sponsorship,
        left == 0,
    )


def expected_days(rows: list[Row]) -> tuple[figures.DaySales, ...]:
    days, lines, so_far = group_counting_by(rows, "day"), [], Decimal(0)
    day = min(days, default=None)
    while days and day <= max(days):
        so_far += revenue(days.get(day, []))
        lines.append(figures.DaySales(day, revenue(days.get(day, [])), so_far, count_packages(days.get(day, []))))
        day += timedelta(days=1)
    return tuple(lines)


def expected_promo_code_sales(
    rows: list[Row], promo_codes: tuple[PromoCode, ...]
) -> tuple[figures.PromoCodeSales, ...]:
    ids = {promo_code.code: promo_code.id for promo_code in promo_codes}
    lines = [
        figures.PromoCodeSales(
            ids.get(code), code, count_purchases(some), count_packages(some), discount(some), revenue(some)
        )
        for code, some in group_counting_by(rows, "code").items()
    ]
    return tuple(sorted(lines, key=lambda line: (line.code is None, -line.revenue, line.code)))


def expected_figures(gala: Gala, rows: list[Row], *, sponsorships_only: bool) -> figures.SalesFigures:
    rows = [row for row in rows if row.is_sponsorship or not sponsorships_only]
    packages = [
        expected_package_sales(rows, one) for one in gala.packages if one.is_sponsorship or not sponsorships_only
    ]
    listed = sum((row.list_price for row in rows if row.is_completed), Decimal(0))
    channels = group_counting_by(rows, "channel")
    return figures.SalesFigures(
        revenue=revenue(rows),
        discount=discount(rows),
        pending=expected_status_sales(rows, "pending").total,
        refunded=expected_status_sales(rows, "refunded").total,
        purchases=count_purchases(rows),
        packages_sold=count_packages(rows),
        seats_sold=sum(row.seats for row in rows if row.counts),
        seats_named=sum(row.named for row in rows if row.counts),
        sold_out_count=sum(package.is_sold_out for package in packages),
        revenue_goal=GOAL,
        by_package=tuple(packages),
        bridge=figures.RevenueBridge(listed, discount(rows), revenue(rows) - listed + discount(rows), revenue(rows)),
        by_status=tuple(expected_status_sales(rows, status) for status in PAYMENT_STATUSES),
        by_promo_code=expected_promo_code_sales(rows, gala.promo_codes),
        by_channel=tuple(
            figures.ChannelSales(channel, len(some), count_packages(some), revenue(some))
            for channel in CHANNELS
            if (some := channels[channel])
        ),
        by_day=expected_days(rows),
    )


def expected_totals(rows: list[Row]) -> PurchaseTotals:
    amounts = (sum((getattr(row, name) for row in rows), Decimal(0)) for name in ("list_price", "discount", "total"))
    counted = (sum(getattr(row, name) for row in rows) for name in ("quantity", "seats", "named"))
    return PurchaseTotals(len(rows), *counted, *amounts)


@settings(max_examples=25, deadline=None)
@given(st.lists(operations, min_size=5, max_size=25))
def test_every_figure_is_the_sum_of_the_exported_rows(steps):
    gala = Gala.create()
    for step in steps:
        gala.perform(*step)
    with db.read_session() as session:
        rows = export_rows(gala, session, ALL_PURCHASES)
        for sponsorships_only in (False, True):
            sales = figures.get_figures(session, OPERATOR, gala.event.id, sponsorships_only=sponsorships_only)
            assert sales == expected_figures(gala, rows, sponsorships_only=sponsorships_only)
            assert sales.bridge.revenue == sales.bridge.list_price - sales.bridge.discount + sales.bridge.difference
            assert sales.goal_percent == sales.revenue * 1000 // GOAL / 10
            purchase_filter = PurchaseFilter(sponsorships_only=sponsorships_only)
            chosen = [row for row in rows if row.is_sponsorship or not sponsorships_only]
            assert purchase_list.get_totals(session, OPERATOR, gala.event.id, purchase_filter) == expected_totals(
                chosen
            )
        for status in PAYMENT_STATUSES:
            purchase_filter = PurchaseFilter(statuses=(status,))
            totals = purchase_list.get_totals(session, OPERATOR, gala.event.id, purchase_filter)
            assert totals == expected_totals([row for row in rows if row.status == status])
        assert [finding for finding in verify.verify(session) if finding.event_id == gala.event.id] == []

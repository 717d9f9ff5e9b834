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
from ticketing.reporting import csv_export, figures, purchase_list, timeline
from ticketing.reporting.purchase_list import PurchaseTotals
from ticketing.reporting.status_totals import StatusTotals
from ticketing.reporting.timeline import DaySales
from ticketing.sales import corrections, guests
from ticketing.sales_filter import ALL_SALES, SalesFilter

COUNTING = ("completed", "pending")
CODES = ("THIRD33", "TENOFF")
ZONES = ("America/New_York", "Pacific/Auckland", "Asia/Beirut")
GOAL = Decimal("1234.56")
START = datetime(2026, 10, 23, 20, tzinfo=UTC)  # clocks change in Beirut on the 25th, in New York on 1 November
LAST_DAY = START.date() + timedelta(days=11)  # of the sales, in every zone

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
order_fields = st.fixed_dictionaries(
    {
        "packages": st.permutations(range(3)).map(lambda order: order[:2]),
        "promo_code": st.sampled_from((None, *CODES)),
        "payment_status": st.sampled_from(COUNTING),
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
    *[st.tuples(st.just("sell_order"), order_fields)] * 3,
    *[st.tuples(st.just("import_sales"), st.lists(import_fields, min_size=1, max_size=4))] * 2,
    st.tuples(st.just("void"), purchase_indexes),
    st.tuples(st.just("void_order"), purchase_indexes),
    st.tuples(st.just("change_status"), purchase_indexes, st.sampled_from(("completed", "failed", "refunded"))),
    st.tuples(st.just("name_guests"), purchase_indexes, st.dictionaries(st.integers(1, 3), st.booleans(), min_size=1)),
    st.tuples(st.just("move"), st.sampled_from(ZONES)),
)

days = st.none() | st.integers(-1, 11).map(lambda number: START.date() + timedelta(days=number))
filters = st.fixed_dictionaries(
    {
        "packages": st.sets(st.integers(0, 2), max_size=2),
        "channels": st.sets(st.sampled_from(("cash", "online", "import")), max_size=2).map(tuple),
        "days": st.tuples(days, days).filter(lambda pair: None in pair or pair[0] <= pair[1]),
        "sponsorships_only": st.booleans(),
    }
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

    def build_filter(self, drawn: dict[str, Any]) -> SalesFilter:
        """Return the filter of what `filters` drew."""
        return SalesFilter(
            tuple(self.packages[number].id for number in drawn["packages"]),
            drawn["channels"],
            *drawn["days"],
            drawn["sponsorships_only"],
        )

    def perform(self, operation: str, *arguments: Any) -> None:
        """Run an operation; refusals are expected, such as a sold-out table or a void of an import."""
        with suppress(TicketingError):
            getattr(self, operation)(*arguments)

    def sell(self, sold: dict[str, Any]) -> None:
        fields = {name: value for name, value in sold.items() if name not in ("package", "named")}
        named = [{"name": f"Guest {seat}"} for seat in range(sold["named"])]
        make.purchase(self.event, self.packages[sold["package"]], guests=named, **fields)

    def sell_order(self, sold: dict[str, Any]) -> None:
        fields = {name: value for name, value in sold.items() if name != "packages"}
        make.order(self.event, *(self.packages[package] for package in sold["packages"]), **fields)

    def import_sales(self, rows: list[dict[str, Any]]) -> None:
        run_import(self.event, sales_csv(*(self._line(**row) for row in rows)))

    def _line(self, package: int, moment: datetime, promo_code: str | None, **cells: Any) -> dict[str, str]:
        given = {"purchase_date": moment.isoformat(), "promo_code": promo_code or ""}
        return sale(self.packages[package], **given, **cells)

    def void(self, number: int) -> None:
        self._change(number, lambda s, row: corrections.void(s, OPERATOR, self.event.id, row.id, "Twice"))

    def void_order(self, number: int) -> None:
        self._change(
            number,
            lambda s, row: corrections.void_order(s, OPERATOR, self.event.id, row.order_id, "Twice", seen_version=None),
        )

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
        self.id = cells["purchase_id"]
        self.package, self.code, self.channel = cells["package"], cells["promo_code"] or None, cells["channel"]
        self.status, self.is_sponsorship = cells["payment_status"], cells["is_sponsorship"] == "true"
        self.day = date.fromisoformat(cells["purchased_at"][:10])
        self.order = cells["order_number"]
        self.quantity, self.seats = int(cells["quantity"]), int(cells["seats"])
        self.named = len(cells["guests"].split("; ")) if cells["guests"] else 0
        self.list_price, self.discount, self.total = (
            Decimal(cells[name]) for name in ("list_price", "discount", "total")
        )
        self.counts = self.status in COUNTING

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Row) and self.id == other.id

    __hash__ = None  # type: ignore[assignment]


def export_rows(gala: Gala, session: db.Session, purchase_filter: PurchaseFilter) -> list[Row]:
    async def collect() -> bytes:
        export = csv_export.build_sales_export(session, OPERATOR, gala.event.id, purchase_filter)
        return b"".join([chunk async for chunk in csv_export.stream(export)])

    return [Row(cells) for cells in csv.DictReader(io.StringIO(asyncio.run(collect()).decode("utf-8-sig")))]


def count_orders(rows: list[Row]) -> int:
    return len({row.order for row in rows})


def expected_status_totals(rows: list[Row], status: str) -> StatusTotals:
    some = [row for row in rows if row.status == status]
    amounts = (sum((getattr(row, name) for row in some), Decimal(0)) for name in ("list_price", "discount", "total"))
    return StatusTotals(
        count_orders(some), len(some), sum(row.quantity for row in some), sum(row.seats for row in some), *amounts
    )


def split(rows: list[Row]) -> tuple[StatusTotals, StatusTotals]:
    return expected_status_totals(rows, "completed"), expected_status_totals(rows, "pending")


def group_sold_by(rows: list[Row], attribute: str) -> dict[Any, list[Row]]:
    """Return the paid and pending rows by the value of one attribute."""
    groups = defaultdict(list)
    for row in rows:
        if row.counts:
            groups[getattr(row, attribute)].append(row)
    return groups


def expected_package_sales(rows: list[Row], all_rows: list[Row], package: Package) -> figures.PackageSales:
    some = [row for row in rows if row.package == package.name]
    sold = sum(row.quantity for row in all_rows if row.package == package.name and row.counts)
    left = None if package.quantity_limit is None else package.quantity_limit - sold
    return figures.PackageSales(
        package.id,
        package.name,
        sold,
        package.quantity_limit,
        left,
        sum(row.named for row in some if row.counts),
        package.is_sponsorship,
        left == 0,
        *split(some),
    )


def expected_days(rows: list[Row], all_rows: list[Row]) -> tuple[DaySales, ...]:
    """Return the days of `rows`; the revenue of earlier days of `all_rows` counts, too."""
    first = min((row.day for row in rows), default=None)
    earlier = [row for row in all_rows if first and row.day < first]
    so_far, lines = expected_status_totals(earlier, "completed").total, []
    for day, some in sorted(group_sold_by(rows, "day").items()):
        paid, pending = split(some)
        so_far += paid.total
        lines.append(DaySales(day, paid.packages, paid.total, so_far, pending.total))
    return tuple(lines)


def expected_figures(
    gala: Gala, all_rows: list[Row], sales_filter: SalesFilter, before: SalesFilter | None
) -> figures.SalesFigures:
    rows = [row for row in all_rows if is_selected(gala, row, sales_filter)]
    packages = [
        package
        for package in gala.packages
        if (package.is_sponsorship or not sales_filter.sponsorships_only)
        and (package.id in sales_filter.package_ids or not sales_filter.package_ids)
    ]
    ids = {promo_code.code: promo_code.id for promo_code in gala.promo_codes}
    codes = [
        figures.PromoCodeSales(ids.get(code), code, *split(some)) for code, some in group_sold_by(rows, "code").items()
    ]
    channels = group_sold_by(rows, "channel")
    return figures.SalesFigures(
        by_status={status: expected_status_totals(rows, status) for status in PAYMENT_STATUSES},
        orders=count_orders([row for row in rows if row.counts]),
        seats_named=sum(row.named for row in rows if row.counts),
        revenue_goal=GOAL,
        by_package=tuple(expected_package_sales(rows, all_rows, package) for package in packages),
        by_promo_code=tuple(sorted(codes, key=lambda line: (line.code is None, -line.paid.total, line.code))),
        by_channel=tuple(
            figures.ChannelSales(channel, *split(channels[channel])) for channel in CHANNELS if channels[channel]
        ),
        before=expected_before(gala, all_rows, before) if before else None,
    )


def expected_before(gala: Gala, all_rows: list[Row], before: SalesFilter) -> dict[str, StatusTotals]:
    rows = [row for row in all_rows if is_selected(gala, row, before)]
    return {status: expected_status_totals(rows, status) for status in {row.status for row in rows}}


def is_selected(gala: Gala, row: Row, sales_filter: SalesFilter) -> bool:
    names = {package.name for package in gala.packages if package.id in sales_filter.package_ids}
    return (
        (row.package in names or not names)
        and (row.channel in sales_filter.channels or not sales_filter.channels)
        and (row.is_sponsorship or not sales_filter.sponsorships_only)
        and (sales_filter.first_day or date.min) <= row.day <= (sales_filter.last_day or date.max)
    )


def expected_totals(rows: list[Row]) -> PurchaseTotals:
    amounts = (sum((getattr(row, name) for row in rows), Decimal(0)) for name in ("list_price", "discount", "total"))
    counted = (sum(getattr(row, name) for row in rows) for name in ("quantity", "seats", "named"))
    return PurchaseTotals(count_orders(rows), len(rows), *counted, *amounts)


def test_every_figure_is_the_sum_of_the_exported_rows():
    """Draw galas; at last recount all of them at once, as `verify` reads the whole database."""
    event_ids = set()

    @settings(max_examples=25, deadline=None)
    @given(st.lists(operations, min_size=5, max_size=25), st.lists(filters, min_size=3, max_size=3))
    def check(steps, drawn_filters):
        gala = Gala.create()
        event_ids.add(gala.event.id)
        for step in steps:
            gala.perform(*step)
        compare_with_rows(gala, drawn_filters)

    check()
    with db.read_session() as session:
        assert [finding for finding in verify.verify(session) if finding.event_id in event_ids] == []


def compare_with_rows(gala: Gala, drawn_filters: list[dict[str, Any]]) -> None:
    """Compare the figures of all sales, and of those that some filters select, with the rows of the CSV."""
    with db.read_session() as session:
        rows = export_rows(gala, session, ALL_PURCHASES)
        for sales_filter in (ALL_SALES, SalesFilter(sponsorships_only=True), *map(gala.build_filter, drawn_filters)):
            chosen = [row for row in rows if is_selected(gala, row, sales_filter)]
            before = sales_filter.find_days_before(LAST_DAY)
            sales = figures.get_figures(session, OPERATOR, gala.event.id, sales_filter, before)
            assert sales == expected_figures(gala, rows, sales_filter, before)
            assert sales.bridge.revenue == sales.bridge.list_price - sales.bridge.discount + sales.bridge.difference
            assert sales.goal_percent == sales.revenue * 1000 // GOAL / 10
            on_all_days = [row for row in rows if is_selected(gala, row, sales_filter.without_days)]
            days = timeline.get_timeline(session, OPERATOR, gala.event.id, sales_filter).days
            assert days == expected_days(chosen, on_all_days)
            purchase_filter = PurchaseFilter.of_sales(sales_filter)
            assert list(export_rows(gala, session, purchase_filter)) == chosen
            totals = purchase_list.get_status_totals(session, OPERATOR, gala.event.id, purchase_filter)
            by_status = {status: [row for row in chosen if row.status == status] for status in PAYMENT_STATUSES}
            assert totals == {None: expected_totals(chosen)} | {
                status: expected_totals(some) for status, some in by_status.items() if some
            }
        for status in PAYMENT_STATUSES:
            purchase_filter = PurchaseFilter(statuses=(status,))
            totals = purchase_list.get_totals(session, OPERATOR, gala.event.id, purchase_filter)
            assert totals == expected_totals([row for row in rows if row.status == status])

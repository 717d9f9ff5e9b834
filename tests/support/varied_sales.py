"""An event with sales of every kind, for tests of rules that hold for any filter."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from tests.support import make
from tests.support.sales_file import run_import, sale, sales_csv
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.models import CHANNELS, PAYMENT_STATUSES, Event, Option, Package
from ticketing.purchase_filter import NO_PROMO_CODE, SORTS, PurchaseFilter
from ticketing.sales import corrections

NAMES = ("Ana Ruiz", "José Núñez", "Zoë Ångström", "Łukasz O’Brien", "100% _Real_ Donor", "Ben \\ Co")
CODES = ("EARLY10", "VIP2026")
START = datetime(2026, 10, 30, 20, tzinfo=UTC)  # the clocks of New York go back on 1 November
FINAL_STATUSES = {4: "refunded", 5: "failed", 6: "voided"}


@dataclass(frozen=True)
class VariedEvent:
    event: Event
    packages: tuple[Package, ...]

    def filters(self) -> st.SearchStrategy[PurchaseFilter]:
        """Return a strategy for any filter of this event's purchases."""
        days = st.none() | st.dates(START.date() - timedelta(days=2), START.date() + timedelta(days=14))
        return st.builds(
            PurchaseFilter,
            search=st.sampled_from(("", "", "", "ana", "NUNEZ jose", "vip", "%", "EXT", "example.org")),
            package_ids=subsets_of([package.id for package in self.packages]),
            statuses=subsets_of(PAYMENT_STATUSES),
            codes=subsets_of((*CODES, NO_PROMO_CODE)),
            channels=subsets_of(CHANNELS),
            first_day=days,
            last_day=days,
            sponsorships_only=st.booleans(),
            unnamed_only=st.booleans(),
            discounted_only=st.booleans(),
            differing_only=st.sampled_from((False, False, True)),
            sort=st.sampled_from(SORTS),
        )


def subsets_of(values):
    """Return a strategy for no value, most of the time, or for several of the values."""
    return st.just(()) | st.lists(st.sampled_from(values), max_size=3, unique=True).map(tuple)


def create_event() -> VariedEvent:
    """Create three packages, one of them a sponsorship, and over two weeks 56 single purchases and 12 larger orders."""
    gala = make.event(time_zone="America/New_York")
    packages = (
        make.package(gala, name="Seat", price="33.33"),
        make.package(gala, name="Table", price="800", seats_per_package=4),
        make.package(gala, name="Gold sponsor", price="5000", seats_per_package=2, is_sponsorship=True),
    )
    questions = [make.option(package, label="Any allergies?", is_required=False) for package in packages[:2]]
    for code in CODES:
        make.promo_code(gala, code=code)
    for number in range(50):
        _record_purchase(gala, packages[number % 3], questions, number)
    for number in range(12):
        _record_order(gala, packages, number)
    cells = {"discount_amount": "1.00", "total_amount": "30.00", "purchaser_name": "Cleo Imported"}
    run_import(
        gala, sales_csv(*(sale(packages[0], purchase_date=f"2026-11-0{day}T00:30:00", **cells) for day in range(1, 7)))
    )
    return VariedEvent(gala, packages)


def _record_purchase(gala: Event, package: Package, questions: list[Option], number: int) -> None:
    """Record one purchase; each field changes at its own period, so that many combinations occur."""
    answers = [{"option_id": q.id, "value": f"=nuts {number}"} for q in questions if q.package_id == package.id]
    channel = CHANNELS[number % 5]
    bought = make.purchase(
        gala,
        package,
        moment=START + timedelta(hours=5, minutes=37) * number,
        quantity=1 + number % 2,
        donor={"name": NAMES[number % len(NAMES)], "email": f"donor{number}@example.org"},
        channel=channel,
        promo_code=None if channel == "comp" else (*CODES, None)[number // 2 % 3],
        payment_status="pending" if number % 7 in (3, 5) else "completed",
        guests=[{"name": f"Guest {seat}"} for seat in range(number % 4 and 1)],
        answers=answers if number % 4 == 0 else [],
    ).purchase
    final = FINAL_STATUSES.get(number % 7)
    if final == "voided":
        db.write(lambda s: corrections.void(s, OPERATOR, gala.id, bought.id, "Entered twice"))
    elif final:
        db.write(lambda s: corrections.change_status(s, OPERATOR, gala.id, bought.id, final, seen_version=1))


def _record_order(gala: Event, packages: tuple[Package, ...], number: int) -> None:
    """Record an order of two or three lines, and change the status of one line, or of none."""
    order = make.order(
        gala,
        *packages[number % 2 :],
        moment=START + timedelta(hours=25, minutes=11) * number,
        donor={"name": NAMES[number % len(NAMES)], "email": f"family{number}@example.org"},
        promo_code=(*CODES, None)[number % 3],
        payment_status="pending" if number % 4 in (1, 2) else "completed",
    )
    line = order.lines[number % 3 and 1].purchase
    if number % 4 == 0:
        db.write(lambda s: corrections.void(s, OPERATOR, gala.id, line.id, "Entered twice"))
    elif number % 4 == 1:
        db.write(lambda s: corrections.change_status(s, OPERATOR, gala.id, line.id, "completed", seen_version=1))

"""Every figure of the sales page against pandas on the CSV of its own download link, for six ranges and filters."""

import asyncio
import io
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from urllib.parse import parse_qsl, urlsplit

import pandas as pd
import pytest

from tests.support import make
from tests.support.html_tables import read_pairs, read_table, read_tiles
from ticketing import db, money, purchase_filter
from ticketing.actors import OPERATOR
from ticketing.reporting import csv_export
from ticketing.sales import corrections
from ui import text

ZONE = "America/New_York"
CHANNELS = ("cash", "online", "card_terminal", "comp")
STATUSES = ("completed", "completed", "pending", "refunded", "voided", "completed", "failed")
CASES = {
    "all": {},
    "7 days": {"range": "7"},
    "30 days, two packages": {"range": "30", "package": (0, 2)},
    "custom, one channel": {"from": 25, "to": 3, "channel": "cash"},
    "sponsorships": {"sponsorships_only": "true"},
    "from a day, two channels and a package": {"from": 40, "channel": "online,comp", "package": (1,)},
}


@pytest.fixture(scope="module")
def gala(database):
    """Return an event with 120 orders of up to three lines over 60 days, of all statuses, and its packages."""
    event = make.event(time_zone=ZONE, revenue_goal="50000")
    packages = [
        make.package(event, name="Seat", price="99.99"),
        make.package(event, name="Table", price="1200", seats_per_package=10, quantity_limit=500),
        make.package(event, name="Gold", price="5000.50", seats_per_package=4, is_sponsorship=True),
    ]
    for code, value in (("EARLY10", "10"), ("BOARD33", "33")):
        make.promo_code(event, code=code, discount_value=value)
    now = datetime.now(UTC)
    for number in range(120):
        status, channel = STATUSES[number % len(STATUSES)], CHANNELS[number % len(CHANNELS)]
        lines = [
            {"package_id": packages[(number + line) % 3].id, "quantity": 1 + (number + line) % 2}
            for line in range(1 + number % 3)
        ]
        order = make.order(
            event,
            *lines,
            channel=channel,
            promo_code=(None, "EARLY10", "BOARD33")[number % 5 % 3] if channel != "comp" else None,
            payment_status="pending" if status in ("pending", "failed") else "completed",
            moment=now - timedelta(hours=11 * number),
        )
        move(event, order, status, only_first=number % 4 == 0)
    return event, packages


def move(event, order, status, *, only_first):
    """Move the lines of an order to a status, or its first line only."""
    for line in order.lines[: 1 if only_first else None]:
        if line.purchase.payment_status != status:

            def work(session, sold=line.purchase):
                if status == "voided":
                    return corrections.void(session, OPERATOR, event.id, sold.id, "Twice")
                return corrections.change_status(session, OPERATOR, event.id, sold.id, status, seen_version=None)

            db.write(work)


def build_query(case, packages, today):
    """Return the address of a case: packages by their number, days as so many days ago."""
    query = dict(CASES[case])
    if "package" in query:
        query["package"] = ",".join(str(packages[number].id) for number in query["package"])
    return query | {name: f"{today - timedelta(days=query[name])}" for name in ("from", "to") if name in query}


def read_csv(event, query):
    """Return the rows of the CSV of a link."""
    chosen = purchase_filter.parse(dict(query), ignored=())

    async def collect():
        with db.read_session() as session:
            export = csv_export.build_sales_export(session, OPERATOR, event.id, chosen)
        return b"".join([chunk async for chunk in csv_export.stream(export)])

    frame = pd.read_csv(io.BytesIO(asyncio.run(collect())), dtype=str, keep_default_na=False)
    for name in ("list_price", "discount", "total"):
        frame[name] = frame[name].map(Decimal)
    for name in ("quantity", "seats"):
        frame[name] = frame[name].astype(int)
    frame["named"] = frame["guests"].map(lambda guests: len(guests.split("; ")) if guests else 0)
    frame["day"] = pd.to_datetime(frame["purchased_at"].str[:10]).dt.date
    return frame


def dollars(amounts):
    return money.format_dollars(sum(amounts, Decimal(0)))


def whole(amount):
    return money.format_whole_dollars(amount)


def cells(rows):
    """Return orders, seats, discount and revenue of the paid rows, and the total of the pending ones."""
    paid, pending = rows[rows["payment_status"] == "completed"], rows[rows["payment_status"] == "pending"]
    return [
        f"{paid['order_number'].nunique():,}",
        f"{paid['seats'].sum():,}",
        dollars(paid["discount"]),
        dollars(paid["total"]),
        dollars(pending["total"]) if len(pending) and sum(pending["total"]) else "–",
    ]


def is_sold(rows):
    return rows["payment_status"].isin(["completed", "pending"])


def change(now, before):
    if now == before:
        return "no change"
    if not before:
        return "none before"
    percent = (abs(Decimal(now) / Decimal(before) - 1) * 100).quantize(Decimal(1), ROUND_HALF_UP)
    return f"{'▲' if now > before else '▼'} {f'{percent:,}%' if percent else 'under 1%'}"


def summarize(rows):
    """Return what the tiles show of some rows."""
    paid, pending = rows[rows["payment_status"] == "completed"], rows[rows["payment_status"] == "pending"]
    revenue, orders = sum(paid["total"], Decimal(0)), paid["order_number"].nunique()
    average = money.round_to_cents(revenue / orders) if orders else Decimal(0)
    return {
        "Revenue": revenue,
        "Average order": average,
        "Packages": int(paid["quantity"].sum()),
        "Seats": int(paid["seats"].sum()),
        "Pending": sum(pending["total"], Decimal(0)),
    }


@pytest.mark.parametrize("case", CASES)
def test_every_figure_is_that_of_the_file(visit, gala, case):
    event, packages = gala
    today = pd.Timestamp.now(ZONE).date()
    query = build_query(case, packages, today)
    screen = visit("sales", make.staff(role="viewer", event=event), event)
    for name, value in query.items():
        screen.app.query_params[name] = value
    screen.app.session_state["table_of_days"] = True
    screen.rerun()
    (link,) = screen.app.get("link_button")
    link_query = dict(parse_qsl(urlsplit(link.proto.url).query))
    rows = read_csv(event, link_query)
    assert len(rows) >= 5

    tiles = {name: value for name, (value, _) in read_tiles(screen).items()}
    summary = summarize(rows)
    assert tiles == {name: f"{value:,}" if isinstance(value, int) else whole(value) for name, value in summary.items()}
    if "from" in link_query:
        first = pd.Timestamp(link_query["from"]).date()
        last = pd.Timestamp(link_query["to"]).date() if "to" in link_query else today
        before = {"from": f"{first - (last - first) - timedelta(days=1)}", "to": f"{first - timedelta(days=1)}"}
        earlier = summarize(read_csv(event, link_query | before))
        assert {name: words for name, (_, words) in read_tiles(screen).items()} == {
            name: change(summary[name], earlier[name]) for name in summary
        }

    chosen = [each for each in packages if each.name in set(rows["package"])]
    table = read_table(screen, "Packages sold of their limit")
    assert {row[0]: row[2:] for row in table[1:-1] if row[2:] != ["0", "0", "$0.00", "$0.00", "–"]} == {
        each.name: cells(rows[rows["package"] == each.name]) for each in chosen
    }
    assert table[-1][2:] == cells(rows)
    everything = read_csv(event, {})
    sold_count = everything[is_sold(everything)].groupby("package")["quantity"].sum()
    assert {row[0]: int(row[1].split()[0].strip(",").replace(",", "")) for row in table[1:-1]} == {
        row[0]: sold_count[row[0]] for row in table[1:-1]
    }

    codes = read_table(screen, "What is paid and pending with each promo code")
    assert {row[0]: row[1:] for row in codes[1:-1]} == {
        code or "Without a code": cells(some) for code, some in rows[is_sold(rows)].groupby("promo_code")
    }
    assert codes[-1][1:] == cells(rows)
    channels = read_table(screen, "What is paid and pending in each channel")
    assert {row[0]: row[1:] for row in channels[1:-1]} == {
        text.CHANNEL_LABELS[channel]: [cells(some)[number] for number in (0, 3, 4)]
        for channel, some in rows[is_sold(rows)].groupby("channel")
    }

    pairs = read_pairs(screen)
    paid = rows[rows["payment_status"] == "completed"]
    assert (pairs["List price"], pairs["Revenue"]) == (dollars(paid["list_price"]), dollars(paid["total"]))
    assert pairs["Discounts"] == money.format_dollars(-sum(paid["discount"], Decimal(0)))
    for status, label in (("pending", "Pending"), ("refunded", "Refunded")):
        assert pairs[label] == dollars(rows[rows["payment_status"] == status]["total"])
    revenue = sum(everything[everything["payment_status"] == "completed"]["total"], Decimal(0))
    assert pairs["To go"] == whole(max(Decimal(50_000) - revenue, Decimal(0)))

    on_all_days = read_csv(event, {k: v for k, v in link_query.items() if k not in ("from", "to")})
    paid_so_far = on_all_days[on_all_days["payment_status"] == "completed"]
    days = {
        day: [
            f"{some[some['payment_status'] == 'completed']['quantity'].sum():,}",
            dollars(some[some["payment_status"] == "completed"]["total"]),
            dollars(paid_so_far[paid_so_far["day"] <= day]["total"]),
            cells(some)[-1],
        ]
        for day, some in rows[is_sold(rows)].groupby("day")
    }
    shown = read_table(screen, "Sales of each day, the latest first")[1:]
    assert {row[0]: row[1:] for row in shown} == {text.format_day(day, today): values for day, values in days.items()}

    newest = rows[is_sold(rows)].assign(moment=pd.to_datetime(rows["purchased_at"], utc=True))
    newest = newest.sort_values(["moment", "purchase_id"], ascending=False)[:5]
    assert [row[1] for row in read_table(screen, "The latest purchases")[1:]] == [
        money.format_dollars(total) for total in newest["total"]
    ]

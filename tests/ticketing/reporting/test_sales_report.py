"""The sales report: it is kept while nothing changes, and read again after everything that changes a figure."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.support import make
from tests.support.sale_corrections import correct
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.catalog import events, package_order, packages
from ticketing.errors import NotFound
from ticketing.reporting import sales_report
from ticketing.reporting.sales_report import ReportQuery
from ticketing.sales import corrections, guests
from ticketing.sales_filter import SalesFilter


def read(event, actor=OPERATOR, **fields):
    with db.read_session() as session:
        return sales_report.get_report(session, actor, event.id, ReportQuery(**fields))


@pytest.fixture
def gala():
    """Return an event with two packages, and one sale of the first."""
    event = make.event(revenue_goal="1000")
    made = [make.package(event, name=name, price="100", quantity_limit=10) for name in ("First", "Second")]
    return event, *made, make.purchase(event, made[0]).purchase


def test_report_is_kept_while_nothing_changes(gala):
    event = gala[0]
    report = read(event)
    assert read(event) is report
    assert read(event, make.staff(event=event)) is report


def test_other_queries_have_reports_of_their_own(gala):
    event, first, *_ = gala
    reports = {
        id(read(event, **fields))
        for fields in ({}, {"chart": "daily"}, {"sales_filter": SalesFilter(package_ids=(first.id,))})
    }
    assert len(reports) == 3


def test_report_is_kept_for_those_who_may_see_it_only(gala):
    read(gala[0])
    with pytest.raises(NotFound):
        read(gala[0], make.staff(event=make.event()))


def test_sale_elsewhere_does_not_matter(gala):
    report, other = read(gala[0]), make.event()
    make.purchase(other, make.package(other))
    assert read(gala[0]) is report


@pytest.mark.parametrize(
    "change",
    [
        lambda s, event, first, second, sold: corrections.void(s, OPERATOR, event.id, sold.id, "Twice"),
        lambda s, event, first, second, sold: corrections.change_status(
            s, OPERATOR, event.id, sold.id, "refunded", seen_version=sold.version
        ),
        lambda s, event, first, second, sold: guests.name_guests(
            s, OPERATOR, event.id, sold.id, {1: {"name": "Ben"}}, seen_version=sold.version
        ),
        lambda s, event, first, second, sold: packages.update(
            s, OPERATOR, event.id, first.id, {"name": "Renamed"}, seen_version=first.version
        ),
        lambda s, event, first, second, sold: packages.delete(s, OPERATOR, event.id, second.id),
        lambda s, event, first, second, sold: package_order.reorder(s, OPERATOR, event.id, [second.id, first.id]),
        lambda s, event, first, second, sold: events.update(
            s, OPERATOR, event.id, {"revenue_goal": "5"}, seen_version=event.version
        ),
    ],
    ids=["void", "status", "guests", "rename", "delete", "reorder", "goal"],
)
def test_report_is_read_again_after_every_change(gala, change):
    before = read(gala[0])
    db.write(lambda session: change(session, *gala))
    assert read(gala[0]) is not before


def test_event_that_was_edited_since_it_was_read_is_read_again(gala):
    known = gala[0]
    with db.read_session() as session:
        assert sales_report.get_report(session, OPERATOR, known.id, ReportQuery(), known).event is known
    db.write(lambda s: events.update(s, OPERATOR, known.id, {"revenue_goal": "5"}, seen_version=known.version))
    with db.read_session() as session:
        assert sales_report.get_report(session, OPERATOR, known.id, ReportQuery(), known).event.revenue_goal == 5


def test_report_is_read_again_after_a_sale_and_a_correction_of_its_donor(gala):
    event, first, *_ = gala
    before = read(event)
    order = make.order(event, first, payment_status="pending").order
    after = read(event)
    correct(order, {"donor.name": "Zoë Müller"}, seen_version=order.version)
    corrected = read(event)
    assert len({id(report) for report in (before, after, corrected)}) == 3
    assert "Zoë Müller" in [row.purchase.purchaser_name for row in corrected.latest]


def test_days_before_are_compared_when_there_is_a_first_day(gala):
    event, first, *_ = gala
    today = read(event).today
    make.purchase(event, first, quantity=2, moment=datetime.now(UTC) - timedelta(days=7))
    week = read(event, sales_filter=SalesFilter(first_day=today - timedelta(days=6), last_day=today))
    assert week.figures.before["completed"].total == 200
    assert week.figures.paid.total == 100
    assert read(event).figures.before is None


def test_goal_and_pace_are_of_the_whole_event_whatever_the_filter(gala):
    event, _, second, *_ = gala
    report = read(event, sales_filter=SalesFilter(package_ids=(second.id,)))
    assert (report.figures.revenue, report.whole.revenue, report.whole.pace.to_go) == (0, 100, 900)


def test_total_has_goal_without_a_filter_only(gala):
    event, first, *_, sold = gala
    today = read(event).today
    for chosen, has_goal in (
        (SalesFilter(), True),
        (SalesFilter(first_day=today), True),
        (SalesFilter(package_ids=(first.id,)), False),
        (SalesFilter(channels=(sold.channel,)), False),
    ):
        assert (read(event, sales_filter=chosen).chart.goal is not None) == has_goal


@pytest.mark.parametrize("chart", ["total", "daily", "packages", "channels"])
def test_every_chart_adds_up_to_the_revenue(gala, chart):
    event, _, second, _ = gala
    make.purchase(event, second, quantity=3, moment=datetime.now(UTC) - timedelta(days=3), channel="cash")
    report = read(event, chart=chart)
    assert (report.chart.totals[-1] if chart == "total" else sum(report.chart.totals)) == report.figures.revenue == 400


def test_package_sells_out_at_the_pace_of_14_days(gala):
    event, first, *_ = gala
    make.purchase(event, first, quantity=8, payment_status="pending")
    report = read(event)
    assert report.whole.sold_out_on == {first.id: report.today + timedelta(days=2)}

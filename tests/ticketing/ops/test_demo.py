"""The sample gala: recent, complete and always the same."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select

from tests.support import make
from tests.support.database import use_database
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.catalog import events, images, promo_codes
from ticketing.errors import NotAllowed
from ticketing.models import Answer, Event, Package, Purchase
from ticketing.ops import demo, verify
from ticketing.reporting import figures, timeline

pytestmark = pytest.mark.system  # loads the whole sample gala

ZONE = ZoneInfo("America/New_York")


def load_demo():
    return db.write(lambda session: demo.load(session, OPERATOR))


def get_figures(event):
    with db.read_session() as session:
        return figures.get_figures(session, OPERATOR, event.id)


def list_purchases(event):
    """Return purchaser, package and total of every purchase, in the order of sale."""
    columns = (Purchase.purchaser_name, Package.name, Purchase.quantity, Purchase.total, Purchase.channel)
    with db.read_session() as session:
        chosen = select(*columns).join(Package, Package.id == Purchase.package_id).where(Purchase.event_id == event.id)
        return [tuple(row) for row in session.execute(chosen.order_by(Purchase.purchased_at, Purchase.total))]


@pytest.fixture(scope="module")
def gala(postgres, database) -> Iterator[Event]:
    use_database(postgres.create())
    yield load_demo()
    use_database(database)


def test_gala_is_soon_and_has_sales_of_eight_weeks(gala):
    today = datetime.now(ZONE).date()
    assert gala.starts_at.astimezone(ZONE).date() - today == timedelta(days=13)
    assert gala.name == f"Harbor Lights Gala {gala.starts_at.astimezone(ZONE).year}"
    with db.read_session() as session:
        days = timeline.get_timeline(session, OPERATOR, gala.id).days
    assert today - timedelta(days=56) <= days[0].day < today - timedelta(days=49)
    assert days[-1].day == today - timedelta(days=1)


def test_sample_has_every_kind_of_figure(gala):
    summary = get_figures(gala)
    assert 380 <= summary.purchases <= 420
    assert 70 <= summary.goal_percent <= 80
    assert summary.sold_out_count == 1
    assert summary.pending.total > 0
    assert 0 < summary.seats_named < summary.seats_sold
    assert sum(each.is_sponsorship for each in summary.by_package) == 2
    with db.read_session() as session:
        codes = {row.code: row for row, _ in promo_codes.list_page(session, OPERATOR, gala.id)[0]}
        assert session.scalar(select(func.count()).where(Answer.event_id == gala.id)) > 200
        assert session.scalar(select(func.count()).where(Package.event_id == gala.id, ~Package.is_enabled)) == 1
        assert verify.verify(session) == []
    assert any(code.current_uses == code.max_total_uses for code in codes.values())
    assert any(code.expires_at and code.expires_at < datetime.now(ZONE) for code in codes.values())
    assert {code.is_active for code in codes.values()} == {True, False}


def test_each_package_has_a_picture_that_is_described(gala):
    with db.read_session() as session:
        packages = session.scalars(select(Package).where(Package.event_id == gala.id)).all()
        pictures = images.find_by_package(session, packages)
    assert [package.name for package in packages if package.id not in pictures] == []
    assert all(package.image_alt for package in packages)
    assert len({each.sha256 for each in pictures.values()}) == len(packages)


def test_loading_twice_finds_the_renamed_sample(gala):
    with db.Session(db.engine()) as session:
        events.update(session, OPERATOR, gala.id, {"name": "Our first try"}, seen_version=1)
        assert demo.load(session, OPERATOR).id == gala.id
        assert session.scalar(select(func.count()).select_from(Event)) == 1
        session.rollback()


def test_sample_is_always_the_same_and_not_found_by_name(gala, empty_database):
    namesake = make.event(name=gala.name)
    mine = load_demo()
    assert mine.id not in {namesake.id, gala.id}
    assert list_purchases(mine)[0] == ("Mei Ferreira", "Early bird", 1, Decimal("120.00"), "cash")
    assert get_figures(mine).revenue == Decimal("234221.80")


def test_only_admins_load_the_sample(event):
    with pytest.raises(NotAllowed):
        db.write(lambda session: demo.load(session, make.staff(role="coordinator", event=event)))

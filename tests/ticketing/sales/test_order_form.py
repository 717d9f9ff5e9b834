"""An order while it is typed: what it costs so far, and everything that is wrong with it at once."""

import uuid
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import make
from tests.support.database_state import snapshot
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.errors import InvalidInput, NotAllowed, NotFound, PromoRefused
from ticketing.sales import order_form

PRICES = ("33.35", "0.01", "1999.99", "0")


def quote(event, *lines, **typed):
    with db.read_session() as session:
        return order_form.quote(session, OPERATOR, event.id, [(each.id, count) for each, count in lines], **typed)


def parse(event, actor=OPERATOR, **values):
    complete = {"donor": {"name": "Ana", "email": "ana@example.org"}, "lines": []}
    with db.read_session() as session:
        return order_form.parse_draft(session, actor, event.id, complete | values)


def line(package, **values):
    return {"package_id": package.id, "quantity": 1, "answers": [], "guests": []} | values


def test_quote_of_an_empty_order_is_zero(event):
    assert quote(event).total == Decimal("0.00")


@pytest.fixture(scope="module")
def priced(database):
    event = make.event()
    packages = [make.package(event, price=price) for price in PRICES]
    return event, packages, make.promo_code(event, discount_value="12.5")


@pytest.mark.system
@settings(max_examples=30, deadline=None)
@given(
    quantities=st.lists(st.integers(1, 30), min_size=1, max_size=len(PRICES)),
    how=st.sampled_from(["code", "comp", "plain"]),
)
def test_quote_is_what_is_recorded_to_the_cent(priced, quantities, how):
    event, packages, promo = priced
    lines = list(zip(packages, quantities, strict=False))
    typed = {"code": {"promo_code": promo.code.lower()}, "comp": {"channel": "comp"}, "plain": {}}[how]
    quoted = quote(event, *lines, **typed)
    drafts = [{"package_id": each.id, "quantity": count} for each, count in lines]
    recorded = [each.purchase for each in make.order(event, *drafts, **typed).lines]
    amounts = ("list_price", "discount", "total")
    assert [getattr(quoted, name) for name in amounts] == [
        sum(getattr(each, name) for each in recorded) for name in amounts
    ]


def test_quote_changes_nothing(event):
    package, promo = make.package(event, quantity_limit=1), make.promo_code(event, max_total_uses=1)
    before = snapshot(event)
    quote(event, (package, 5), promo_code=promo.code)
    assert snapshot(event) == before


@pytest.mark.parametrize(
    ("typed", "kind"),
    [
        ({"promo_code": "OFF1"}, PromoRefused),
        ({"channel": "comp", "promo_code": "X"}, InvalidInput),
        ({"promo_code": "ONCE", "donor_email": "ANA@example.org"}, PromoRefused),
    ],
    ids=str,
)
def test_quote_is_refused_like_the_order(event, typed, kind):
    package = make.package(event)
    make.promo_code(event, code="OFF1", is_active=False)
    make.promo_code(event, code="ONCE", max_uses_per_donor=1)
    make.purchase(event, package, promo_code="ONCE", donor_email="ana@example.org")
    with pytest.raises(kind):
        quote(event, (package, 1), **typed)


def test_quote_of_too_much_names_the_line(event):
    cheap, dear = make.package(event, price="1"), make.package(event, price="1000000")
    with pytest.raises(InvalidInput) as refused:
        quote(event, (cheap, 1), (dear, 10_000))
    assert list(refused.value.fields) == ["lines.1.quantity"]


def test_package_of_another_event_is_not_found(event):
    with pytest.raises(NotFound):
        quote(event, (make.package(make.event()), 1))


def test_all_problems_are_reported_at_once(event):
    first, second = make.package(event), make.package(event)
    song, bus = make.option(first), make.option(second, option_type="boolean")
    unknown = uuid.uuid4()
    with pytest.raises(InvalidInput) as refused:
        parse(
            event,
            donor={"name": "", "email": "ana"},
            lines=[
                line(first, guests=[{"name": "", "email": None}]),
                line(second, answers=[{"option_id": unknown, "value": True}]),
            ],
        )
    assert set(refused.value.fields) == {
        "donor.name",
        "donor.email",
        f"lines.0.answers.{song.id}",
        "lines.0.guests.0.name",
        f"lines.1.answers.{bus.id}",
        f"lines.1.answers.{unknown}",
    }


def test_draft_has_what_was_typed(event):
    package = make.package(event)
    song = make.option(package)
    draft = parse(event, lines=[line(package, quantity=2, answers=[{"option_id": song.id, "value": "Waltz"}])])
    assert [(each.package_id, each.quantity, each.answers[0].value) for each in draft.lines] == [
        (package.id, 2, "Waltz")
    ]


def test_viewer_parses_no_draft(event):
    with pytest.raises(NotAllowed):
        parse(event, make.staff("viewer", event), lines=[line(make.package(event))])

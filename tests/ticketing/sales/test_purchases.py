"""Recording a purchase: price, capacity, promo codes, options, and idempotency."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select, update
from sqlalchemy.event import listen, remove

from tests.support import make
from tests.support.database_state import assert_purchase_refused, get_sold_count, get_use_count, snapshot
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.catalog import packages
from ticketing.errors import (
    IdempotencyMismatch,
    InvalidInput,
    NotAllowed,
    NotForSale,
    NotFound,
    PriceChanged,
    SoldOut,
)
from ticketing.models import Answer, Donor, Option, Purchase
from ticketing.sales.order_draft import PurchaseDraft
from ticketing.sales.ticket_codes import ALPHABET
from ticketing.validation import validate

NOW = datetime.now(UTC)


def edit(package, **values):
    db.write(lambda s: packages.update(s, OPERATOR, package.event_id, package.id, values, seen_version=package.version))


def test_purchase_reads_rights_and_package_in_one_statement_and_stores_in_another(event):
    ana, package = make.staff(event=event), make.package(event)
    statements: list[str] = []

    def note(*execution) -> None:
        statements.append(execution[2])

    listen(db.engine(), "before_cursor_execute", note)
    try:
        make.purchase(event, package, ana)
    finally:
        remove(db.engine(), "before_cursor_execute", note)
    assert len(statements) == 2


def test_purchase_stores_price_seats_and_purchaser(event):
    ana = make.staff(event=event)
    package = make.package(event, price="250.50", seats_per_package=4)
    donor = {"name": " Ana  Ruiz ", "email": "Ana@Example.org ", "phone": "555 0100"}
    bought = make.purchase(event, package, ana, quantity=3, donor=donor, channel="cash", notes="Table near the door")
    with db.read_session() as session:
        row = session.get(Purchase, bought.purchase.id)
    assert (row.unit_price, row.list_price, row.discount, row.total) == tuple(
        map(Decimal, ("250.5", "751.5", "0", "751.5"))
    )
    assert (row.quantity, row.seats_per_package, row.seats) == (3, 4, 12)
    assert (row.purchaser_name, row.purchaser_email, row.purchaser_phone) == ("Ana Ruiz", "Ana@Example.org", "555 0100")
    assert (row.channel, row.payment_status, row.notes) == ("cash", "completed", "Table near the door")
    assert row.recorded_by == ana.staff_id
    assert abs(row.purchased_at - datetime.now(UTC)) < timedelta(minutes=1)
    assert (get_sold_count(package), bought.is_repeat) == (3, False)


def test_purchase_writes_no_audit_entry(event):
    package = make.package(event)
    before = snapshot(event)[0][-1]
    make.purchase(event, package)
    assert snapshot(event)[0][-1] == before


def test_each_seat_gets_a_ticket_with_a_readable_code(event):
    package = make.package(event, seats_per_package=10)
    tickets = make.purchase(event, package, quantity=3).tickets
    assert [ticket.seat_number for ticket in tickets] == list(range(1, 31))
    assert len({ticket.code for ticket in tickets}) == 30
    assert all(re.fullmatch(r"[A-HJKMNP-Z2-9]{8}", ticket.code) for ticket in tickets)


def test_ticket_code_alphabet_has_no_ambiguous_characters():
    assert not set(ALPHABET) & set("ILO01")
    assert len(set(ALPHABET)) == len(ALPHABET) == 31


def test_guests_fill_seats_from_the_first(event):
    package = make.package(event, seats_per_package=4)
    guests = [{"name": "Ana Ruiz", "email": "ana@example.org"}, {"name": "Ben Ode"}]
    tickets = make.purchase(event, package, guests=guests).tickets
    assert [(t.guest_name, t.guest_email) for t in tickets] == [
        ("Ana Ruiz", "ana@example.org"),
        ("Ben Ode", None),
        (None, None),
        (None, None),
    ]


def test_more_guests_than_seats_are_refused(event):
    package = make.package(event, seats_per_package=2)
    guests = [{"name": f"Guest {n}"} for n in range(5)]
    assert set(assert_purchase_refused(InvalidInput, event, package, quantity=2, guests=guests).fields) == {"guests"}
    assert len(make.purchase(event, package, quantity=2, guests=guests[:4]).tickets) == 4


@pytest.mark.parametrize("status", ["completed", "pending"])
def test_sells_exactly_the_limit(event, status):
    package = make.package(event, quantity_limit=5)
    make.purchase(event, package, quantity=3, payment_status=status)
    assert "3 of 5 sold, 2 left" in str(assert_purchase_refused(SoldOut, event, package, quantity=3))
    make.purchase(event, package, quantity=2)
    assert "5 of 5 sold." in str(assert_purchase_refused(SoldOut, event, package))
    assert get_sold_count(package) == 5


def test_quantity_over_limit_is_refused(event):
    assert_purchase_refused(SoldOut, event, make.package(event, quantity_limit=5), quantity=6)


def test_unlimited_package_never_sells_out(event):
    package = make.package(event)
    for _ in range(6):
        make.purchase(event, package, quantity=2_000)
    assert get_sold_count(package) == 12_000


@pytest.mark.parametrize(
    ("quantity", "is_valid"), [(0, False), (1, True), (10_000, True), (10_001, False), (-1, False)]
)
def test_quantity_is_from_1_to_10000(event, quantity, is_valid):
    values = {"package_id": event.id, "quantity": quantity, "donor": {"name": "Ana", "email": "a@b.co"}}
    if is_valid:
        assert validate(PurchaseDraft, values)
    else:
        with pytest.raises(InvalidInput):
            validate(PurchaseDraft, values)


def test_disabled_package_is_not_sold(event):
    assert_purchase_refused(NotForSale, event, make.package(event, is_enabled=False))


def test_package_of_another_event_is_not_found(event):
    elsewhere = make.package(make.event())
    assert_purchase_refused(NotFound, event, elsewhere)
    assert get_sold_count(elsewhere) == 0


def test_viewer_and_unassigned_staff_are_refused(event):
    package = make.package(event)
    assert_purchase_refused(NotAllowed, event, package, make.staff(role="viewer", event=event))
    assert_purchase_refused(NotFound, event, package, make.staff(event=make.event()))


def test_comp_is_free_takes_capacity_and_refuses_promo_code(event):
    package = make.package(event, price="100", quantity_limit=1)
    promo = make.promo_code(event)
    assert set(assert_purchase_refused(InvalidInput, event, package, channel="comp", promo_code=promo.code).fields) == {
        "promo_code"
    }
    bought = make.purchase(event, package, channel="comp").purchase
    assert (bought.list_price, bought.discount, bought.total) == (Decimal(100), Decimal(100), Decimal(0))
    assert (get_sold_count(package), get_use_count(promo)) == (1, 0)


@pytest.mark.parametrize("channel", ["cash", "cheque", "card_terminal", "comp", "online"])
def test_every_channel_except_import_is_accepted(event, channel):
    assert make.purchase(event, make.package(event), channel=channel).purchase.channel == channel
    with pytest.raises(ValueError, match="channel"):
        make.purchase_draft(make.package(event), channel="import")


def test_email_in_any_case_is_the_same_donor(event):
    package = make.package(event)
    first = make.purchase(event, package, donor={"name": "Ana", "email": "ana@example.org", "phone": "1"})
    second = make.purchase(event, package, donor={"name": "Ana R", "email": " ANA@example.org"})
    assert first.order.donor_id == second.order.donor_id
    with db.read_session() as session:
        donor = session.get(Donor, first.order.donor_id)
        kept = session.get(Purchase, first.purchase.id)
    assert (donor.name, donor.phone, kept.purchaser_name) == ("Ana R", "1", "Ana")


def test_purchase_is_refused_when_quoted_price_changed(event):
    package = make.package(event, price="100")
    edit(package, price="120")
    conflict = assert_purchase_refused(PriceChanged, event, package, package_version=1)
    assert conflict.code == "stale_version"
    assert "$120.00" in str(conflict)
    assert make.purchase(event, package, package_version=2).purchase.total == Decimal(120)
    assert make.purchase(event, package).purchase.total == Decimal(120)


def test_purchase_is_refused_when_quoted_seats_changed(event):
    package = make.package(event, seats_per_package=10)
    edit(package, seats_per_package=8)
    assert_purchase_refused(PriceChanged, event, package, package_version=1)


def test_edit_of_other_fields_is_no_conflict(event):
    package = make.package(event)
    edit(package, description="New words", name=make.unique("Renamed"))
    assert make.purchase(event, package, package_version=1).purchase.quantity == 1


def test_future_package_version_is_refused(event):
    assert_purchase_refused(PriceChanged, event, make.package(event), package_version=7)


def test_same_key_returns_first_purchase_and_changes_nothing(event):
    package = make.package(event, quantity_limit=1, seats_per_package=2)
    option = make.option(package)
    promo = make.promo_code(event, max_total_uses=1)
    fields = {
        "donor_email": make.email(),
        "promo_code": promo.code,
        "answers": [{"option_id": option.id, "value": "Nuts"}],
        "guests": [{"name": "Ben Ode"}],
        "idempotency_key": make.unique("key"),
    }
    first = make.purchase(event, package, **fields)
    before = snapshot(event)
    again = make.purchase(event, package, **fields)
    assert snapshot(event) == before
    assert (again.is_repeat, again.purchase.id, again.promo_code) == (True, first.purchase.id, first.promo_code)
    assert [(t.code, t.guest_name) for t in again.tickets] == [(t.code, t.guest_name) for t in first.tickets]
    assert again.answers == first.answers == {option.id: "Nuts"}


def test_same_key_for_another_purchase_is_refused(event):
    package = make.package(event)
    key, donor = make.unique("key"), make.email()
    make.purchase(event, package, donor_email=donor, idempotency_key=key)
    assert_purchase_refused(IdempotencyMismatch, event, package, donor_email=donor, quantity=2, idempotency_key=key)


def test_key_belongs_to_one_event(event):
    elsewhere, key = make.event(), make.unique("key")
    first = make.purchase(event, make.package(event), idempotency_key=key)
    second = make.purchase(elsewhere, make.package(elsewhere), idempotency_key=key)
    assert first.purchase.id != second.purchase.id


def test_refused_purchase_leaves_key_unused(event):
    package = make.package(event, quantity_limit=1)
    key, donor = make.unique("key"), make.email()
    assert_purchase_refused(SoldOut, event, package, quantity=2, donor_email=donor, idempotency_key=key)
    assert not make.purchase(event, package, donor_email=donor, idempotency_key=key).is_repeat


def test_required_option_must_be_answered_and_optional_one_may_be_skipped(event):
    package = make.package(event)
    required = make.option(package, option_type="boolean", label="Vegetarian?")
    optional = make.option(package, is_required=False)
    refusal = assert_purchase_refused(InvalidInput, event, package)
    assert refusal.fields == {f"answers.{required.id}": "Answer “Vegetarian?”."}
    answers = [{"option_id": required.id, "value": False}, {"option_id": optional.id, "value": "  "}]
    bought = make.purchase(event, package, answers=answers)
    with db.read_session() as session:
        rows = session.scalars(select(Answer).where(Answer.purchase_id == bought.purchase.id)).all()
    assert [(row.option_id, row.value) for row in rows] == [(required.id, False)]


@pytest.mark.parametrize(
    ("option", "accepted", "refused"),
    [
        ({"option_type": "boolean"}, [(True, True), (False, False)], ["yes", ["a"]]),
        (
            {"option_type": "single_select", "choices": ["Fish", "Rice"]},
            [("Fish", "Fish"), ("Rice", "Rice")],
            ["Soup", ["Fish"], ["Fish", "Rice"], True],
        ),
        (
            {"option_type": "multi_select", "choices": ["Fish", "Rice", "Beef"]},
            [(["Fish"], ["Fish"]), ("Rice", ["Rice"]), (["Beef", "Fish"], ["Fish", "Beef"])],
            [["Soup"], ["Fish", "Soup"], "Soup", True],
        ),
        (
            {"option_type": "text_input"},
            [("No nuts", "No nuts"), ("é" * 500, "é" * 500), ("x" * 500 + " ", "x" * 500)],
            ["é" * 501, True, ["a"]],
        ),
    ],
)
def test_answer_must_fit_option_type(event, option, accepted, refused):
    package = make.package(event)
    question = make.option(package, **option)
    for value, stored in accepted:
        bought = make.purchase(event, package, answers=[{"option_id": question.id, "value": value}])
        assert bought.answers == {question.id: stored}
    for value in refused:
        refusal = assert_purchase_refused(
            InvalidInput, event, package, answers=[{"option_id": question.id, "value": value}]
        )
        assert set(refusal.fields) == {f"answers.{question.id}"}


def test_answer_to_foreign_or_retired_option_is_refused(event):
    package, other = make.package(event), make.package(event)
    foreign, retired = make.option(other), make.option(package)
    db.write(lambda s: s.execute(update(Option).where(Option.id == retired.id).values(retired_at=NOW)))
    for question in (foreign, retired):
        assert_purchase_refused(InvalidInput, event, package, answers=[{"option_id": question.id, "value": "x"}])
    assert make.purchase(event, package).answers == {}


def test_second_answer_to_an_option_is_refused(event):
    package = make.package(event)
    answer = {"option_id": make.option(package).id, "value": "x"}
    with pytest.raises(ValueError, match="once"):
        make.purchase_draft(package, answers=[answer, answer])

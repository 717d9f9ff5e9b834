"""Correcting a sale: donor and note on every line of the order, its promo use, and answers; nothing else."""

import pytest
from sqlalchemy import select

from tests.support import make
from tests.support.database_state import assert_refused, get_audit_changes, get_sold_count, get_use_count
from tests.support.sale_corrections import (
    assert_verified,
    correct,
    find_donor,
    list_lines,
    list_use_donors,
    reload,
)
from tests.support.sales_file import run_import, sale, sales_csv
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.catalog import options
from ticketing.errors import InvalidInput, NotAllowed, NotFound, StaleVersion
from ticketing.models import Answer, AuditEntry, Order, Package, Purchase
from ticketing.sales import corrections, sale_details

pytestmark = pytest.mark.usefixtures("database_of_module")

UNCORRECTED = (
    "id", "order_id", "line_number", "leads_order", "package_id", "quantity", "unit_price", "seats_per_package",
    "list_price", "discount", "fee", "total", "promo_code_id", "payment_status", "channel", "external_sale_id",
    "import_batch_id", "recorded_by", "purchased_at", "recorded_at", "voided_at", "void_reason",
)  # fmt: skip


def get_answers(purchase):
    with db.read_session() as session:
        rows = session.execute(select(Answer.option_id, Answer.value).where(Answer.purchase_id == purchase.id))
        return dict(rows.all())


class TestDonorAndNote:
    def test_correction_moves_every_line_and_nothing_else(self, event):
        promo = make.promo_code(event)
        bought = make.order(event, make.package(event), make.package(event), promo_code=promo.code, notes="Late")
        before = list_lines(bought.order)
        values = {"donor.name": "  Ana   Ruíz ", "donor.phone": "555 0199", "notes": "By the window"}
        assert correct(bought.order, values, seen_version=1).version == 2
        after = list_lines(bought.order)
        assert [(line.purchaser_name, line.purchaser_phone, line.notes, line.version) for line in after] == [
            ("Ana Ruíz", "555 0199", "By the window", 2)
        ] * 2
        for old, new in zip(before, after, strict=True):
            assert [getattr(new, name) for name in UNCORRECTED] == [getattr(old, name) for name in UNCORRECTED]
            assert new.purchaser_email == old.purchaser_email
        assert get_use_count(promo) == 1
        assert_verified(event)

    def test_one_audit_entry_per_field_in_one_change(self, event):
        package = make.package(event)
        asked = make.option(package, label="Meal?")
        bought = make.order(event, {"package_id": package.id, "answers": [{"option_id": asked.id, "value": "Fish"}]})
        line = bought.lines[0].purchase
        correct(bought.order, {"donor.name": "Ana B.", "notes": "Hi"}, {line.id: {asked.id: "Beef"}})
        assert get_audit_changes(bought.order.id, "order.corrected") == {
            "donor.name": ("Ana Ruiz", "Ana B."),
            "notes": (None, "Hi"),
        }
        assert get_audit_changes(line.id, "purchase.corrected") == {"answer Meal?": ("Fish", "Beef")}
        with db.read_session() as session:
            entries = session.scalars(
                select(AuditEntry).where(AuditEntry.subject_id.in_([bought.order.id, line.id]))
            ).all()
        assert len({entry.change_id for entry in entries}) == 1
        assert {(entry.subject_name, entry.subject_version) for entry in entries} == {
            (bought.order.number, 2),
            (f"Ana B. (order {bought.order.number})", 2),
        }
        assert reload(bought.order).version == 2

    def test_phone_and_note_can_be_removed(self, event):
        donor = {"name": "Ana", "email": make.email(), "phone": "555 0100"}
        bought = make.order(event, make.package(event), donor=donor, notes="Late")
        correct(bought.order, {"donor.phone": " ", "notes": None})
        (line,) = list_lines(bought.order)
        assert (line.purchaser_phone, line.notes) == (None, None)
        assert find_donor(event, donor["email"]).phone is None

    def test_stored_values_are_no_change(self, event):
        bought = make.order(event, make.package(event))
        email = bought.lines[0].purchase.purchaser_email
        assert correct(bought.order, {"donor.name": "Ana Ruiz", "donor.email": f" {email} ", "notes": ""}).version == 1
        assert list_lines(bought.order)[0].version == 1
        assert get_audit_changes(bought.order.id, "order.corrected") == {}

    @pytest.mark.parametrize("status", ["voided", "failed", "refunded"])
    def test_sale_that_no_longer_counts_can_be_corrected(self, event, status):
        package, promo = make.package(event), make.promo_code(event)
        bought = make.order(
            event, package, promo_code=promo.code, payment_status="pending" if status == "failed" else "completed"
        )
        if status == "voided":
            db.write(lambda s: corrections.void_order(s, OPERATOR, event.id, bought.order.id, "Twice", seen_version=1))
        else:
            db.write(
                lambda s: corrections.change_order_status(
                    s, OPERATOR, event.id, bought.order.id, status, seen_version=1
                )
            )
        old_donor = reload(bought.order).donor_id
        correct(bought.order, {"donor.email": make.email()}, seen_version=2)
        assert list_use_donors(bought.order) == [(old_donor, True)]  # history: who used it then
        assert (get_sold_count(package), get_use_count(promo)) == (0, 0)
        assert_verified(event)

    def test_imported_sale_can_be_corrected_and_keeps_its_identity(self, event):
        package = make.package(event)
        run_import(event, sales_csv(sale(package, external_sale_id="EB-7", total_amount="90.00", notes="From afar")))
        with db.read_session() as session:
            line = session.scalars(select(Purchase).where(Purchase.event_id == event.id)).one()
            order = session.get(Order, line.order_id)
        email = make.email()
        correct(order, {"donor.name": "Zoë", "donor.email": email, "donor.phone": "1", "notes": "Near"})
        (after,) = list_lines(order)
        assert [getattr(after, name) for name in UNCORRECTED] == [getattr(line, name) for name in UNCORRECTED]
        assert (after.purchaser_name, after.purchaser_email, after.notes) == ("Zoë", email, "Near")
        assert_verified(event)

    @pytest.mark.parametrize(
        ("field", "value", "sentence"),
        [
            ("donor.name", " ", "Enter a name."),
            ("donor.name", None, "Enter a name."),
            ("donor.name", "x" * 201, "Use at most 200 characters; this has 201."),
            ("donor.email", "ana", "Enter an e-mail address such as ana@example.org."),
            ("donor.phone", "5" * 51, "Use at most 50 characters; this has 51."),
            ("notes", "x" * 2001, "Use at most 2,000 characters; this has 2,001."),
            ("notes", "a\x00", "Remove the control characters."),
        ],
    )
    def test_invalid_value_is_refused(self, event, field, value, sentence):
        bought = make.order(event, make.package(event))
        with assert_refused(InvalidInput, event) as refusal:
            correct(bought.order, {field: value})
        assert refusal.value.fields == {field: sentence}

    @pytest.mark.parametrize(
        ("field", "value"), [("donor.name", "x" * 200), ("donor.phone", "5" * 50), ("notes", "x" * 2000)]
    )
    def test_longest_values_are_taken(self, event, field, value):
        bought = make.order(event, make.package(event))
        assert correct(bought.order, {field: value}).version == 2

    def test_open_pages_learn_of_it(self, event):
        package = make.package(event)
        bought = make.order(event, package)
        with db.read_session() as session:
            before = session.get(Package, package.id).sales_version
        correct(bought.order, {"donor.name": "Zoë"})
        with db.read_session() as session:
            assert session.get(Package, package.id).sales_version > before


class TestVersionsAndAccess:
    def test_older_version_is_refused_with_the_changes(self, event):
        bought = make.order(event, make.package(event), make.package(event))
        correct(bought.order, {"donor.name": "Zoë"}, seen_version=1)
        db.write(lambda s: corrections.void(s, OPERATOR, event.id, bought.lines[1].purchase.id, "Typed twice"))
        with assert_refused(StaleVersion, event) as refusal:
            correct(bought.order, {"notes": "Late"}, seen_version=1)
        assert refusal.value.current_version == 3
        assert [(each.field, each.new) for each in refusal.value.changes] == [
            ("donor.name", "Zoë"),
            ("payment_status", "voided"),
            ("void_reason", "Typed twice"),
        ]
        assert correct(bought.order, {"notes": "Late"}, seen_version=3).version == 4

    def test_viewers_and_strangers_cannot_correct(self, event):
        bought = make.order(event, make.package(event))
        other = make.event()
        with assert_refused(NotAllowed, event):
            correct(bought.order, {"notes": "x"}, actor=make.staff("viewer", event))
        with assert_refused(NotFound, event):
            correct(bought.order, {"notes": "x"}, actor=make.staff(event=other))
        with assert_refused(NotFound, event):
            correct(bought.order, {"notes": "x"}, event_id=other.id)
        assert correct(bought.order, {"notes": "x"}, actor=make.staff(event=event)).version == 2

    def test_purchase_of_another_order_is_not_found(self, event):
        package = make.package(event)
        bought, other = make.order(event, package), make.order(event, package)
        with assert_refused(NotFound, event):
            correct(bought.order, answers={other.lines[0].purchase.id: {}})


class TestAnswers:
    @pytest.fixture
    def package(self, event):
        return make.package(event)

    @pytest.fixture
    def meal(self, package):
        return make.option(package, label="Meal?", option_type="multi_select", choices=["Beef", "Fish", "Vegan"])

    @pytest.fixture
    def vegan(self, package):
        return make.option(package, label="Vegan?", option_type="boolean", is_required=False)

    @pytest.fixture
    def bought(self, event, package, meal, vegan):
        answers = [{"option_id": meal.id, "value": ["Fish"]}, {"option_id": vegan.id, "value": False}]
        return make.order(event, {"package_id": package.id, "answers": answers}, make.package(event))

    def test_given_answers_change_and_the_others_stay(self, bought, meal, vegan):
        line, other = (each.purchase for each in bought.lines)
        assert correct(bought.order, answers={line.id: {meal.id: ["Vegan", "Beef"]}}, seen_version=1).version == 2
        assert get_answers(line) == {meal.id: ["Beef", "Vegan"], vegan.id: False}
        assert [each.version for each in list_lines(bought.order)] == [2, 1]
        assert get_answers(other) == {}

    def test_optional_answer_can_be_removed_and_given(self, bought, vegan, meal):
        line = bought.lines[0].purchase
        correct(bought.order, answers={line.id: {vegan.id: None}})
        assert get_answers(line) == {meal.id: ["Fish"]}
        correct(bought.order, answers={line.id: {vegan.id: True}})
        assert get_answers(line) == {meal.id: ["Fish"], vegan.id: True}
        assert get_audit_changes(line.id, "purchase.corrected") == {"answer Vegan?": (None, True)}

    @pytest.mark.parametrize(
        ("value", "sentence"),
        [([], "Answer “Meal?”."), (None, "Answer “Meal?”."), (["Pork"], "Pick from: Beef, Fish, Vegan.")],
    )
    def test_answer_is_validated_as_at_the_sale(self, event, bought, meal, value, sentence):
        with assert_refused(InvalidInput, event) as refusal:
            correct(bought.order, {"notes": "x"}, {bought.lines[0].purchase.id: {meal.id: value}})
        assert refusal.value.fields == {f"lines.0.answers.{meal.id}": sentence}

    def test_answer_to_an_option_of_another_package_is_refused(self, event, bought, meal):
        other = make.option(make.package(event))
        with assert_refused(InvalidInput, event) as refusal:
            correct(bought.order, answers={bought.lines[1].purchase.id: {meal.id: ["Fish"], other.id: "x"}})
        assert refusal.value.fields == {
            f"lines.0.answers.{each.id}": "This package does not have that option." for each in (meal, other)
        }

    def test_retired_option_can_be_corrected_where_it_was_answered(self, event, package, bought, meal):
        db.write(lambda s: options.retire(s, OPERATOR, package.id, meal.id))
        later = make.order(event, package)
        line = bought.lines[0].purchase
        correct(bought.order, answers={line.id: {meal.id: ["Beef"]}})
        assert get_answers(line)[meal.id] == ["Beef"]
        with assert_refused(InvalidInput, event):
            correct(later.order, answers={later.lines[0].purchase.id: {meal.id: ["Beef"]}})

    def test_new_required_option_does_not_block_other_corrections(self, event, package, bought, vegan):
        line = bought.lines[0].purchase
        asked = make.option(package, label="Parking?")
        correct(bought.order, {"notes": "x"}, {line.id: {vegan.id: True}})
        correct(bought.order, answers={line.id: {asked.id: "Yes"}})
        assert get_answers(line)[asked.id] == "Yes"

    def test_details_have_version_and_questions_with_answers(self, event, package, bought, meal, vegan):
        db.write(lambda s: options.retire(s, OPERATOR, package.id, meal.id))
        later = make.option(package, label="Parking?")
        with db.read_session() as session:
            details = sale_details.get(session, OPERATOR, event.id, bought.lines[0].purchase.id)
        assert (details.order.version, details.line_count) == (1, 2)
        assert [(each.id, answer) for each, answer in details.questions] == [
            (vegan.id, False),
            (later.id, None),
            (meal.id, ["Fish"]),
        ]
        with db.read_session() as session, pytest.raises(NotFound):
            sale_details.get(session, OPERATOR, make.event().id, bought.lines[0].purchase.id)

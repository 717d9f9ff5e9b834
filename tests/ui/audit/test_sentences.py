"""Every recorded action has a sentence in the audit log."""

import ast
import re

import pytest

from tests.support import make
from tests.support.sales_file import run_import, sale, sales_csv
from ticketing import audit, db
from ticketing.access import invitations, sessions, staff
from ticketing.actors import OPERATOR
from ticketing.audit import Change
from ticketing.catalog import bulk_edit, copying, events, options, package_order, packages, promo_codes, questions
from ticketing.catalog.bulk_edit import PackageEdit
from ticketing.catalog.options import OptionDraft
from ticketing.catalog.questions import OptionEdit
from ticketing.imports import batches
from ticketing.reporting import audit_log
from ticketing.sales import corrections, guests, sale_details
from ticketing.settings import ROOT
from ui.audit import sentences

ACTION = re.compile(r"[a-z_]+\.[a-z_]+")
ZONE = "America/New_York"
LOGGED_ONLY = {"purchase.recorded"}  # a purchase is its own record, without an audit entry

RECORDED_BY_MIGRATIONS = {"donor.merged", "donor.separated"}


def find_recorded_actions() -> set[str]:
    """Return each literal such as "package.changed" in a call whose first argument is the session."""
    actions = set()
    for file in sorted((ROOT / "ticketing").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and node.args and _is_session(node.args[0]):
                arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
                literals = (
                    each.value
                    for argument in arguments
                    for each in ast.walk(argument)
                    if isinstance(each, ast.Constant)
                )
                actions |= {each for each in literals if isinstance(each, str) and ACTION.fullmatch(each)}
    return actions


def find_unnamed_actions() -> list[str]:
    """Return the calls of audit.record whose action is neither a literal nor a parameter."""
    calls = []
    for file in sorted((ROOT / "ticketing").rglob("*.py")):
        for function in ast.walk(ast.parse(file.read_text())):
            if not isinstance(function, ast.FunctionDef):
                continue
            parameters = {each.arg for each in function.args.args + function.args.kwonlyargs}
            for node in ast.walk(function):
                if isinstance(node, ast.Call) and ast.unparse(node.func) == "audit.record":
                    action = node.args[3]
                    names = {each.id for each in ast.walk(action) if isinstance(each, ast.Name)}
                    literal = any(isinstance(each, ast.Constant) for each in ast.walk(action))
                    if not literal and not names & parameters:
                        calls.append(f"{file.name}:{node.lineno}")
    return calls


def _is_session(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in ("session", "s")


def test_every_recorded_action_has_a_sentence():
    assert len(find_recorded_actions()) >= 20
    assert find_recorded_actions() - LOGGED_ONLY | RECORDED_BY_MIGRATIONS == sentences.ACTION_TEXTS.keys()


def test_every_recorded_action_is_a_literal_in_the_code():
    assert find_unnamed_actions() == []


@pytest.fixture
def gold(event, ana):
    return make.package(event, ana, name="Gold", price="2500", quantity_limit=40)


def read_latest_sentences(event, number: int = 1) -> list[str]:
    with db.read_session() as session:
        changes, _ = audit_log.list_changes(session, OPERATOR, event.id, per_page=number)
    return [sentences.format_sentence(change, ZONE) for change in changes]


def read_field_diffs(event) -> list[tuple[str, str, str]]:
    with db.read_session() as session:
        (change,), _ = audit_log.list_changes(session, OPERATOR, event.id, per_page=1)
    return [(line.field, line.before, line.after) for line in sentences.list_field_diffs(change, ZONE)]


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"price": "2600"}, "changed the price of Gold from $2,500.00 to $2,600.00."),
        ({"quantity_limit": None}, "changed the limit of Gold from 40 to unlimited."),
        ({"seats_per_package": 10}, "changed the seats of Gold from 1 to 10."),
        ({"name": "Silver"}, "changed the name of Silver from Gold to Silver."),
        ({"is_sponsorship": True}, "made Gold a sponsorship."),
        ({"is_enabled": False}, "took Gold off sale."),
        ({"description": "Two\nlines."}, "changed the description of Gold."),
        ({"price": "1", "quantity_limit": 9}, "changed the price and limit of Gold."),
    ],
)
def test_changed_package_names_fields_and_short_values(event, ana, gold, values, sentence):
    db.write(lambda s: packages.update(s, ana, event.id, gold.id, values, seen_version=1))
    assert read_latest_sentences(event) == [f"Ana Ruiz {sentence}"]


def test_long_values_are_listed_below_sentence(event, ana, gold):
    values = {"description": "Two\nlines.", "price": "1"}
    db.write(lambda s: packages.update(s, ana, event.id, gold.id, values, seen_version=1))
    assert read_field_diffs(event) == [
        ("Price", "$2,500.00", "$1.00"),
        ("Description", "One seat at the gala.", "Two\nlines."),
    ]


def test_bulk_edit_is_one_change_with_fields_by_package(event, ana, gold):
    silver = make.package(event, ana, name="Silver", price="5")
    edits = [PackageEdit(gold.id, 1, {"price": "1"}), PackageEdit(silver.id, 1, {"is_enabled": False})]
    db.write(lambda s: bulk_edit.update(s, ana, event.id, edits))
    assert read_latest_sentences(event) == ["Ana Ruiz changed 2 packages: Gold and Silver."]
    assert read_field_diffs(event) == [("Gold: price", "$2,500.00", "$1.00"), ("Silver: on-sale setting", "Yes", "No")]


def test_promo_code_and_option_changes(event, ana, gold):
    code = make.promo_code(event, ana, code="EARLY10")
    expiry = {"expires_at": "2093-12-01T18:00"}
    db.write(lambda s: promo_codes.update(s, ana, event.id, code.id, expiry, seen_version=1))
    db.write(lambda s: promo_codes.update(s, ana, event.id, code.id, {"is_active": False}, seen_version=2))
    option = make.option(gold, ana, label="Any allergies?")
    db.write(lambda s: options.update(s, ana, gold.id, option.id, {"is_required": False}, seen_version=1))
    db.write(lambda s: options.retire(s, ana, gold.id, option.id))
    assert read_latest_sentences(event, 6) == [
        "Ana Ruiz stopped asking “Any allergies?”.",
        "Ana Ruiz made “Any allergies?” optional.",
        "Ana Ruiz created the option “Any allergies?”.",
        "Ana Ruiz deactivated EARLY10.",
        "Ana Ruiz changed the expiry of EARLY10 from never to Dec 1, 2093, 6:00 PM.",
        "Ana Ruiz created the promo code EARLY10.",
    ]


def test_question_of_several_packages_is_one_change(event, ana, gold):
    three = [gold, make.package(event, ana, name="Silver"), make.package(event, ana, name="Bronze")]
    menu = OptionDraft(label="Menu", option_type="multi_select", choices=["Fish", "Rice"])
    rows = db.write(lambda s: questions.create(s, ana, event.id, [each.id for each in three], menu))
    assert read_field_diffs(event)[0] == ("Question", "Nothing", "Menu")
    assert len(read_field_diffs(event)) == 4

    def update(**values):
        edits = [OptionEdit(row.id, None, values) for row in rows]
        db.write(lambda s: questions.update(s, ana, event.id, edits))

    update(choices=["Fish", "Beef"])
    assert read_field_diffs(event) == []
    db.write(lambda s: options.update(s, ana, gold.id, rows[0].id, {"is_required": False}, seen_version=None))
    update(is_required=False)
    update(label="Dinner", is_required=True)
    assert read_field_diffs(event) == [("Question", "Menu", "Dinner"), ("Required", "No", "Yes")]
    versions = {row.id: None for row in rows}
    db.write(lambda s: questions.retire(s, ana, event.id, versions))
    db.write(lambda s: questions.ask_again(s, ana, event.id, versions))
    db.write(lambda s: questions.delete(s, ana, event.id, versions))
    assert read_latest_sentences(event, 8) == [
        "Ana Ruiz deleted the option “Dinner” in 3 packages.",
        "Ana Ruiz asked “Dinner” again in 3 packages.",
        "Ana Ruiz stopped asking “Dinner” in 3 packages.",
        "Ana Ruiz changed the wording and required setting of “Dinner” in 3 packages.",
        "Ana Ruiz made “Menu” optional in 2 packages.",
        "Ana Ruiz made “Menu” optional.",
        "Ana Ruiz changed the choices of “Menu” in 3 packages from Fish, Rice to Fish, Beef.",
        "Ana Ruiz created the option “Menu” in 3 packages.",
    ]


def test_created_copied_reordered_and_deleted_packages(event, ana, gold):
    copy = db.write(lambda s: copying.copy_package(s, ana, event.id, gold.id))
    db.write(lambda s: package_order.reorder(s, ana, event.id, [copy.id, gold.id]))
    assert read_field_diffs(event) == [("Order", f"Gold, {copy.name}", f"{copy.name}, Gold")]
    db.write(lambda s: packages.delete(s, ana, event.id, copy.id))
    assert read_latest_sentences(event, 4) == [
        f"Ana Ruiz deleted the package {copy.name}.",
        "Ana Ruiz reordered the packages.",
        f"Ana Ruiz created the package {copy.name} as a copy of Gold.",
        "Ana Ruiz created the package Gold.",
    ]


def test_purchases_and_imports(event, ana):
    table = make.package(event, ana, name="Table", seats_per_package=2)
    recorded = make.purchase(event, table, ana, channel="cheque", payment_status="pending")
    sold, whose = recorded.purchase, f"the purchase of Ana Ruiz (order {recorded.order.number})"
    first, second = {1: {"name": "Zoë Müller"}}, {1: None, 2: {"name": "Cem"}}
    db.write(lambda s: guests.name_guests(s, ana, event.id, sold.id, first, seen_version=1))
    db.write(lambda s: guests.name_guests(s, ana, event.id, sold.id, second, seen_version=2))
    db.write(lambda s: corrections.change_status(s, ana, event.id, sold.id, "completed", seen_version=3))
    db.write(lambda s: corrections.void(s, ana, event.id, sold.id, "Entered twice."))
    imported = run_import(event, sales_csv(sale(table), sale(table)))
    db.write(lambda s: batches.undo(s, ana, event.id, imported.batch_id, "Wrong year"))
    assert read_latest_sentences(event, 6) == [
        "Ana Ruiz undid the import of sales.csv and voided 2 purchases: Wrong year.",
        "Operator imported 2 sales from sales.csv.",
        f"Ana Ruiz voided {whose}: Entered twice.",
        f"Ana Ruiz marked {whose} as paid; it was pending.",
        f"Ana Ruiz named the guests of 2 seats of {whose}.",
        f"Ana Ruiz changed the guest of seat 1 of {whose} from no guest to Zoë Müller.",
    ]


def test_import_that_takes_a_status_over(event):
    row = sale(make.package(event), external_sale_id="A")
    run_import(event, sales_csv(row))
    run_import(event, sales_csv(row | {"payment_status": "refunded"}), changes_statuses=True)
    imported, marked = read_latest_sentences(event, 2)
    assert imported == "Operator imported 0 sales from sales.csv and changed 1 status."
    assert marked.startswith("Operator marked the purchase of Ana Ruiz (order ")
    assert marked.endswith(" as refunded; it was paid.")


def test_corrected_sales(event, ana):
    table = make.package(event, ana)
    meal = make.option(table, ana, label="Meal?", is_required=False)
    sold = make.order(event, table, make.package(event, ana))
    line, order = sold.lines[0].purchase, f"order {sold.order.number}"
    for values, answers in (
        ({"donor.name": "Zoë"}, {}),
        ({"donor.phone": "1", "notes": "x" * 61}, {}),
        ({}, {line.id: {meal.id: "Fish"}}),
        ({"notes": None}, {line.id: {meal.id: None}}),
        ({"notes": "y" * 61}, {}),
    ):
        db.write(
            lambda s, values=values, answers=answers: sale_details.correct(
                s, ana, event.id, sold.order.id, values, answers, seen_version=None
            )
        )
    assert read_latest_sentences(event, 5) == [
        f"Ana Ruiz corrected the note of {order}.",
        f"Ana Ruiz corrected the note and answer to “Meal?” of {order}.",
        f"Ana Ruiz corrected the answer to “Meal?” of the purchase of Zoë ({order}) from nothing to Fish.",
        f"Ana Ruiz corrected the donor's phone and note of {order}.",
        f"Ana Ruiz corrected the donor's name of {order} from Ana Ruiz to Zoë.",
    ]
    with db.read_session() as s:
        changes, _ = audit_log.list_changes(s, OPERATOR, event.id)
    assert [diff.field for diff in sentences.list_field_diffs(changes[1], ZONE)] == ["Note", "Answer to “Meal?”"]


def test_staff_changes(event):
    ana = make.staff("admin", name="Ana Ruiz")
    ben, code = db.write(
        lambda s: staff.invite(
            s,
            ana,
            staff.InvitationDraft(email=make.email("ben"), name="Ben Okafor", role="viewer"),
            event_ids=[event.id],
        )
    )
    password = invitations.AcceptDraft(password=make.PASSWORD)
    db.write(lambda s: invitations.accept(s, code, password, user_agent="tests"))
    for work in (
        lambda s: sessions.end_all(s, ana, ben.id),
        lambda s: staff.create_invitation_link(s, ana, ben.id),
        lambda s: staff.update(s, ana, ben.id, {"role": "coordinator"}, seen_version=None, unassign=[event.id]),
        lambda s: staff.deactivate(s, ana, ben.id),
        lambda s: staff.activate(s, ana, ben.id),
    ):
        db.write(work)
    with db.read_session() as s:
        changes, _ = audit_log.list_changes(s, OPERATOR, None, audit_log.AuditFilter(records=(ben.id,)))
    assert [sentences.format_sentence(change, ZONE) for change in changes] == [
        "Ana Ruiz activated the account of Ben Okafor.",
        "Ana Ruiz deactivated the account of Ben Okafor.",
        "Ana Ruiz changed the role of Ben Okafor from viewer to coordinator.",
        "Ana Ruiz created a new link for Ben Okafor.",
        "Ana Ruiz ended 1 session of Ben Okafor.",
        "Ben Okafor chose a password with an invitation link.",
        "Ana Ruiz invited Ben Okafor.",
    ]
    assert read_latest_sentences(event, 2) == [
        "Ana Ruiz removed Ben Okafor from this event.",
        "Ana Ruiz assigned Ben Okafor to this event.",
    ]


def test_event_changes(event):
    db.write(lambda s: events.update(s, OPERATOR, event.id, {"venue": "Town Hall"}, seen_version=1))
    assert read_latest_sentences(event) == [
        "Operator changed the venue of Harbor Lights Gala from Pier 4 Hall to Town Hall."
    ]


@pytest.mark.parametrize(
    ("action", "changes", "sentence"),
    [
        ("session.looked_over", [], "Harbor Lights Gala: session looked over, by Operator."),
        ("token.moved_on", [Change("owner", "a", "b")], "Harbor Lights Gala: token moved on, by Operator."),
    ],
)
def test_unknown_action_has_readable_sentence(event, action, changes, sentence):
    db.write(lambda s: audit.record(s, OPERATOR, event.id, action, event, changes))
    assert read_latest_sentences(event) == [sentence]
    assert read_field_diffs(event) == [("Owner", "a", "b")] * len(changes)
    assert sentences.get_action_label(action) == action.replace("_", " ").replace(".", " ").capitalize()


@pytest.mark.parametrize("action", sorted(sentences.ACTION_TEXTS))
def test_sentence_accepts_missing_field_and_unexpected_values(event, action):
    for changes in ([], [Change("price", "lots", {"a": [1]})], [Change("choices", [1, None], None)]):
        db.write(lambda s, changes=changes: audit.record(s, OPERATOR, event.id, action, event, changes))
        (sentence,) = read_latest_sentences(event)
        assert sentence.startswith("Operator ")
        assert sentence.endswith(".")
        read_field_diffs(event)

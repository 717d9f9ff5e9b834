"""Every function of the domain with a parameter `actor` checks permissions: actors without access are refused.

A function with a parameter that has no example here fails the tests: add one.
"""

from __future__ import annotations

import inspect
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import select

from tests.support import database_state, image_samples, make
from tests.support.callers import REVOKED_CALLERS
from tests.support.sales_file import read_table, run_import, sale, sales_csv
from ticketing import db, purchase_filter
from ticketing.access import api_tokens
from ticketing.access.api_tokens import TokenDraft
from ticketing.access.sign_in import PasswordDraft
from ticketing.access.staff import InvitationDraft, StaffDraft
from ticketing.actors import OPERATOR, Actor
from ticketing.catalog import bulk_edit, images, options, packages, restore
from ticketing.catalog.copying import CopyDraft
from ticketing.catalog.events import EventDraft
from ticketing.catalog.options import OptionDraft
from ticketing.catalog.promo_codes import PromoCodeDraft
from ticketing.catalog.questions import OptionEdit
from ticketing.errors import NotFound, NotSignedIn
from ticketing.imports import column_mapping
from ticketing.models import ApiToken, Event, Package
from ticketing.reporting import audit_log, file_presets
from ticketing.reporting.file_presets import PresetDraft
from ticketing.reporting.sales_report import ReportQuery
from ticketing.sales import corrections
from ticketing.sales_filter import SalesFilter
from ticketing.settings import ROOT

pytestmark = pytest.mark.system  # every function with every stranger

# Functions that take the actor for another reason than to check permissions.
UNCHECKED_FUNCTIONS = {
    "permissions.touch_last_used": "called for an actor who was just authenticated",
    "permissions.get_status_parameters": "pure: parameters of the statement that reads what an actor may do",
    "permissions.remember_status": "keeps what that statement read for permissions.require",
    "order_lines.read_packages": "reads what permissions.require checks, which orders.record calls next",
    "permissions.is_allowed": "pure: whether a role allows an action, to hide buttons",
    "audit.record": "called by functions that checked permissions",
    "audit.record_all": "called by functions that checked permissions",
    "status_changes.change_statuses": "called by imports.run, which checks permissions",
    "change_log.log_after_commit": "called by functions that checked permissions",
    "optimistic_locking.apply": "called by functions that checked permissions",
    "events.select_visible": "builds the query of what an actor may see",
    "rate_limits.caller_key": "pure: the key under which a person is counted",
}


# demo.load works once, and the operator has neither a password nor drafts.
OPERATOR_CANNOT_CALL = {
    "demo.load",
    "sign_in.change_password",
    "sign_in.count_password_check",
    "till_drafts.create",
    "till_drafts.move",
    "till_drafts.save",
}


def list_actor_functions() -> dict[str, Callable[..., Any]]:
    """Return each public function below ticketing/ with a parameter `actor`, as module.name."""
    found = {}
    for file in sorted((ROOT / "ticketing").rglob("*.py")):
        if file.stem == "__main__":
            continue
        dotted = file.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__")
        module = import_module(dotted)
        short = dotted.rpartition(".")[2]
        for name, each in _list_own_functions(module):
            if "actor" in inspect.signature(each).parameters and not name.startswith("_"):
                assert f"{short}.{name}" not in found, "two modules of one name"
                found[f"{short}.{name}"] = each
    return found


def _list_own_functions(module: ModuleType) -> list[tuple[str, Callable[..., Any]]]:
    return [(name, each) for name, each in inspect.getmembers(module, inspect.isfunction)
            if each.__module__ == module.__name__]  # fmt: skip


CHECKED_FUNCTIONS = {name: each for name, each in list_actor_functions().items() if name not in UNCHECKED_FUNCTIONS}


@pytest.fixture(scope="module")
def gala(database):
    return make.event(name="Gala")


@pytest.fixture(scope="module")
def examples(gala: Event) -> dict[str, Any]:
    """Return valid arguments by parameter name, or by module.function.parameter where they differ."""
    package, unsold = make.package(gala, seats_per_package=2), make.package(gala)
    option, promo = make.option(package, is_required=False), make.promo_code(gala)
    retired = make.option(package, is_required=False)
    db.write(lambda s: options.retire(s, OPERATOR, package.id, retired.id))
    purchase = make.purchase(gala, package, payment_status="pending").purchase
    voided = make.purchase(gala, package).order
    db.write(lambda s: corrections.void_order(s, OPERATOR, gala.id, voided.id, "Typed twice", seen_version=1))
    priced = db.write(lambda s: packages.update(s, OPERATOR, gala.id, unsold.id, {"price": "7"}, seen_version=1))
    person = make.staff(event=gala)
    bound = make.staff(openid_issuer="https://id.example.org", openid_subject=make.unique("subject"))
    make.token(person)
    prepared, file = images.prepare(image_samples.make_image_file()), sales_csv(sale(package))
    db.write(lambda s: images.set_image(s, OPERATOR, gala.id, package.id, prepared, None, seen_version=None))
    with db.read_session() as session:
        picture = images.find_by_package(session, [get_package(session, package)])[package.id]
        (changes, _) = audit_log.list_changes(session, OPERATOR, gala.id, audit_log.AuditFilter(records=(unsold.id,)))
        restorable = restore.find_restorable(session, OPERATOR, gala.id, changes[0].first.id)
        token_id = session.scalars(select(ApiToken.id).where(ApiToken.staff_id == person.staff_id)).one()
    table = read_table("sales.csv", file)
    imported = [run_import(gala, sales_csv(sale(package))).batch_id for _ in range(2)]
    event_draft = EventDraft.model_validate(EVENT)
    preset_draft = PresetDraft(name="Door", kind="guests", columns=("total",))
    preset = db.write(lambda s: file_presets.save(s, OPERATOR, gala.id, preset_draft, {}, for_event=True))
    return {
        "event_id": gala.id,
        "batch_id": imported[0],
        "batches.undo.batch_id": imported[1],
        "earlier_id": gala.id,
        "package_id": package.id,
        "packages.delete.package_id": unsold.id,
        "packages.update.seen_version": 2,
        "option_id": option.id,
        "promo_code_id": promo.id,
        "purchase_id": purchase.id,
        "order_id": purchase.order_id,
        "corrections.undo_void.order_id": voided.id,
        "corrections.undo_void.seen_version": 2,
        "package_ids": [unsold.id, package.id],
        "option_ids": [option.id],
        "package_order.reorder_some.seen_order": [package.id, unsold.id],
        "questions.ask_again.seen_versions": {retired.id: 2},
        "questions.create.draft": OptionDraft(label="Vegan?", option_type="boolean"),
        "questions.update.edits": [OptionEdit(option.id, 1, {"label": "Gluten-free?"})],
        "seen_versions": {option.id: 1},
        "code": promo.code,
        "name": "Table",
        "prefix": "ana",
        "till": "till",
        "draft_id": uuid.uuid4(),
        "quantity": 1,
        "values": {},
        "lines": [(package.id, 1)],
        "order_form.parse_draft.values": make.order_draft(package, unsold).model_dump(),
        "seen_version": 1,
        "enabled": False,
        "action": "read",
        "purchase_filter": purchase_filter.ALL_PURCHASES,
        "kind": "upcoming",
        "typed": "ana",
        "learn_from": [gala.id],
        "today": datetime.now(UTC).date(),
        "query": ReportQuery(),
        "event": gala,
        "sales_filter": SalesFilter(),
        "group_by": "package",
        "keys": [package.id],
        "period": 1,
        "guests": {1: {"name": "Ben"}},
        "answers": {},
        "reason": "Typed twice",
        "status": "completed",
        "prepared": prepared,
        "alt": "Chairs",
        "sha256": picture.sha256,
        "extension": "png",
        "file_name": "sales.csv",
        "content": file,
        "table": table,
        "mapping": column_mapping.propose(table, {package.id: package.name}),
        "edits": [bulk_edit.PackageEdit(unsold.id, priced.version, {"price": "5"})],
        "ids": [package.id],
        "entry_id": changes[0].first.id,
        "entries": [changes[0].first],
        "restore.restore.seen_version": priced.version,
        "restore.undo.restored": restorable,
        "restore.undo.seen_version": priced.version,
        "staff_id": person.staff_id,
        "person_id": person.staff_id,
        "session_id": person.session_id,
        "token_id": token_id,
        "include": CopyDraft(),
        "email": make.staff().email,
        "openid.unlink_account.email": bound.email,
        "copying.copy_event.draft": event_draft,
        "events.create.draft": event_draft,
        "options.create.draft": OptionDraft(label="Vegan?", option_type="boolean"),
        "packages.create.draft": make.package_draft(),
        "packages.create_without_rate_limit.draft": make.package_draft(),
        "promo_codes.create.draft": PromoCodeDraft(code="CODE", discount_type="percentage", discount_value="5"),
        "purchases.record.draft": make.purchase_draft(package),
        "orders.record.draft": make.order_draft(package, unsold),
        "sign_in.change_password.draft": PasswordDraft(current=make.PASSWORD, password=make.PASSWORD),
        "staff.create.draft": StaffDraft(email=make.email(), name="Bo", role="admin", password=make.PASSWORD),
        "staff.invite.draft": InvitationDraft(email=make.email(), name="Bo", role="admin"),
        "api_tokens.create.draft": TokenDraft(name="Donor site"),
        "workbooks.build.kind": "purchases",
        "workbooks.count_rows.kind": "purchases",
        "csv_export.build_sales_export.kind": "purchases",
        "csv_export.list_columns.kind": "purchases",
        "file_presets.save.draft": preset_draft,
        "available": {},
        "for_event": True,
        "preset_id": preset.id,
    }


def get_package(session: db.Session, package: Package) -> Package:
    return packages.get(session, OPERATOR, package.event_id, package.id)


EVENT = {"name": "Gala", "starts_at": "2026-12-05T18:00", "time_zone": "America/New_York", "venue": "Pier 4"}


@pytest.fixture(scope="module")
def strangers(gala: Event) -> dict[str, Actor]:
    """An unknown actor, and three former coordinators of the event with the session or token of before."""
    gone = {}
    for who, statements in REVOKED_CALLERS.items():
        gone[who] = make.staff(event=gala)
        for statement in statements(gone[who]):
            db.write(lambda session, statement=statement: session.execute(statement))
    forged = Actor(uuid.uuid4(), "Nobody", "nobody@example.org", "admin", session_id=uuid.uuid4())
    borrowed = replace(make.staff("admin"), session_id=forged.session_id)
    return gone | {"unknown": forged, "with an unknown session": borrowed}


def test_functions_are_found():
    assert len(CHECKED_FUNCTIONS) > 50
    assert UNCHECKED_FUNCTIONS.keys() <= list_actor_functions().keys(), "These exceptions are of no function."


def get_arguments(name: str, examples: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of a function other than session and actor."""
    parameters = [
        each for each in inspect.signature(CHECKED_FUNCTIONS[name]).parameters.values() if each.default is each.empty
    ]
    wanted = [each.name for each in parameters if each.name not in ("session", "actor")]
    missing = [each for each in wanted if each not in examples and f"{name}.{each}" not in examples]
    assert missing == [], f"Give {name} an example of each of these, so that a stranger can be refused."
    return {each: examples.get(f"{name}.{each}", examples.get(each)) for each in wanted}


class RolledBack(Exception):
    """Raised to roll back."""


@pytest.mark.parametrize("name", sorted(CHECKED_FUNCTIONS.keys() - OPERATOR_CANNOT_CALL))
def test_control_examples_work_for_permitted_actor(examples, name):
    given = get_arguments(name, examples)

    def work(session: db.Session) -> None:
        CHECKED_FUNCTIONS[name](session, OPERATOR, **given)
        raise RolledBack

    with pytest.raises(RolledBack):
        db.write(work)


@pytest.mark.parametrize("name", sorted(CHECKED_FUNCTIONS))
def test_revoked_actor_is_refused_and_nothing_changes(gala, examples, strangers, name):
    given, before = get_arguments(name, examples), database_state.fingerprint(gala)
    for who, actor in strangers.items():
        try:
            db.write(lambda session, actor=actor: CHECKED_FUNCTIONS[name](session, actor, **given))
        except (NotSignedIn, NotFound):
            continue
        pytest.fail(f"{name} accepts an actor {who}. Does it call permissions.require?")
    assert database_state.fingerprint(gala) == before


def test_revoked_actor_cannot_create_token(strangers):
    for who in ("with an expired token or session", "with an unknown session"):
        actor = strangers[who]
        with pytest.raises(NotSignedIn):
            db.write(
                lambda session, actor=actor: api_tokens.create(
                    session, actor, TokenDraft(name="Mine"), email=actor.email
                )
            )

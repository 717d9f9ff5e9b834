"""Every function of the domain that is told who acts asks whether they may: strangers get nothing and change nothing.

The functions are found by their parameter `actor`. One with a parameter that has no example here fails: give it one.
"""

from __future__ import annotations

import inspect
import uuid
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import select

from tests.support import database_state, image_samples, make
from tests.support.callers import GONE
from tests.support.sales_file import sale, sheet
from ticketing import db, purchase_filter
from ticketing.access import api_tokens
from ticketing.access.api_tokens import TokenDraft
from ticketing.access.sign_in import PasswordDraft
from ticketing.access.staff import InvitationDraft, StaffDraft
from ticketing.actors import OPERATOR, Actor
from ticketing.catalog import bulk_edit, images, packages
from ticketing.catalog.copying import CopyDraft
from ticketing.catalog.events import EventDraft
from ticketing.catalog.options import OptionDraft
from ticketing.catalog.promo_codes import PromoCodeDraft
from ticketing.errors import NotFound, NotSignedIn
from ticketing.imports import column_mapping, files
from ticketing.models import ApiToken, Event, Package
from ticketing.reporting import audit_log
from ticketing.settings import ROOT

# They are told who acts for another reason than to judge it.
JUDGES_NOTHING = {
    "permissions.note_use": "notes that somebody was here, whom a secret has just been the proof of",
    "permissions.may": "pure: whether a role would do, for hiding a button",
    "audit.record": "writes down who did what, for functions that have judged",
    "optimistic_locking.apply": "changes a row, for functions that have judged",
    "events.visible_to": "builds the query of what a person may see, which finds nothing for a stranger",
    "store.store": "stores what imports.run has judged, and notes whose batch it is",
    "rate_limits.person": "pure: under which name a person is counted",
}


# One loads what is loaded once, the others are about the password of who asks, and the operator has none.
NOT_FOR_THE_OPERATOR = {"demo.load", "sign_in.change_password", "sign_in.count_password_check"}


def functions() -> dict[str, Callable[..., Any]]:
    """Each public function below ticketing/ with a parameter `actor`, as module.name."""
    found = {}
    for file in sorted((ROOT / "ticketing").rglob("*.py")):
        if file.stem in ("__main__", "excel_worker"):
            continue
        dotted = file.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__")
        module = import_module(dotted)
        short = dotted.rpartition(".")[2]
        for name, each in _own(module):
            if "actor" in inspect.signature(each).parameters and not name.startswith("_"):
                assert f"{short}.{name}" not in found, "two modules of one name"
                found[f"{short}.{name}"] = each
    return found


def _own(module: ModuleType) -> list[tuple[str, Callable[..., Any]]]:
    return [(name, each) for name, each in inspect.getmembers(module, inspect.isfunction)
            if each.__module__ == module.__name__]  # fmt: skip


ASKED = {name: each for name, each in functions().items() if name not in JUDGES_NOTHING}


@pytest.fixture(scope="module")
def gala(database):
    return make.event(name="Gala")


@pytest.fixture(scope="module")
def examples(gala: Event) -> dict[str, Any]:
    """What a caller who may would pass, by the parameter's name; by module.function.parameter where that differs."""
    package, unsold = make.package(gala, seats_per_package=2), make.package(gala)
    option, promo = make.option(package, is_required=False), make.promo_code(gala)
    purchase = make.purchase(gala, package, payment_status="pending").purchase
    priced = db.write(lambda s: packages.change(s, OPERATOR, gala.id, unsold.id, {"price": "7"}, seen_version=1))
    person = make.staff(event=gala)
    bound = make.staff(openid_issuer="https://id.example.org", openid_subject=make.unique("subject"))
    make.token(person)
    prepared, file = images.prepare(image_samples.picture()), sheet(sale(package))
    db.write(lambda s: images.set_image(s, OPERATOR, gala.id, package.id, prepared, None, seen_version=None))
    with db.reading() as session:
        picture = images.by_package(session, [package_of(session, package)])[package.id]
        (changes, _) = audit_log.page_of(session, OPERATOR, gala.id, audit_log.Sought(records=(unsold.id,)))
        token_id = session.scalars(select(ApiToken.id).where(ApiToken.staff_id == person.staff_id)).one()
    table = files.read("sales.csv", file)
    event_draft = EventDraft.model_validate(EVENT)
    return {
        "event_id": gala.id,
        "earlier_id": gala.id,
        "package_id": package.id,
        "packages.delete.package_id": unsold.id,
        "packages.change.seen_version": 2,
        "option_id": option.id,
        "promo_code_id": promo.id,
        "purchase_id": purchase.id,
        "package_ids": [unsold.id, package.id],
        "option_ids": [option.id],
        "code": promo.code,
        "quantity": 1,
        "values": {},
        "seen_version": 1,
        "enabled": False,
        "action": "read",
        "selection": purchase_filter.EVERYTHING,
        "guests": {1: {"name": "Ben"}},
        "reason": "Typed twice",
        "status": "completed",
        "prepared": prepared,
        "alt": "Chairs",
        "sha256": picture.sha256,
        "ending": "png",
        "file_name": "sales.csv",
        "content": file,
        "table": table,
        "mapping": column_mapping.propose(table, {package.id: package.name}),
        "edits": [bulk_edit.Edit(unsold.id, priced.version, {"price": "5"})],
        "ids": [package.id],
        "entry_id": changes[0].first.id,
        "entries": [changes[0].first],
        "restore.restore.seen_version": priced.version,
        "staff_id": person.staff_id,
        "person_id": person.staff_id,
        "session_id": person.session_id,
        "token_id": token_id,
        "wanted": CopyDraft(),
        "email": make.staff().email,
        "name": "A name",
        "openid.release.email": bound.email,
        "copying.copy_event.draft": event_draft,
        "events.create.draft": event_draft,
        "options.create.draft": OptionDraft(label="Vegan?", option_type="boolean"),
        "packages.create.draft": make.package_draft(),
        "packages.create_uncounted.draft": make.package_draft(),
        "promo_codes.create.draft": PromoCodeDraft(code="CODE", discount_type="percentage", discount_value="5"),
        "purchases.record.draft": make.purchase_draft(package),
        "sign_in.change_password.draft": PasswordDraft(current=make.PASSWORD, password=make.PASSWORD),
        "staff.add.draft": StaffDraft(email=make.email(), name="Bo", role="admin", password=make.PASSWORD),
        "staff.invite.draft": InvitationDraft(email=make.email(), name="Bo", role="admin"),
        "api_tokens.create.draft": TokenDraft(name="Donor site"),
    }


def package_of(session: db.Session, package: Package) -> Package:
    return packages.get(session, OPERATOR, package.event_id, package.id)


EVENT = {"name": "Gala", "starts_at": "2026-12-05T18:00", "time_zone": "America/New_York", "venue": "Pier 4"}


@pytest.fixture(scope="module")
def strangers(gala: Event) -> dict[str, Actor]:
    """Nobody, and three who were coordinators of the event and still hold what they got when they signed in."""
    gone = {}
    for who, statements in GONE.items():
        gone[who] = make.staff(event=gala)
        for statement in statements(gone[who]):
            db.write(lambda session, statement=statement: session.execute(statement))
    forged = Actor(uuid.uuid4(), "Nobody", "nobody@example.org", "admin", session_id=uuid.uuid4())
    borrowed = replace(make.staff("admin"), session_id=forged.session_id)
    return gone | {"whom nobody knows": forged, "with the session of nobody": borrowed}


def test_there_are_functions_to_ask():
    assert len(ASKED) > 50
    assert JUDGES_NOTHING.keys() <= functions().keys(), "These exceptions are of no function."


def example_for(name: str, examples: dict[str, Any]) -> dict[str, Any]:
    """What the function needs besides a session and who acts."""
    parameters = [each for each in inspect.signature(ASKED[name]).parameters.values() if each.default is each.empty]
    wanted = [each.name for each in parameters if each.name not in ("session", "actor")]
    missing = [each for each in wanted if each not in examples and f"{name}.{each}" not in examples]
    assert missing == [], f"Give {name} an example of each of these, so that a stranger can be refused."
    return {each: examples.get(f"{name}.{each}", examples.get(each)) for each in wanted}


class GivenUp(Exception):
    """Undoes what was done to see that it can be done."""


@pytest.mark.parametrize("name", sorted(ASKED.keys() - NOT_FOR_THE_OPERATOR))
def test_control_the_examples_are_good_enough_for_who_may(examples, name):
    given = example_for(name, examples)

    def work(session: db.Session) -> None:
        ASKED[name](session, OPERATOR, **given)
        raise GivenUp

    with pytest.raises(GivenUp):
        db.write(work)


@pytest.mark.parametrize("name", sorted(ASKED))
def test_a_stranger_is_refused_and_nothing_is_changed(gala, examples, strangers, name):
    given, before = example_for(name, examples), database_state.fingerprint(gala)
    for who, actor in strangers.items():
        try:
            db.write(lambda session, actor=actor: ASKED[name](session, actor, **given))
        except (NotSignedIn, NotFound):
            continue
        pytest.fail(f"{name} let in somebody {who}. Does it ask accounts.require?")
    assert database_state.fingerprint(gala) == before


def test_who_signed_out_makes_no_token_of_their_own(strangers):
    for who in ("with an expired token or session", "with the session of nobody"):
        actor = strangers[who]
        with pytest.raises(NotSignedIn):
            db.write(
                lambda session, actor=actor: api_tokens.create(
                    session, actor, TokenDraft(name="Mine"), email=actor.email
                )
            )

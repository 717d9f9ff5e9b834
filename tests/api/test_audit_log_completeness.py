"""100 changes by page, API and import: the audit log page explains each, and a tampered entry is found."""

from __future__ import annotations

import html
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from tests.support import make
from tests.support.sales_file import read_table, sale, sales_csv
from tests.support.screen import Screen
from ticketing import cli as command_line
from ticketing import db, imports, money
from ticketing.actors import OPERATOR, Actor
from ticketing.catalog import packages, promo_codes
from ticketing.models import Event, Option, Package

pytestmark = pytest.mark.system  # every change

CHANGE_COUNT = 100
PRICE = "Price"


@dataclass
class Office:
    """Three people who change one event, each in their own way."""

    event: Event
    at_pages: Actor
    over_api: Actor
    importing: Actor
    call: Any
    packages: list[Package]
    code: str
    option: Option
    rng: random.Random
    screens: dict[str, Screen] = field(default_factory=dict)

    def page(self, name: str) -> Screen:
        if name not in self.screens:
            self.screens[name] = Screen("ui/main.py", self.at_pages, self.event).go(name)
        return self.screens[name].rerun()

    def package(self) -> Package:
        """Return a random package as it is now."""
        chosen = self.rng.choice(self.packages)
        with db.read_session() as session:
            return packages.get(session, OPERATOR, self.event.id, chosen.id)

    def promo_code(self) -> Any:
        with db.read_session() as session:
            return promo_codes.list_page(session, OPERATOR, self.event.id)[0][0][0]

    def another_price(self, than: Decimal) -> Decimal:
        return than + Decimal(self.rng.randint(1, 99_999)) / 100

    def another(self, than: int | None) -> int:
        return self.rng.choice([number for number in range(20, 60) if number != than])

    def send(self, path: str, body: dict[str, Any]) -> None:
        answer = self.call("PATCH", f"/admin{path}", body)
        assert answer.status_code == 200, answer.text


def change_price_on_page(office: Office) -> tuple[str, ...]:
    package = office.package()
    price = office.another_price(package.price)
    screen = office.page("packages").pick(package, "Edit").type(PRICE, str(price)).click("Save package")
    assert screen.dialog() is None
    return f"changed the price of {package.name}", money.format_dollars(package.price), money.format_dollars(price)


def change_price_and_limit_on_page(office: Office) -> tuple[str, ...]:
    package = office.package()
    price, limit = office.another_price(package.price), office.another(package.quantity_limit)
    screen = office.page("packages").pick(package, "Edit").type(PRICE, str(price))
    screen.type("Limit (optional)", limit).click("Save package")
    assert screen.dialog() is None
    before = f"{package.quantity_limit:,}" if package.quantity_limit else "Unlimited"
    return (
        f"changed the price and limit of {package.name}",
        f"Price {money.format_dollars(package.price)} → {money.format_dollars(price)}",
        f"Limit {before} → {limit}",
    )


def toggle_package_on_page(office: Office) -> tuple[str, ...]:
    package = office.package()
    office.page("packages").pick(package, "Take off sale" if package.is_enabled else "Put on sale")
    return (f"took {package.name} off sale" if package.is_enabled else f"put {package.name} on sale",)


def toggle_code_on_page(office: Office) -> tuple[str, ...]:
    row = office.promo_code()
    office.page("promo_codes").pick(row, "Switch off" if row.is_active else "Switch on")
    return (f"{'deactivated' if row.is_active else 'activated'} {row.code}",)


def change_name_over_api(office: Office) -> tuple[str, ...]:
    package = office.package()
    name = f"{make.unique('Table')} <i>$x$</i>"
    office.send(f"/events/{office.event.id}/tickets/packages/{package.id}", {"name": name, "version": package.version})
    return f"changed the name of {name}", f"from {package.name} to {name}"


def change_description_over_api(office: Office) -> tuple[str, ...]:
    package = office.package()
    words = f"{make.unique('Words')} " * office.rng.randint(1, 6) + "at the gala."
    body = {"description": words, "version": package.version}
    office.send(f"/events/{office.event.id}/tickets/packages/{package.id}", body)
    return f"changed the description of {package.name}", package.description, words


def change_limit_over_api(office: Office) -> tuple[str, ...]:
    row = office.promo_code()
    limit = office.another(row.max_total_uses)
    body = {"max_total_uses": limit, "version": row.version}
    office.send(f"/events/{office.event.id}/promo-codes/{row.id}", body)
    return (f"changed the total uses of {row.code} from {row.max_total_uses or 'unlimited'} to {limit}",)


def change_option_over_api(office: Office) -> tuple[str, ...]:
    with db.read_session() as session:
        option = session.get_one(Option, office.option.id)
    label = f"{make.unique('Allergies')}?"
    office.send(f"/packages/{option.package_id}/options/{option.id}", {"label": label, "version": option.version})
    return (f"changed the wording of “{label}” from {option.label} to {label}",)


def change_venue_over_api(office: Office) -> tuple[str, ...]:
    with db.read_session() as session:
        event = session.get_one(Event, office.event.id)
    venue = make.unique("Hall")
    office.send(f"/events/{event.id}", {"venue": venue, "version": event.version})
    return (f"changed the venue of Harbor Lights Gala from {event.venue} to {venue}",)


def import_file(office: Office) -> tuple[str, ...]:
    rows = office.rng.randint(1, 3)
    file_name = f"{make.unique('sales')}.csv"
    unlimited = office.packages[0]
    with db.read_session() as session:
        content = sales_csv(
            *(sale(packages.get(session, OPERATOR, office.event.id, unlimited.id)) for _ in range(rows))
        )
    db.write(lambda s: imports.run(s, office.importing, office.event.id, file_name, read_table(file_name, content)))
    return f"imported {rows} sale{'s' if rows > 1 else ''} from {file_name}", "· import"


PAGE_CHANGES = (
    change_price_on_page,
    change_price_and_limit_on_page,
    toggle_package_on_page,
    toggle_code_on_page,
)
API_CHANGES = (
    change_name_over_api,
    change_description_over_api,
    change_limit_over_api,
    change_option_over_api,
    change_venue_over_api,
)
ALL_CHANGES: tuple[Callable[[Office], tuple[str, ...]], ...] = (*PAGE_CHANGES, *API_CHANGES, import_file)


@pytest.fixture
def office(program, empty_database) -> Office:
    event = make.event()
    ben = make.staff(event=event, name="Ben Okafor")
    context = [make.package(event, name=f"Package {number}", price="500") for number in range(5)]
    return Office(
        event,
        at_pages=make.staff(event=event, name="Ana Ruiz"),
        over_api=ben,
        importing=make.staff(event=event, name="Cem Yıldız"),
        call=program(ben),
        packages=context,
        code=make.promo_code(event, code="EARLY10").code,
        option=make.option(context[1], label="Any allergies?"),
        rng=random.Random(20261125),
    )


def list_log_sentences(admin: Actor, event: Event) -> list[str]:
    """Return the sentences of the audit log page, from all its pages, the newest first."""
    sentences: list[str] = []
    screen = Screen("ui/main.py", admin, event).go("audit_log")
    while True:
        shown = [each.value for each in screen.app.get("html") if each.value.startswith('<div class="deed">')]
        sentences += [" ".join(html.unescape(re.sub(r"<[^>]+>", " ", each)).split()) for each in shown]
        if len(shown) < 20:
            return sentences
        screen.app.query_params["page"] = str(len(sentences) // 20 + 1)
        screen.rerun()


def test_audit_log_page_explains_100_changes_and_tampering_is_found(office, capsys):
    author_by_change = {
        **dict.fromkeys(PAGE_CHANGES, (office.at_pages.name, "· web")),
        **dict.fromkeys(API_CHANGES, (office.over_api.name, "· API")),
        import_file: (office.importing.name, "· import"),
    }
    changes = [*ALL_CHANGES, *(office.rng.choice(ALL_CHANGES) for _ in range(CHANGE_COUNT - len(ALL_CHANGES)))]
    office.rng.shuffle(changes)
    expected = []
    for change in changes:
        person, by = author_by_change[change]
        expected.append((person, by, *change(office)))

    sentences = list_log_sentences(make.staff(role="admin"), office.event)

    assert len(sentences) == CHANGE_COUNT + 8  # plus the creation of the event, its packages, its code and its option
    for deed, (person, *words) in zip(sentences, reversed(expected), strict=False):
        assert deed.startswith(f"{person} "), deed
        assert [word for word in words if " ".join(word.split()) not in deed] == [], deed

    assert command_line.main(["verify"]) == 0
    capsys.readouterr()
    entry, position, at = tamper_with_entry(office)
    assert command_line.main(["verify"]) == 1
    place = f"Harbor Lights Gala ({office.event.id}): audit trail, position {position:,}, {at:%Y-%m-%d %H:%M:%S} UTC"
    assert capsys.readouterr().out.splitlines() == [f"{place}: the entry was changed after it was sealed."], entry


def tamper_with_entry(office: Office) -> Any:
    """Change a value in a random entry, as the owner of the database could."""
    with psycopg.connect(db.libpq_url()) as connection:
        connection.execute("SET timezone = 'UTC'")
        entries = connection.execute(
            "SELECT entry.id, position, occurred_at FROM audit_log AS entry JOIN audit_seals ON audit_id = entry.id"
            " WHERE entry.event_id = %s AND field IS NOT NULL ORDER BY entry.id",
            [office.event.id],
        ).fetchall()
        chosen = office.rng.choice(entries)
        connection.execute("ALTER TABLE audit_log DISABLE TRIGGER audit_log_is_immutable")
        connection.execute("UPDATE audit_log SET new_value = '\"1.00\"' WHERE id = %s", [chosen[0]])
        connection.execute("ALTER TABLE audit_log ENABLE ALWAYS TRIGGER audit_log_is_immutable")
    return chosen

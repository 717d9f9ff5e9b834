"""Finding a returning donor at the till: by which prefixes, whose donors are offered, and how often."""

import time
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from tests.support import make
from tests.support.database_state import assert_refused
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.errors import InvalidInput, NotAllowed, NotFound, RateLimited
from ticketing.ops import demo
from ticketing.sales import corrections, donor_search

pytestmark = pytest.mark.usefixtures("database_of_module")


def search(actor, event, prefix):
    return db.write(lambda s: donor_search.search(s, actor, event.id, prefix))


def names(actor, event, prefix):
    return [each.name for each in search(actor, event, prefix)]


def buy(event, name, email=None, moment=None, **donor):
    package = make.package(event)
    return make.purchase(
        event, package, moment=moment, donor={"name": name, "email": email or make.email("donor")} | donor
    )


@pytest.mark.parametrize(
    "prefix",
    ["Zoé", "zoe", "ZOE V", "zoe valdés-o", "Valdes", "valdés-", "zvo@", "  zoe ", "zo\u200be", "ZVO@example.or"],
)
def test_donor_is_found_by_name_last_name_or_address(prefix):
    event = make.event()
    ana = make.staff(event=event)
    buy(event, "Zoë Valdés-Ortiz", "zvo@example.org", phone="555 0100")
    buy(event, "Ben Ito")
    [found] = search(ana, event, prefix)
    assert (found.name, found.email, found.phone, found.is_of_event) == (
        "Zoë Valdés-Ortiz",
        "zvo@example.org",
        "555 0100",
        True,
    )


@pytest.mark.parametrize("prefix", ["oë V", "ortiz", "example.org", "%zo", "zo_", "zoe%"])
def test_donor_is_not_found_by_other_parts_or_wildcards(prefix):
    event = make.event()
    buy(event, "Zoë Valdés-Ortiz", "zvo@example.org")
    assert search(make.staff(event=event), event, prefix) == []


@pytest.mark.parametrize("prefix", ["", "zo", "  zo  ", "z\u200b\u200bo", "x" * 255])
def test_prefix_of_less_than_3_or_more_than_254_characters_is_refused(prefix):
    event = make.event()
    with assert_refused(InvalidInput, event) as refusal:
        search(make.staff(event=event), event, prefix)
    assert refusal.value.fields == {"prefix": "Type at least 3 characters of a name or address."}


def test_prefix_of_254_characters_is_searched():
    event = make.event()
    assert search(make.staff(event=event), event, "x" * 254) == []


def test_eight_donors_are_offered_those_of_the_event_first_and_each_person_once():
    event, other = make.event(), make.event()
    ana = make.staff(event=event)
    make.assign(ana, other)
    shared = make.email()
    buy(other, "Kim A Elsewhere", shared)
    for number in range(4):
        buy(other, f"Kim {number} Other")
        buy(event, f"Kim {number} Here")
    buy(event, "Kim Z Here", shared)
    found = search(ana, event, "kim")
    assert [each.name for each in found] == [
        *(f"Kim {n} Here" for n in range(4)),
        "Kim Z Here",
        *(f"Kim {n} Other" for n in range(3)),
    ]
    assert [each.is_of_event for each in found] == [True] * 5 + [False] * 3


def test_donors_of_events_that_the_person_may_not_see_are_not_offered():
    event, hidden = make.event(), make.event()
    buy(hidden, "Secret Donor")
    assert names(make.staff(event=event), event, "secret") == []
    assert names(make.staff("admin"), event, "secret") == ["Secret Donor"]


def test_sample_gala_offers_only_its_own_donors_and_only_to_itself():
    event = make.event()
    admin = make.staff("admin")
    sample = db.write(lambda s: demo.load(s, OPERATOR))
    with db.read_session() as session:
        name = session.scalar(text("SELECT name FROM donors WHERE event_id = :id LIMIT 1"), {"id": sample.id})
    buy(event, f"{name} Real")
    assert name not in names(admin, event, name)
    assert f"{name} Real" not in names(admin, sample, name)
    assert name in names(admin, sample, name)


def test_last_purchase_ignores_voided_sales():
    event = make.event()
    ana = make.staff(event=event)
    earlier, later = datetime(2026, 10, 3, 12, tzinfo=UTC), datetime(2026, 10, 9, 12, tzinfo=UTC)
    first = buy(event, "Last Buyer", "last@example.org", moment=earlier)
    second = buy(event, "Last Buyer", "last@example.org", moment=later)
    assert search(ana, event, "last")[0].last_purchase_at == later
    for bought, remaining in ((second, earlier), (first, None)):
        db.write(lambda s, bought=bought: corrections.void(s, OPERATOR, event.id, bought.purchase.id, "Twice"))
        assert search(ana, event, "last")[0].last_purchase_at == remaining


@pytest.mark.parametrize(("role", "refusal"), [("viewer", NotAllowed), ("stranger", NotFound)])
def test_those_who_may_not_sell_find_nobody(role, refusal):
    event = make.event()
    buy(event, "Zoë Valdés")
    person = make.staff("viewer", event) if role == "viewer" else make.staff()
    with assert_refused(refusal, event):
        search(person, event, "zoe")


def test_sixty_searches_a_minute():
    event = make.event()
    ana, ben = make.staff(event=event), make.staff(event=event)
    for _ in range(60):
        search(ana, event, "nobody")
    with pytest.raises(RateLimited, match="Type this donor's name"):
        search(ana, event, "nobody")
    assert search(ben, event, "nobody") == []


@pytest.mark.system
def test_search_among_100_000_donors_uses_the_indexes():
    event = make.event()
    ana = make.staff(event=event)
    bought = buy(event, "Anabel Last")
    with db.engine().begin() as connection:
        values = {"event_id": event.id, "order_id": bought.order.id}
        connection.execute(
            text("""
            INSERT INTO donors (id, event_id, email, email_key, name)
            SELECT gen_random_uuid(), :event_id, 'd' || n || '@example.org', 'd' || n || '@example.org',
                (ARRAY['Ana', 'Ben', 'Chi', 'Dov'])[1 + n % 4] || ' Donor ' || n
            FROM generate_series(1, 100000) AS n"""),
            values,
        )
        connection.execute(
            text("""
            INSERT INTO orders (id, event_id, number, donor_id)
            SELECT gen_random_uuid(), :event_id,
                translate(lpad(to_hex(row_number() OVER ()), 6, '0'), '0123456789abcdef', 'ABCDEFGHJKMNPQRS'), id
            FROM donors WHERE event_id = :event_id AND name LIKE '% Donor %'"""),
            values,
        )
        connection.execute(text("ANALYZE donors, orders"))
    took = []
    for prefix in ("ana", "ana d", "d777", "d77777@example.org", "dov donor 9", "anabel") * 3:
        started_at = time.perf_counter()
        assert search(ana, event, prefix)
        took.append(time.perf_counter() - started_at)
    assert sorted(took)[len(took) // 2] < 0.15

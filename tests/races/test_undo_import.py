"""Undo an import while others buy the same package. A control shows the naive version fail."""

from __future__ import annotations

import time

import pytest

from tests.races.racing import THREADS, count_by_type, race
from tests.support import make
from tests.support.database_state import get_sold_count, get_use_count
from tests.support.sales_file import run_import, sale, sales_csv
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.errors import Conflict
from ticketing.imports import batches
from ticketing.ops import verify

IMPORTED = 2000
MAX_WAIT_SECONDS = 2

pytestmark = pytest.mark.usefixtures("database_of_module")


def undo(event, batch_id):
    return db.write(lambda s: batches.undo(s, OPERATOR, event.id, batch_id, "Wrong year"))


def test_control_undo_that_writes_a_computed_count_loses_sales(stock):
    stock.insert_row(sold=IMPORTED)

    def naive(number, session, wait_for_others):
        sold = stock.read_in(session).sold
        wait_for_others()
        stock.change(session, "sold = :sold", sold=sold - IMPORTED if number == 0 else sold + 1)

    stock.race(naive)
    assert stock.read().sold != THREADS - 1


def test_undo_beside_16_sellers_returns_exactly_what_was_imported(event):
    package, promo = make.package(event), make.promo_code(event)
    rows = [sale(package, promo_code=promo.code if number % 10 == 0 else "") for number in range(IMPORTED)]
    batch_id = run_import(event, sales_csv(*rows)).batch_id
    waits = []

    def act(number):
        if number == 0:
            return undo(event, batch_id)
        started_at = time.monotonic()
        bought = make.purchase(event, package, promo_code=promo.code if number % 4 == 0 else None)
        waits.append(time.monotonic() - started_at)
        return bought

    outcomes = race(161, act)
    assert count_by_type(outcomes) == {"UndoPreview": 1, "RecordedPurchase": 160}
    assert (get_sold_count(package), get_use_count(promo)) == (160, 40)
    assert max(waits) < MAX_WAIT_SECONDS
    with db.Session(db.engine()) as session:
        assert [each for each in verify.verify(session) if each.event_id == event.id] == []


def test_import_is_undone_once_by_16_people(event):
    package = make.package(event)
    batch_id = run_import(event, sales_csv(*(sale(package) for _ in range(20)))).batch_id
    make.purchase(event, package, quantity=5)
    outcomes = race(THREADS, lambda _: undo(event, batch_id))
    assert count_by_type(outcomes) == {"UndoPreview": 1, "Conflict": THREADS - 1}
    assert all("was undone by" in str(each) for each in outcomes if isinstance(each, Conflict))
    assert get_sold_count(package) == 5

"""Rate limits hold exactly under concurrency, across threads, engines and processes."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from datetime import timedelta
from typing import Any

from sqlalchemy import create_engine, func, select, text
from sqlalchemy.orm import Session

from tests.races.racing import THREADS, count_by_type, race
from tests.support import make
from ticketing import db
from ticketing.access import rate_limits
from ticketing.access.rate_limits import Limit
from ticketing.catalog import packages, promo_code_check
from ticketing.errors import RateLimited
from ticketing.models import Package
from ticketing.settings import ROOT

TEN_PER_MINUTE = Limit("for_races", 10, timedelta(minutes=1), "Too many attempts.")
# Stands for another server: a process that shares only the database with this one.
SERVER_SCRIPT = """
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from ticketing import db
from ticketing.access import rate_limits
from ticketing.errors import RateLimited

limit = rate_limits.Limit("for_races", 10, timedelta(minutes=1), "Too many attempts.")

def is_allowed(_number):
    try:
        db.write(lambda session: rate_limits.consume(session, limit, sys.argv[1]))
    except RateLimited:
        return False
    return True

with ThreadPoolExecutor(16) as pool:
    print(sum(pool.map(is_allowed, range(64))))
"""


def consume(caller: str) -> Any:
    return db.write(lambda s: rate_limits.consume(s, TEN_PER_MINUTE, caller))


def test_control_count_then_write_allows_everyone(stock):
    stock.insert_row(sold=9, max_sold=10)  # `sold` stands for what was counted

    def naive(_number, session, wait_for_others):
        row = stock.read_in(session)
        wait_for_others()
        if row.sold < row.max_sold:
            stock.change(session, "sold = sold + 1")
            return "allowed"
        return "refused"

    assert Counter(stock.race(naive)) == {"allowed": THREADS}


def test_16_threads_are_allowed_10_of_256_attempts():
    for _ in range(5):
        caller = make.unique("caller")
        assert count_by_type(race(256, lambda _, caller=caller: consume(caller))) == {
            "NoneType": 10,
            "RateLimited": 246,
        }


def test_separate_engines_share_one_limit():
    caller = make.unique("caller")
    engines = [create_engine(db.engine().url, pool_size=THREADS) for _ in range(2)]

    def attempt(number: int) -> None:
        with Session(engines[number // THREADS % 2]) as session:
            rate_limits.consume(session, TEN_PER_MINUTE, caller)
            session.commit()

    outcomes = race(128, attempt)
    for engine in engines:
        engine.dispose()
    assert count_by_type(outcomes) == {"NoneType": 10, "RateLimited": 118}


def test_two_servers_share_one_limit():
    caller = make.unique("caller")
    command = [sys.executable, "-c", SERVER_SCRIPT, caller]
    servers = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    allowed = [int(server.communicate(timeout=60)[0]) for server in servers]
    assert [server.returncode for server in servers] == [0, 0]
    assert sum(allowed) == 10


def test_attempts_that_left_the_window_are_allowed_again():
    """Four of ten attempts are moved out of the window, so four more are allowed."""
    caller = make.unique("caller")
    race(THREADS, lambda _: consume(caller))
    shift = text(
        "UPDATE rate_limits SET moments = ARRAY(SELECT moment - CASE WHEN place <= 4 THEN interval '1 minute' ELSE"
        " interval '0' END FROM unnest(moments) WITH ORDINALITY AS past(moment, place) ORDER BY 1)"
        " WHERE caller = :caller"
    )
    db.write(lambda s: s.execute(shift, {"caller": caller}))
    assert count_by_type(race(64, lambda _: consume(caller)))["NoneType"] == 4


def test_one_person_creates_at_most_10_packages_across_events(event):
    person, elsewhere = make.staff(event=event), make.event()
    make.assign(person, elsewhere)
    outcomes = race(64, lambda number: make.package((event, elsewhere)[number % 2], person))
    assert count_by_type(outcomes) == {"Package": 10, "RateLimited": 54}
    with db.read_session() as session:
        stored = session.scalar(select(func.count()).where(Package.event_id.in_([event.id, elsewhere.id])))
    assert stored == 10


def test_rolled_back_attempts_do_not_count(event):
    """Half of the packages have a name that is taken, so their transactions roll back."""
    person = make.staff(event=event)
    make.package(event, name="Taken")

    def attempt(number: int) -> Any:
        draft = make.package_draft(**({"name": "Taken"} if number % 2 else {}))
        return db.write(lambda s: packages.create(s, person, event.id, draft))

    outcomes = count_by_type(race(128, attempt))
    assert outcomes["Package"] == 10
    assert outcomes["DuplicateName"] + outcomes["RateLimited"] == 118


def test_at_most_10_code_checks_are_answered(event):
    person, package = make.staff(event=event), make.package(event)

    def guess(number: int) -> str | None:
        return db.write(
            lambda s: promo_code_check.dry_run(s, person, event.id, f"GUESS{number}", package_id=package.id, quantity=1)
        ).reason

    outcomes = race(256, guess)
    assert [each for each in outcomes if not isinstance(each, RateLimited)] == ["unknown"] * 10

"""A limit that several servers keep together: nobody gets one through too many, in however many at once."""

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

TEN_PER_MINUTE = Limit("for_races", 10, timedelta(minutes=1), "That was often.")
# Another server: a process of its own, which knows of this one by the database alone.
SERVER_SCRIPT = """
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from ticketing import db\nfrom ticketing.access import rate_limits
from ticketing.errors import RateLimited

limit = rate_limits.Limit("for_races", 10, timedelta(minutes=1), "That was often.")

def gets_through(_number):
    try:
        db.write(lambda session: rate_limits.consume(session, limit, sys.argv[1]))
    except RateLimited:
        return False
    return True

with ThreadPoolExecutor(16) as pool:
    print(sum(pool.map(gets_through, range(64))))
"""


def consume(caller: str) -> Any:
    return db.write(lambda s: rate_limits.consume(s, TEN_PER_MINUTE, caller))


def test_control_counting_first_and_writing_then_lets_everyone_through(shelf):
    shelf.insert_row(sold=9, most=10)  # `sold` stands for what was counted

    def naive(_number, session, meet):
        row = shelf.read_in(session)
        meet()
        if row.sold < row.most:
            shelf.change(session, "sold = sold + 1")
            return "through"
        return "refused"

    assert Counter(shelf.race(naive)) == {"through": THREADS}


def test_16_threads_get_10_through_in_256_attempts_whoever_they_are():
    for _ in range(5):
        caller = make.unique("caller")
        assert count_by_type(race(256, lambda _, caller=caller: consume(caller))) == {
            "NoneType": 10,
            "RateLimited": 246,
        }


def test_two_engines_that_know_nothing_of_each_other_keep_one_limit():
    caller = make.unique("caller")
    others = [create_engine(db.engine().url, pool_size=THREADS) for _ in range(2)]

    def attempt(number: int) -> None:
        with Session(others[number // THREADS % 2]) as session:
            rate_limits.consume(session, TEN_PER_MINUTE, caller)
            session.commit()

    outcomes = race(128, attempt)
    for other in others:
        other.dispose()
    assert count_by_type(outcomes) == {"NoneType": 10, "RateLimited": 118}


def test_two_servers_keep_one_limit():
    caller = make.unique("caller")
    command = [sys.executable, "-c", SERVER_SCRIPT, caller]
    servers = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    through = [int(server.communicate(timeout=60)[0]) for server in servers]
    assert [server.returncode for server in servers] == [0, 0]
    assert sum(through) == 10


def test_a_limit_that_is_used_up_frees_as_many_as_have_left_the_window():
    """Four of ten moments are moved out of the window; so many get through, and no more."""
    caller = make.unique("caller")
    race(THREADS, lambda _: consume(caller))
    shift = text(
        "UPDATE rate_limits SET moments = ARRAY(SELECT moment - CASE WHEN place <= 4 THEN interval '1 minute' ELSE"
        " interval '0' END FROM unnest(moments) WITH ORDINALITY AS past(moment, place) ORDER BY 1)"
        " WHERE caller = :caller"
    )
    db.write(lambda s: s.execute(shift, {"caller": caller}))
    assert count_by_type(race(64, lambda _: consume(caller)))["NoneType"] == 4


def test_a_person_who_makes_packages_from_everywhere_at_once_makes_10(event):
    person, elsewhere = make.staff(event=event), make.event()
    make.assign(person, elsewhere)
    outcomes = race(64, lambda number: make.package((event, elsewhere)[number % 2], person))
    assert count_by_type(outcomes) == {"Package": 10, "RateLimited": 54}
    with db.read_session() as session:
        stored = session.scalar(select(func.count()).where(Package.event_id.in_([event.id, elsewhere.id])))
    assert stored == 10


def test_what_is_given_up_leaves_its_place_to_who_waits(event):
    """Half of the packages have a name that is taken, so their transactions end without one."""
    person = make.staff(event=event)
    make.package(event, name="Taken")

    def attempt(number: int) -> Any:
        draft = make.package_draft(**({"name": "Taken"} if number % 2 else {}))
        return db.write(lambda s: packages.create(s, person, event.id, draft))

    outcomes = count_by_type(race(128, attempt))
    assert outcomes["Package"] == 10
    assert outcomes["DuplicateName"] + outcomes["RateLimited"] == 118


def test_10_guesses_are_answered_however_many_are_made_at_once(event):
    person, package = make.staff(event=event), make.package(event)

    def guess(number: int) -> str | None:
        return db.write(
            lambda s: promo_code_check.dry_run(s, person, event.id, f"GUESS{number}", package_id=package.id, quantity=1)
        ).reason

    outcomes = race(256, guess)
    assert [each for each in outcomes if not isinstance(each, RateLimited)] == ["unknown"] * 10

"""The soak uses and attacks a server at once, counts every purchase and every answer, and notices a missed limit."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace

import pytest

from bench.load import soak
from bench.load.attacks import Attack, create_target, repeat
from bench.load.environment import create_environment, start_servers
from bench.load.recorder import Recorder
from bench.load.report import MEGABYTE
from bench.load.resource_usage import ResourceUsage
from bench.load.run import Load, Outcome
from tests.support.database import DatabaseServer, use_database

pytestmark = pytest.mark.system  # runs a server

PEOPLE = 3
ANSWERED_AT_ONCE = {
    "`..` and NUL in paths",
    "3 uploads of 12 MB from a page",
    "export, read",
    "import of commas.csv",
    "import of far cell.xlsx",
    "import of many rows.xlsx",
    "import of one sale.csv",
    "pictures with many scans, 8 at once",
    "right password of the known address",
    "upload without a page",
    "wrong password, known address",
    "wrong password, unknown address",
}


def test_soak_accounts_for_every_purchase_and_every_attack(
    postgres: DatabaseServer, database: str, tmp_path, monkeypatch
):
    monkeypatch.setenv("TICKETDESK_SECRET", "secret of this module, and long enough")
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "")  # restored after the next line
    soak.trust_forwarded_addresses()
    use_database(postgres.create())
    try:
        environment = create_environment(PEOPLE, purchases=200)
        before = environment.read_purchase_totals()
        with start_servers(tmp_path) as (server,):
            outcome = soak.run_soak(
                environment,
                server,
                create_target(server.url, purchases=200),
                Load(PEOPLE, seconds=120, pause=0.2, donors_per_minute=200, settle_seconds=0),
                stop_when=has_seen_everything,
            )
        stored = environment.read_purchase_totals().items()
    finally:
        use_database(database)

    # How long a sale or a sign-in takes, and what runs at once, depends on what else this machine does.
    assert [error for error in outcome.errors if "after more than" not in error] == []
    assert outcome.recorder.sold == {email: total for email, total in stored if email not in before}
    assert outcome.recorder.answers.keys() >= ANSWERED_AT_ONCE | {"export, not read"}
    met = {check.what for check in soak.list_checks(outcome) if check.is_met}
    assert met >= {"sales that differ from the database", "differences that `verify` finds"}


def has_seen_everything(recorder: Recorder) -> bool:
    return recorder.answers.keys() >= ANSWERED_AT_ONCE and recorder.action_seconds.keys() >= set(soak.SALE_ACTIONS)


def test_wrong_answer_and_no_answer_are_errors():
    recorder, stop_event = Recorder(), asyncio.Event()

    async def attack():
        yield "422"
        yield "500"
        stop_event.set()
        raise ConnectionResetError

    asyncio.run(repeat(Attack("guess", attack, frozenset({"422"}), pause=0), recorder, stop_event))

    assert recorder.answers["guess"] == Counter({"422": 1, "500": 1, "no answer: ConnectionResetError()": 1})
    assert recorder.errors == {"guess: 500": 1, "guess: no answer: ConnectionResetError()": 1}


def make_outcome(**fields) -> Outcome:
    """Return the outcome of a soak that is just within every limit."""
    recorder = Recorder()
    recorder.action_seconds.update({action: [1.0] for action in soak.SALE_ACTIONS})
    return replace(Outcome(Load(), recorder, ResourceUsage([], memory=[600 * MEGABYTE])), **fields)


def make_recorder(seconds: list[float]) -> Recorder:
    recorder = Recorder()
    recorder.action_seconds.update({soak.SALE_ACTIONS[0]: seconds, soak.SALE_ACTIONS[1]: [0.1]})
    return recorder


def test_soak_within_its_limits_passes():
    assert all(check.is_met for check in soak.list_checks(make_outcome()))


@pytest.mark.parametrize(
    ("fields", "missed"),
    [
        ({"usage": ResourceUsage([], memory=[600 * MEGABYTE + 1])}, "memory of the server"),
        ({"recorder": make_recorder([1.01])}, "record a sale, 95% within"),
        ({"recorder": make_recorder([])}, "record a sale, 95% within"),
        ({"sale_differences": ["x"]}, "sales that differ from the database"),
        ({"verify_problems": ["x"]}, "differences that `verify` finds"),
        ({"errors": {"x": 1}}, "errors and wrong answers"),
    ],
    ids=["memory", "slow sale", "no sale", "lost sale", "verify", "wrong answer"],
)
def test_missed_limit_fails_the_soak(fields, missed):
    outcome = make_outcome(**fields)
    assert [check.what for check in soak.list_checks(outcome) if not check.is_met] == [missed]

"""Run a server for a long time under use and attack: `make soak`, or `python -m bench.load.soak --minutes 20`.

People at their pages and a donor site sell, while others guess passwords, upload files that are expensive to read,
leave downloads unread and connections unfinished. Exits with 1 when a limit is missed or an answer was wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass

from bench.database import create_temporary_database
from bench.load.attacks import Attack, HttpAttacks, Target, create_client, create_target, repeat
from bench.load.connection_attacks import ConnectionAttacks
from bench.load.environment import Environment, create_environment, start_servers
from bench.load.import_attacks import ImportAttacks
from bench.load.recorder import Recorder, percentile
from bench.load.report import MEGABYTE, format_report
from bench.load.run import Activity, Load, Outcome, run_load
from bench.sizing_page import describe_environment
from tests.support.server import RunningServer

MAX_MEMORY_BYTES = 600 * MEGABYTE
MAX_SALE_P95_SECONDS = 1.0
SALE_ACTIONS = ("record a sale", "Donor site: buy")
PEOPLE, PAUSE_SECONDS, DONORS_PER_MINUTE = 25, 5.0, 60.0
TARGET_PURCHASES = 50_000


@dataclass(frozen=True)
class Check:
    """One limit of the soak: what was measured, and whether it is within the limit."""

    what: str
    measured: str
    limit: str
    is_met: bool


def trust_forwarded_addresses() -> None:
    """Let the servers believe the driver, which says like a proxy from which network each guess comes."""
    os.environ["FORWARDED_ALLOW_IPS"] = "127.0.0.1,::1"


def run_soak(
    environment: Environment,
    server: RunningServer,
    target: Target,
    load: Load,
    stop_when: Callable[[Recorder], bool] = lambda _recorder: False,
) -> Outcome:
    """Run the load test with all attacks beside it."""
    return run_load(environment, [server], load, stop_when, [attack_everything(target)])


def attack_everything(target: Target) -> Activity:
    async def attack(recorder: Recorder, stop_event: asyncio.Event) -> None:
        async with create_client(target) as http, asyncio.TaskGroup() as tasks:
            attacks: list[Attack] = [
                *HttpAttacks(target, http, recorder).list_attacks(),
                *ConnectionAttacks(target, stop_event).list_attacks(),
                *ImportAttacks(target, http).list_attacks(),
            ]
            for each in attacks:
                for _ in range(each.parallel):
                    tasks.create_task(repeat(each, recorder, stop_event))

    return attack


def list_checks(outcome: Outcome) -> list[Check]:
    """Return the limits. An action that did not happen misses its limit."""
    memory = max(outcome.usage.memory)
    checks = [
        Check(
            "memory of the server",
            f"{memory / MEGABYTE:.0f} MB",
            f"{MAX_MEMORY_BYTES / MEGABYTE:.0f} MB",
            memory <= MAX_MEMORY_BYTES,
        )
    ]
    for action in SALE_ACTIONS:
        seconds = outcome.recorder.action_seconds.get(action, [])
        p95 = percentile(seconds, 95)
        checks.append(
            Check(
                f"{action}, 95% within",
                f"{p95:.2f} s ({len(seconds)} times)",
                f"{MAX_SALE_P95_SECONDS:g} s",
                bool(seconds) and p95 <= MAX_SALE_P95_SECONDS,
            )
        )
    for what, problems in (
        ("sales that differ from the database", outcome.sale_differences),
        ("differences that `verify` finds", outcome.verify_problems),
    ):
        checks.append(Check(what, str(len(problems)), "0", not problems))
    errors = sum(outcome.errors.values())
    checks.append(Check("errors and wrong answers", str(errors), "0", not errors))
    return checks


def format_soak(outcome: Outcome) -> str:
    """Return the report: the load test, the answers to each attack, and the limits."""
    checks = [
        f"| {check.what} | {check.measured} | {check.limit} | {'pass' if check.is_met else '**fail**'} |"
        for check in list_checks(outcome)
    ]
    answers = [
        f"| {attack} | {', '.join(f'{answer}: {count}' for answer, count in sorted(counts.items()))} |"
        for attack, counts in sorted(outcome.recorder.answers.items())
    ]
    return "\n".join(
        (
            format_report(outcome, servers=1),
            "",
            "| attack | answers |",
            "| --- | --- |",
            *answers,
            "",
            "| limit | measured | at most | |",
            "| --- | --- | --- | --- |",
            *checks,
        )
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.load.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--people", type=int, default=PEOPLE)
    options = parser.parse_args()
    trust_forwarded_addresses()
    with create_temporary_database() as folder:
        print(describe_environment() + "\n", flush=True)
        environment = create_environment(options.people)
        with start_servers(folder) as (server,):
            target = create_target(server.url, TARGET_PURCHASES)
            load = Load(options.people, options.minutes * 60, PAUSE_SECONDS, DONORS_PER_MINUTE)
            outcome = run_soak(environment, server, target, load)
        print(format_soak(outcome))
        return 0 if all(check.is_met for check in list_checks(outcome)) else 1


if __name__ == "__main__":
    sys.exit(main())

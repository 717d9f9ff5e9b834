"""Database queries of open sales pages while nothing is sold, by one page and by many."""

from __future__ import annotations

from pathlib import Path

from bench.load.environment import create_environment, start_servers
from bench.load.run import Load, Outcome, run_load
from bench.measure import Row
from ui.runtime.sales_watch import POLL_SECONDS

OPEN_PAGES = 20
MEASURED_SECONDS = 30.0
NO_ACTION_PAUSE_SECONDS = 1e6
# One poll more may fall into the measured time, and one query more may update a session's last use.
TOLERANCE_FACTOR = 1.1


def measure_idle_polling(folder: Path) -> list[Row]:
    """Measure read transactions per second of one server; each is one query."""
    environment = create_environment(OPEN_PAGES)
    with start_servers(folder) as servers:
        one, many = (
            run_load(
                environment,
                servers,
                Load(
                    people=people,
                    seconds=MEASURED_SECONDS,
                    pause=NO_ACTION_PAUSE_SECONDS,
                    donors_per_minute=0,
                    settle_seconds=15,
                ),
            )
            for people in (1, OPEN_PAGES)
        )
    if one.errors or many.errors:
        raise SystemExit("\n".join((*one.errors, *many.errors)))
    target = round(TOLERANCE_FACTOR / POLL_SECONDS, 2)
    return [
        Row(
            "idle sales page, polls per second and server", "/s", [], [get_read_rate(one)], target, less_is_better=True
        ),
        Row(
            f"the same with {OPEN_PAGES} open",
            "/s",
            [get_read_rate(one)],
            [get_read_rate(many)],
            target,
            less_is_better=True,
            is_absolute=True,
        ),
    ]


def get_read_rate(outcome: Outcome) -> float:
    return outcome.usage.read_transactions / outcome.usage.seconds


MEASUREMENTS = (measure_idle_polling,)

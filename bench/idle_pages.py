"""Open sales pages while nothing is sold: how often the database is asked, by one page and by many."""

from __future__ import annotations

from pathlib import Path

from bench.load.environment import create_environment, start_servers
from bench.load.run import Load, Outcome, run_load
from bench.measure import Row
from ui.runtime.sales_watch import POLL_SECONDS

OPEN_PAGES = 20
MEASURED_SECONDS = 30.0
NO_ACTION_PAUSE_SECONDS = 1e6
# Counted from outside, so a look may fall on either side of the edge; and one more query may note a session's use.
TOLERANCE_FACTOR = 1.1


def measure_idle_polling(folder: Path) -> list[Row]:
    """Reading transactions a second of one server; each is one query."""
    scene = create_environment(OPEN_PAGES)
    with start_servers(folder) as servers:
        one, many = (
            run_load(
                scene,
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
    wanted = round(TOLERANCE_FACTOR / POLL_SECONDS, 2)
    return [
        Row("idle sales page, looks a second and server", "/s", [], [get_read_rate(one)], wanted, less_is_better=True),
        Row(
            f"the same with {OPEN_PAGES} open",
            "/s",
            [get_read_rate(one)],
            [get_read_rate(many)],
            wanted,
            less_is_better=True,
            is_absolute=True,
        ),
    ]


def get_read_rate(outcome: Outcome) -> float:
    return outcome.usage.read_transactions / outcome.usage.seconds


MEASUREMENTS = (measure_idle_polling,)

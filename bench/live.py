"""Open sales pages while nothing is sold: how often the database is asked, by one page and by many."""

from __future__ import annotations

from pathlib import Path

from bench.load.run import Load, Outcome, play
from bench.load.scene import serving, set_scene
from bench.measure import Row
from ui.runtime.sales_watch import SECONDS_BETWEEN_LOOKS

PAGES = 20
SECONDS = 30.0
NEVER = 1e6
# Counted from outside, so a look may fall on either side of the edge; and one more query may note a session's use.
SLACK = 1.1


def idle(folder: Path) -> list[Row]:
    """Reading transactions a second of one server; each is one query."""
    scene = set_scene(PAGES)
    with serving(folder) as servers:
        one, many = (
            play(scene, servers, Load(people=people, seconds=SECONDS, pause=NEVER, donors_per_minute=0, settle=15))
            for people in (1, PAGES)
        )
    if one.errors or many.errors:
        raise SystemExit("\n".join((*one.errors, *many.errors)))
    wanted = round(SLACK / SECONDS_BETWEEN_LOOKS, 2)
    return [
        Row("idle sales page, looks a second and server", "/s", [], [rate(one)], wanted, less_is_better=True),
        Row(
            f"the same with {PAGES} open",
            "/s",
            [rate(one)],
            [rate(many)],
            wanted,
            less_is_better=True,
            is_absolute=True,
        ),
    ]


def rate(outcome: Outcome) -> float:
    return outcome.vitals.reads / outcome.vitals.seconds


ROWS = (idle,)

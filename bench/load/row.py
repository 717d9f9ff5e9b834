"""The row of the table: a hundred people at one process, beside one of them alone; and what went wrong."""

from __future__ import annotations

import sys
from pathlib import Path

from bench.load.run import Load, play
from bench.load.scene import serving, set_scene
from bench.measure import Row

PEOPLE = 100
MOST_SECONDS = 1.0
ALONE = Load(people=1, seconds=30, pause=0.5, donors_per_minute=0)
TOGETHER = Load(people=PEOPLE, seconds=60)


def hundred(folder: Path) -> list[Row]:
    """The floor is somebody who has the server to themselves, and acts oftener, to have acted often enough."""
    scene = set_scene(PEOPLE)
    with serving(folder) as servers:
        alone, together = play(scene, servers, ALONE), play(scene, servers, TOGETHER)
    errors = [error for outcome in (alone, together) for error in outcome.errors]
    for error in errors:
        print(error, file=sys.stderr)
    work = f"{PEOPLE} people, one action each per 10 s, p95"
    return [
        Row(work, "s", [alone.p95], [together.p95], MOST_SECONDS, less_is_better=True, is_absolute=True),
        Row("errors of theirs", "errors", [], [len(errors)], 0, less_is_better=True),
    ]


ROWS = (hundred,)

"""The row of the table: a hundred people at one process, beside one of them alone; and what went wrong."""

from __future__ import annotations

import sys
from pathlib import Path

from bench.load.environment import create_environment, start_servers
from bench.load.run import Load, run_load
from bench.measure import Row

PEOPLE = 100
MAX_P95_SECONDS = 1.0
SINGLE_PERSON_LOAD = Load(people=1, seconds=30, pause=0.5, donors_per_minute=0)
FULL_LOAD = Load(people=PEOPLE, seconds=60)


def measure_load(folder: Path) -> list[Row]:
    """The floor is somebody who has the server to themselves, and acts oftener, to have acted often enough."""
    scene = create_environment(PEOPLE)
    with start_servers(folder) as servers:
        alone, together = run_load(scene, servers, SINGLE_PERSON_LOAD), run_load(scene, servers, FULL_LOAD)
    errors = [error for outcome in (alone, together) for error in outcome.errors]
    for error in errors:
        print(error, file=sys.stderr)
    work = f"{PEOPLE} people, one action each per 10 s, p95"
    return [
        Row(work, "s", [alone.p95], [together.p95], MAX_P95_SECONDS, less_is_better=True, is_absolute=True),
        Row("errors of theirs", "errors", [], [len(errors)], 0, less_is_better=True),
    ]


MEASUREMENTS = (measure_load,)

"""The row of `make bench`: a hundred people on one process, compared with one person alone."""

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
    """Measure the p95 of actions, and the number of errors. The person alone acts more often, for enough samples."""
    environment = create_environment(PEOPLE)
    with start_servers(folder) as servers:
        alone, together = run_load(environment, servers, SINGLE_PERSON_LOAD), run_load(environment, servers, FULL_LOAD)
    errors = [error for outcome in (alone, together) for error in outcome.errors]
    for error in errors:
        print(error, file=sys.stderr)
    work = f"{PEOPLE} people, one action each per 10 s, p95"
    return [
        Row(work, "s", [alone.p95], [together.p95], MAX_P95_SECONDS, less_is_better=True, is_absolute=True),
        Row("errors of these people", "errors", [], [len(errors)], 0, less_is_better=True),
    ]


MEASUREMENTS = (measure_load,)

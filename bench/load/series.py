"""Where it bends: more and more people at one process until it takes too long, then the same at two."""

from __future__ import annotations

import sys
from pathlib import Path

from bench.load.environment import create_environment, start_servers
from bench.load.report import SERIES_HEADING, format_row
from bench.load.run import Load, Outcome, run_load

PEOPLE_STEPS = (25, 50, 100, 150, 200)
STEP_SECONDS = 40.0
MAX_P95_SECONDS = 1.0


def run_series(folder: Path, steps: tuple[int, ...] = PEOPLE_STEPS, seconds: float = STEP_SECONDS) -> str:
    """The table of the steps, each line also printed when it is known; errors go to stderr.

    A process is not asked for more once 95% of the actions took longer than a second, or anything went wrong. Two are
    asked for what one last bore and for all that is above it.
    """
    scene = create_environment(max(steps))
    table = [SERIES_HEADING]
    print(SERIES_HEADING, flush=True)
    first = steps[0]
    for servers in (1, 2):
        with start_servers(folder / str(servers), servers) as started:
            for people in (each for each in steps if each >= first):
                outcome = run_load(scene, started, Load(people=people, seconds=seconds))
                table.append(format_row(outcome, servers))
                print(table[-1], flush=True)
                for error, times in outcome.errors.items():
                    print(f"{times} times: {error}", file=sys.stderr)
                if is_overloaded(outcome):
                    break
                first = people
    return "\n".join(table)


def is_overloaded(outcome: Outcome) -> bool:
    return outcome.p95 > MAX_P95_SECONDS or bool(outcome.errors)

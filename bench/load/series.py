"""Find the limit: more and more people on one process until actions take too long, then on two processes."""

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
    """Return the table of all steps, and print each line when it is measured; errors go to stderr.

    The series of one process ends when 95% of the actions took longer than a second, or after an error. The series of
    two processes starts with the last number of people that one could serve.
    """
    environment = create_environment(max(steps))
    table = [SERIES_HEADING]
    print(SERIES_HEADING, flush=True)
    first = steps[0]
    for servers in (1, 2):
        with start_servers(folder / str(servers), servers) as started:
            for people in (step for step in steps if step >= first):
                outcome = run_load(environment, started, Load(people=people, seconds=seconds))
                table.append(format_row(outcome, servers))
                print(table[-1], flush=True)
                for error, count in outcome.errors.items():
                    print(f"{count} times: {error}", file=sys.stderr)
                if is_overloaded(outcome):
                    break
                first = people
    return "\n".join(table)


def is_overloaded(outcome: Outcome) -> bool:
    return outcome.p95 > MAX_P95_SECONDS or bool(outcome.errors)

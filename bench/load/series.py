"""Where it bends: more and more people at one process until it takes too long, then the same at two."""

from __future__ import annotations

import sys
from pathlib import Path

from bench.load.report import STEPS_HEADING, in_a_line
from bench.load.run import Load, Outcome, play
from bench.load.scene import serving, set_scene

STEPS = (25, 50, 100, 150, 200)
SECONDS = 40.0
MOST_SECONDS = 1.0


def bend(folder: Path, steps: tuple[int, ...] = STEPS, seconds: float = SECONDS) -> str:
    """The table of the steps, each line also printed when it is known; errors go to stderr.

    A process is not asked for more once 95% of the actions took longer than a second, or anything went wrong. Two are
    asked for what one last bore and for all that is above it.
    """
    scene = set_scene(max(steps))
    table = [STEPS_HEADING]
    print(STEPS_HEADING, flush=True)
    first = steps[0]
    for servers in (1, 2):
        with serving(folder / str(servers), servers) as started:
            for people in (each for each in steps if each >= first):
                outcome = play(scene, started, Load(people=people, seconds=seconds))
                table.append(in_a_line(outcome, servers))
                print(table[-1], flush=True)
                for error, times in outcome.errors.items():
                    print(f"{times} times: {error}", file=sys.stderr)
                if bends(outcome):
                    break
                first = people
    return "\n".join(table)


def bends(outcome: Outcome) -> bool:
    return outcome.p95 > MOST_SECONDS or bool(outcome.errors)

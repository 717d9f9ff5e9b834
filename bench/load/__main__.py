"""How many people this machine bears: `python -m bench.load --people 40`, or `--series` for where it bends.

It starts PostgreSQL (or uses the server that DATABASE_URL names), the servers and the people on this machine, and
throws all of it away afterwards. Exit 1 when anything went wrong.
"""

from __future__ import annotations

import argparse
import sys

from bench.load.report import in_full
from bench.load.run import Load, play
from bench.load.scene import serving, set_scene
from bench.load.series import SECONDS, STEPS, bend
from bench.place import database_of_its_own
from bench.written import keep, where


def main() -> int:
    usual = Load()
    asked = argparse.ArgumentParser(prog="python -m bench.load", description=__doc__)
    asked.add_argument("--people", type=int, default=usual.people)
    asked.add_argument("--seconds", type=float, help="how long they are watched, once they all came")
    asked.add_argument(
        "--pause", type=float, default=usual.pause, help="seconds between a person's actions, on average"
    )
    asked.add_argument(
        "--donors", type=float, default=usual.donors_per_minute, help="who come to the donor site a minute"
    )
    asked.add_argument("--servers", type=int, default=1, help="processes, with the people spread over them")
    asked.add_argument("--series", action="store_true", help=f"{', '.join(map(str, STEPS))} people, at one and at two")
    asked.add_argument("--keep", action="store_true", help="put the series into docs/operations/sizing.md")
    options = asked.parse_args()
    with database_of_its_own() as folder:
        print(where() + "\n", flush=True)
        if options.series:
            table = bend(folder, seconds=options.seconds or SECONDS)
            if options.keep:
                keep("series", f"{where()}\n\n{table}")
            return 0
        load = Load(options.people, options.seconds or usual.seconds, options.pause, options.donors)
        scene = set_scene(load.people)
        with serving(folder, options.servers) as servers:
            outcome = play(scene, servers, load)
        print(in_full(outcome, options.servers))
        return 1 if outcome.errors else 0


if __name__ == "__main__":
    sys.exit(main())

"""How many people this machine bears: `python -m bench.load --people 40`, or `--series` for where it bends.

It starts PostgreSQL (or uses the server that DATABASE_URL names), the servers and the people on this machine, and
throws all of it away afterwards. Exit 1 when anything went wrong.
"""

from __future__ import annotations

import argparse
import sys

from bench.database import create_temporary_database
from bench.load.environment import create_environment, start_servers
from bench.load.report import format_report
from bench.load.run import Load, run_load
from bench.load.series import PEOPLE_STEPS, STEP_SECONDS, run_series
from bench.sizing_page import describe_environment, write_section


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
    asked.add_argument(
        "--series", action="store_true", help=f"{', '.join(map(str, PEOPLE_STEPS))} people, at one and at two"
    )
    asked.add_argument("--keep", action="store_true", help="put the series into docs/operations/sizing.md")
    options = asked.parse_args()
    with create_temporary_database() as folder:
        print(describe_environment() + "\n", flush=True)
        if options.series:
            table = run_series(folder, seconds=options.seconds or STEP_SECONDS)
            if options.keep:
                write_section("series", f"{describe_environment()}\n\n{table}")
            return 0
        load = Load(options.people, options.seconds or usual.seconds, options.pause, options.donors)
        scene = create_environment(load.people)
        with start_servers(folder, options.servers) as servers:
            outcome = run_load(scene, servers, load)
        print(format_report(outcome, options.servers))
        return 1 if outcome.errors else 0


if __name__ == "__main__":
    sys.exit(main())

"""Measure how many people this machine can serve: `python -m bench.load --people 40`, or `--series` for the limit.

Starts PostgreSQL (or uses the server that DATABASE_URL names), the servers and the simulated people on this machine,
and deletes everything afterwards. Exits with 1 if there were errors.
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
    default = Load()
    parser = argparse.ArgumentParser(prog="python -m bench.load", description=__doc__)
    parser.add_argument("--people", type=int, default=default.people)
    parser.add_argument("--seconds", type=float, help="measured time, once all have arrived")
    parser.add_argument(
        "--pause", type=float, default=default.pause, help="average seconds between the actions of a person"
    )
    parser.add_argument(
        "--donors", type=float, default=default.donors_per_minute, help="visitors of the donor site per minute"
    )
    parser.add_argument("--servers", type=int, default=1, help="number of server processes")
    parser.add_argument(
        "--series", action="store_true", help=f"{', '.join(map(str, PEOPLE_STEPS))} people, on one and on two processes"
    )
    parser.add_argument("--keep", action="store_true", help="write the series into docs/operations/sizing.md")
    options = parser.parse_args()
    with create_temporary_database() as folder:
        print(describe_environment() + "\n", flush=True)
        if options.series:
            table = run_series(folder, seconds=options.seconds or STEP_SECONDS)
            if options.keep:
                write_section("series", f"{describe_environment()}\n\n{table}")
            return 0
        load = Load(options.people, options.seconds or default.seconds, options.pause, options.donors)
        environment = create_environment(load.people)
        with start_servers(folder, options.servers) as servers:
            outcome = run_load(environment, servers, load)
        print(format_report(outcome, options.servers))
        return 1 if outcome.errors else 0


if __name__ == "__main__":
    sys.exit(main())

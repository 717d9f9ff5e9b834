"""Run the command line of `ticketing.cli` as `python -m ticketing`."""

import sys

from ticketing.cli import main

sys.exit(main())

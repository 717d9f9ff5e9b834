"""`python -m ticketing`: the command line of `ticketing.cli`."""

import sys

from ticketing.cli import main

sys.exit(main())

"""The domain of Ticket Desk: every rule on events, packages, promo codes, sales and access. No web framework.

access      who may do what: permissions, staff, sign-in, sessions, API tokens, rate limits
audit       the audit log in the transaction of each change, sealed in a hash chain
catalog     what is sold: events, packages, options, promo codes, images
db          connections, transactions with retries, migrations, backup, replica, query log
file_reader the worker process that reads files of sales within limits on memory and time
imports     files of other programs: match columns, validate rows, store
ops         the sample gala and `verify`
reporting   read-only: figures, lists, CSV exports, the audit log as it is read
sales       purchases, corrections, guests, ticket codes
cli         the command line, `python -m ticketing`

Imports point one way; import-linter holds the order of layers (pyproject.toml). docs/architecture.md has the picture.
"""

import zoneinfo

__version__ = "1.0.0"

# The rules of time zones come from the pinned package tzdata, not from the operating system (docs/decisions/0023).
zoneinfo.reset_tzpath(())
zoneinfo.ZoneInfo.clear_cache()

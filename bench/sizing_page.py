"""Write measured tables into docs/operations/sizing.md."""

from __future__ import annotations

import os
import platform
import re
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import text

from ticketing import db
from ticketing.settings import ROOT

SIZING_PAGE = ROOT / "docs" / "operations" / "sizing.md"


def write_section(name: str, markdown: str) -> None:
    """Replace the text between `<!-- name -->` and `<!-- end of name -->`."""
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    before, opened, rest = SIZING_PAGE.read_text().partition(begin)
    _, closed, after = rest.partition(end)
    if not (opened and closed):
        raise SystemExit(f"{SIZING_PAGE} lacks {begin} or {end}.")
    SIZING_PAGE.write_text(f"{before}{begin}\n\n{markdown}\n\n{end}{after}")


def describe_environment() -> str:
    """Return a sentence with the date, the machine and the versions."""
    with db.read_session() as session:
        version = session.execute(text("SHOW server_version")).scalar_one().split()[0]
    cores = f"{os.cpu_count()} cores" + (f" ({processor})" if (processor := _get_processor()) else "")
    return (
        f"Measured on {datetime.now(UTC):%-d %B %Y} on {cores}, PostgreSQL {version} beside it, "
        f"Python {platform.python_version()}."
    )


def _get_processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    match = re.search(r"model name\s*: (.+)", cpuinfo.read_text()) if cpuinfo.exists() else None
    return match[1].strip() if match else platform.processor()

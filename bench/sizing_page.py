"""The figures in docs/operations/sizing.md, put there by what measured them."""

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
    """Replaces what stands between `<!-- name -->` and `<!-- end of name -->`."""
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    before, found, rest = SIZING_PAGE.read_text().partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise SystemExit(f"{SIZING_PAGE} has no place for it: {begin} and {end}.")
    SIZING_PAGE.write_text(f"{before}{begin}\n\n{markdown}\n\n{end}{after}")


def describe_environment() -> str:
    """When and on what it was measured, in a sentence."""
    with db.read_session() as session:
        version = session.execute(text("SHOW server_version")).scalar_one().split()[0]
    cores = f"{os.cpu_count()} cores" + (f" ({processor})" if (processor := _get_processor()) else "")
    return (
        f"Measured on {datetime.now(UTC):%-d %B %Y} on {cores}, PostgreSQL {version} beside it, "
        f"Python {platform.python_version()}."
    )


def _get_processor() -> str:
    described = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*: (.+)", described.read_text()) if described.exists() else None
    return found[1].strip() if found else platform.processor()

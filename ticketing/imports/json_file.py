"""Write JSON files of sales. They are read by ticketing.file_reader."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence


def write(header: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """Return an array of records without blank cells."""
    records = [{name: cell for name, cell in zip(header, row, strict=True) if cell != ""} for row in rows]
    return json.dumps(records, ensure_ascii=False, indent=2).encode()

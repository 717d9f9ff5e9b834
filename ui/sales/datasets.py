"""The datasets of the sales charts as Arrow, which is what Streamlit sends to the browser."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]  # it ships no type information

Rows = list[dict[str, Any]]
_NUMBER, _WORDS = pa.float64(), pa.string()
_SCHEMAS = {
    name: pa.schema(fields)
    for name, fields in {
        "frame": [("x", _NUMBER), ("y", _NUMBER)],
        "amounts": [("y", _NUMBER), ("label", _WORDS)],
        "days": [("x", _NUMBER), ("label", _WORDS), ("align", _WORDS)],
        "points": [("x", _NUMBER), ("x0", _NUMBER), ("x1", _NUMBER), ("y", _NUMBER),
                   ("value", _WORDS), ("when", _WORDS)],
        "headline": [("value", _WORDS), ("when", _WORDS)],
        "goal": [("y", _NUMBER), ("label", _WORDS)],
        "line": [("x", _NUMBER), ("y", _NUMBER)],
        "earlier": [("x", _NUMBER), ("y", _NUMBER)],
        "last": [("x", _NUMBER), ("y", _NUMBER)],
        "outlook": [("x", _NUMBER), ("x1", _NUMBER), ("y", _NUMBER), ("y1", _NUMBER),
                    ("label", _WORDS), ("low_label", _WORDS), ("high_label", _WORDS)],
        "wedge": [("x", _NUMBER), ("y", _NUMBER), ("y1", _NUMBER)],
        "parts": [("x", _NUMBER), ("x0", _NUMBER), ("x1", _NUMBER), ("y", _NUMBER), ("y1", _NUMBER), ("color", _NUMBER),
                  ("place", _NUMBER), ("value", _WORDS)],
        "legend": [("place", _NUMBER), ("color", _NUMBER), ("name", _WORDS), ("value", _WORDS)],
    }.items()
}  # fmt: skip


@lru_cache(maxsize=1024)  # most datasets are the same after a sale
def _to_arrow(name: str, rows: tuple[tuple[tuple[str, Any], ...], ...]) -> bytes:
    schema = _SCHEMAS[name]
    table, sink = pa.Table.from_pylist([dict(row) for row in rows], schema=schema), pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as stream:
        stream.write_table(table)
    data: bytes = sink.getvalue().to_pybytes()
    return data


def encode(datasets: Mapping[str, Rows]) -> dict[str, bytes]:
    """Return each dataset as an Arrow stream; columns that a row lacks are null."""
    return {name: _to_arrow(name, tuple(tuple(row.items()) for row in rows)) for name, rows in datasets.items()}

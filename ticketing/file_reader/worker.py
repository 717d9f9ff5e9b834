"""The worker process: a file on stdin, its rows and then a summary on stdout (`table_format`).

Started by ticketing.imports.files as `python -m ticketing.file_reader.worker KIND ENCODING [SHEET ...]`.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from typing import BinaryIO

from ticketing.file_reader import csv_rows, json_rows
from ticketing.file_reader.table_format import TableWriter, UnreadableFile

MAX_MEMORY_BYTES = 120 * 1024**2
MAX_ADDRESS_SPACE_BYTES = 1024**3
MAX_CPU_SECONDS = 20
NICENESS = 10  # sales and pages come first
NOT_UTF_8 = (
    "This file is not in UTF-8, so names with accents would be damaged. "
    'In Excel, save it as "CSV UTF-8" and choose that file.'
)


def main() -> None:
    _limit_resources()
    write_table(sys.argv[1], sys.argv[2], sys.stdin.buffer, sys.stdout.buffer, sys.argv[3:])


def write_table(kind: str, encoding: str, source: BinaryIO, output: BinaryIO, sheet_names: Sequence[str] = ()) -> None:
    """Read a file of a kind (csv, json or excel) and write its table, or why it cannot be read.

    `sheet_names` are the sheets of a workbook to read; without any, those that are read by default.
    """
    writer = TableWriter(output)
    try:
        if kind == "excel":
            # Imported only here: a process for CSV or JSON needs no python-calamine.
            from ticketing.file_reader import excel_rows

            excel_rows.read(source, writer, sheet_names)
        else:
            text = io.TextIOWrapper(source, encoding, newline="")
            (json_rows if kind == "json" else csv_rows).read(text, writer)
        writer.finish()
    except UnreadableFile as exc:
        writer.write_summary({"refusal": str(exc)})
    except UnicodeDecodeError:
        writer.write_summary({"refusal": NOT_UTF_8})


def _limit_resources() -> None:
    try:
        import resource
    except ImportError:  # Windows has neither
        return
    os.nice(NICENESS)
    # On Linux RLIMIT_DATA counts the memory that a process writes; elsewhere only the address space is limited.
    for limit, amount in (
        (resource.RLIMIT_DATA, MAX_MEMORY_BYTES),
        (resource.RLIMIT_AS, MAX_ADDRESS_SPACE_BYTES),
        (resource.RLIMIT_CPU, MAX_CPU_SECONDS),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (amount, amount))


if __name__ == "__main__":
    main()

"""Read and write JSON files of sales: an array of records whose keys are the names of columns."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any

from ticketing.imports import table
from ticketing.imports.table import Table, unreadable_file_error

WRAPPER_KEYS = ("items", "data", "sales", "orders", "results")
MAX_DEPTH = 5
_MAX_EXPONENT = 30
_FORMAT_HINT = 'Choose a file with an array of records, such as [{"ticket_type": "Table", "quantity": 1}].'


class _DuplicateKey(ValueError):
    pass


def read(text: str) -> Table:
    """Return the records of a JSON array; record n is row n + 1, as in a CSV file.

    An object inside a record becomes columns such as donor.email. Numbers keep their digits. Raises InvalidInput
    (field `file`) when the text is not such an array.
    """
    try:
        document = json.loads(
            text,
            parse_int=str,
            parse_float=_expand_exponent,
            parse_constant=str,
            object_pairs_hook=_reject_duplicate_keys,
        )
        return table.build(_build_rows(_unwrap_records(document)))
    except _DuplicateKey as exc:
        raise unreadable_file_error(f"A record of this file has {exc} twice. Keep one of them.") from exc
    except json.JSONDecodeError as exc:
        raise unreadable_file_error(f"This file is not valid JSON: {exc.msg} in line {exc.lineno}.") from exc
    except RecursionError as exc:
        raise unreadable_file_error(f"This file is nested too deeply. {_FORMAT_HINT}") from exc


def write(header: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """Return an array of records without blank cells."""
    records = [{name: cell for name, cell in zip(header, row, strict=True) if cell != ""} for row in rows]
    return json.dumps(records, ensure_ascii=False, indent=2).encode()


def _unwrap_records(document: Any) -> list[Any]:
    if isinstance(document, dict):
        document = next((document[key] for key in WRAPPER_KEYS if isinstance(document.get(key), list)), document)
    if not isinstance(document, list):
        raise unreadable_file_error(f"This file does not hold a list of sales. {_FORMAT_HINT}")
    if not document:
        raise table.empty_file_error()
    return document


def _build_rows(records: list[Any]) -> Iterator[tuple[int, list[str]]]:
    flat = []
    for number, record in enumerate(records, start=2):
        if not isinstance(record, dict):
            raise unreadable_file_error(f"Row {number} of this file is not a record. {_FORMAT_HINT}")
        flat.append((number, dict(_flatten(record, "", 1))))
    columns = list(dict.fromkeys(name for _, cells in flat for name in cells))
    yield 1, columns
    for number, cells in flat:
        yield number, [cells.get(column, "") for column in columns]


def _flatten(record: dict[str, Any], prefix: str, depth: int) -> Iterator[tuple[str, str]]:
    for name, value in record.items():
        if isinstance(value, dict) and depth < MAX_DEPTH:
            yield from _flatten(value, f"{prefix}{name}.", depth + 1)
        else:
            yield f"{prefix}{name}", _format_value(value)


def _format_value(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case str():
            return value
        case list() if all(isinstance(each, str) for each in value):
            return ", ".join(value)
        case _:
            return json.dumps(value, ensure_ascii=False)


def _expand_exponent(number: str) -> str:
    """Return a number without exponent: "100" for 1e2. A huge exponent stays: its digits would fill the memory."""
    mantissa, _, exponent = number.casefold().partition("e")
    if not exponent:
        return mantissa
    return f"{Decimal(number):f}" if len(exponent) < 4 and abs(int(exponent)) <= _MAX_EXPONENT else number


def _reject_duplicate_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        raise _DuplicateKey(Counter(name for name, _ in pairs).most_common(1)[0][0])
    return record

"""Read JSON files of sales: records whose keys are the names of columns, in an array or one per line.

Records are decoded one after the other, so memory does not grow with the file. A record can have 1,000,000 characters.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, TextIO

from ticketing.file_reader.header import count_known_names
from ticketing.file_reader.table_format import EMPTY, TableWriter, UnreadableFile
from ticketing.formatting import replace_control_characters

# Where the answers of other programs' interfaces have their records.
WRAPPER_KEYS = frozenset(
    {
        "attendees", "bookings", "charges", "data", "donations", "entries", "guests", "items", "order_items", "orders",
        "participants", "payments", "purchases", "records", "registrations", "result", "results", "response", "rows",
        "sales", "ticket_sales", "tickets", "transactions", "transaction_details",
    }
)  # fmt: skip
_MAX_SHOWN_KEYS = 5
_MIN_KNOWN_NAMES = 3  # of an object without a list that is one record
MAX_DEPTH = 5
MAX_RECORD_CHARACTERS = 1_000_000
FORMAT_HINT = 'Choose a file with an array of records, such as [{"ticket_type": "Table", "quantity": 1}].'
_CHUNK_CHARACTERS = 64 * 1024
_MAX_EXPONENT = 14
# An error this close to the end of what was read may come from a literal, an escape or a number that goes on.
_CUT_CHARACTERS = 16
_WHITESPACE = re.compile(r"[ \t\n\r]*")


class _DuplicateKey(ValueError):
    pass


def read(text: TextIO, writer: TableWriter) -> None:
    """Write the records of a JSON array; record n is row n + 1, as in a CSV file.

    An object inside a record becomes columns such as donor.email. Numbers keep their digits. The array may be a value
    of an object, under one of WRAPPER_KEYS, and a file may have one record per line instead (JSON lines). The
    attributes of a JSON:API resource are its columns. Raises UnreadableFile and UnicodeDecodeError.
    """
    source = _JsonSource(text)
    try:
        _read_document(source, writer)
    except _DuplicateKey as exc:
        raise UnreadableFile(f"A record of this file has {exc} twice. Keep one of them.") from exc
    except RecursionError as exc:
        raise UnreadableFile(f"This file is nested too deeply. {FORMAT_HINT}") from exc


def _read_document(source: _JsonSource, writer: TableWriter) -> None:
    rows = _RecordWriter(writer)
    match source.peek():
        case "":
            raise UnreadableFile(EMPTY)
        case "[":
            rows.list_count = 1
            _write_array(source, rows)
        case "{" if source.has_several_objects():
            rows.list_count = 1
            while source.peek() == "{":
                rows.write(source.decode())
        case "{":
            rest = _read_wrapper(source, rows)
            if (
                not rows.list_count
                and count_known_names([name for name, _ in _flatten(rest, "", 1)]) >= _MIN_KNOWN_NAMES
            ):
                rows.list_count = 1
                rows.write(rest)
        case _:
            source.decode()
    source.expect_end()
    if not rows.list_count:
        raise UnreadableFile(f"This file does not hold a list of sales. {FORMAT_HINT}")
    if not rows.row_count:
        raise UnreadableFile(EMPTY)
    if rows.unread_keys:
        names = ", ".join(replace_control_characters(key[:50]) for key in rows.unread_keys[:_MAX_SHOWN_KEYS])
        writer.notices.append(f"Not read, because another list was taken: {names}.")


def _read_wrapper(source: _JsonSource, rows: _RecordWriter) -> dict[str, Any]:
    """Write the first list of an object that has records, and return the values of the object that are no list."""
    rest = {}
    for _ in source.iterate("{", "}"):
        key = source.decode_key()
        is_known = key.casefold() in WRAPPER_KEYS
        if source.peek() == "[":
            if is_known and not rows.row_count:
                rows.list_count += 1
                _write_array(source, rows)
            elif _pass_over_array(source):
                rows.unread_keys.append(key)
        elif source.peek() == "{" and is_known:
            _read_wrapper(source, rows)
        else:
            rest[key] = source.decode()
    return rest


def _write_array(source: _JsonSource, rows: _RecordWriter) -> None:
    for _ in source.iterate("[", "]"):
        rows.write(source.decode())


def _pass_over_array(source: _JsonSource) -> bool:
    """Decode an array, which must be valid, and return whether it has objects in it."""
    has_objects = False
    for _ in source.iterate("[", "]"):
        has_objects |= isinstance(source.decode(), dict)
    return has_objects


class _RecordWriter:
    """Writes records as rows. A key that no record before had becomes one more column."""

    def __init__(self, writer: TableWriter) -> None:
        self.list_count = 0  # lists that may be one of sales
        self.row_count = 0
        self.unread_keys: list[str] = []
        self._writer = writer
        self._columns: dict[str, int] = {}

    def write(self, record: Any) -> None:
        self.row_count += 1
        row = self.row_count + 1
        if not isinstance(record, dict):
            raise UnreadableFile(f"Row {row:,} of this file is not a record. {FORMAT_HINT}")
        named = dict(_flatten(_unwrap_resource(record), "", 1))
        if not named.keys() <= self._columns.keys():
            for name in named:
                self._columns.setdefault(name, len(self._columns))
            self._writer.set_header(list(self._columns))
        cells = [""] * len(self._columns)
        for name, cell in named.items():
            cells[self._columns[name]] = cell
        self._writer.write_row(row, cells)


def _unwrap_resource(record: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a JSON:API resource: its id, its attributes and the ids of what it refers to."""
    attributes, relationships = record.get("attributes"), record.get("relationships")
    if not (isinstance(attributes, dict) and isinstance(record.get("type"), str)):
        return record
    fields = {name: value for name, value in record.items() if name not in ("attributes", "relationships", "links")}
    if isinstance(relationships, dict):
        for name, relationship in relationships.items():
            if isinstance(relationship, dict) and isinstance(relationship.get("data"), dict):
                fields[f"{name}_id"] = relationship["data"].get("id")
    return attributes | {name: value for name, value in fields.items() if name not in attributes}


class _JsonSource:
    """JSON text that is read in chunks and decoded value by value."""

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self._buffer = ""
        self._position = 0
        self._lines_before = 0
        self._decoder = json.JSONDecoder(
            parse_int=str, parse_float=_expand_exponent, parse_constant=str, object_pairs_hook=_reject_duplicate_keys
        )

    def peek(self) -> str:
        """Return the next character that is not white space, or "" at the end."""
        while True:
            match = _WHITESPACE.match(self._buffer, self._position)
            assert match is not None  # it matches nothing, too
            self._position = match.end()
            if self._position < len(self._buffer):
                return self._buffer[self._position]
            if not self._read_more():
                return ""

    def has_several_objects(self) -> bool:
        """Return whether the next value is an object and another follows, as where each line is a record."""
        while True:
            try:
                _, end = self._decoder.raw_decode(self._buffer, self._position)
            except json.JSONDecodeError:
                following = ""
            else:
                following = self._buffer[end:].lstrip()
            if following:
                return following.startswith("{")
            if len(self._buffer) - self._position > MAX_RECORD_CHARACTERS // 2 or not self._read_more():
                return False

    def iterate(self, start: str, end: str) -> Iterator[None]:
        """Yield before each member of an array or object, which the caller decodes."""
        self._expect(start)
        if self.peek() != end:
            yield
            while self.peek() == ",":
                self._expect(",")
                yield
        self._expect(end)

    def decode_key(self) -> str:
        """Return the next key of an object."""
        if self.peek() != '"':
            raise self._invalid("Expecting property name enclosed in double quotes", self._position)
        key: str = self.decode()
        self._expect(":")
        return key

    def decode(self) -> Any:
        """Return the next value. Raises UnreadableFile when it is not valid or too long."""
        self.peek()
        while True:
            try:
                value, end = self._decoder.raw_decode(self._buffer, self._position)
            except json.JSONDecodeError as exc:
                is_cut = exc.pos >= len(self._buffer) - _CUT_CHARACTERS or exc.msg.startswith("Unterminated string")
                if not (is_cut and self._read_more()):
                    raise self._invalid(exc.msg, exc.pos) from exc
            else:
                if end == len(self._buffer) and self._read_more():
                    continue  # a number may go on
                self._position = end
                return value

    def expect_end(self) -> None:
        """Raise UnreadableFile unless only white space follows."""
        if self.peek():
            raise self._invalid("Extra data", self._position)

    def _expect(self, character: str) -> None:
        if self.peek() != character:
            raise self._invalid(f"Expecting '{character}'", self._position)
        self._position += 1

    def _read_more(self) -> bool:
        """Read on, at least as much as is not decoded yet. Return False at the end of the file."""
        rest = self._buffer[self._position :]
        if len(rest) > MAX_RECORD_CHARACTERS:
            raise UnreadableFile(
                f"A record of this file, from line {self._get_line(self._position):,} on, has more than "
                f"{MAX_RECORD_CHARACTERS:,} characters, or a bracket or quotation mark that does not close."
            )
        more = self._text.read(max(_CHUNK_CHARACTERS, len(rest)))
        self._lines_before += self._buffer.count("\n", 0, self._position)
        self._buffer, self._position = rest + more, 0
        return bool(more)

    def _get_line(self, position: int) -> int:
        return self._lines_before + self._buffer.count("\n", 0, position) + 1

    def _invalid(self, message: str, position: int) -> UnreadableFile:
        return UnreadableFile(f"This file is not valid JSON: {message} in line {self._get_line(position):,}.")


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
    """Return a number without exponent: "100" for 1e2. A larger one than amounts are stays, so that ids are noticed.

    Three decimals get a fourth: the point of "1.234" could be taken for one between thousands.
    """
    mantissa, _, exponent = number.casefold().partition("e")
    if not exponent:
        return f"{mantissa}0" if len(mantissa.partition(".")[2]) == 3 else mantissa
    return f"{Decimal(number):f}" if len(exponent) < 4 and abs(int(exponent)) <= _MAX_EXPONENT else number


def _reject_duplicate_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        raise _DuplicateKey(Counter(name for name, _ in pairs).most_common(1)[0][0])
    return record

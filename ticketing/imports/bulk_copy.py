"""Send many values to the database: COPY of rows, and lists of texts, both formatted here.

psycopg looks up how to write each value; for the rows of an import that took longer than PostgreSQL needs to store
them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any, cast

import psycopg
from psycopg import sql
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

NULL = "\\N"
_LINES_PER_WRITE = 1000
# https://www.postgresql.org/docs/current/sql-copy.html, "Text Format"
_SPECIAL = re.compile(r"[\\\b\f\n\r\t\v]")
_ESCAPES = {"\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v"}


def escape(text: str | None) -> str:
    """Return text as a field of COPY; None is NULL."""
    if text is None:
        return NULL
    return _SPECIAL.sub(lambda match: _ESCAPES[match[0]], text) if _SPECIAL.search(text) else text


def select_texts(parameter: str) -> str:
    """Return a subquery of the texts that `dump_texts` made of a parameter.

    Unlike for an array, the planner does not look up how common each of them is, which takes longer than finding them.
    """
    return f"(SELECT jsonb_array_elements_text(CAST(:{parameter} AS jsonb)))"


def dump_texts(texts: Iterable[str]) -> str:
    """Return texts as the value of a parameter for `select_texts`."""
    return json.dumps(list(texts))


def copy_rows(session: Session, table: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Run COPY, and raise its errors as SQLAlchemy does.

    The fields of a row are text that PostgreSQL reads: NULL, what `escape` returned, or what has nothing to escape,
    such as numbers, ids, and times with an offset. All rows are formatted before COPY begins: a query on its connection
    meanwhile waits forever, since no timeout of PostgreSQL ends a COPY that waits for its client.
    """
    lines = map("\t".join, rows)
    chunks = []
    while chunk := list(islice(lines, _LINES_PER_WRITE)):
        chunks.append(("\n".join(chunk) + "\n").encode())
    connection = cast("psycopg.Connection[Any]", session.connection().connection.driver_connection)
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    try:
        with connection.cursor() as cursor, cursor.copy(statement) as copy:
            for content in chunks:
                copy.write(content)
    except psycopg.Error as exc:
        raise DBAPIError.instance(statement.as_string(), None, exc, psycopg.Error) from exc

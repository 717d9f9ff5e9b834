"""Statements of reports that are compiled once.

To build a statement, to find it in the cache of SQLAlchemy and to pass its rows through the ORM costs more processor
than to send it, and every open page sends the same ones after each sale.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select
from sqlalchemy.dialects.postgresql import psycopg
from sqlalchemy.orm import Session

_DIALECT = psycopg.dialect()  # type: ignore[no-untyped-call]


@dataclass(frozen=True, eq=False)
class KeptStatement:
    """A statement of columns, not of entities, with its values."""

    sql: str
    values: Mapping[str, Any]

    @classmethod
    def compile(cls, statement: Select[Any]) -> KeptStatement:
        compiled = statement.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
        return cls(str(compiled), compiled.params)

    def fetch(self, session: Session) -> list[Any]:
        """Return the rows, whose columns are attributes."""
        return list(session.connection().exec_driver_sql(self.sql, self.values))

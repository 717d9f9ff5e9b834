"""The hash chain over the audit log: find entries that were changed, removed or added outside Ticket Desk.

When a transaction commits, a trigger gives each of its audit entries the next position in its event's chain and a seal:
the SHA-256 of the previous seal and the entry (migration 0003, docs/decisions/0012). This module recomputes every seal.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from ticketing.formatting import format_count
from ticketing.models import AuditChain, AuditSeal, Event

# The chain of entries without an event: staff, tokens, sign-in.
OFFICE_CHAIN_ID = uuid.UUID(int=0)
_NOTED_SEAL = re.compile(r"\(([0-9a-f-]{36})\): ([\d,]+) entr(?:y|ies), last seal ([0-9a-f]{64})")


@dataclass(frozen=True)
class ChainBreak:
    """A position where a chain does not match its seals; `at` is the time of its entry or of the entry before."""

    event: str
    event_id: uuid.UUID
    position: int | None
    at: datetime | None
    kind: str

    def __str__(self) -> str:
        place = "an entry without a position" if self.position is None else f"position {self.position:,}"
        when = f", {self.at:%Y-%m-%d %H:%M:%S} UTC" if self.at else ""
        return f"{self.event} ({self.event_id}): audit trail, {place}{when}: {BREAK_DESCRIPTIONS[self.kind]}"


@dataclass(frozen=True)
class ChainHead:
    """The length and last seal of a chain, to be kept where database administrators cannot write."""

    event: str
    event_id: uuid.UUID
    entries: int
    seal: str

    def __str__(self) -> str:
        entries = format_count(self.entries, "entry", "entries")
        return f"{self.event} ({self.event_id}): {entries}, last seal {self.seal}"


BREAK_DESCRIPTIONS = {
    "entry_changed": "the entry was changed after it was sealed.",
    "entry_removed": "the entry was removed; only its seal is left.",
    "entry_added": "it has no seal: it was added without one, or its seal was removed.",
    "seal_changed": "the seal was changed; the entry is as it was.",
    "seal_removed": "one or more seals were removed from here on.",
    "shortened": "the chain was longer; what followed was removed with its seals.",
    "head_changed": "the chain's own row does not agree with its last seal.",
    "noted_otherwise": "another seal was noted down for this position.",
}


def list_breaks(session: Session) -> list[ChainBreak]:
    """List every position in every chain that does not match its seals, by chain."""
    return [
        ChainBreak(_chain_name(row), row.chain_id, row.position, row.at, row.kind)
        for row in session.execute(_BREAKS_QUERY)
    ]


def list_heads(session: Session) -> list[ChainHead]:
    """List every chain with its length and last seal: the chain without an event first, then by event id."""
    rows = session.execute(
        select(AuditChain.chain_id, AuditChain.entries, AuditChain.seal, Event.name.label("name"))
        .outerjoin(Event, Event.id == AuditChain.chain_id)
        .order_by(AuditChain.chain_id)
    )
    return [ChainHead(_chain_name(row), row.chain_id, row.entries, row.seal.hex()) for row in rows]


def check_noted_seals(session: Session, lines: Iterable[str]) -> list[ChainBreak]:
    """List the chain heads in `lines` whose position has another seal now; `lines` is output of `str(ChainHead)`.

    Lines of another form are ignored. Only this check finds a chain that was forged together with its seals.
    """
    breaks = []
    for line in lines:
        if noted := _NOTED_SEAL.search(line):
            chain_id, position = uuid.UUID(noted[1]), int(noted[2].replace(",", ""))
            seal = session.scalar(
                select(AuditSeal.seal).where(AuditSeal.chain_id == chain_id, AuditSeal.position == position)
            )
            if seal is None or seal.hex() != noted[3]:
                breaks.append(ChainBreak(line[: noted.start()].strip(), chain_id, position, None, "noted_otherwise"))
    return breaks


def _chain_name(row: object) -> str:
    name: str | None = getattr(row, "name", None)
    return name or ("Office" if getattr(row, "chain_id", None) == OFFICE_CHAIN_ID else "An event that is gone")


# A changed seal makes the next entry look wrong, too, because the next seal contains it. `expected_after_fix` is the
# seal of an entry if the previous seal had its expected value. After missing seals the next one cannot be checked.
_BREAKS_QUERY = text("""
    WITH chained AS (
        SELECT seal.chain_id, seal.position, entry.id AS entry_id, entry.occurred_at, seal.seal,
            convert_to(audit_entry_text(entry), 'UTF8') AS content,
            lag(seal.seal, 1, CAST('' AS bytea)) OVER chain AS previous,
            seal.position - lag(seal.position, 1, CAST(0 AS bigint)) OVER chain AS step,
            lag(entry.occurred_at) OVER chain AS previous_at
        FROM audit_seals AS seal
        LEFT JOIN audit_log AS entry ON entry.id = seal.audit_id
        WINDOW chain AS (PARTITION BY seal.chain_id ORDER BY seal.position)
    ), recomputed AS (
        SELECT *, sha256(previous || content) AS expected FROM chained
    ), corrected AS (
        SELECT *, sha256(lag(expected) OVER chain || content) AS expected_after_fix
        FROM recomputed WINDOW chain AS (PARTITION BY chain_id ORDER BY position)
    ), checked AS (
        SELECT corrected.*,
            coalesce(lead(corrected.seal = expected_after_fix) OVER chain, expected = head.seal, false)
                AS only_seal_changed,
            lead(position) OVER chain IS NULL AS is_last, head.entries, head.seal AS head_seal
        FROM corrected LEFT JOIN audit_chains AS head USING (chain_id)
        WINDOW chain AS (PARTITION BY chain_id ORDER BY position)
    ), breaks AS (
        SELECT chain_id, position, coalesce(occurred_at, previous_at) AS at,
            CASE WHEN entry_id IS NULL THEN 'entry_removed'
                WHEN only_seal_changed THEN 'seal_changed'
                ELSE 'entry_changed' END AS kind
        FROM checked
        WHERE entry_id IS NULL
            OR (step = 1 AND seal <> expected AND seal IS DISTINCT FROM expected_after_fix)
        UNION ALL
        SELECT chain_id, position - step + 1, previous_at, 'seal_removed' FROM checked WHERE step > 1
        UNION ALL
        SELECT chain_id, position, coalesce(occurred_at, previous_at),
            CASE WHEN entries > position THEN 'shortened' ELSE 'head_changed' END
        FROM checked
        WHERE is_last AND (
            entries IS DISTINCT FROM position
            OR (head_seal IS DISTINCT FROM seal AND head_seal IS DISTINCT FROM expected)
        )
        UNION ALL
        SELECT chain_id, 0, NULL, 'shortened' FROM audit_chains
        WHERE entries > 0 AND NOT EXISTS (SELECT FROM audit_seals WHERE chain_id = audit_chains.chain_id)
        UNION ALL
        SELECT coalesce(event_id, '00000000-0000-0000-0000-000000000000'), NULL, occurred_at, 'entry_added'
        FROM audit_log AS entry
        WHERE NOT EXISTS (SELECT FROM audit_seals WHERE audit_id = entry.id)
    )
    SELECT breaks.chain_id, breaks.position, breaks.at, breaks.kind, event.name
    FROM breaks LEFT JOIN events AS event ON event.id = breaks.chain_id
    ORDER BY breaks.chain_id, breaks.position NULLS LAST, breaks.at, breaks.kind
""")

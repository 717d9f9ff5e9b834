"""The sealed audit trail, judged: what was changed, removed or added behind the database's back.

When a transaction commits, a trigger gives each of its audit entries the next position in its event's chain and a seal:
the SHA-256 of the seal before it and the entry (migration 0003, docs/decisions/0012). Here every seal is made again.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from ticketing.models import AuditChain, AuditSeal, Event

# The chain of the entries that belong to no event: staff, tokens, sign-in.
OFFICE_CHAIN_ID = uuid.UUID(int=0)
_NOTED_SEAL = re.compile(r"\(([0-9a-f-]{36})\): ([\d,]+) entr(?:y|ies), last seal ([0-9a-f]{64})")


@dataclass(frozen=True)
class ChainBreak:
    """One place of a chain that is not as it was sealed. `at` is when its entry was written, or the one before it."""

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
    """How far a chain has come: to be noted down where who can write to the database cannot."""

    event: str
    event_id: uuid.UUID
    entries: int
    seal: str

    def __str__(self) -> str:
        entries = "1 entry" if self.entries == 1 else f"{self.entries:,} entries"
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
    """Every place in every chain that is not as it was sealed, chain by chain."""
    return [
        ChainBreak(_chain_name(row), row.chain_id, row.position, row.at, row.kind)
        for row in session.execute(_BREAKS_QUERY)
    ]


def list_heads(session: Session) -> list[ChainHead]:
    """Every chain with its length and last seal, the office's first, then by event."""
    rows = session.execute(
        select(AuditChain.chain_id, AuditChain.entries, AuditChain.seal, Event.name.label("name"))
        .outerjoin(Event, Event.id == AuditChain.chain_id)
        .order_by(AuditChain.chain_id)
    )
    return [ChainHead(_chain_name(row), row.chain_id, row.entries, row.seal.hex()) for row in rows]


def check_noted_seals(session: Session, lines: Iterable[str]) -> list[ChainBreak]:
    """What no longer has the seal that was noted down, of `lines` as `str(Seal)` tells them; other lines say nothing.

    A chain that was forged whole, with its seals, is found by this alone.
    """
    found = []
    for line in lines:
        if noted := _NOTED_SEAL.search(line):
            chain_id, position = uuid.UUID(noted[1]), int(noted[2].replace(",", ""))
            seal = session.scalar(
                select(AuditSeal.seal).where(AuditSeal.chain_id == chain_id, AuditSeal.position == position)
            )
            if seal is None or seal.hex() != noted[3]:
                found.append(ChainBreak(line[: noted.start()].strip(), chain_id, position, None, "noted_otherwise"))
    return found


def _chain_name(row: object) -> str:
    name: str | None = getattr(row, "name", None)
    return name or ("Office" if getattr(row, "chain_id", None) == OFFICE_CHAIN_ID else "An event that is gone")


# A seal that was changed makes the next entry look wrong too, which is made of it: `after_all` is what an entry's seal
# would be on top of the seal that the one before should have. Where seals are missing, the next cannot be judged.
_BREAKS_QUERY = text("""
    WITH made AS (
        SELECT seal.chain_id, seal.position, entry.id AS entry_id, entry.occurred_at, seal.seal,
            convert_to(audit_entry_text(entry), 'UTF8') AS told,
            lag(seal.seal, 1, CAST('' AS bytea)) OVER chain AS before,
            seal.position - lag(seal.position, 1, CAST(0 AS bigint)) OVER chain AS step,
            lag(entry.occurred_at) OVER chain AS at_before
        FROM audit_seals AS seal
        LEFT JOIN audit_log AS entry ON entry.id = seal.audit_id
        WINDOW chain AS (PARTITION BY seal.chain_id ORDER BY seal.position)
    ), again AS (
        SELECT *, sha256(before || told) AS expected FROM made
    ), twice AS (
        SELECT *, sha256(lag(expected) OVER chain || told) AS after_all
        FROM again WINDOW chain AS (PARTITION BY chain_id ORDER BY position)
    ), judged AS (
        SELECT twice.*,
            coalesce(lead(twice.seal = after_all) OVER chain, expected = head.seal, false) AS goes_on,
            lead(position) OVER chain IS NULL AS is_last, head.entries, head.seal AS head_seal
        FROM twice LEFT JOIN audit_chains AS head USING (chain_id)
        WINDOW chain AS (PARTITION BY chain_id ORDER BY position)
    ), found AS (
        SELECT chain_id, position, coalesce(occurred_at, at_before) AS at,
            CASE WHEN entry_id IS NULL THEN 'entry_removed'
                WHEN goes_on THEN 'seal_changed'
                ELSE 'entry_changed' END AS kind
        FROM judged
        WHERE entry_id IS NULL
            OR (step = 1 AND seal <> expected AND seal IS DISTINCT FROM after_all)
        UNION ALL
        SELECT chain_id, position - step + 1, at_before, 'seal_removed' FROM judged WHERE step > 1
        UNION ALL
        SELECT chain_id, position, coalesce(occurred_at, at_before),
            CASE WHEN entries > position THEN 'shortened' ELSE 'head_changed' END
        FROM judged
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
    SELECT found.chain_id, found.position, found.at, found.kind, event.name
    FROM found LEFT JOIN events AS event ON event.id = found.chain_id
    ORDER BY found.chain_id, found.position NULLS LAST, found.at, found.kind
""")

"""Store the donors of an import."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from ticketing import db
from ticketing.imports.bulk_copy import copy_rows, dump_texts, escape, select_texts


@dataclass(frozen=True, slots=True)
class IncomingDonor:
    """A donor as the file has it."""

    email: str
    name: str
    phone: str | None


# Locked in the order in which they are created, as by the statement of a sale.
_LOCK_KNOWN = text(f"""
    SELECT email_key, id, phone IS NULL AS lacks_phone FROM donors
    WHERE event_id = :event_id AND email_key IN {select_texts("email_keys")}
    ORDER BY email_key FOR NO KEY UPDATE
""")  # noqa: S608
_ADD_PHONES = text("""
    UPDATE donors SET phone = incoming.phone
    FROM unnest(CAST(:ids AS uuid[]), CAST(:phones AS text[])) AS incoming(id, phone) WHERE donors.id = incoming.id
""")


def store(session: Session, event_id: uuid.UUID, donors: Mapping[str, IncomingDonor]) -> dict[str, uuid.UUID]:
    """Return the ids of donors by email_key. A known donor keeps the stored name, and gets a phone if it has none."""
    while True:
        try:
            with session.begin_nested():
                return _store_unknown(session, event_id, donors)
        except IntegrityError as exc:
            if db.constraint_name(exc) != "uq_donors_event_id_email_key":
                raise
            # A sale of other packages created one of them since they were looked up; now it is among the known ones.


def _store_unknown(session: Session, event_id: uuid.UUID, donors: Mapping[str, IncomingDonor]) -> dict[str, uuid.UUID]:
    # COPY takes half the time of INSERT ... ON CONFLICT, which is why the known ones are looked up.
    rows = session.execute(_LOCK_KNOWN, {"event_id": event_id, "email_keys": dump_texts(donors)}).all()
    ids = {row.email_key: row.id for row in rows}
    phones = {row.id: phone for row in rows if row.lacks_phone and (phone := donors[row.email_key].phone)}
    if phones:
        session.execute(_ADD_PHONES, {"ids": list(phones), "phones": list(phones.values())})
    new = {key: uuid7() for key in sorted(donors.keys() - ids.keys())}
    event = str(event_id)
    copy_rows(
        session,
        "donors",
        ("id", "event_id", "email_key", "email", "name", "phone"),
        (
            (str(donor_id), event, escape(key), escape(donor.email), escape(donor.name), escape(donor.phone))
            for key, donor_id in new.items()
            for donor in (donors[key],)
        ),
    )
    return ids | new

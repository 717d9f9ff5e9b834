"""Read what the rows of a file refer to in the event: packages, promo codes and their uses, and stored sales."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Text, any_, func, literal, select
from sqlalchemy.orm import Session

from ticketing.catalog import archive, promo_codes
from ticketing.imports import known_sales, voided_sales
from ticketing.imports.rows import ExistingData, Record
from ticketing.models import Donor, Package, PromoCode, PromoUse
from ticketing.sales.status_changes import LockedLines
from ticketing.validation import name_key


def load(
    session: Session,
    event_id: uuid.UUID,
    records: Sequence[Record],
    imports_voided: bool,
    locked: LockedLines | None,
) -> ExistingData:
    """Load what the rows refer to, packages before promo codes.

    Both are locked until the transaction ends, with those of lines that are `locked` already; None locks nothing.
    Raises EventArchived.
    """
    lines = locked or LockedLines()
    names = {name_key(name) for name in _distinct_values(records, "ticket_type")}
    codes = {promo_codes.normalize_code(code) for code in _distinct_values(records, "promo_code")}
    is_named = _in_array(Package.name_key, names) | Package.id.in_(lines.package_ids)
    is_used = _in_array(PromoCode.code, codes) | PromoCode.id.in_(lines.promo_code_ids)
    packages = select(Package).where(Package.event_id == event_id, is_named).order_by(Package.id)
    promos = select(PromoCode).where(PromoCode.event_id == event_id, is_used).order_by(PromoCode.id)
    if locked is not None:
        packages, promos = packages.with_for_update(key_share=True), promos.with_for_update(key_share=True)
    fresh = {"populate_existing": True}
    packages_by_key = {each.name_key: each for each in session.scalars(packages, execution_options=fresh)}
    for package in packages_by_key.values():
        archive.refuse_archived(package)
    found_promos = session.scalars(promos, execution_options=fresh).all()
    numbers = _distinct_values(records, "external_sale_id")
    return ExistingData(
        packages=packages_by_key,
        promo_codes={promo.code: promo for promo in found_promos},
        external_sale_ids=known_sales.list_stored_ids(session, event_id, numbers),
        donor_uses=_count_donor_uses(
            session, [promo.id for promo in found_promos if promo.max_uses_per_donor is not None]
        ),
        voided_sales=voided_sales.find(session, event_id, numbers),
        imports_voided=imports_voided,
    )


def _count_donor_uses(session: Session, promo_code_ids: list[uuid.UUID]) -> dict[tuple[uuid.UUID, str], int]:
    rows = session.execute(
        select(PromoUse.promo_code_id, Donor.email_key, func.count())
        .join(Donor, Donor.id == PromoUse.donor_id)
        .where(PromoUse.promo_code_id.in_(promo_code_ids), PromoUse.given_back_at.is_(None))
        .group_by(PromoUse.promo_code_id, Donor.email_key)
    )
    return {(row[0], row[1]): row[2] for row in rows}


def _distinct_values(records: Iterable[Record], column: str) -> set[str]:
    return {value for record in records if (value := record.values.get(column)) is not None}


def _in_array(column: Any, values: set[str]) -> ColumnElement[bool]:
    """Compare with one array parameter, since a file may have more values than a statement takes parameters."""
    return column == any_(literal(list(values), ARRAY(Text)))  # type: ignore[no-any-return]

"""The status that an order shows; it is computed from its lines and not stored."""

from __future__ import annotations

from collections.abc import Iterable


def compute_status(payment_statuses: Iterable[str]) -> str:
    """Return the status that an order shows, from those of its lines.

    `pending` when anything is still to be paid, `partly_refunded` when some of what was paid went back; voided and
    failed lines do not matter beside others.
    """
    statuses = set(payment_statuses)
    if "pending" in statuses:
        return "pending"
    if "completed" in statuses:
        return "partly_refunded" if "refunded" in statuses else "completed"
    return next(status for status in ("refunded", "failed", "voided") if status in statuses)

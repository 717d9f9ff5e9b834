"""The refusals of the house, each a sentence a staff member can read.

TicketingError            a page or an API answer may show this
|- InvalidInput           fields -> what to do about each
|- NotAllowed             this role may not
|- NotFound               no such thing, or another event's
|- NotSignedIn            session ended, token revoked, account deactivated
|- Conflict               the world is not as the caller believed
|  |- StaleVersion        someone else changed it first: field by field
|  |- PriceChanged        the quoted package changed before the purchase
|  |- DuplicateName, DuplicateCode
|  |- LimitBelowSold
|  |- HasSales
|  |- CodeUsed, LimitBelowUses
|  |- HasAnswers
|  |- NotForSale, SoldOut
|  |- DuplicateAccount, LastAdmin
|  |- LinkRefused         an invitation that does not open, and why
|  `- PromoRefused        with the rule that refused
|- IdempotencyMismatch    same key, another request
|- RateLimited            with the seconds to wait
|- ScannerAway            an upload could not be checked for malware
`- Unavailable            the database does not answer
   |- OutcomeUnknown      it went away while it was being told to save
   |- TooBusy             every connection is in use, or others were in the way time and again
   |- TookTooLong         it was cancelled, so that nobody waits for minutes
   |- DiskFull            the server has no room left
   `- ReadOnly            the server takes no changes, as after a change of servers

Anything else is a fault: it reaches the log with its traceback and the user sees a reference.
`code` is stable and part of the HTTP interface.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime


class TicketingError(Exception):
    """A refusal. str() is the sentence to show; `field` is the one it is about, where it is about one."""

    code = "refused"
    field: str | None = None


class InvalidInput(TicketingError):
    """What was entered breaks a rule; `fields` names each field and what to do about it."""

    code = "invalid_input"

    def __init__(self, fields: Mapping[str, str]) -> None:
        self.fields = dict(fields)
        super().__init__(" ".join(dict.fromkeys(self.fields.values())))


class NotAllowed(TicketingError):
    code = "not_allowed"


class NotFound(TicketingError):
    """Also what another event's data looks like: it does not exist for who may not see it."""

    code = "not_found"

    def __init__(self, noun: str) -> None:
        or_else = {"event": ", or you are not assigned to it"} | dict.fromkeys(("account", "session", "token"), "")
        elsewhere = ", or it belongs to an event you are not assigned to"
        super().__init__(f"This {noun} does not exist{or_else.get(noun, elsewhere)}.")


class NotSignedIn(TicketingError):
    code = "not_signed_in"

    def __init__(self) -> None:
        super().__init__("You are signed out. Sign in again to go on.")


class Conflict(TicketingError):
    code = "conflict"


@dataclass(frozen=True)
class FieldChange:
    """One field that somebody changed: who, when (UTC), from what, to what."""

    field: str
    old: object
    new: object
    by: str
    at: datetime


class StaleVersion(Conflict):
    """The record was edited after the caller loaded it. `changes` lists what happened meanwhile."""

    code = "stale_version"

    def __init__(self, name: str, current_version: int, changes: Sequence[FieldChange]) -> None:
        self.current_version = current_version
        self.changes = tuple(changes)
        who = ", ".join(dict.fromkeys(change.by for change in changes)) or "Someone else"
        fields = ", ".join(dict.fromkeys(change.field.replace("_", " ") for change in changes))
        super().__init__(f"{who} changed {name} after you opened it" + (f": {fields}." if fields else "."))


class DuplicateAccount(Conflict):
    code = "duplicate_account"
    field = "email"

    def __init__(self, email: str) -> None:
        super().__init__(f"{email} has an account already.")


class LastAdmin(Conflict):
    code = "last_admin"

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is the only admin who can sign in. Make somebody else an admin first.")


LINK_REFUSALS = {
    "unknown": "This link leads nowhere. Check that it was copied whole, or ask an admin for a new one.",
    "used": "This link was used already. Sign in with the password that was chosen, or ask an admin for a new link.",
    "expired": "This link has expired. Ask an admin for a new one.",
    "revoked": "This link was replaced by a newer one, or taken back. Ask an admin for the new one.",
    "deactivated": "This account is deactivated, so the link does not open it. Ask an admin.",
}


class LinkRefused(Conflict):
    """`reason` is one of LINK_REFUSALS."""

    code = "link_refused"

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(LINK_REFUSALS[reason])


class PriceChanged(Conflict):
    code = "stale_version"

    def __init__(self, name: str, current_price: str) -> None:
        super().__init__(f"{name} was changed after it was quoted; it is {current_price} now. Nothing was recorded.")


class PackageOrderChanged(Conflict):
    """The packages stand in another order than when the caller looked (`by` arranged them), or are others (None)."""

    code = "stale_version"

    def __init__(self, by: str | None) -> None:
        self.by = by
        what = f"{by} changed the order of the packages" if by else "Packages were added or deleted"
        super().__init__(f"{what} meanwhile. Look at it, then arrange again.")


class DuplicateName(Conflict):
    code = "duplicate_name"
    field = "name"

    def __init__(self, name: str) -> None:
        super().__init__(f"This event already has a package called {name}. Choose another name.")


class DuplicateCode(Conflict):
    code = "duplicate_code"
    field = "code"

    def __init__(self, promo_code: str) -> None:
        super().__init__(f"This event already has the promo code {promo_code}. Choose another code.")


class LimitBelowSold(Conflict):
    code = "limit_below_sold"
    field = "quantity_limit"

    def __init__(self, limit: int, sold: int) -> None:
        super().__init__(f"{sold} are sold already, so the limit cannot be {limit}. Enter {sold} or more.")


class CodeUsed(Conflict):
    code = "code_used"

    def __init__(self, promo_code: str, consequence: str) -> None:
        super().__init__(f"Purchases used promo code {promo_code}, so {consequence}.")


class LimitBelowUses(Conflict):
    code = "limit_below_uses"

    def __init__(self, field: str, usage: str, minimum: int) -> None:
        self.field = field
        super().__init__(f"The code was {usage}. Enter {minimum:,} or more.")


class HasAnswers(Conflict):
    code = "has_answers"


class HasSales(Conflict):
    code = "has_sales"


class NotForSale(Conflict):
    code = "not_for_sale"
    field = "package_id"

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is disabled, so it is not for sale. Enable it, or choose another package.")


class SoldOut(Conflict):
    code = "sold_out"
    field = "quantity"

    def __init__(self, name: str, *, sold: int, limit: int) -> None:
        left = limit - sold
        have = f"{sold} of {limit} sold" + (f", {left} left" if left else "")
        super().__init__(f"{have}. Raise the limit of {name}, or choose another package.")


PROMO_REFUSALS = {
    "unknown": "This event has no promo code {code}. Check the spelling.",
    "inactive": "Promo code {code} is switched off.",
    "expired": "Promo code {code} has expired.",
    "used_up": "Promo code {code} is used up.",
    "used_up_by_donor": "This donor has used promo code {code} as often as it allows.",
}


class PromoRefused(Conflict):
    """`reason` is one of PROMO_REFUSALS."""

    code = "promo_refused"
    field = "promo_code"

    def __init__(self, reason: str, promo_code: str) -> None:
        self.reason = reason
        super().__init__(PROMO_REFUSALS[reason].format(code=promo_code))


class IdempotencyMismatch(TicketingError):
    code = "idempotency_mismatch"

    def __init__(self) -> None:
        super().__init__("This idempotency key was used for another purchase. Send a new key.")


class RateLimited(TicketingError):
    """`retry_after` is in seconds."""

    code = "rate_limited"

    def __init__(self, sentence: str, *, retry_after: int) -> None:
        self.retry_after = retry_after
        minutes = -(-retry_after // 60)
        wait = f"{minutes} minutes" if minutes > 1 else "1 second" if retry_after == 1 else f"{retry_after} seconds"
        super().__init__(f"{sentence} Try again in {wait}.")


class ScannerUnavailable(TicketingError):
    code = "scanner_away"
    field = "image"

    def __init__(self) -> None:
        super().__init__(
            "The virus scanner does not answer, so the file was not taken. Try again in a few minutes; if it stays so, "
            "tell the person who runs Ticket Desk."
        )


class Unavailable(TicketingError):
    """The database could not do it now. Nothing was saved, but for OutcomeUnknown.

    `what` is the case, in a sentence of its own. `passes` says whether it is worth trying again without anybody
    looking into it.
    """

    code = "unavailable"
    summary = "The database does not answer."
    advice = "Nothing was saved; try again in a moment."
    is_transient = True

    def __init__(self) -> None:
        super().__init__(f"{self.summary} {self.advice}")


class OutcomeUnknown(Unavailable):
    code = "outcome_unknown"
    summary = "The database went away while this was being saved."
    advice = "It may be saved or not: look before you do it again."


class TooBusy(Unavailable):
    code = "too_busy"
    summary = "Too many people are at work at the same time."


class DatabaseTimeout(Unavailable):
    code = "took_too_long"
    summary = "The database took too long over this, so it was stopped."
    advice = "Nothing was saved. Ask for less at once, or try again in a few minutes."
    is_transient = False


class DiskFull(Unavailable):
    code = "disk_full"
    summary = "The disk of the database is full."
    advice = "Nothing was saved, and nothing can be until there is room: tell the person who runs Ticket Desk."
    is_transient = False


class ReadOnly(Unavailable):
    code = "read_only"
    summary = "The database takes no changes now."
    advice = "Nothing was saved; try again in a moment. If it stays so, tell the person who runs Ticket Desk."

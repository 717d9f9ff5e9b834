"""Domain errors; str(error) is a sentence for users.

TicketingError            safe to show on a page or in an API answer
|- InvalidInput           fields -> what to do about each
|- NotAllowed             the role of the actor does not permit it
|- NotFound               the record does not exist, or belongs to another event
|- NotSignedIn            session ended, token revoked, account deactivated
|- Conflict               the stored data does not allow it
|  |- StaleVersion        the record was edited by someone else, with the changed fields
|  |- PriceChanged        the quoted package changed before the purchase
|  |- PackageOrderChanged
|  |- DuplicateName, DuplicateCode
|  |- LimitBelowSold
|  |- HasSales
|  |- CodeUsed, LimitBelowUses
|  |- HasAnswers
|  |- NotForSale, SoldOut
|  |- EventArchived
|  |- DuplicateAccount, LastAdmin
|  |- LinkRefused         an invitation link that is not valid, with the reason
|  `- PromoRefused        with the rule that refused the code
|- IdempotencyMismatch    the key was used for another request
|- RateLimited            with the seconds to wait
|- QueueFull              too many files wait already, with the seconds until another try
|- ScannerUnavailable     an upload could not be checked for malware
|- StartRefused           the server cannot start until its operator changes something
`- Unavailable            the database does not answer
   |- OutcomeUnknown      the connection was lost during the commit
   |- TooBusy             every connection is in use, or all attempts lost a race
   |  |- TooManyDownloads this server sends as many files as it may
   |  `- TooManySignIns   the queue of passwords to hash is full
   |- DatabaseTimeout     a time limit canceled the statement
   |- DiskFull            the database server's disk is full
   `- ReadOnly            the database server takes no changes, as during a failover

Any other exception is a bug: it is logged with its traceback, and the user sees a reference.
`code` is stable and part of the HTTP interface.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from ticketing.formatting import format_count


class TicketingError(Exception):
    """A domain rule refused; str() is the sentence to show, `field` the field it concerns, if any."""

    code = "refused"
    field: str | None = None


class InvalidInput(TicketingError):
    """Input breaks a rule; `fields` maps each wrong field to a sentence."""

    code = "invalid_input"

    def __init__(self, fields: Mapping[str, str]) -> None:
        self.fields = dict(fields)
        super().__init__(" ".join(dict.fromkeys(self.fields.values())))


class NotAllowed(TicketingError):
    code = "not_allowed"


class NotFound(TicketingError):
    """The record does not exist, or the actor may not see it: both look the same."""

    code = "not_found"

    def __init__(self, noun: str) -> None:
        suffixes = {"event": ", or you are not assigned to it"} | dict.fromkeys(("account", "session", "token"), "")
        default = ", or it belongs to an event you are not assigned to"
        super().__init__(f"This {noun} does not exist{suffixes.get(noun, default)}.")


class NotSignedIn(TicketingError):
    code = "not_signed_in"

    def __init__(self) -> None:
        super().__init__("You are signed out. Sign in again to continue.")


START_REFUSED_EXIT_CODE = 2


class StartRefused(TicketingError):
    """The server cannot start; the sentence tells the operator what to do."""

    code = "start_refused"


class Conflict(TicketingError):
    code = "conflict"


@dataclass(frozen=True)
class FieldChange:
    """One field that was changed by someone else after the version that was sent."""

    field: Annotated[str, Field(description="The changed field.", examples=["price"])]
    old: Annotated[Any, Field(description="The value before.", examples=["250.00"])]
    new: Annotated[Any, Field(description="The value now.", examples=["280.00"])]
    by: Annotated[str, Field(description="The name of the person or program.", examples=["Ana Ruiz"])]
    at: Annotated[datetime, Field(description="The time of the change, in UTC.", examples=["2026-10-03T13:42:00Z"])]


class StaleVersion(Conflict):
    """The record was edited after the caller loaded it; `changes` lists the edits since, oldest first."""

    code = "stale_version"

    def __init__(self, name: str, current_version: int, changes: Sequence[FieldChange]) -> None:
        self.current_version = current_version
        self.changes = tuple(changes)
        people = ", ".join(dict.fromkeys(change.by for change in changes)) or "Someone else"
        fields = ", ".join(dict.fromkeys(change.field.replace("_", " ") for change in changes))
        super().__init__(f"{people} changed {name} after you opened it" + (f": {fields}." if fields else "."))


class DuplicateAccount(Conflict):
    code = "duplicate_account"
    field = "email"

    def __init__(self, email: str) -> None:
        super().__init__(f"{email} has an account already.")


class LastAdmin(Conflict):
    code = "last_admin"

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is the only admin who can sign in. Make another person an admin first.")


LINK_REFUSALS = {
    "unknown": "This link does not work. Check that it was copied whole, or ask an admin for a new one.",
    "used": "This link was used already. Sign in with the password that was chosen, or ask an admin for a new link.",
    "expired": "This link has expired. Ask an admin for a new one.",
    "revoked": "This link was replaced by a newer one, or revoked. Ask an admin for the new one.",
    "deactivated": "This account is deactivated, so the link does not open it. Ask an admin.",
}


class LinkRefused(Conflict):
    """The invitation link is not valid; `reason` is a key of LINK_REFUSALS."""

    code = "link_refused"

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(LINK_REFUSALS[reason])


class PriceChanged(Conflict):
    code = "stale_version"

    def __init__(self, name: str, current_price: str) -> None:
        super().__init__(f"{name} was changed after it was quoted; it is {current_price} now. Nothing was recorded.")


class PackageOrderChanged(Conflict):
    """The packages were rearranged since the caller loaded them, by `by`; None: packages were added or deleted."""

    code = "stale_version"

    def __init__(self, by: str | None) -> None:
        self.by = by
        change = f"{by} changed the order of the packages" if by else "Packages were added or deleted"
        super().__init__(f"{change} in the meantime. Check the list, then arrange again.")


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
        super().__init__(f"{name} is off sale. Put it on sale, or choose another package.")


class EventArchived(Conflict):
    code = "event_archived"

    def __init__(self) -> None:
        super().__init__(
            "This event is archived: nothing is sold, imported or set up in it. "
            "An admin can restore it on the page All events."
        )


@dataclass(frozen=True)
class Shortage:
    """A line that asks for more packages than are left; `line` counts from 0."""

    line: int
    package_id: uuid.UUID
    name: str
    sold: int
    limit: int

    @property
    def left(self) -> int:
        return self.limit - self.sold

    def __str__(self) -> str:
        left = f", {self.left:,} left" if self.left else ""
        return f"{self.sold:,} of {self.limit:,} sold{left}"


class SoldOut(Conflict):
    """At least one line asks for more than is left; `shortages` are all of them, in the order of the lines."""

    code = "sold_out"
    field = "quantity"

    def __init__(self, shortages: Sequence[Shortage]) -> None:
        self.shortages = tuple(shortages)
        if len(shortages) == 1:
            super().__init__(f"{shortages[0]}. Raise the limit of {shortages[0].name}, or choose another package.")
        else:
            stock = "; ".join(f"{each.name}: {each}" for each in shortages)
            super().__init__(f"{stock}. Raise their limits, or order fewer.")


PROMO_REFUSALS = {
    "unknown": "This event has no promo code {code}. Check the spelling.",
    "inactive": "Promo code {code} is not active.",
    "expired": "Promo code {code} has expired.",
    "used_up": "Promo code {code} is used up.",
    "used_up_by_donor": "This donor has used promo code {code} as often as it allows.",
}


class PromoRefused(Conflict):
    """The promo code does not apply; `reason` is a key of PROMO_REFUSALS."""

    code = "promo_refused"
    field = "promo_code"

    def __init__(self, reason: str, promo_code: str) -> None:
        self.reason = reason
        super().__init__(PROMO_REFUSALS[reason].format(code=promo_code))


class IdempotencyMismatch(TicketingError):
    code = "idempotency_mismatch"

    def __init__(self) -> None:
        super().__init__("This idempotency key was used for another request. Send a new key.")


class RateLimited(TicketingError):
    """A rate limit is exceeded; `retry_after` is in seconds."""

    code = "rate_limited"

    def __init__(self, sentence: str, *, retry_after: int) -> None:
        self.retry_after = retry_after
        minutes = -(-retry_after // 60)
        wait = format_count(minutes, "minute") if minutes > 1 else format_count(retry_after, "second")
        super().__init__(f"{sentence} Try again in {wait}.")


class QueueFull(TicketingError):
    """Too many files wait to be read or written; `retry_after` is in seconds."""

    code = "queue_full"

    def __init__(self, noun: str, retry_after: int) -> None:
        self.retry_after = retry_after
        super().__init__(
            f"Other {noun}s are waiting to be processed, so this {noun} was not taken. "
            f"Try again in {format_count(retry_after, 'second')}."
        )


class ScannerUnavailable(TicketingError):
    code = "scanner_away"
    field = "image"

    def __init__(self) -> None:
        super().__init__(
            "The virus scanner does not answer, so the file was not taken. Try again in a few minutes; if it stays so, "
            "tell the person who runs Ticket Desk."
        )


class Unavailable(TicketingError):
    """The database cannot do it now; nothing was saved, except perhaps with OutcomeUnknown.

    `summary` says what is the case. `is_transient` says whether a retry may succeed without an operator's help.
    """

    code = "unavailable"
    summary = "The database does not answer."
    advice = "Nothing was saved; try again in a moment."
    is_transient = True

    def __init__(self) -> None:
        super().__init__(f"{self.summary} {self.advice}")


class OutcomeUnknown(Unavailable):
    code = "outcome_unknown"
    summary = "The connection to the database was lost while this was being saved."
    advice = "It may or may not have been saved. Check before you try again."


class TooBusy(Unavailable):
    code = "too_busy"
    summary = "The server is busy."


class TooManyDownloads(TooBusy):
    summary = "This server is sending as many downloads as it can at once."
    advice = "Try again in a moment."


class TooManySignIns(TooBusy):
    summary = "Many people are signing in at the same time."
    advice = "Try again in a few seconds."


class DatabaseTimeout(Unavailable):
    code = "took_too_long"
    summary = "The database took too long, so the request was stopped."
    advice = "Nothing was saved. Ask for less at once, or try again in a few minutes."
    is_transient = False


class DiskFull(Unavailable):
    code = "disk_full"
    summary = "The disk of the database is full."
    advice = "Nothing was saved, and nothing can be until there is room: tell the person who runs Ticket Desk."
    is_transient = False


class ReadOnly(Unavailable):
    code = "read_only"
    summary = "The database is read-only at the moment."
    advice = "Nothing was saved; try again in a moment. If it stays so, tell the person who runs Ticket Desk."

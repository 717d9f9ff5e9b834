"""What the audit log says: every kind of change as a sentence, and its fields before and after.

Plain text in, plain text out: whoever draws it makes it harmless for the place where it stands.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ticketing.models import AuditEntry
from ticketing.reporting.audit_log import Change
from ui import text

LONGEST_IN_A_SENTENCE = 60
MOST_NAMED = 4
VIAS = {"app": "in the app", "api": "over the API", "command_line": "at the command line"}
# What of a record is no field of a form.
FIELDS = {
    "retired_at": "Retired",
    "display_order": "Place",
    "package_order": "Order",
    "copied_from": "Copied from",
    "payment_status": "Status",
    "void_reason": "Reason",
    "rows_imported": "Sales",
    "staff": "People",
    "role": "Role",
    "email": "E-mail address",
    "event": "Event",
    "owner": "Owner",
    "openid_subject": "OpenID account",
}
# What a field is called in the middle of a sentence, where its label would not read well.
NOUNS_OF_FIELDS = {
    "expires_at": "expiry",
    "starts_at": "start",
    "is_enabled": "on-sale setting",
    "is_active": "on/off setting",
    "is_sponsorship": "sponsorship setting",
    "is_required": "required setting",
    "option_type": "kind of answer",
    "label": "wording",
}
# A switch is turned, not changed: what is said when it is on, and when it is off.
SWITCHES = {
    "is_enabled": ("put {name} on sale", "took {name} off sale"),
    "is_active": ("switched {name} on", "switched {name} off"),
    "is_sponsorship": ("made {name} a sponsorship", "made {name} an ordinary package"),
    "is_required": ("made an answer to {name} required", "made an answer to {name} optional"),
}
TOLD_WHOLE = {
    "import.completed",
    "event.staff_assigned",
    "package.image_removed",
    "option.retired",
    "staff.sessions_ended",
}
NOUNS = {
    "package": ("package", "packages"),
    "option": ("option", "options"),
    "promo_code": ("promo code", "promo codes"),
    "event": ("event", "events"),
    "staff": ("staff member", "staff members"),
    "token": ("token", "tokens"),
}


@dataclass(frozen=True)
class Line:
    """One field: what it is called, on which record when several changed at once, and both values."""

    field: str
    before: str
    after: str


@dataclass(frozen=True)
class Kind:
    """A kind of change: what a filter calls it, and its sentence without the person who did it."""

    label: str
    tell: Callable[[Change, str], str]


def told(change: Change, zone: str) -> str:
    """ "Ana Ruiz changed the price of Table of Ten from $2,500.00 to $2,600.00." """
    first = change.first
    kind = KINDS.get(first.action)
    if kind is not None:
        return f"{first.actor} {kind.tell(change, zone)}."
    noun, _, deed = first.action.replace("_", " ").partition(".")
    return f"{first.subject_name}: {noun} {deed}, by {first.actor}."


def via(change: Change) -> str:
    """The way it came."""
    return "by import" if change.first.action == "import.completed" else VIAS[change.first.via]


def label(action: str) -> str:
    """What a filter calls a kind of change."""
    return KINDS[action].label if action in KINDS else action.replace("_", " ").replace(".", " ").capitalize()


def lines(change: Change, zone: str) -> list[Line]:
    """Every field before and after; nothing where the sentence has told it whole."""
    entries = [entry for entry in change.entries if entry.field is not None]
    if _is_told_whole(change, zone):
        return []
    names_matter = len({entry.subject_id for entry in entries}) > 1
    return [
        Line(
            f"{_name(entry)}: {noun_of(entry)}" if names_matter else field_of(entry),
            *(value(entry, stored, zone) for stored in (entry.old_value, entry.new_value)),
        )
        for entry in entries
    ]


def is_listing(change: Change) -> bool:
    """Whether its lines are what a record was made of, or what it was when it was deleted: nothing changed in it."""
    verb = change.first.action.partition(".")[2]
    return verb in ("created", "added", "deleted")


def _is_told_whole(change: Change, zone: str) -> bool:
    """Where every value stands in the sentence."""
    entry = change.first
    if entry.action in TOLD_WHOLE:
        return True
    if len(change.entries) > 1:
        return entry.action == "purchase.voided"
    if entry.action in ("purchase.status_changed", "purchase.guests_named"):
        return True
    return entry.action.endswith(".changed") and entry.field is not None and _is_short(entry, zone)


def _is_short(entry: AuditEntry, zone: str) -> bool:
    both = [value(entry, stored, zone) for stored in (entry.old_value, entry.new_value)]
    return all(len(each) <= LONGEST_IN_A_SENTENCE and "\n" not in each for each in both)


def _name(entry: AuditEntry) -> str:
    """What it was called then; a question in quotes, since it is a sentence itself."""
    return f"“{entry.subject_name}”" if entry.subject_type == "option" else entry.subject_name


def field_of(entry: AuditEntry) -> str:
    """What the entry's field is called."""
    field = entry.field or ""
    return text.FIELDS.get(field) or FIELDS.get(field) or field.replace("_", " ").capitalize()


def noun_of(entry: AuditEntry) -> str:
    """The same in the middle of a sentence."""
    return NOUNS_OF_FIELDS.get(entry.field or "") or lower(field_of(entry))


def value(entry: AuditEntry, stored: Any, zone: str) -> str:
    """A value as people read it."""
    field = entry.field or ""
    if field == "image":
        return "a picture" if stored else "no picture"
    if field == "payment_status" and stored:
        return text.STATUSES.get(str(stored), str(stored))
    if field.startswith("seat ") and stored is None:
        return "Nobody"
    if field == "staff" and isinstance(stored, list):
        return text.count(len(stored), "person", "people")
    if field == "description" and stored:
        return str(stored)
    if field == "discount_value" and stored is not None:
        return str(stored).removesuffix(".00")
    if field == "retired_at" and stored:
        return text.value("expires_at", stored, zone)
    return text.value(field, stored, zone)


def _inside(entry: AuditEntry, stored: Any, zone: str) -> str:
    """The same in the middle of a sentence: words of ours begin small, what was typed stays as it is."""
    told = value(entry, stored, zone)
    ours = stored is None or stored == "" or isinstance(stored, bool) or entry.field in ("option_type", "discount_type")
    return lower(told) if ours or entry.field == "payment_status" else told


def lower(words: str) -> str:
    """For the middle of a sentence."""
    return words[:1].lower() + words[1:]


def _listed(names: Sequence[str]) -> str:
    """ "Gold, Silver and Bronze"; of many the first, and how many more."""
    if len(names) > MOST_NAMED + 1:
        return f"{', '.join(names[:MOST_NAMED])} and {len(names) - MOST_NAMED:,} more"
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else "".join(names)


def _changed(change: Change, zone: str) -> str:
    entries = [entry for entry in change.entries if entry.field is not None]
    names = list(dict.fromkeys(_name(entry) for entry in entries))
    if not entries:
        return f"changed {_name(change.first)}"
    if len({entry.subject_id for entry in entries}) > 1:
        several = NOUNS.get(change.first.subject_type, ("", "records"))[1]
        return f"changed {len(names):,} {several}: {_listed(names)}"
    if len(entries) > 1:
        fields = [noun_of(entry) for entry in entries]
        return f"{_verb(entries[0])} the {_listed(fields)} of {names[0]}"
    (entry,) = entries
    if entry.field in SWITCHES and entry.restores is None:
        return SWITCHES[entry.field][0 if entry.new_value else 1].format(name=_name(entry))
    what = f"{_verb(entry)} the {noun_of(entry)} of {_name(entry)}"
    if not _is_short(entry, zone):
        return what
    old, new = (_inside(entry, stored, zone) for stored in (entry.old_value, entry.new_value))
    return f"{what} from {old} to {new}"


def _verb(entry: AuditEntry) -> str:
    return "restored" if entry.restores is not None else "changed"


def _simply(words: str) -> Callable[[Change, str], str]:
    """Words about one record: {name} is what it was called."""
    return lambda change, _: words.format(name=_name(change.first))


def _made(noun: str) -> Callable[[Change, str], str]:
    def tell(change: Change, _: str) -> str:
        copied = next((entry.new_value for entry in change.entries if entry.field == "copied_from"), None)
        return f"made the {noun} {_name(change.first)}" + (f" as a copy of {copied}" if copied else "")

    return tell


def _picture(change: Change, _: str) -> str:
    entry = next((entry for entry in change.entries if entry.field == "image"), None)
    name = change.first.subject_name
    if entry is None:
        return f"changed what the picture of {name} shows"
    return f"replaced the picture of {name}" if entry.old_value else f"gave {name} a picture"


def _new(change: Change, field: str) -> Any:
    return next((entry.new_value for entry in change.entries if entry.field == field), None)


def _voided(change: Change, _: str) -> str:
    return f"voided the purchase of {change.first.subject_name}: {str(_new(change, 'void_reason')).removesuffix('.')}"


def _moved_on(change: Change, zone: str) -> str:
    entry = change.first
    old, new = (_inside(entry, stored, zone) for stored in (entry.old_value, entry.new_value))
    return f"marked the purchase of {entry.subject_name} as {new}; it was {old}"


def _guests(change: Change, zone: str) -> str:
    if len(change.entries) > 1:
        return f"named the guests of {len(change.entries):,} seats of {change.first.subject_name}'s purchase"
    entry = change.first
    old, new = (_inside(entry, stored, zone) for stored in (entry.old_value, entry.new_value))
    return f"changed the guest of {entry.field} of {entry.subject_name}'s purchase from {old} to {new}"


def _imported(change: Change, _: str) -> str:
    return f"imported {text.count(int(_new(change, 'rows_imported') or 0), 'sale')} from {change.first.subject_name}"


def _sessions_ended(change: Change, _: str) -> str:
    ended = next((entry.old_value for entry in change.entries if entry.field == "sessions"), None)
    which = text.count(ended, "session") if isinstance(ended, int) else "sessions"
    return f"ended {which} of {change.first.subject_name}"


def _assigned(change: Change, _: str) -> str:
    assigned = text.count(len(_new(change, "staff") or ()), "person", "people")
    return f"let {assigned} work on {change.first.subject_name}"


KINDS = {
    "event.created": Kind("Event made", _made("event")),
    "event.changed": Kind("Event changed", _changed),
    "event.packages_arranged": Kind("Packages arranged", _simply("arranged the packages")),
    "event.staff_assigned": Kind("People assigned", _assigned),
    "package.created": Kind("Package made", _made("package")),
    "package.changed": Kind("Package changed", _changed),
    "package.deleted": Kind("Package deleted", _simply("deleted the package {name}")),
    "package.image_changed": Kind("Picture changed", _picture),
    "package.image_removed": Kind("Picture removed", _simply("removed the picture of {name}")),
    "option.created": Kind("Option added", _made("option")),
    "option.changed": Kind("Option changed", _changed),
    "option.arranged": Kind("Options arranged", _simply("moved the option {name}")),
    "option.retired": Kind("Option retired", _simply("retired the option {name}")),
    "option.deleted": Kind("Option deleted", _simply("deleted the option {name}")),
    "promo_code.created": Kind("Promo code made", _made("promo code")),
    "promo_code.changed": Kind("Promo code changed", _changed),
    "promo_code.deleted": Kind("Promo code deleted", _simply("deleted the promo code {name}")),
    "purchase.voided": Kind("Purchase voided", _voided),
    "purchase.status_changed": Kind("Payment status changed", _moved_on),
    "purchase.guests_named": Kind("Guests named", _guests),
    "import.completed": Kind("Sales imported", _imported),
    "staff.added": Kind("Account made", _simply("made an account for {name}")),
    "staff.invited": Kind("Person invited", _simply("invited {name}")),
    "staff.changed": Kind("Account changed", _changed),
    "staff.activated": Kind("Account activated", _simply("activated the account of {name}")),
    "staff.deactivated": Kind("Account deactivated", _simply("deactivated the account of {name}")),
    "staff.password_changed": Kind("Password changed", _simply("changed their own password")),
    "staff.link_made": Kind("New link made", _simply("made a new link for {name}")),
    "staff.invitation_accepted": Kind("Invitation accepted", _simply("chose a password by a link")),
    "staff.sessions_ended": Kind("Sessions ended", _sessions_ended),
    "staff.bound": Kind("OpenID account bound", _simply("bound the account of {name}")),
    "staff.released": Kind("OpenID account released", _simply("released the account of {name} for another sign-in")),
    "staff.assigned": Kind("Person assigned", _simply("let {name} work on this event")),
    "staff.unassigned": Kind("Person taken off", _simply("took {name} off this event")),
    "token.created": Kind("Token made", _simply("made the token {name}")),
    "token.revoked": Kind("Token revoked", _simply("revoked the token {name}")),
}
ASSIGNING = ("staff.assigned", "staff.unassigned")  # people, but in the trail of the event
OFFICE = tuple(kind for kind in KINDS if kind.partition(".")[0] in ("staff", "token") and kind not in ASSIGNING)
OF_EVENTS = tuple(kind for kind in KINDS if kind not in OFFICE)

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

MAX_INLINE_VALUE_LENGTH = 60
MAX_LISTED_NAMES = 4
VIA_LABELS = {"app": "in the app", "api": "over the API", "command_line": "at the command line"}
# What of a record is no field of a form.
FIELD_LABELS = {
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
FIELD_NOUNS = {
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
TOGGLE_PHRASES = {
    "is_enabled": ("put {name} on sale", "took {name} off sale"),
    "is_active": ("switched {name} on", "switched {name} off"),
    "is_sponsorship": ("made {name} a sponsorship", "made {name} an ordinary package"),
    "is_required": ("made an answer to {name} required", "made an answer to {name} optional"),
}
ACTIONS_WITHOUT_FIELD_LIST = {
    "import.completed",
    "event.staff_assigned",
    "package.image_removed",
    "option.retired",
    "staff.sessions_ended",
}
RECORD_NOUNS = {
    "package": ("package", "packages"),
    "option": ("option", "options"),
    "promo_code": ("promo code", "promo codes"),
    "event": ("event", "events"),
    "staff": ("staff member", "staff members"),
    "token": ("token", "tokens"),
}


@dataclass(frozen=True)
class FieldDiff:
    """One field: what it is called, on which record when several changed at once, and both values."""

    field: str
    before: str
    after: str


@dataclass(frozen=True)
class ActionText:
    """A kind of change: what a filter calls it, and its sentence without the person who did it."""

    label: str
    format_predicate: Callable[[Change, str], str]


def format_sentence(change: Change, zone: str) -> str:
    """ "Ana Ruiz changed the price of Table of Ten from $2,500.00 to $2,600.00." """
    first = change.first
    kind = ACTION_TEXTS.get(first.action)
    if kind is not None:
        return f"{first.actor} {kind.format_predicate(change, zone)}."
    noun, _, deed = first.action.replace("_", " ").partition(".")
    return f"{first.subject_name}: {noun} {deed}, by {first.actor}."


def format_via(change: Change) -> str:
    """The way it came."""
    return "by import" if change.first.action == "import.completed" else VIA_LABELS[change.first.via]


def get_action_label(action: str) -> str:
    """What a filter calls a kind of change."""
    return (
        ACTION_TEXTS[action].label
        if action in ACTION_TEXTS
        else action.replace("_", " ").replace(".", " ").capitalize()
    )


def list_field_diffs(change: Change, zone: str) -> list[FieldDiff]:
    """Every field before and after; nothing where the sentence has told it whole."""
    entries = [entry for entry in change.entries if entry.field is not None]
    if _is_sentence_complete(change, zone):
        return []
    names_matter = len({entry.subject_id for entry in entries}) > 1
    return [
        FieldDiff(
            f"{_format_record_name(entry)}: {get_field_noun(entry)}" if names_matter else get_field_label(entry),
            *(format_value(entry, stored, zone) for stored in (entry.old_value, entry.new_value)),
        )
        for entry in entries
    ]


def is_creation_or_deletion(change: Change) -> bool:
    """Whether its lines are what a record was made of, or what it was when it was deleted: nothing changed in it."""
    verb = change.first.action.partition(".")[2]
    return verb in ("created", "added", "deleted")


def _is_sentence_complete(change: Change, zone: str) -> bool:
    """Where every value stands in the sentence."""
    entry = change.first
    if entry.action in ACTIONS_WITHOUT_FIELD_LIST:
        return True
    if len(change.entries) > 1:
        return entry.action == "purchase.voided"
    if entry.action in ("purchase.status_changed", "purchase.guests_named"):
        return True
    return entry.action.endswith(".changed") and entry.field is not None and _has_short_values(entry, zone)


def _has_short_values(entry: AuditEntry, zone: str) -> bool:
    both = [format_value(entry, stored, zone) for stored in (entry.old_value, entry.new_value)]
    return all(len(each) <= MAX_INLINE_VALUE_LENGTH and "\n" not in each for each in both)


def _format_record_name(entry: AuditEntry) -> str:
    """What it was called then; a question in quotes, since it is a sentence itself."""
    return f"“{entry.subject_name}”" if entry.subject_type == "option" else entry.subject_name


def get_field_label(entry: AuditEntry) -> str:
    """What the entry's field is called."""
    field = entry.field or ""
    return text.FIELD_LABELS.get(field) or FIELD_LABELS.get(field) or field.replace("_", " ").capitalize()


def get_field_noun(entry: AuditEntry) -> str:
    """The same in the middle of a sentence."""
    return FIELD_NOUNS.get(entry.field or "") or lowercase_first(get_field_label(entry))


def format_value(entry: AuditEntry, stored: Any, zone: str) -> str:
    """A value as people read it."""
    field = entry.field or ""
    if field == "image":
        return "a picture" if stored else "no picture"
    if field == "payment_status" and stored:
        return text.STATUS_LABELS.get(str(stored), str(stored))
    if field.startswith("seat ") and stored is None:
        return "Nobody"
    if field == "staff" and isinstance(stored, list):
        return text.format_count(len(stored), "person", "people")
    if field == "description" and stored:
        return str(stored)
    if field == "discount_value" and stored is not None:
        return str(stored).removesuffix(".00")
    if field == "retired_at" and stored:
        return text.format_value("expires_at", stored, zone)
    return text.format_value(field, stored, zone)


def _format_inline_value(entry: AuditEntry, stored: Any, zone: str) -> str:
    """The same in the middle of a sentence: words of ours begin small, what was typed stays as it is."""
    told = format_value(entry, stored, zone)
    ours = stored is None or stored == "" or isinstance(stored, bool) or entry.field in ("option_type", "discount_type")
    return lowercase_first(told) if ours or entry.field == "payment_status" else told


def lowercase_first(words: str) -> str:
    """For the middle of a sentence."""
    return words[:1].lower() + words[1:]


def _join_names(names: Sequence[str]) -> str:
    """ "Gold, Silver and Bronze"; of many the first, and how many more."""
    if len(names) > MAX_LISTED_NAMES + 1:
        return f"{', '.join(names[:MAX_LISTED_NAMES])} and {len(names) - MAX_LISTED_NAMES:,} more"
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else "".join(names)


def _describe_change(change: Change, zone: str) -> str:
    entries = [entry for entry in change.entries if entry.field is not None]
    names = list(dict.fromkeys(_format_record_name(entry) for entry in entries))
    if not entries:
        return f"changed {_format_record_name(change.first)}"
    if len({entry.subject_id for entry in entries}) > 1:
        several = RECORD_NOUNS.get(change.first.subject_type, ("", "records"))[1]
        return f"changed {len(names):,} {several}: {_join_names(names)}"
    if len(entries) > 1:
        fields = [get_field_noun(entry) for entry in entries]
        return f"{_get_verb(entries[0])} the {_join_names(fields)} of {names[0]}"
    (entry,) = entries
    if entry.field in TOGGLE_PHRASES and entry.restores is None:
        return TOGGLE_PHRASES[entry.field][0 if entry.new_value else 1].format(name=_format_record_name(entry))
    what = f"{_get_verb(entry)} the {get_field_noun(entry)} of {_format_record_name(entry)}"
    if not _has_short_values(entry, zone):
        return what
    old, new = (_format_inline_value(entry, stored, zone) for stored in (entry.old_value, entry.new_value))
    return f"{what} from {old} to {new}"


def _get_verb(entry: AuditEntry) -> str:
    return "restored" if entry.restores is not None else "changed"


def _describe_by_template(template: str) -> Callable[[Change, str], str]:
    """Words about one record: {name} is what it was called."""
    return lambda change, _: template.format(name=_format_record_name(change.first))


def _describe_creation(noun: str) -> Callable[[Change, str], str]:
    def tell(change: Change, _: str) -> str:
        copied = next((entry.new_value for entry in change.entries if entry.field == "copied_from"), None)
        return f"made the {noun} {_format_record_name(change.first)}" + (f" as a copy of {copied}" if copied else "")

    return tell


def _describe_image_change(change: Change, _: str) -> str:
    entry = next((entry for entry in change.entries if entry.field == "image"), None)
    name = change.first.subject_name
    if entry is None:
        return f"changed what the picture of {name} shows"
    return f"replaced the picture of {name}" if entry.old_value else f"gave {name} a picture"


def _find_new_value(change: Change, field: str) -> Any:
    return next((entry.new_value for entry in change.entries if entry.field == field), None)


def _describe_void(change: Change, _: str) -> str:
    return f"voided the purchase of {change.first.subject_name}: {str(_find_new_value(change, 'void_reason')).removesuffix('.')}"


def _describe_status_change(change: Change, zone: str) -> str:
    entry = change.first
    old, new = (_format_inline_value(entry, stored, zone) for stored in (entry.old_value, entry.new_value))
    return f"marked the purchase of {entry.subject_name} as {new}; it was {old}"


def _describe_guest_change(change: Change, zone: str) -> str:
    if len(change.entries) > 1:
        return f"named the guests of {len(change.entries):,} seats of {change.first.subject_name}'s purchase"
    entry = change.first
    old, new = (_format_inline_value(entry, stored, zone) for stored in (entry.old_value, entry.new_value))
    return f"changed the guest of {entry.field} of {entry.subject_name}'s purchase from {old} to {new}"


def _describe_import(change: Change, _: str) -> str:
    return f"imported {text.format_count(int(_find_new_value(change, 'rows_imported') or 0), 'sale')} from {change.first.subject_name}"


def _describe_ended_sessions(change: Change, _: str) -> str:
    ended = next((entry.old_value for entry in change.entries if entry.field == "sessions"), None)
    which = text.format_count(ended, "session") if isinstance(ended, int) else "sessions"
    return f"ended {which} of {change.first.subject_name}"


def _describe_assignment(change: Change, _: str) -> str:
    assigned = text.format_count(len(_find_new_value(change, "staff") or ()), "person", "people")
    return f"let {assigned} work on {change.first.subject_name}"


ACTION_TEXTS = {
    "event.created": ActionText("Event made", _describe_creation("event")),
    "event.changed": ActionText("Event changed", _describe_change),
    "event.packages_arranged": ActionText("Packages arranged", _describe_by_template("arranged the packages")),
    "event.staff_assigned": ActionText("People assigned", _describe_assignment),
    "package.created": ActionText("Package made", _describe_creation("package")),
    "package.changed": ActionText("Package changed", _describe_change),
    "package.deleted": ActionText("Package deleted", _describe_by_template("deleted the package {name}")),
    "package.image_changed": ActionText("Picture changed", _describe_image_change),
    "package.image_removed": ActionText("Picture removed", _describe_by_template("removed the picture of {name}")),
    "option.created": ActionText("Option added", _describe_creation("option")),
    "option.changed": ActionText("Option changed", _describe_change),
    "option.arranged": ActionText("Options arranged", _describe_by_template("moved the option {name}")),
    "option.retired": ActionText("Option retired", _describe_by_template("retired the option {name}")),
    "option.deleted": ActionText("Option deleted", _describe_by_template("deleted the option {name}")),
    "promo_code.created": ActionText("Promo code made", _describe_creation("promo code")),
    "promo_code.changed": ActionText("Promo code changed", _describe_change),
    "promo_code.deleted": ActionText("Promo code deleted", _describe_by_template("deleted the promo code {name}")),
    "purchase.voided": ActionText("Purchase voided", _describe_void),
    "purchase.status_changed": ActionText("Payment status changed", _describe_status_change),
    "purchase.guests_named": ActionText("Guests named", _describe_guest_change),
    "import.completed": ActionText("Sales imported", _describe_import),
    "staff.added": ActionText("Account made", _describe_by_template("made an account for {name}")),
    "staff.invited": ActionText("Person invited", _describe_by_template("invited {name}")),
    "staff.changed": ActionText("Account changed", _describe_change),
    "staff.activated": ActionText("Account activated", _describe_by_template("activated the account of {name}")),
    "staff.deactivated": ActionText("Account deactivated", _describe_by_template("deactivated the account of {name}")),
    "staff.password_changed": ActionText("Password changed", _describe_by_template("changed their own password")),
    "staff.link_made": ActionText("New link made", _describe_by_template("made a new link for {name}")),
    "staff.invitation_accepted": ActionText("Invitation accepted", _describe_by_template("chose a password by a link")),
    "staff.sessions_ended": ActionText("Sessions ended", _describe_ended_sessions),
    "staff.bound": ActionText("OpenID account bound", _describe_by_template("bound the account of {name}")),
    "staff.released": ActionText(
        "OpenID account released", _describe_by_template("released the account of {name} for another sign-in")
    ),
    "staff.assigned": ActionText("Person assigned", _describe_by_template("let {name} work on this event")),
    "staff.unassigned": ActionText("Person taken off", _describe_by_template("took {name} off this event")),
    "token.created": ActionText("Token made", _describe_by_template("made the token {name}")),
    "token.revoked": ActionText("Token revoked", _describe_by_template("revoked the token {name}")),
}
STAFF_ASSIGNMENT_ACTIONS = ("staff.assigned", "staff.unassigned")  # people, but in the trail of the event
OFFICE_ACTIONS = tuple(
    kind
    for kind in ACTION_TEXTS
    if kind.partition(".")[0] in ("staff", "token") and kind not in STAFF_ASSIGNMENT_ACTIONS
)
EVENT_ACTIONS = tuple(kind for kind in ACTION_TEXTS if kind not in OFFICE_ACTIONS)

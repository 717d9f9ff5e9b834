"""Sentences of the audit log: one for each kind of change, and its fields before and after.

Everything is plain text; the caller escapes it for HTML or Markdown.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ticketing.formatting import join_names
from ticketing.models import AuditEntry
from ticketing.reporting.audit_log import Change
from ui import text
from ui.audit.field_names import FIELD_LABELS, FIELD_NOUNS, TOGGLE_PHRASES

MAX_INLINE_VALUE_LENGTH = 60
MAX_LISTED_NAMES = 4
VIA_LABELS = {"app": "web", "api": "API", "command_line": "command line"}
ACTIONS_WITHOUT_FIELD_LIST = {
    "import.completed",
    "import.undone",
    "event.archived",
    "event.restored",
    "event.staff_assigned",
    "package.image_removed",
    "option.retired",
    "option.asked_again",
    "staff.sessions_ended",
}
RECORD_NOUNS = {
    "package": "package",
    "promo_code": "promo code",
    "event": "event",
    "staff": "staff member",
    "token": "token",
}


@dataclass(frozen=True)
class FieldDiff:
    """One field with both values; `field` names the record too when several changed at once."""

    field: str
    before: str
    after: str


@dataclass(frozen=True)
class ActionText:
    """A kind of change: its label in filters, and the predicate of its sentence, whose subject is the actor."""

    label: str
    format_predicate: Callable[[Change, str], str]


def format_sentence(change: Change, zone: str) -> str:
    """Return a sentence such as "Ana Ruiz changed the price of Gold from $2,500.00 to $2,600.00."."""
    first = change.first
    action_text = ACTION_TEXTS.get(first.action)
    if action_text is not None:
        return f"{first.actor} {action_text.format_predicate(change, zone)}."
    noun, _, verb = first.action.replace("_", " ").partition(".")
    return f"{first.subject_name}: {noun} {verb}, by {first.actor}."


def format_via(change: Change) -> str:
    """Return where the change was made, such as "web"."""
    return "import" if change.first.action == "import.completed" else VIA_LABELS[change.first.via]


def get_action_label(action: str) -> str:
    """Return the label of a kind of change in filters."""
    return (
        ACTION_TEXTS[action].label
        if action in ACTION_TEXTS
        else action.replace("_", " ").replace(".", " ").capitalize()
    )


def list_field_diffs(change: Change, zone: str) -> list[FieldDiff]:
    """Return every field before and after; none when the sentence already contains all values."""
    if _is_sentence_complete(change, zone):
        return []
    # Corrections are of one order, and options ask one question: its name is in the sentence.
    is_named = change.first.action.endswith(".corrected") or change.first.subject_type == "option"
    has_several_names = _count_records(change) > 1 and not is_named
    return [
        FieldDiff(
            f"{_format_record_name(entry)}: {get_field_noun(entry)}" if has_several_names else get_field_label(entry),
            *(format_value(entry, stored, zone) for stored in (entry.old_value, entry.new_value)),
        )
        for entry in _list_distinct_entries(change)
    ]


def is_creation_or_deletion(change: Change) -> bool:
    """Whether the fields describe a created or deleted record, so that only one of their values is of interest."""
    verb = change.first.action.partition(".")[2]
    return verb in ("created", "added", "deleted", "downloaded")


def _is_sentence_complete(change: Change, zone: str) -> bool:
    """Whether the sentence contains all values."""
    entry = change.first
    if entry.action in ACTIONS_WITHOUT_FIELD_LIST:
        return True
    if len(_list_distinct_entries(change)) > 1:
        return entry.action in ("purchase.voided", "purchase.void_undone")
    if entry.action in ("purchase.status_changed", "purchase.guests_named"):
        return True
    return (
        entry.action.endswith((".changed", ".corrected")) and entry.field is not None and _has_short_values(entry, zone)
    )


def _count_records(change: Change) -> int:
    return len({entry.subject_id for entry in change.entries})


def _list_distinct_entries(change: Change) -> list[AuditEntry]:
    """Return the entries with a field; equal ones of the options of a question once."""
    entries = [entry for entry in change.entries if entry.field is not None]
    distinct = {(entry.field, str(entry.old_value), str(entry.new_value)): entry for entry in entries}
    return list(distinct.values()) if change.first.subject_type == "option" else entries


def _format_packages(change: Change) -> str:
    """Return " in 6 packages" for a change of the options of that many."""
    count = _count_records(change)
    return f" in {text.format_count(count, 'package')}" if count > 1 and change.first.subject_type == "option" else ""


def _has_short_values(entry: AuditEntry, zone: str) -> bool:
    values = [format_value(entry, stored, zone) for stored in (entry.old_value, entry.new_value)]
    return all(len(value) <= MAX_INLINE_VALUE_LENGTH and "\n" not in value for value in values)


def _format_record_name(entry: AuditEntry) -> str:
    """Return the record's name at that time; an option in quotes, since it is often a question."""
    patterns = {"option": "“{}”", "order": "order {}", "purchase": "the purchase of {}"}
    return patterns.get(entry.subject_type, "{}").format(entry.subject_name)


def get_field_label(entry: AuditEntry) -> str:
    """Return the label of the entry's field."""
    field = entry.field or ""
    return FIELD_LABELS.get(field) or text.format_field_label(field)


def get_field_noun(entry: AuditEntry) -> str:
    """Return the name of the entry's field within a sentence."""
    return FIELD_NOUNS.get(entry.field or "") or lowercase_first(get_field_label(entry))


def format_value(entry: AuditEntry, stored: Any, zone: str) -> str:
    """Return a stored value as users read it."""
    field = entry.field or ""
    if field == "image":
        return "a picture" if stored else "no picture"
    if field == "payment_status" and stored:
        return text.STATUS_LABELS.get(str(stored), str(stored))
    if field.startswith("seat ") and stored is None:
        return "No guest"
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
    """Return a value within a sentence: our own words in lower case, text of users unchanged."""
    formatted = format_value(entry, stored, zone)
    is_own_text = (
        stored is None or stored == "" or isinstance(stored, bool) or entry.field in ("option_type", "discount_type")
    )
    return lowercase_first(formatted) if is_own_text or entry.field == "payment_status" else formatted


def lowercase_first(phrase: str) -> str:
    return phrase[:1].lower() + phrase[1:]


def _join_names(names: Sequence[str]) -> str:
    """Return "Gold, Silver and Bronze", or the first names and the number of the others."""
    if len(names) > MAX_LISTED_NAMES + 1:
        names = [*names[:MAX_LISTED_NAMES], f"{len(names) - MAX_LISTED_NAMES:,} more"]
    return join_names(names)


def _describe_change(change: Change, zone: str) -> str:
    entries, packages = _list_distinct_entries(change), _format_packages(change)
    names = list(dict.fromkeys(_format_record_name(entry) for entry in entries))
    if not entries:
        return f"changed {_format_record_name(change.first)}"
    if len({entry.subject_id for entry in entries}) > 1 and not packages:
        noun = RECORD_NOUNS.get(change.first.subject_type, "record")
        return f"changed {text.format_count(len(names), noun)}: {_join_names(names)}"
    if len(entries) > 1:
        fields = list(dict.fromkeys(map(get_field_noun, entries)))
        return f"{_get_verb(entries[0])} the {_join_names(fields)} of {names[0]}{packages}"
    (entry,) = entries
    if entry.field in TOGGLE_PHRASES and entry.restores is None:
        return TOGGLE_PHRASES[entry.field][not entry.new_value].format(name=_format_record_name(entry)) + packages
    predicate = f"{_get_verb(entry)} the {get_field_noun(entry)} of {_format_record_name(entry)}{packages}"
    if not _has_short_values(entry, zone):
        return predicate
    old, new = (_format_inline_value(entry, stored, zone) for stored in (entry.old_value, entry.new_value))
    return f"{predicate} from {old} to {new}"


def _get_verb(entry: AuditEntry) -> str:
    if entry.restores is not None:
        return "restored"
    return "corrected" if entry.action.endswith(".corrected") else "changed"


def _describe_by_template(template: str) -> Callable[[Change, str], str]:
    """Return a predicate about one record or question; {name} is its name."""
    return lambda change, _: template.format(name=_format_record_name(change.first)) + _format_packages(change)


def _describe_creation(noun: str) -> Callable[[Change, str], str]:
    def describe(change: Change, _: str) -> str:
        source = _find_new_value(change, "copied_from")
        copied = f" as a copy of {source}" if source else ""
        return f"created the {noun} {_format_record_name(change.first)}{_format_packages(change)}{copied}"

    return describe


def _describe_image_change(change: Change, _: str) -> str:
    entry = next((entry for entry in change.entries if entry.field == "image"), None)
    name = change.first.subject_name
    if entry is None:
        return f"changed the picture description of {name}"
    return f"replaced the picture of {name}" if entry.old_value else f"added a picture to {name}"


def _describe_correction(change: Change, zone: str) -> str:
    """Name every corrected field, and the order unless only answers were corrected."""
    if len(change.entries) == 1:
        return _describe_change(change, zone)
    fields = [get_field_noun(entry) for entry in change.entries]
    return f"corrected the {_join_names(fields)} of {_format_record_name(change.first)}"


def _find_new_value(change: Change, field: str) -> Any:
    return next((entry.new_value for entry in change.entries if entry.field == field), None)


def _describe_void(change: Change, _: str) -> str:
    reason = str(_find_new_value(change, "void_reason")).removesuffix(".")
    return f"voided the purchase of {change.first.subject_name}: {reason}"


def _describe_undone_void(change: Change, zone: str) -> str:
    entry = next((entry for entry in change.entries if entry.field == "payment_status"), change.first)
    status = _format_inline_value(entry, entry.new_value, zone)
    return f"undid the void of the purchase of {entry.subject_name}, which is {status} again"


def _describe_status_change(change: Change, zone: str) -> str:
    entry = change.first
    old, new = (_format_inline_value(entry, stored, zone) for stored in (entry.old_value, entry.new_value))
    return f"marked the purchase of {entry.subject_name} as {new}; it was {old}"


def _describe_guest_change(change: Change, zone: str) -> str:
    if len(change.entries) > 1:
        return f"named the guests of {len(change.entries):,} seats of the purchase of {change.first.subject_name}"
    entry = change.first
    old, new = (_format_inline_value(entry, stored, zone) for stored in (entry.old_value, entry.new_value))
    return f"changed the guest of {entry.field} of the purchase of {entry.subject_name} from {old} to {new}"


def _describe_import(change: Change, _: str) -> str:
    number = int(_find_new_value(change, "rows_imported") or 0)
    statuses = int(_find_new_value(change, "statuses_changed") or 0)
    changed = f" and changed {text.format_count(statuses, 'status', 'statuses')}" if statuses else ""
    return f"imported {text.format_count(number, 'sale')} from {change.first.subject_name}{changed}"


def _describe_download(change: Change, _: str) -> str:
    rows = text.format_count(int(_find_new_value(change, "rows") or 0), "row")
    people = ", with data of people" if _find_new_value(change, "has_people") else ""
    return f"downloaded {change.first.subject_name}: {rows}{people}"


def _describe_undo(change: Change, _: str) -> str:
    number = int(_find_new_value(change, "purchases_voided") or 0)
    voided = text.format_count(number, "purchase", "purchases")
    reason = _find_new_value(change, "undo_reason")
    return f"undid the import of {change.first.subject_name} and voided {voided}: {reason}"


def _describe_ended_sessions(change: Change, _: str) -> str:
    ended = next((entry.old_value for entry in change.entries if entry.field == "sessions"), None)
    sessions = text.format_count(ended, "session") if isinstance(ended, int) else "sessions"
    return f"ended {sessions} of {change.first.subject_name}"


def _describe_assignment(change: Change, _: str) -> str:
    assigned = text.format_count(len(_find_new_value(change, "staff") or ()), "person", "people")
    return f"assigned {assigned} to {change.first.subject_name}"


ACTION_TEXTS = {
    "event.created": ActionText("Event created", _describe_creation("event")),
    "event.changed": ActionText("Event changed", _describe_change),
    "event.archived": ActionText("Event archived", _describe_by_template("archived {name}")),
    "event.restored": ActionText("Event restored", _describe_by_template("restored {name} from the archive")),
    "event.packages_arranged": ActionText("Packages reordered", _describe_by_template("reordered the packages")),
    "event.staff_assigned": ActionText("Staff assigned", _describe_assignment),
    "package.created": ActionText("Package created", _describe_creation("package")),
    "package.changed": ActionText("Package changed", _describe_change),
    "package.deleted": ActionText("Package deleted", _describe_by_template("deleted the package {name}")),
    "package.image_changed": ActionText("Picture changed", _describe_image_change),
    "package.image_removed": ActionText("Picture removed", _describe_by_template("removed the picture of {name}")),
    "option.created": ActionText("Option created", _describe_creation("option")),
    "option.changed": ActionText("Option changed", _describe_change),
    "option.arranged": ActionText("Option moved", _describe_by_template("moved the option {name}")),
    "option.retired": ActionText("Option no longer asked", _describe_by_template("stopped asking {name}")),
    "option.asked_again": ActionText("Option asked again", _describe_by_template("asked {name} again")),
    "option.deleted": ActionText("Option deleted", _describe_by_template("deleted the option {name}")),
    "promo_code.created": ActionText("Promo code created", _describe_creation("promo code")),
    "promo_code.changed": ActionText("Promo code changed", _describe_change),
    "promo_code.deleted": ActionText("Promo code deleted", _describe_by_template("deleted the promo code {name}")),
    "file_preset.saved": ActionText(
        "Columns of a file saved", _describe_by_template("saved the columns {name} for files of this event")
    ),
    "file_preset.deleted": ActionText(
        "Columns of a file deleted", _describe_by_template("deleted the saved columns {name}")
    ),
    "purchase.voided": ActionText("Purchase voided", _describe_void),
    "purchase.void_undone": ActionText("Void undone", _describe_undone_void),
    "purchase.status_changed": ActionText("Payment status changed", _describe_status_change),
    "purchase.guests_named": ActionText("Guests named", _describe_guest_change),
    "order.corrected": ActionText("Order corrected", _describe_correction),
    "purchase.corrected": ActionText("Answers corrected", _describe_correction),
    "file.downloaded": ActionText("File downloaded", _describe_download),
    "import.completed": ActionText("Sales imported", _describe_import),
    "import.undone": ActionText("Import undone", _describe_undo),
    "donor.merged": ActionText(
        "Donors merged", _describe_by_template("merged two spellings of the e-mail address of {name} into one donor")
    ),
    "donor.separated": ActionText(
        "Donors separated",
        _describe_by_template("separated the donor {name} from another one whose e-mail address only looks alike"),
    ),
    "staff.added": ActionText("Account created", _describe_by_template("created an account for {name}")),
    "staff.invited": ActionText("Person invited", _describe_by_template("invited {name}")),
    "staff.changed": ActionText("Account changed", _describe_change),
    "staff.activated": ActionText("Account activated", _describe_by_template("activated the account of {name}")),
    "staff.deactivated": ActionText("Account deactivated", _describe_by_template("deactivated the account of {name}")),
    "staff.password_changed": ActionText("Password changed", _describe_by_template("changed their own password")),
    "staff.link_made": ActionText("New link created", _describe_by_template("created a new link for {name}")),
    "staff.invitation_accepted": ActionText(
        "Invitation accepted", _describe_by_template("chose a password with an invitation link")
    ),
    "staff.sessions_ended": ActionText("Sessions ended", _describe_ended_sessions),
    "staff.bound": ActionText("OpenID account linked", _describe_by_template("linked the OpenID account of {name}")),
    "staff.released": ActionText(
        "OpenID account unlinked", _describe_by_template("unlinked the OpenID account of {name}")
    ),
    "staff.assigned": ActionText("Person assigned", _describe_by_template("assigned {name} to this event")),
    "staff.unassigned": ActionText("Person removed", _describe_by_template("removed {name} from this event")),
    "token.created": ActionText("Token created", _describe_by_template("created the token {name}")),
    "token.revoked": ActionText("Token revoked", _describe_by_template("revoked the token {name}")),
}
STAFF_ASSIGNMENT_ACTIONS = ("staff.assigned", "staff.unassigned")  # about staff, but in the log of the event
OFFICE_ACTIONS = tuple(
    action
    for action in ACTION_TEXTS
    if action.partition(".")[0] in ("staff", "token") and action not in STAFF_ASSIGNMENT_ACTIONS
)
EVENT_ACTIONS = tuple(action for action in ACTION_TEXTS if action not in OFFICE_ACTIONS)

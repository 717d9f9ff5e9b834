"""Names of fields in the audit log, where the labels of forms (ui/text.py) do not do."""

# Fields that are not in a form; those in forms have their labels in ui.text.
FIELD_LABELS = {
    "rows": "Number of rows",
    "filters": "Filters",
    "has_people": "Data of people",
    "kind": "Rows",
    "columns": "Columns",
    "retired_at": "Retired",
    "is_archived": "Archived",
    "display_order": "Position",
    "package_order": "Order",
    "copied_from": "Copied from",
    "rows_imported": "Sales",
    "statuses_changed": "Statuses changed",
    "purchases_voided": "Purchases voided",
    "undo_reason": "Reason",
    "staff": "Staff",
    "role": "Role",
    "email": "E-mail address",
    "event": "Event",
    "owner": "Owner",
    "openid_subject": "OpenID account",
}
# Names of fields within a sentence, where the label in lower case does not read well.
FIELD_NOUNS = {
    "expires_at": "expiry",
    "starts_at": "start",
    "is_enabled": "on-sale setting",
    "is_active": "active setting",
    "is_sponsorship": "sponsorship setting",
    "is_required": "required setting",
    "option_type": "answer type",
    "label": "wording",
}
# Predicates for a setting that was turned on, and off.
TOGGLE_PHRASES = {
    "is_enabled": ("put {name} on sale", "took {name} off sale"),
    "is_active": ("activated {name}", "deactivated {name}"),
    "is_sponsorship": ("made {name} a sponsorship", "made {name} a regular package"),
    "is_required": ("made {name} required", "made {name} optional"),
}

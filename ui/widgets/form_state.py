"""The state of an open form."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from ticketing.errors import FieldChange


@dataclass
class FormState:
    """An open form. `id` is None for a new record.

    `values` and `version` are those of the record when the form was opened, so that a later edit by a colleague is
    noticed. `problems` are sentences by field, `refusal` is a sentence about the whole form, `notes` a warning.
    `auto_merged` are changes of colleagues that the form took over, `conflicts` those that the user has to decide.
    `labels` name fields that ui.text does not know, such as answers. `read_notes` reads `notes` again whenever the form
    is rendered, for figures that others change. `attempts` counts submits, and `draft` names what was typed in the
    browser's storage, for forms that are kept there.
    """

    kind: str
    id: uuid.UUID | None
    version: int
    values: dict[str, Any]
    problems: dict[str, str] = field(default_factory=dict)
    refusal: str = ""
    to_widget_value: Callable[[str, Any], Any] = lambda _name, stored: stored
    auto_merged: list[FieldChange] = field(default_factory=list)
    conflicts: dict[str, FieldChange] = field(default_factory=dict)
    notes: str = ""
    is_signed_out: bool = False
    labels: dict[str, str] = field(default_factory=dict)
    read_notes: Callable[[], str] | None = None
    attempts: int = 0
    draft: str = ""
    form_id: str = field(default_factory=lambda: uuid.uuid4().hex)

    def key(self, name: str) -> str:
        """Return the widget key of a field, unique to this form, so that no input of an earlier form comes back."""
        return f"{self.kind}_{name}_{self.form_id}"

    def typed(self) -> dict[str, Any]:
        """Return what the fields hold now, by field name."""
        return {name: st.session_state.get(self.key(name), value) for name, value in self.values.items()}

    def changed_values(self) -> dict[str, Any]:
        """Return the fields that the user changed since the form was opened."""
        return {name: value for name, value in self.typed().items() if value != self.values[name]}

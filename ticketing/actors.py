"""The actor of a change: a person on a page, the owner of an API token, or the operator on the command line."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class Actor:
    """Passed to every function of the domain; `permissions.require` looks up the rights at each use."""

    staff_id: uuid.UUID | None
    name: str
    email: str
    role: str
    via: Literal["app", "api", "command_line"] = "app"
    session_id: uuid.UUID | None = None
    token_id: uuid.UUID | None = None
    # Whether the recorded last use of the session or token is old enough to be updated.
    needs_last_used_update: bool = field(default=False, compare=False)


OPERATOR = Actor(None, "Operator", "", "admin", via="command_line")

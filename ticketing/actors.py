"""Who is acting: a person at a page, a token's owner over HTTP, or the operator at the command line."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class Actor:
    """Passed to every function of the domain; `accounts.require` looks the rights up again at each use."""

    staff_id: uuid.UUID | None
    name: str
    email: str
    role: str
    via: Literal["app", "api", "command_line"] = "app"
    session_id: uuid.UUID | None = None
    token_id: uuid.UUID | None = None
    # Whether the session's or token's last use was noted so long ago that it is time to note it again.
    needs_last_used_update: bool = field(default=False, compare=False)


OPERATOR = Actor(None, "Operator", "", "admin", via="command_line")

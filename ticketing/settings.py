"""What an operator sets by environment variables; docs/operations lists them."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[1]


def database_url() -> str | None:
    """DATABASE_URL; None means the embedded PostgreSQL in the data folder."""
    return os.environ.get("DATABASE_URL") or None


def data_folder() -> Path:
    """TICKETDESK_DATA: holds the embedded database and the generated secret."""
    return Path(os.environ.get("TICKETDESK_DATA") or ROOT / ".data").resolve()


def base_url() -> str | None:
    """TICKETDESK_BASE_URL: the address people type, such as https://tickets.example.org; decides `Secure` cookies."""
    url = os.environ.get("TICKETDESK_BASE_URL")
    return url.rstrip("/") if url else None


def is_behind_tls() -> bool:
    """Whether people come by https, whatever the proxy speaks to us."""
    return (base_url() or "").startswith("https://")


def clamd_address() -> str | None:
    """CLAMD_ADDRESS: host:port or the path of a socket; None means that no upload is scanned."""
    return os.environ.get("CLAMD_ADDRESS") or None


@dataclass(frozen=True)
class OpenId:
    """An OpenID provider whose word is taken: for which addresses, and how far.

    With `role_claim`, `roles` says which of its values gives which role; without, roles are those of the staff list.
    """

    issuer: str
    client_id: str
    client_secret: str
    name: str
    domains: frozenset[str]
    role_claim: str | None
    roles: Mapping[str, str]


def openid() -> OpenId | None:
    """TICKETDESK_OPENID_*; None without an issuer. Raises ValueError when what is set is not whole."""
    if not (issuer := _openid("ISSUER")):
        return None
    where = urlsplit(issuer)
    if where.scheme != "https" and where.hostname not in ("localhost", "127.0.0.1"):
        raise ValueError("TICKETDESK_OPENID_ISSUER begins with https://")
    needed = {name: _openid(name) for name in ("CLIENT_ID", "CLIENT_SECRET", "DOMAINS")}
    if missing := [f"TICKETDESK_OPENID_{name}" for name, value in needed.items() if not value]:
        raise ValueError(f"TICKETDESK_OPENID_ISSUER is set, so {' and '.join(missing)} must be, too")
    role_claim, roles = _openid("ROLE_CLAIM"), _openid_roles()
    if bool(role_claim) != bool(roles):
        raise ValueError("TICKETDESK_OPENID_ROLE_CLAIM and TICKETDESK_OPENID_ROLES are set together")
    return OpenId(
        issuer,
        needed["CLIENT_ID"],
        needed["CLIENT_SECRET"],
        _openid("NAME") or "OpenID account",
        frozenset(part.strip().lower().removeprefix("@") for part in needed["DOMAINS"].split(",") if part.strip()),
        role_claim or None,
        roles,
    )


def _openid(name: str) -> str:
    return os.environ.get(f"TICKETDESK_OPENID_{name}", "").strip()


def _openid_roles() -> dict[str, str]:
    """`gala-admins=admin,gala-team=coordinator`, by the value of the claim."""
    roles = {}
    for part in filter(str.strip, _openid("ROLES").split(",")):
        value, _, role = (each.strip() for each in part.rpartition("="))
        if not value or role not in ("admin", "coordinator", "viewer"):
            raise ValueError(f"TICKETDESK_OPENID_ROLES: {part.strip()} is not VALUE=admin, coordinator or viewer")
        roles[value] = role
    return roles


def secret() -> str:
    """TICKETDESK_SECRET, which signs cookies; made once and kept in the data folder when it is not set."""
    if configured := os.environ.get("TICKETDESK_SECRET"):
        return configured
    file = data_folder() / "secret"
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return file.read_text()
    made = secrets.token_urlsafe(48)
    with os.fdopen(handle, "w") as opened:
        opened.write(made)
    return made

"""What an operator sets by environment variables; docs/operations lists them."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

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

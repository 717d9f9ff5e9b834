"""The key that signs cookies: TICKETDESK_SECRET, or one that is generated once and kept in the data folder."""

from __future__ import annotations

import os
import secrets
import tempfile
from pathlib import Path

from ticketing import settings
from ticketing.data_folder import DataFolderUnusable
from ticketing.errors import StartRefused
from ticketing.setting_values import MIN_SECRET_LENGTH


def get() -> str:
    """Return the key; the first server that needs one creates the file, and others that start meanwhile read it.

    Raises StartRefused when the file cannot be written, or has fewer than MIN_SECRET_LENGTH characters.
    """
    current = settings.load()
    if current.secret:
        return current.secret
    file = current.data_folder / "secret"
    try:
        if not file.exists():
            _create(file)
        key = file.read_text(errors="replace").strip()
    except OSError as error:
        raise DataFolderUnusable(current.data_folder, error) from error
    if len(key) < MIN_SECRET_LENGTH:
        raise StartRefused(
            f"The secret in {file} is shorter than {MIN_SECRET_LENGTH} characters, as after a full disk: delete it, "
            "which signs everybody out, and start again."
        )
    return key


def _create(file: Path) -> None:
    """Write a new key to the disk before it gets its name, so that the file is never seen empty or half-written."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=file.parent, prefix="secret.") as new:
        new.write(secrets.token_urlsafe(48))
        new.flush()
        os.fsync(new.fileno())
        owner = file.parent.stat()
        if os.geteuid() == 0:
            os.fchown(new.fileno(), owner.st_uid, owner.st_gid)  # who may run the server later
        try:
            os.link(new.name, file)
        except FileExistsError:
            return  # another server was first

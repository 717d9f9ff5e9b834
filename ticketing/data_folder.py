"""Why the data folder cannot be used, as a sentence for the operator."""

from __future__ import annotations

import errno
from pathlib import Path

from ticketing.errors import StartRefused


class DataFolderUnusable(StartRefused):
    """The data folder, or a file in it, cannot be read or written."""

    def __init__(self, folder: Path, error: OSError) -> None:
        reasons = {
            errno.ENOSPC: f"The disk of the data folder {folder} is full: make room on it and start again.",
            errno.EDQUOT: f"The disk quota of the data folder {folder} is used up: make room and start again.",
            errno.ENOTDIR: f"The data folder {folder} is not a folder: set TICKETDESK_DATA to one.",
            errno.EEXIST: f"The data folder {folder} is not a folder: set TICKETDESK_DATA to one.",
        }
        cause = f"{error.strerror or error}" + (f": {error.filename}" if error.filename else "")
        super().__init__(
            reasons.get(
                error.errno or 0,
                f"The data folder {folder} cannot be used ({cause}): let the user that runs Ticket Desk write to it, "
                "or set TICKETDESK_DATA to another folder.",
            )
        )

"""What a person chooses for a check or an import beside the file and its columns."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ticketing.errors import InvalidInput
from ticketing.models import MAX_ID_PREFIX_LENGTH

PREFIX_END = ":"
_PREFIX = re.compile(rf"[A-Za-z0-9._-]{{0,{MAX_ID_PREFIX_LENGTH}}}")


@dataclass(frozen=True)
class ImportOptions:
    """What an import lets through that it refuses or leaves out otherwise, and how it reads order numbers.

    accept_dates: dates outside the usual range are right (`date_range`).
    imports_voided: sales that were voided here are imported again.
    id_prefix: the seller's, "" for none. It is a part of each stored id, so that two sellers can have the same numbers.
    changes_statuses: payments that went on at the seller since its last file are moved on here.
    """

    accept_dates: bool = False
    imports_voided: bool = False
    id_prefix: str = ""
    changes_statuses: bool = False

    def validate(self) -> None:
        """Raise InvalidInput when the prefix has another form than those that are stored."""
        if not _PREFIX.fullmatch(self.id_prefix):
            message = f"Use at most {MAX_ID_PREFIX_LENGTH} letters A-Z, digits, points, hyphens and underscores."
            raise InvalidInput({"id_prefix": message})


DEFAULT_OPTIONS = ImportOptions()

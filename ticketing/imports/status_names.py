"""What other programs call the status of a sale, from statuses.toml. Source: docs/decisions/0010."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from pydantic import BaseModel, ConfigDict, model_validator


class StatusNames(BaseModel):
    """The content of statuses.toml: the words for each of our statuses, in the form in which they are compared."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    completed: tuple[str, ...]
    pending: tuple[str, ...]
    failed: tuple[str, ...]
    refunded: tuple[str, ...]

    @model_validator(mode="after")
    def _validate_words(self) -> StatusNames:
        counts = Counter(word for _, words in self for word in words)
        if repeated := [word for word, count in counts.items() if count > 1]:
            raise ValueError(f"more than once: {', '.join(repeated)}")
        if unmatched := [word for word in counts if word != key(word)]:
            raise ValueError(f"write in lower case with single spaces: {', '.join(unmatched)}")
        return self


LEFT_OUT = "left_out"
CHOICES = (*StatusNames.model_fields, LEFT_OUT)


def normalize(cell: str, statuses: Mapping[str, str] = MappingProxyType({})) -> str:
    """Return our word for a status, as chosen in `statuses` (by `key`) or else as known; others stay as they are."""
    word = key(cell)
    return statuses.get(word) or _STATUS_BY_WORD.get(word, cell)


def find(cell: str) -> str | None:
    """Return our word for a status that is known."""
    return _STATUS_BY_WORD.get(key(cell))


def key(word: str) -> str:
    """Return the form in which words for a status are compared: "Wc-On_Hold" is "wc on hold"."""
    return re.sub(r"[\s_-]+", " ", word).strip().casefold()


def _load() -> StatusNames:
    return StatusNames.model_validate(tomllib.loads(Path(__file__).with_name("statuses.toml").read_text("utf-8")))


_STATUS_BY_WORD = {word: status for status, words in _load() for word in words}

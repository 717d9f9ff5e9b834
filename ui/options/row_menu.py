"""The menu of a question on the options page: which entries it has, for all packages or for the one that is listed."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from enum import StrEnum

from ticketing.catalog.questions import Question, Tally


class Entry(StrEnum):
    """The entries of a question's menu, in their order."""

    EDIT = "Edit"
    ADD_PACKAGES = "Ask with more packages"
    ANSWERS = "Answers"
    MOVE_UP = "Move up"
    MOVE_DOWN = "Move down"
    STOP_ASKING = "Stop asking"
    ASK_AGAIN = "Ask again"
    DELETE = "Delete"


@dataclass(frozen=True)
class Listing:
    """Which questions are listed: those of all packages, or of one with the ids of its active options in their order.

    `package_count` is the number of packages of the event.
    """

    package_count: int
    package_id: uuid.UUID | None = None
    option_ids: tuple[uuid.UUID, ...] = ()

    def list_tallies(self, question: Question) -> list[Tally]:
        """Return the packages that the menu of a question is about."""
        return [tally for tally in question.tallies if self.package_id in (None, tally.option.package_id)]

    def is_asked(self, question: Question) -> bool:
        return any(tally.is_active for tally in self.list_tallies(question))


def list_entries(question: Question, listing: Listing) -> dict[str, str]:
    """Return the entries of a question's menu, each with what is in brackets behind it.

    A question that was answered is no longer asked and not deleted, which the menu says.
    """
    tallies = listing.list_tallies(question)
    active = [tally for tally in tallies if tally.is_active]
    retired = [tally for tally in tallies if not tally.is_active]
    is_answered = any(tally.is_answered for tally in tallies)
    ids, position = listing.option_ids, None
    if active and listing.package_id is not None:
        position = ids.index(active[0].option.id)
    is_possible = {
        Entry.EDIT: bool(active),
        Entry.ADD_PACKAGES: bool(active) and len(question.active) < listing.package_count,
        Entry.ANSWERS: True,
        Entry.MOVE_UP: bool(position),
        Entry.MOVE_DOWN: position is not None and position < len(ids) - 1,
        Entry.STOP_ASKING: bool(active),
        Entry.ASK_AGAIN: bool(retired),
        Entry.DELETE: not is_answered,
    }
    reasons = [f"{len(active):,} packages"] * (len(active) > 1) + ["answered, so not deleted"] * is_answered
    in_brackets = {Entry.STOP_ASKING: "; ".join(reasons), Entry.ASK_AGAIN: _describe_retired(retired, active)}
    return {entry: in_brackets.get(entry, "") for entry in Entry if is_possible[entry]}


def _describe_retired(retired: list[Tally], active: list[Tally]) -> str:
    """Say which packages no longer ask a question, where that is not plain."""
    if len(retired) > 1:
        return f"{len(retired):,} packages"
    return retired[0].package_name if retired and active else ""

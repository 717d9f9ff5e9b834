"""The rows of the options page: what is asked, with which packages, and how often each answer was given."""

from __future__ import annotations

from ticketing.catalog.questions import Question, Tally
from ui import text
from ui.widgets.list_rows import Badge, Chip, Figure, Row, build_icon

TITLES = ("Answer", "Answers")
MAX_CHIPS = 6
_TYPE_ICONS = {
    "boolean": "toggle_on",
    "single_select": "radio_button_checked",
    "multi_select": "checklist",
    "text_input": "notes",
}


def build_row(question: Question) -> Row:
    """Return the row of a question, with its answers in all packages."""
    option = question.first
    counts = [f"{format_answer(question, answer)} {times:,}" for answer, times in question.by_answer.items()]
    return Row(
        option.id,
        option.label,
        build_icon(_TYPE_ICONS[option.option_type]),
        (Figure(text.VALUE_LABELS[option.option_type]), Figure(f"{question.answered:,}")),
        (_build_badge(question),),
        " · ".join(counts),
        is_off=not question.active,
        chips=_build_chips(question),
    )


def format_answer(question: Question, answer: str) -> str:
    """Return an answer as people read it: "Yes" and "No", or the choice."""
    return answer.capitalize() if question.first.option_type == "boolean" else answer


def _build_badge(question: Question) -> Badge:
    if not question.active:
        return Badge("No longer asked", "archive")
    required = sum(tally.option.is_required for tally in question.active)
    if required == 0:
        return Badge("Optional", "remove")
    is_partly = required < len(question.active)
    return Badge(f"Required in {required} of {len(question.active)}" if is_partly else "Required", "asterisk", "note")


def _build_chips(question: Question) -> tuple[Chip, ...]:
    """Return the packages, those that ask it first; many of them are counted."""
    ordered: list[Tally] = sorted(question.tallies, key=lambda tally: not tally.is_active)
    names = {tally.option.package_id: tally for tally in reversed(ordered)}  # a package that asks it again, once
    shown = [tally for tally in ordered if names[tally.option.package_id] is tally]
    # The last place would say "+1".
    limit = MAX_CHIPS if len(shown) > MAX_CHIPS + 1 else len(shown)
    chips = [Chip(tally.package_name, is_off=not tally.is_active) for tally in shown[:limit]]
    if len(shown) > limit:
        chips.append(Chip(f"+{len(shown) - limit:,}"))
    return tuple(chips)

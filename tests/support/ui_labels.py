"""What Ticket Desk says: every label and sentence in the sources, to be compared with what the documents quote."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import combinations
from pathlib import Path

from ticketing.settings import ROOT

PLACEHOLDER = "\0"  # where a name, an amount or a number is put in
FOLDERS = ("pages", "ui", "api", "ticketing")
_MARKUP = re.compile(r":material/\w+:\s*|:(?:small|gray|red|green)\[|\*\*|\\(?=\$)")
_TEMPLATE = re.compile(r"<[^>]*>|{%.*?%}", re.DOTALL)
_PLACEHOLDER_PATTERN = re.compile(r"{{.*?}}|{\w*}", re.DOTALL)
_END_OF_SENTENCE = re.compile(rf"(?<=[.!?{PLACEHOLDER}]) (?=[A-Z{PLACEHOLDER}])")
MIN_LETTERS = 3  # of its own; what has less, around a hole, would be found in anything


def is_ui_text(words: str) -> bool:
    """Whether these words stand in the app: a label, or whole sentences of what it says, with anything in the holes.

    Sentences that the app puts together while it runs stand in the sources one by one.
    """
    each = _END_OF_SENTENCE.split(words)
    return _is_known_text(words) or (len(each) > 1 and all(map(_is_known_text, each)))


def _is_known_text(words: str) -> bool:
    plain, filled = _load_texts()
    return words in plain or any(pattern.fullmatch(words) for pattern in filled)


@cache
def _load_texts() -> tuple[frozenset[str], tuple[re.Pattern[str], ...]]:
    texts = {part for text in _list_texts() for part in _list_sentence_runs(_strip_markup(text))}
    filled = (text for text in texts if PLACEHOLDER in text and len(re.findall(r"[^\W\d_]", text)) >= MIN_LETTERS)
    patterns = (".+?".join(map(re.escape, text.split(PLACEHOLDER))) for text in filled)
    return frozenset(text for text in texts if PLACEHOLDER not in text), tuple(map(re.compile, patterns))


def _list_texts() -> Iterator[str]:
    for room in FOLDERS:
        for file in sorted((ROOT / room).rglob("*.py")):
            yield from _list_python_strings(file)
    for file in sorted((ROOT / "api/templates").glob("*.html")):
        yield from (
            _PLACEHOLDER_PATTERN.sub(PLACEHOLDER, line) for line in _TEMPLATE.sub("\n", file.read_text()).splitlines()
        )
        yield from re.findall(r'"([A-Z][^"<>]*)"', file.read_text())  # labels that are handed to a macro


def _list_python_strings(file: Path) -> Iterator[str]:
    """Every string but docstrings; what an f-string fills in is a hole."""
    tree = ast.parse(file.read_text())
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(part.value if isinstance(part, ast.Constant) else PLACEHOLDER for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield _PLACEHOLDER_PATTERN.sub(PLACEHOLDER, node.value)


def _strip_markup(text: str) -> str:
    return " ".join(_MARKUP.sub("", text).split())


def _list_sentence_runs(text: str) -> Iterable[str]:
    """The text, and each sentence or several after each other: a message may be quoted in part."""
    sentences = _END_OF_SENTENCE.split(text)
    places = combinations(range(min(len(sentences), 8) + 1), 2)
    return {text} | {" ".join(sentences[first:last]) for first, last in places}

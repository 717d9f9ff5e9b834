"""What Ticket Desk says: every label and sentence in the sources, to be compared with what the documents quote."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import combinations
from pathlib import Path

from ticketing.settings import ROOT

HOLE = "\0"  # where a name, an amount or a number is put in
ROOMS = ("pages", "ui", "api", "ticketing")
_MARKUP = re.compile(r":material/\w+:\s*|:(?:small|gray|red|green)\[|\*\*|\\(?=\$)")
_TEMPLATE = re.compile(r"<[^>]*>|{%.*?%}", re.DOTALL)
_FILLED_IN = re.compile(r"{{.*?}}|{\w*}", re.DOTALL)
_END_OF_SENTENCE = re.compile(rf"(?<=[.!?{HOLE}]) (?=[A-Z{HOLE}])")
FEWEST_LETTERS = 3  # of its own; what has less, around a hole, would be found in anything


def is_said(words: str) -> bool:
    """Whether these words stand in the app: a label, or whole sentences of what it says, with anything in the holes.

    Sentences that the app puts together while it runs stand in the sources one by one.
    """
    each = _END_OF_SENTENCE.split(words)
    return _stands(words) or (len(each) > 1 and all(map(_stands, each)))


def _stands(words: str) -> bool:
    plain, filled = _said()
    return words in plain or any(pattern.fullmatch(words) for pattern in filled)


@cache
def _said() -> tuple[frozenset[str], tuple[re.Pattern[str], ...]]:
    texts = {part for text in _texts() for part in _runs_of_sentences(_bare(text))}
    filled = (text for text in texts if HOLE in text and len(re.findall(r"[^\W\d_]", text)) >= FEWEST_LETTERS)
    patterns = (".+?".join(map(re.escape, text.split(HOLE))) for text in filled)
    return frozenset(text for text in texts if HOLE not in text), tuple(map(re.compile, patterns))


def _texts() -> Iterator[str]:
    for room in ROOMS:
        for file in sorted((ROOT / room).rglob("*.py")):
            yield from _of_python(file)
    for file in sorted((ROOT / "api/templates").glob("*.html")):
        yield from (_FILLED_IN.sub(HOLE, line) for line in _TEMPLATE.sub("\n", file.read_text()).splitlines())
        yield from re.findall(r'"([A-Z][^"<>]*)"', file.read_text())  # labels that are handed to a macro


def _of_python(file: Path) -> Iterator[str]:
    """Every string but docstrings; what an f-string fills in is a hole."""
    tree = ast.parse(file.read_text())
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(part.value if isinstance(part, ast.Constant) else HOLE for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield _FILLED_IN.sub(HOLE, node.value)


def _bare(text: str) -> str:
    return " ".join(_MARKUP.sub("", text).split())


def _runs_of_sentences(text: str) -> Iterable[str]:
    """The text, and each sentence or several after each other: a message may be quoted in part."""
    sentences = _END_OF_SENTENCE.split(text)
    places = combinations(range(min(len(sentences), 8) + 1), 2)
    return {text} | {" ".join(sentences[first:last]) for first, last in places}

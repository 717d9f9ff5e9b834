"""Every label and sentence in the sources, to compare with what the documents quote."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import combinations
from pathlib import Path

from ticketing.settings import ROOT

PLACEHOLDER = "\0"  # for a name, an amount or a number that is filled in
FOLDERS = ("pages", "ui", "api", "ticketing")
_MARKUP = re.compile(r":material/\w+:\s*|:(?:small|gray|red|green)\[|\*\*|\\(?=\$)")
_TEMPLATE = re.compile(r"<[^>]*>|{%.*?%}", re.DOTALL)
_PLACEHOLDER_PATTERN = re.compile(r"{{.*?}}|{\w*}", re.DOTALL)
_END_OF_SENTENCE = re.compile(rf"(?<=[.!?{PLACEHOLDER}]) (?=[A-Z{PLACEHOLDER}])")
MIN_LETTERS = 3  # a pattern with fewer letters around its placeholder would match anything


def is_ui_text(words: str) -> bool:
    """Whether these words are in the app: a label, or whole sentences, with anything in place of placeholders.

    Sentences that the app joins while it runs are looked up one by one.
    """
    sentences = _END_OF_SENTENCE.split(words)
    return _is_known_text(words) or (len(sentences) > 1 and all(map(_is_known_text, sentences)))


def _is_known_text(words: str) -> bool:
    plain, patterns = _load_texts()
    return words in plain or any(pattern.fullmatch(words) for pattern in patterns)


@cache
def _load_texts() -> tuple[frozenset[str], tuple[re.Pattern[str], ...]]:
    texts = {part for text in _list_texts() for part in _list_sentence_runs(_strip_markup(text))}
    templates = (text for text in texts if PLACEHOLDER in text and len(re.findall(r"[^\W\d_]", text)) >= MIN_LETTERS)
    patterns = (".+?".join(map(re.escape, text.split(PLACEHOLDER))) for text in templates)
    return frozenset(text for text in texts if PLACEHOLDER not in text), tuple(map(re.compile, patterns))


def _list_texts() -> Iterator[str]:
    for folder in FOLDERS:
        for file in sorted((ROOT / folder).rglob("*.py")):
            yield from _list_python_strings(file)
    for file in sorted([*(ROOT / "api/templates").glob("*.html"), *(ROOT / "ui/shell").glob("*.html")]):
        yield from (
            _PLACEHOLDER_PATTERN.sub(PLACEHOLDER, line) for line in _TEMPLATE.sub("\n", file.read_text()).splitlines()
        )
        yield from re.findall(r'"([A-Z][^"<>]*)"', file.read_text())  # labels passed to a macro


def _list_python_strings(file: Path) -> Iterator[str]:
    """Yield every string but docstrings, with placeholders in f-strings."""
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
    """Return the text and every run of its sentences, since a message may be quoted in part."""
    sentences = _END_OF_SENTENCE.split(text)
    ranges = combinations(range(min(len(sentences), 8) + 1), 2)
    return {text} | {" ".join(sentences[first:last]) for first, last in ranges}

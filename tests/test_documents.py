"""The documents are true as far as a machine can tell: links lead somewhere, pictures exist, words are the app's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from docs import tables
from docs.pictures import take
from tests.support.ui_labels import is_ui_text
from ticketing.cli import main
from ticketing.settings import ROOT

PICTURES = ROOT / "docs/pictures"
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("deploy/**/*.md")])
FOR_STAFF = sorted([ROOT / "README.md", *ROOT.glob("docs/guide/*.md")])
MOST_KILOBYTES = 2_500


def relative(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=relative)


@cache
def inlines(document: Path) -> tuple[tuple[str, Token], ...]:
    """The pieces of running text, each with the kind of block it stands in."""
    blocks = MarkdownIt("commonmark").enable("table").parse(document.read_text())
    return tuple((before.type, token) for before, token in pairwise(blocks) if token.children)


def targets(document: Path) -> Iterator[str]:
    """Where its links and pictures lead."""
    for _, text in inlines(document):
        for token in text.children:
            if token.type in ("link_open", "image"):
                yield str(token.attrs["href" if token.type == "link_open" else "src"])


@cache
def anchors(document: Path) -> frozenset[str]:
    """The names of its headings, as GitHub makes them."""
    headings = (said(text) for kind, text in inlines(document) if kind == "heading_open")
    return frozenset(re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings)


def said(text: Token) -> str:
    return "".join(" " if each.type == "softbreak" else each.content for each in text.children)


def local(document: Path) -> Iterator[tuple[str, Path, str]]:
    """Of the links that lead to other files of ours: the link, the file and the heading."""
    for target in targets(document):
        address = urlsplit(target)
        if not address.scheme:
            file = (document.parent / unquote(address.path)).resolve() if address.path else document
            yield target, file, address.fragment


@each_document
def test_every_link_leads_to_a_file_and_a_heading_that_exist(document):
    broken = [
        target
        for target, file, heading in local(document)
        if not file.exists() or (heading and heading not in anchors(file))
    ]
    assert broken == []


def test_every_picture_is_shown_and_taken_by_the_script():
    shown = {file.stem for document in DOCUMENTS for _, file, _ in local(document) if file.parent == PICTURES}
    stored = {file.stem for file in PICTURES.glob("*.*") if file.suffix in (".webp", ".png")}
    assert stored == shown == set(take.TAKERS)


def test_the_pictures_stay_small_enough_for_a_checkout():
    assert sum(file.stat().st_size for file in PICTURES.glob("*.webp")) < MOST_KILOBYTES * 1000


@each_document
def test_every_picture_says_what_it_shows(document):
    assert [text.content for _, text in inlines(document) for each in text.children
            if each.type == "image" and not each.content] == []  # fmt: skip


def labels(document: Path) -> Iterator[str]:
    """What is printed bold."""
    for _, text in inlines(document):
        bold: list[str] | None = None
        for token in text.children:
            if token.type == "strong_open":
                bold = []
            elif token.type == "strong_close" and bold is not None:
                yield "".join(bold).rstrip(".")
                bold = None
            elif bold is not None:
                bold.append(" " if token.type == "softbreak" else token.content)


def quotes(document: Path) -> Iterator[str]:
    """What stands in quotation marks and begins as a sentence does; a word or two of the writer's own may, too."""
    for _, text in inlines(document):
        told = "".join(" " if each.type == "softbreak" else "" if each.type == "code_inline" else each.content
                       for each in text.children)  # fmt: skip
        yield from re.findall(r'"([A-Z0-9][^"]*[.])"', told)


@pytest.mark.parametrize("document", FOR_STAFF, ids=relative)
def test_what_is_printed_bold_or_quoted_is_what_the_app_says(document):
    assert [words for words in (*labels(document), *quotes(document)) if not is_ui_text(words)] == []


def test_words_that_the_app_does_not_say_are_noticed():
    assert is_ui_text("Box office")
    assert is_ui_text("98 are sold already, so the limit cannot be 90. Enter 98 or more.")
    assert not is_ui_text("Ticket office")
    assert not is_ui_text("98 are sold already, so the limit may not be 90. Enter 98 or more.")


@pytest.mark.parametrize("part", tables.PARTS, ids=lambda part: part.document)
def test_what_documents_take_from_elsewhere_is_up_to_date(part):
    text = part.file.read_text()
    assert part.written_into(text) == text, "run: make documents"


def commands(capsys, *command: str) -> set[str]:
    with pytest.raises(SystemExit):
        main([*command, "--help"])
    return set(re.findall(r"^    (\w+) {2,}", capsys.readouterr().out, re.MULTILINE))


def test_the_table_of_commands_has_the_commands_there_are(capsys):
    there_are = commands(capsys) - {"staff"} | {f"staff {each}" for each in commands(capsys, "staff")}
    table = (ROOT / "docs/operations/README.md").read_text().partition("## Command line")[2]
    assert set(re.findall(r"^\| `([a-z]+(?: [a-z]+)?)", table, re.MULTILINE)) == there_are

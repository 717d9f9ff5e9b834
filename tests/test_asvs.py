"""The table of ASVS requirements in docs/operations/security.md is complete and names tests that exist."""

from __future__ import annotations

import re
from functools import cache

import pytest

from ticketing.settings import ROOT

# ASVS 5.0, levels 1 and 2: requirements by section.
REQUIREMENTS = {
    "4.1": "1 2 3", "4.2": "1", "4.3": "1 2", "4.4": "1 2 3 4",
    "5.1": "1", "5.2": "1 2 3", "5.3": "1 2", "5.4": "1 2 3",
    "6.1": "1 2 3", "6.2": "1 2 3 4 5 6 7 8 9 10 11 12", "6.3": "1 2 3 4", "6.4": "1 2 3 4", "6.5": "1 2 3 4 5",
    "6.6": "1 2 3", "6.8": "1 2 3 4",
    "7.1": "1 2 3", "7.2": "1 2 3 4", "7.3": "1 2", "7.4": "1 2 3 4 5", "7.5": "1 2", "7.6": "1 2",
    "8.1": "1 2", "8.2": "1 2 3", "8.3": "1", "8.4": "1",
    "16.1": "1", "16.2": "1 2 3 4 5", "16.3": "1 2 3 4", "16.4": "1 2 3", "16.5": "1 2 3",
}  # fmt: skip
ROW = re.compile(r"^\| (\d+\.\d+\.\d+) [^|]+ \| ([^|]+) \| (.+) \|$", re.MULTILINE)


def list_rows() -> list[tuple[str, str, str]]:
    """Return number, status and reason of each row."""
    return ROW.findall((ROOT / "docs/operations/security.md").read_text())


@cache
def list_test_names() -> frozenset[str]:
    files = (ROOT / "tests").rglob("test_*.py")
    return frozenset(name for file in files for name in re.findall(r"def (test_\w+)", file.read_text()))


def test_every_requirement_has_one_row():
    expected = [f"{section}.{number}" for section, numbers in REQUIREMENTS.items() for number in numbers.split()]
    assert [number for number, _, _ in list_rows()] == expected


@pytest.mark.parametrize(("number", "status", "reason"), list_rows(), ids=[number for number, _, _ in list_rows()])
def test_row_has_a_status_and_names_existing_tests(number, status, reason):
    named = re.findall(r"`(test_\w+)`", reason)
    assert status in ("held", "not held", "decided otherwise", "not applicable")
    assert [name for name in named if name not in list_test_names()] == []
    assert named or status != "held"

"""Streamlit knows every option in .streamlit/config.toml; it only warns about one that it does not know."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
import streamlit as st

from ticketing.settings import ROOT


def list_options(section: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in section.items():
        if isinstance(value, dict) and name != "trustedUserHeaders":
            yield from list_options(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


@pytest.mark.parametrize(
    ("name", "value"),
    list(list_options(tomllib.loads((ROOT / ".streamlit/config.toml").read_text()))),
    ids=lambda value: value if isinstance(value, str) and "." in value else "",
)
def test_option_exists_and_holds_its_value(name, value):
    assert st.get_option(name) == value

"""What Ticket Desk relies on in the installed Streamlit. No database, server or browser: docs/streamlit-upgrade.md."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit import file_util


@pytest.fixture(scope="session", autouse=True)
def database() -> None:
    """Replace the database that all other tests get."""


@pytest.fixture(scope="session")
def bundle() -> str:
    """Streamlit's JavaScript, all files in one text."""
    return "\n".join(file.read_text() for file in Path(file_util.get_static_dir(), "static/js").glob("*.js"))

"""Backups for the tests of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.database import use_database
from ticketing.db import backup


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "gala.backup"


@pytest.fixture
def whole(every_row: str, database: str, file: Path) -> Path:
    """A backup with rows in every table."""
    use_database(every_row)
    backup.create(file)
    use_database(database)
    return file

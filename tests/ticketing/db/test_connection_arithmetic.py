"""The numbers of connections in docs/operations and deploy/ are those of the code."""

from __future__ import annotations

import re

import pytest

from api.site.streamed_csv import MAX_DOWNLOADS
from ticketing.db.connections import POOL_SIZE
from ticketing.db.replica import RESERVED_CONNECTIONS
from ticketing.settings import ROOT

PER_PROCESS = POOL_SIZE + MAX_DOWNLOADS
SPARE = 20
SUPERUSER_RESERVED = 3  # the default of PostgreSQL
SIZING = (ROOT / "docs/operations/sizing.md").read_text()
ROWS = [
    (int(limit), int(count)) for limit, count in re.findall(r"^\| (\d+)(?: \(.+\))? \| (\d+) \|$", SIZING, re.MULTILINE)
]


def test_formula_has_the_numbers_of_the_code():
    assert f"**{PER_PROCESS} x processes + {SPARE}**" in SIZING
    assert f"{POOL_SIZE} of the pool and {MAX_DOWNLOADS} of downloads" in SIZING
    assert f"{RESERVED_CONNECTIONS} that downloads leave" in SIZING
    assert SPARE >= SUPERUSER_RESERVED + RESERVED_CONNECTIONS


def test_table_begins_with_the_default_of_postgresql():
    assert [limit for limit, _ in ROWS] == [100, 200, 300]


@pytest.mark.parametrize(("limit", "processes"), ROWS)
def test_processes_of_a_row_fit_and_one_more_does_not(limit, processes):
    assert processes * PER_PROCESS + SPARE <= limit < (processes + 1) * PER_PROCESS + SPARE


def test_pgbouncer_has_room_for_the_downloads_of_two_app_servers():
    text = (ROOT / "deploy/ticketdesk-pgbouncer.ini").read_text()
    (size,) = re.findall(r"^default_pool_size = (\d+)$", text, re.MULTILINE)
    assert int(size) == 20 + 2 * MAX_DOWNLOADS

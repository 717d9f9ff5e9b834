"""An unexpected error shows a reference, wherever on a page it happens; the log has its traceback."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.support.server import RunningServer, run_server

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def broken_server(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with run_server(database, tmp_path_factory.mktemp("broken"), str(HERE / "broken_app.py")) as server:
        yield server


@pytest.mark.parametrize("where", ["the page", "a callback", "a fragment", "a dialog"])
def test_error_shows_reference_that_is_in_the_log(page: Page, broken_server, where) -> None:
    page.goto(broken_server.url)
    page.get_by_role("button", name=f"in {where}").click()
    if where == "a dialog":
        page.get_by_role("dialog").get_by_role("button", name="inside it").click()

    shown = page.get_by_role("alert")
    expect(shown).to_contain_text("Tell the person who runs Ticket Desk this reference:")
    (reference,) = re.findall(r"reference: ([0-9a-f]{8})\.", shown.inner_text())
    assert "inside of" not in page.content()
    log = broken_server.log.read_text()
    assert f"the inside of {where}" in log.partition(reference)[2]

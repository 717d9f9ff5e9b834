"""Each download is a log line with person, event, kind and outcome, and is counted when it ends."""

from __future__ import annotations

import asyncio
import logging

import psycopg
import pytest

from api.site import streamed_csv
from api.site.streamed_csv import StreamedCsv
from tests.support import make
from tests.support.metric_values import assert_increases
from ticketing import logs
from ticketing.actors import OPERATOR
from ticketing.errors import RateLimited
from ticketing.reporting.csv_export import Export, Statement
from ticketing.reporting.downloads import Download

DOWNLOADS = "ticketdesk_downloads_total"


@pytest.fixture
def lines(caplog):
    caplog.set_level(logging.INFO, logger="ticketing.downloads")
    caplog.handler.addFilter(logs.add_context)
    yield lambda: [each for each in caplog.records if each.name == "ticketing.downloads"]
    caplog.handler.removeFilter(logs.add_context)


def download(query: str, *, leaves: bool = False) -> None:
    """Send the rows of a query to a client that reads everything, or leaves at once."""

    async def receive():
        if not leaves:
            await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    async def send(_message):
        pass

    export = Export(("row",), Statement(query, {}), Statement("SELECT 1", {}), "UTC", "Gala")
    response = StreamedCsv(Download(OPERATOR, None, "purchases.csv", export), "purchases", {})
    asyncio.run(response({"type": "http", "method": "GET"}, receive, send))


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        ("purchases.csv", "purchases"),
        ("guests.csv", "guests"),
        ("audit.csv", "audit-log"),
        ("purchases.xlsx", "purchases workbook"),
        ("guests.xlsx", "guests workbook"),
    ],
)
def test_complete_download_has_person_and_event(browser, sign_in, lines, file, kind):
    person, event = sign_in(role="admin"), make.event()
    with assert_increases(1, DOWNLOADS, kind=kind, outcome="complete"):
        assert browser.get(f"/export/{event.id}/{file}").status_code == 200
    (line,) = lines()
    assert (line.kind, line.outcome, line.actor, line.event) == (
        kind,
        "complete",
        str(person.staff_id),
        str(event.id),
    )


def test_client_that_leaves_cancels_the_download(lines):
    with assert_increases(1, DOWNLOADS, kind="purchases", outcome="canceled"):
        download("SELECT pg_sleep(5)", leaves=True)
    assert [line.outcome for line in lines()] == ["canceled"]


@pytest.mark.database
def test_download_that_breaks_off_has_failed(lines):
    with assert_increases(1, DOWNLOADS, kind="purchases", outcome="failed"), pytest.raises(psycopg.DataError):
        download("SELECT 1 / 0")
    assert [line.outcome for line in lines()] == ["failed"]


def test_download_above_the_limit_is_refused(lines, monkeypatch):
    monkeypatch.setattr(streamed_csv, "MAX_DOWNLOADS_PER_PERSON", 0)
    person = make.staff(role="admin")
    with assert_increases(1, DOWNLOADS, kind="guests", outcome="refused"), pytest.raises(RateLimited):  # noqa: SIM117
        with streamed_csv.log_outcome("guests"), streamed_csv.hold_slot(person):
            pass
    assert [line.outcome for line in lines()] == ["refused"]

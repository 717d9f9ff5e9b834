"""Python and PostgreSQL have the same rules for the zones of events, or the difference is reported by name."""

from __future__ import annotations

import shutil
import zoneinfo
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.support import make
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.catalog import events
from ticketing.db import start_checks, time_zones
from ticketing.errors import InvalidInput, StartRefused
from ticketing.ops import verify

THIS_YEAR = (datetime.now(UTC).year,) * 2
RULES = Path(str(files("tzdata") / "zoneinfo"))


@pytest.fixture
def set_python_rules(tmp_path: Path) -> Iterator[Callable[[str, str], None]]:
    """Give Python the rules of another zone, as an older or newer package would; PostgreSQL keeps its own."""

    def set_rules(zone: str, other: str) -> None:
        (tmp_path / zone).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(RULES / other, tmp_path / zone)
        zoneinfo.reset_tzpath([tmp_path])
        zoneinfo.ZoneInfo.clear_cache()

    yield set_rules
    zoneinfo.reset_tzpath(())
    zoneinfo.ZoneInfo.clear_cache()


def find_difference(zone: str, years: time_zones.Years = THIS_YEAR) -> time_zones.ZoneDifference | None:
    with db.engine().connect() as connection:
        return time_zones.find_difference(connection, zone, years)


def list_verify_findings() -> list[str]:
    with db.read_session() as session:
        return [str(each) for each in verify.verify(session) if isinstance(each, time_zones.ZoneDifference)]


@pytest.mark.unit
def test_python_reads_the_pinned_package():
    assert zoneinfo.TZPATH == ()


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "America/Vancouver", "Asia/Kathmandu", "Europe/London"])
def test_same_rules(zone):
    assert find_difference(zone, (2000, 2100)) is None


def test_first_difference_has_both_offsets(set_python_rules):
    set_python_rules("America/Denver", "America/Phoenix")
    assert find_difference("America/Denver", (2026, 2026)) == time_zones.ZoneDifference(
        "America/Denver", (), datetime(2026, 3, 9, tzinfo=UTC), timedelta(hours=-7), timedelta(hours=-6)
    )


def test_years_without_a_difference(set_python_rules):
    set_python_rules("Asia/Singapore", "Asia/Shanghai")  # the same since 1992
    assert find_difference("Asia/Singapore", (2000, 2100)) is None


def test_change_at_another_hour_of_the_same_day(set_python_rules):
    set_python_rules("Europe/London", "Europe/Lisbon")  # both change at 01:00 UTC
    assert find_difference("Europe/London") is None
    set_python_rules("America/Toronto", "Cuba")  # the same offsets; Cuba changes two hours earlier
    difference = find_difference("America/Toronto", (2024, 2024))
    assert difference is not None
    assert difference.moment == datetime(2024, 3, 10, 5, tzinfo=UTC)


def test_zone_that_postgresql_does_not_know(set_python_rules):
    set_python_rules("Test/Island", "Europe/Paris")
    difference = find_difference("Test/Island")
    assert difference is not None
    assert difference.reason == "is unknown to PostgreSQL"


@pytest.mark.usefixtures("empty_database")
def test_start_and_verify_name_the_zone(set_python_rules):
    make.event(name="Spring Gala", time_zone="America/Denver", starts_at="2026-12-05T18:00")
    make.event(name="Golf Day", time_zone="America/Denver", starts_at="2026-12-04T18:00")
    make.event(name="Dinner", time_zone="America/Boise", starts_at="2026-12-04T18:00")
    make.event(time_zone="America/New_York")
    start_checks.check_time_zones()
    assert list_verify_findings() == []

    set_python_rules("America/Denver", "America/Phoenix")
    first_year = datetime.now(UTC).year - time_zones.YEARS_BEFORE
    with pytest.raises(StartRefused) as refused:
        start_checks.check_time_zones()
    [finding] = list_verify_findings()
    assert finding.startswith(
        "The time zone America/Denver of Spring Gala and 1 other event has other rules in PostgreSQL than in Ticket "
        "Desk (tzdata 20"
    )
    assert f"): at {first_year}-03-" in finding
    assert finding.endswith("it is UTC-06:00 there and UTC-07:00 here.")
    assert str(refused.value) == (
        f"{finding} Update the older rules (PostgreSQL's are in the system package tzdata of its machine; restart "
        "PostgreSQL afterwards), and start again."
    )

    set_python_rules("America/Boise", "America/Phoenix")
    with pytest.raises(StartRefused, match=r"The time zone America/Boise .* So has America/Denver\. Update"):
        start_checks.check_time_zones()


@pytest.mark.usefixtures("empty_database")
def test_years_with_sales_are_compared(set_python_rules):
    """Samoa moved its clocks in the summers of 2010 to 2021, and Tonga in one of 2016."""
    event = make.event(time_zone="Pacific/Apia")
    package = make.package(event)
    make.purchase(event, package)
    set_python_rules("Pacific/Apia", "Etc/GMT-13")
    start_checks.check_time_zones()
    with db.engine().begin() as connection:
        connection.execute(text("UPDATE purchases SET purchased_at = '2019-07-01 12:00+00'"))
    with pytest.raises(
        StartRefused, match=r"Pacific/Apia .* at 2016-01-01 00:00 UTC it is UTC\+14:00 there and UTC\+13:00"
    ):
        start_checks.check_time_zones()


def test_event_cannot_take_a_zone_with_other_rules(set_python_rules):
    event = make.event()
    set_python_rules("America/Menominee", "America/Phoenix")
    for change in (
        lambda: make.event(time_zone="America/Menominee"),
        lambda: db.write(
            lambda s: events.update(s, OPERATOR, event.id, {"time_zone": "America/Menominee"}, seen_version=1)
        ),
    ):
        with pytest.raises(InvalidInput) as refused:
            change()
        sentence = refused.value.fields["time_zone"]
        assert sentence.startswith("America/Menominee has other rules in PostgreSQL than in Ticket Desk (tzdata 20")
        assert sentence.endswith("here. Choose another zone, or ask whoever runs the server to update it.")


@pytest.mark.unit
@pytest.mark.parametrize("name", ["localtime", "Factory", "posixrules", "EST5EDT4", "posix/Europe/Paris", "utc"])
def test_name_that_is_no_iana_zone_is_refused(name):
    with pytest.raises(ValueError, match="Choose an IANA time zone"):
        events._validate_time_zone(name)

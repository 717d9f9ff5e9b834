"""CSV downloads of an event by plain link and by API: the same filters, the same file."""

from __future__ import annotations

import csv
import io
import re
import uuid
from datetime import UTC, datetime
from xml.etree import ElementTree

import pytest

from tests.api.conftest import ACCEPT_HTML
from tests.support import make
from tests.support.problems import assert_problem
from ticketing.reporting.file_columns import ExportQuery

COLUMNS = [
    "purchase_id", "purchased_at", "package", "is_sponsorship", "quantity", "seats", "purchaser_name",
    "purchaser_email", "purchaser_phone", "list_price", "discount", "total", "promo_code", "payment_status",
    "channel", "external_sale_id", "notes", "guests",
]  # fmt: skip
SVG = "{http://www.w3.org/2000/svg}"
INVALID_QUERIES = [
    ("status=paid", "status"),
    ("status=", "status"),
    ("package=1", "package"),
    ("from=tomorrow", "from"),
    ("from=2026-02-02&to=2026-02-01", "to"),
    ("sponsorships_only=perhaps", "sponsorships_only"),
    ("sort=best", "sort"),
    ("search=a%00b", "search"),
    ("packge=1", "packge"),
    ("event=1", "event"),
    ("status=completed&status=pending", "status"),
    ("search=ana&search=ben", "search"),
    ("columns=", "columns"),
    ("columns=total,total", "columns"),
    ("columns=password_hash", "columns"),
    ("columns=total&columns=package", "columns"),
]


@pytest.fixture
def sold():
    """Create an event with a package of two seats sold to Zoë and a sponsorship sold to Ana."""
    event = make.event(name='Zoë’s "Gala"\r\nX-Evil: 1; 2026')
    seat = make.package(event, name="Seat", seats_per_package=2)
    make.purchase(event, seat, donor={"name": "Zoë Ångström", "email": "z@example.org"}, guests=[{"name": "Ben"}])
    make.purchase(event, make.package(event, name="Gold", is_sponsorship=True), notes="=1+1")
    return event


def parse_rows(answer):
    assert answer.status_code == 200
    assert answer.content.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))


def list_packages(answer):
    return [row["package"] for row in parse_rows(answer)]


def get_file_name(answer):
    return re.fullmatch(r'attachment; filename="([a-z0-9.-]+)"', answer.headers["content-disposition"]).group(1)


def export(call, event, query=""):
    return call("GET", f"/admin/events/{event.id}/tickets/sales/export?{query}")


def test_export_has_a_row_per_purchase_and_columns_in_order(call, sold):
    answer = export(call, sold)

    rows = parse_rows(answer)
    assert answer.headers["content-type"].startswith("text/csv")
    assert list(rows[0])[: len(COLUMNS)] == COLUMNS
    assert [(row["package"], row["total"]) for row in rows] == [("Gold", "100.00"), ("Seat", "100.00")]
    assert rows[1]["purchaser_name"] == "Zoë Ångström"
    assert not rows[0]["notes"].startswith("=")


def test_browser_downloads_same_csv_as_api(browser, sign_in, call, sold):
    from_api = export(call, sold)
    sign_in(role="viewer", event=sold)

    answer = browser.get(f"/export/{sold.id}/purchases.csv")

    assert answer.status_code == 200
    assert answer.content == from_api.content
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-accel-buffering"] == "no"
    assert get_file_name(answer).startswith("zoes-gala-x-evil-1-2026-purchases-2")
    assert "x-evil" not in answer.headers


def test_guests_csv_has_a_row_per_seat(browser, sign_in, sold):
    sign_in(role="viewer", event=sold)

    answer = browser.get(f"/export/{sold.id}/guests.csv?sort=oldest")

    seats = [(row["package"], row["seat_number"], row["guest_name"]) for row in parse_rows(answer)]
    assert seats == [("Seat", "1", "Ben"), ("Seat", "2", ""), ("Gold", "1", "")]
    assert get_file_name(answer).startswith("zoes-gala-x-evil-1-2026-guests-2")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["Gold", "Seat"]),
        ("sort=oldest", ["Seat", "Gold"]),
        ("sponsorships_only=true", ["Gold"]),
        ("sponsorships_only=false", ["Gold", "Seat"]),
        ("search=angstrom+ZOE", ["Seat"]),
        ("search=nobody", []),
        ("status=pending,refunded", []),
        ("status=completed&channel=online&code=-", ["Gold", "Seat"]),
        ("from=2000-01-01&to=2000-01-02", []),
        ("unnamed_only=true&search=ruiz", ["Gold"]),
    ],
)
def test_filter_is_the_same_for_api_and_browser(browser, sign_in, call, sold, query, expected):
    assert list_packages(export(call, sold, query)) == expected
    sign_in(role="viewer", event=sold)
    assert list_packages(browser.get(f"/export/{sold.id}/purchases.csv?{query}")) == expected


def test_file_name_of_filtered_download_says_selected(browser, sign_in, sold):
    sign_in(role="viewer", event=sold)
    path = f"/export/{sold.id}/guests.csv"

    assert "-guests-selected-2" in get_file_name(browser.get(f"{path}?search=zoe&sort=name"))
    assert "-guests-2" in get_file_name(browser.get(f"{path}?sort=name&search=&sponsorships_only=false"))


def test_chosen_columns_by_link_and_api(browser, sign_in, call, sold):
    sign_in(role="viewer", event=sold)
    query = "columns=total,package&sponsorships_only=true"
    for answer in (export(call, sold, query), browser.get(f"/export/{sold.id}/purchases.csv?{query}")):
        assert [list(row.items()) for row in parse_rows(answer)] == [[("total", "100.00"), ("package", "Gold")]]


@pytest.mark.parametrize(("query", "field"), INVALID_QUERIES)
def test_invalid_filter_exports_nothing(browser, sign_in, call, sold, query, field):
    problem = assert_problem(export(call, sold, query), 422, "invalid_input")
    assert [error["field"] for error in problem["errors"]] == [field]
    sign_in(role="viewer", event=sold)
    for file in ("purchases", "guests"):
        answer = browser.get(f"/export/{sold.id}/{file}.csv?{query}")
        assert (answer.status_code, answer.text) == (422, problem["detail"])
        assert f"“{field}”" in answer.text
    page = browser.get(f"/export/{sold.id}/purchases.csv?{query}", headers=ACCEPT_HTML)
    assert (page.status_code, "Check what you entered" in page.text) == (422, True)


@pytest.mark.parametrize("file", ["purchases", "guests"])
@pytest.mark.parametrize("which", ["another event's", "none at all", "no id"])
def test_download_of_unknown_event_is_404_with_sentence(browser, sign_in, sold, which, file):
    sign_in(role="viewer", event=make.event())
    event_id = {"another event's": sold.id, "none at all": uuid.uuid4(), "no id": "x"}[which]

    plain = browser.get(f"/export/{event_id}/{file}.csv")
    page = browser.get(f"/export/{event_id}/{file}.csv", headers=ACCEPT_HTML)

    assert plain.status_code == page.status_code == 404
    assert plain.text.startswith("This event does not exist")
    assert "This event does not exist" in page.text


def test_openapi_document_describes_every_filter(browser, sign_in):
    sign_in()
    document = browser.get("/api/openapi.json").json()

    parameters = document["paths"]["/v1/admin/events/{event_id}/tickets/sales/export"]["get"]["parameters"]
    filters = [each for each in parameters if each["in"] == "query"]

    assert [each["name"] for each in filters] == [field.alias for field in ExportQuery.model_fields.values()]
    assert all(each["description"] and each["schema"]["examples"] for each in filters)
    types = {each["name"]: (each["schema"]["type"], each["required"]) for each in filters}
    assert types.pop("sponsorships_only") == types.pop("unnamed_only") == ("boolean", False)
    assert types.pop("discounted_only") == types.pop("differing_only") == ("boolean", False)
    assert set(types.values()) == {("string", False)}


def test_chart_is_a_picture_with_title_event_days_and_moment(browser, sign_in):
    event = make.event(name="Harbor <Lights> & Sons")
    sign_in(role="viewer", event=event)
    make.purchase(event, make.package(event), moment=datetime(2026, 1, 10, 12, tzinfo=UTC))
    answer = browser.get(f"/export/{event.id}/chart.svg?chart=packages&from=2026-01-05&to=2026-02-05")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/svg+xml")
    assert re.fullmatch(r"harbor-lights-sons-packages-\d{4}-\d\d-\d\d\.svg", get_file_name(answer))
    drawing = ElementTree.fromstring(answer.content)  # noqa: S314
    title, subtitle, *_ = ["".join(each.itertext()) for each in drawing.iter(f"{SVG}text")]
    assert title == "Daily revenue by package"
    moment = r"\w{3} \d+, \d{4}, \d+:\d\d [AP]M"
    assert re.fullmatch(rf"{event.name} · Jan 5, 2026 to Feb 5, 2026 · as of {moment}", subtitle)

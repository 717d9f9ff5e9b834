"""Audit log of a package over the API, and its CSV download."""

import csv
import io
import uuid

import pytest

from tests.support import make
from tests.support.problems import assert_problem
from ticketing import db
from ticketing.catalog import packages, restore


@pytest.fixture
def gold(event, ana):
    return make.package(event, ana, name="Gold", price="2500", quantity_limit=40)


def path(package, query=""):
    return f"/admin/events/{package.event_id}/tickets/packages/{package.id}/audit{query}"


def get_audit_page(call, package, query=""):
    answer = call("GET", path(package, query))
    assert answer.status_code == 200
    return answer.json()


def test_change_has_actor_time_channel_and_fields(program, event, ana, gold):
    call = program(ana)
    body = {"price": "2600.00", "quantity_limit": None, "version": 1}
    assert call("PATCH", f"/admin/events/{event.id}/tickets/packages/{gold.id}", body).status_code == 200
    page = get_audit_page(call, gold)
    assert (page["total"], page["page"], page["per_page"]) == (2, 1, 20)
    newest, _ = page["items"]
    assert (newest["actor"], newest["staff_id"], newest["via"]) == ("Ana Ruiz", str(ana.staff_id), "api")
    assert (newest["action"], newest["record"], newest["record_id"]) == ("package.changed", "Gold", str(gold.id))
    assert newest["version"] == 2
    assert newest["at"].endswith(("-05:00", "-04:00"))
    assert [(each["field"], each["before"], each["after"], each["restores"]) for each in newest["fields"]] == [
        ("price", "2500.00", "2600.00", None),
        ("quantity_limit", 40, None, None),
    ]


def test_restored_field_names_restored_entry(program, event, ana, gold):
    call = program(ana)
    db.write(lambda s: packages.update(s, ana, event.id, gold.id, {"price": "1"}, seen_version=1))
    (price,) = get_audit_page(call, gold)["items"][0]["fields"]
    db.write(lambda s: restore.restore(s, ana, event.id, price["entry"], seen_version=2))
    (restored,) = get_audit_page(call, gold)["items"][0]["fields"]
    assert (restored["before"], restored["after"], restored["restores"]) == ("1.00", "2500.00", price["entry"])


def test_page_has_twenty_changes_newest_first(program, event, ana, gold):
    for version in range(1, 22):
        db.write(lambda s, v=version: packages.update(s, ana, event.id, gold.id, {"price": str(v)}, seen_version=v))
    call = program(ana)
    first, second = get_audit_page(call, gold), get_audit_page(call, gold, "?page=2")
    assert (first["total"], len(first["items"]), len(second["items"])) == (22, 20, 2)
    prices = [each["fields"][0]["after"] for each in (*first["items"], *second["items"])][:21]
    assert prices == [f"{price}.00" for price in range(21, 0, -1)]
    assert get_audit_page(call, gold, "?page=3")["items"] == []


def test_deleted_package_keeps_log_and_viewers_can_read_it(program, event, ana, gold):
    db.write(lambda s: packages.delete(s, ana, event.id, gold.id))
    items = get_audit_page(program(make.staff("viewer", event)), gold)["items"]
    assert [each["action"] for each in items] == ["package.deleted", "package.created"]


def test_unknown_package_or_other_event_is_not_found(program, call, event, gold):
    stranger = program(make.staff(event=make.event()))
    elsewhere = make.package(make.event())
    for caller, address in (
        (stranger, path(gold)),
        (call, f"/admin/events/{event.id}/tickets/packages/{uuid.uuid4()}/audit"),
        (call, f"/admin/events/{event.id}/tickets/packages/{elsewhere.id}/audit"),
        (call, f"/admin/events/{event.id}/tickets/packages/1/audit"),
    ):
        assert_problem(caller("GET", address), 404, "not_found")
    assert call("GET", path(gold, "?page=0")).status_code == 422


class TestDownload:
    def test_has_filtered_rows_and_file_name(self, browser, sign_in, event, gold):
        sign_in(role="viewer", event=event)
        everything = browser.get(f"/export/{event.id}/audit.csv")
        assert everything.content.startswith(b"\xef\xbb\xbf")
        assert everything.headers["content-type"] == "text/csv; charset=utf-8"
        assert 'filename="harbor-lights-gala-audit-log-20' in everything.headers["content-disposition"]
        rows = list(csv.DictReader(io.StringIO(everything.content.decode("utf-8-sig"))))
        assert {row["record"] for row in rows} == {"Gold", "Harbor Lights Gala"}
        filtered = browser.get(f"/export/{event.id}/audit.csv?record={gold.id}")
        rows = list(csv.DictReader(io.StringIO(filtered.content.decode("utf-8-sig"))))
        assert {row["record"] for row in rows} == {"Gold"}
        assert "-audit-log-selected-" in filtered.headers["content-disposition"]

    @pytest.mark.parametrize("query", ["person=ana", "persons=-", "person=-&person=-", "from=today", "trail=office"])
    def test_invalid_query_is_refused(self, browser, sign_in, event, query):
        sign_in(event=event)
        assert browser.get(f"/export/{event.id}/audit.csv?{query}").status_code == 422

    def test_other_event_is_not_found(self, browser, sign_in, event):
        sign_in(event=make.event())
        for address in (event.id, uuid.uuid4(), "1"):
            assert browser.get(f"/export/{address}/audit.csv").status_code == 404

    def test_office_log_is_for_admins_only(self, browser, sign_in, event):
        sign_in(event=event)
        assert browser.get("/export/office/audit.csv").status_code == 403
        sign_in(role="admin")
        answer = browser.get("/export/office/audit.csv")
        assert answer.status_code == 200
        assert "staff.added" in answer.text
        assert "event.created" not in answer.text
        assert 'filename="office-audit-log-20' in answer.headers["content-disposition"]

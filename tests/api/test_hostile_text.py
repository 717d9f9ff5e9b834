"""Hostile text in every field of the API comes back unchanged, in responses and in the CSV."""

from __future__ import annotations

import csv
import io
import json
import logging
import re
from urllib.parse import quote

import pytest
from sqlalchemy.exc import IntegrityError

from tests.support import image_samples, make
from tests.support.database_state import fingerprint
from tests.support.hostile_text import (
    LINE_BREAKS,
    REFUSED_TEXTS,
    TEXTS,
    normalize_line,
    normalize_paragraphs,
    normalize_promo_code,
)
from tests.support.problems import field_messages
from tests.support.sales_file import run_import, sale, sales_csv
from ticketing import db, logs
from ticketing.actors import OPERATOR
from ticketing.catalog import packages
from ticketing.db import transactions
from ticketing.models import Event, Purchase

pytestmark = pytest.mark.system  # every field with every hostile text

FORMULA = re.compile(r"\s*[=+\-@\t\r]")
ALL_TEXTS = TEXTS | LINE_BREAKS
# Streamlit takes these for path traversal, so they never reach the API.
UNROUTABLE = {TEXTS["path"], TEXTS["percent"]}


def packages_path(event):
    return f"/admin/events/{event.id}/tickets/packages"


def options_path(package):
    return f"/admin/packages/{package.id}/options"


def package_body(**fields):
    return {"name": make.unique("Seat"), "price": "1", "seats_per_package": 1, "description": "A seat."} | fields


def purchase_body(package, **fields):
    return {"package_id": str(package.id), "quantity": 1, "donor": {"name": "Ana", "email": make.email()}} | fields


@pytest.fixture(params=ALL_TEXTS.values(), ids=ALL_TEXTS.keys())
def typed(request):
    return request.param


def test_event_keeps_hostile_text(call, typed):
    body = {"name": typed, "venue": typed, "starts_at": "2026-12-05T18:00", "time_zone": "UTC"}
    made = call("POST", "/admin/events", body)
    assert made.status_code == 201
    path = f"/admin/events/{made.json()['id']}"
    changed = call("PATCH", path, {"version": 1, "venue": f"{typed}x"}).json()
    assert call("GET", path).json() == changed
    assert (changed["name"], changed["venue"]) == (normalize_line(typed), normalize_line(f"{typed}x"))


def test_reason_of_an_undone_import_keeps_hostile_text(call, event, typed):
    batch_id = run_import(event, sales_csv(sale(make.package(event)))).batch_id
    path = f"/admin/events/{event.id}/tickets/imports"
    assert call("POST", f"{path}/{batch_id}/undo", {"reason": typed}).status_code == 200
    assert call("GET", path).json()["items"][0]["undo_reason"] == normalize_line(typed)


def test_package_and_image_alt_keep_hostile_text(call, event, typed):
    made = call("POST", packages_path(event), package_body(name=typed, description=typed))
    assert made.status_code == 201
    path = f"{packages_path(event)}/{made.json()['id']}"
    sent = call.client.post(
        f"/api/v1{path}/image",
        files={"image": ("a.png", image_samples.make_image_file(), "image/png")},
        data={"alt": typed},
        headers={"Authorization": f"Bearer {call.token}"},
    )
    assert sent.status_code == 200
    shown = call("GET", path).json()
    assert (shown["name"], shown["description"]) == (normalize_line(typed), normalize_paragraphs(typed))
    assert shown["image_alt"] == normalize_line(typed)
    (offered,) = call("GET", f"/events/{event.id}/tickets/packages").json()["items"]
    assert (offered["name"], offered["description"]) == (shown["name"], shown["description"])
    (summed,) = call("GET", f"/admin/events/{event.id}/tickets/sales/summary").json()["by_package"]
    assert summed["name"] == call("GET", f"{path}/sales").json()["name"] == shown["name"]


def test_option_choices_and_answers_keep_hostile_text(call, event, typed):
    package = make.package(event)
    choices = [typed[:49], "Fish"]
    body = {"label": typed, "option_type": "multi_select", "choices": choices}
    pick = call("POST", options_path(package), body)
    assert pick.status_code == 201
    assert pick.json()["label"] == normalize_line(typed)
    assert pick.json()["choices"] == [normalize_line(choice) for choice in choices]
    text = call("POST", options_path(package), {"label": f"{typed}?", "option_type": "text_input"}).json()
    answers = [
        {"option_id": pick.json()["id"], "value": pick.json()["choices"][:1]},
        {"option_id": text["id"], "value": typed},
    ]
    bought = call("POST", f"/events/{event.id}/tickets/purchases", purchase_body(package, answers=answers))
    assert bought.status_code == 201, bought.text
    assert [answer["value"] for answer in bought.json()["answers"]] == [
        pick.json()["choices"][:1],
        normalize_paragraphs(typed),
    ]
    (row,) = download_rows(call, event)
    assert unescape_formula(row[normalize_line(f"{typed}?")]) == normalize_paragraphs(typed)


def test_purchase_guests_and_csv_keep_hostile_text(call, event, typed):
    package = make.package(event, name=typed, seats_per_package=2)
    donor = {"name": typed, "email": make.email(), "phone": typed[:50]}
    body = purchase_body(package, donor=donor, guests=[{"name": typed}], notes=typed)
    bought = call("POST", f"/events/{event.id}/tickets/purchases", body, **{"Idempotency-Key": "7"})
    assert bought.status_code == 201, bought.text
    purchase = bought.json()
    assert (purchase["donor"]["name"], purchase["donor"]["phone"]) == (
        normalize_line(typed),
        normalize_line(typed[:50]),
    )
    assert (purchase["tickets"][0]["guest"]["name"], purchase["notes"]) == (
        normalize_line(typed),
        normalize_paragraphs(typed),
    )
    (row,) = download_rows(call, event)
    assert unescape_formula(row["purchaser_name"]) == unescape_formula(row["package"]) == normalize_line(typed)
    assert unescape_formula(row["notes"]) == normalize_paragraphs(typed)
    assert unescape_formula(row["purchaser_phone"]) == normalize_line(typed[:50])
    assert normalize_line(typed) in row["guests"]
    assert not any(FORMULA.match(cell) for name, cell in row.items() if name not in ("list_price", "total"))
    (listed,) = call("GET", f"{packages_path(event)}/{package.id}/sales").json()["items"]
    assert listed["donor"]["name"] == purchase["donor"]["name"]


def test_order_and_its_void_keep_hostile_text(call, event, typed):
    package = make.package(event)
    line = {"package_id": str(package.id), "quantity": 1, "guests": [{"name": typed}]}
    donor = {"name": typed, "email": make.email(), "phone": typed[:50]}
    path = f"/events/{event.id}/tickets/orders"
    bought = call("POST", path, {"donor": donor, "notes": typed, "lines": [line]})
    assert bought.status_code == 201, bought.text
    order = call("GET", f"{path}/{bought.json()['id']}").json()
    assert order == bought.json()
    assert (order["donor"]["name"], order["donor"]["phone"]) == (normalize_line(typed), normalize_line(typed[:50]))
    assert order["notes"] == normalize_paragraphs(typed)
    assert order["lines"][0]["tickets"][0]["guest"]["name"] == normalize_line(typed)
    voided = call("POST", f"{path}/{order['id']}/void", {"reason": typed})
    assert voided.json()["status"] == "voided"
    with db.read_session() as session:
        assert session.get_one(Purchase, order["lines"][0]["purchase_id"]).void_reason == normalize_line(typed)


def test_corrected_order_keeps_hostile_text(call, event, typed):
    package = make.package(event)
    asked = make.option(package, label=typed)
    answered = {"package_id": package.id, "answers": [{"option_id": asked.id, "value": "x"}]}
    bought = make.order(event, answered)
    line = {
        "purchase_id": str(bought.lines[0].purchase.id),
        "answers": [{"option_id": str(asked.id), "value": f"{typed}!"}],
    }
    body = {"version": 1, "donor": {"name": typed, "phone": typed[:50]}, "notes": typed, "lines": [line]}
    order = call("PATCH", f"/events/{event.id}/tickets/orders/{bought.order.id}", body).json()
    assert (order["donor"]["name"], order["donor"]["phone"]) == (normalize_line(typed), normalize_line(typed[:50]))
    assert order["notes"] == normalize_paragraphs(typed)
    assert order["lines"][0]["answers"][0]["value"] == normalize_paragraphs(f"{typed}!")


def test_promo_code_refuses_hostile_text(call, event, typed):
    package = make.package(event)
    body = {"discount_type": "percentage", "discount_value": "5", "code": typed}
    if re.fullmatch(r"[A-Z0-9]{4,20}", normalize_promo_code(typed)):  # nothing but invisible characters was wrong
        created = call("POST", f"/admin/events/{event.id}/promo-codes", body)
        assert (created.status_code, created.json()["code"]) == (201, normalize_promo_code(typed))
        return
    assert list(field_messages(call("POST", f"/admin/events/{event.id}/promo-codes", body))) == ["code"]
    body = purchase_body(package, promo_code=typed)
    refused = call("POST", f"/events/{event.id}/tickets/purchases", body)
    assert (refused.status_code, refused.json()["reason"]) == (409, "unknown")
    assert normalize_promo_code(typed) in normalize_line(refused.json()["detail"])


def test_path_and_query_with_hostile_text_are_just_values(call, event, typed):
    """A promo code, a filter or an id in the URL is only a value."""
    package = make.package(event)
    body = {"package_id": str(package.id), "quantity": 1, "donor_email": "ana@example.org"}
    path = f"/api/v1/admin/events/{event.id}"
    headers = {"Authorization": f"Bearer {call.token}"}
    tried = call.client.post(f"{path}/promo-codes/validate/{quote_path(typed)}", json=body, headers=headers)
    asked = call.client.get(f"{path}/promo-codes/{quote_path(typed)}", headers=headers)
    if typed in UNROUTABLE or "\n" in typed:
        assert (
            (tried.status_code, tried.json()["code"]) == (asked.status_code, asked.json()["code"]) == (404, "not_found")
        )
    else:
        assert (tried.status_code, tried.json()["reason"]) == (200, "unknown")
        assert (asked.status_code, asked.json()["code"]) == (404, "not_found")
    found = call.client.get(f"{path}/tickets/sales/export", params={"search": typed}, headers=headers)
    assert found.status_code == (422 if re.search(r"[\x00-\x1f]", typed) else 200)


@pytest.mark.parametrize("typed", REFUSED_TEXTS.values(), ids=REFUSED_TEXTS.keys())
def test_control_characters_are_refused_and_change_nothing(call, event, typed):
    package = make.package(event)
    question = make.option(package, is_required=False)
    buy = f"/events/{event.id}/tickets/purchases"
    donor = {"name": "Ana", "email": make.email()}
    line = {"package_id": str(package.id), "quantity": 1, "guests": [{"name": typed}]}
    tries = [
        ("/admin/events", {"name": typed, "venue": typed, "starts_at": "2026-12-05", "time_zone": "UTC"}, 2),
        (packages_path(event), package_body(name=typed, description=typed), 2),
        (options_path(package), {"label": typed, "option_type": "multi_select", "choices": [typed, "Fish"]}, 2),
        (buy, purchase_body(package, donor={"name": typed, "email": make.email(), "phone": typed}), 2),
        (buy, purchase_body(package, guests=[{"name": typed}], notes=typed, promo_code=typed), 3),
        (buy, purchase_body(package, answers=[{"option_id": str(question.id), "value": typed}]), 1),
        (f"/events/{event.id}/tickets/orders", {"donor": donor, "notes": typed, "lines": [line]}, 2),
        (buy, purchase_body(package, answers=[{"option_id": str(question.id), "value": {"a": typed}}]), 1),
    ]
    before = fingerprint(event)
    for path, body, wrong in tries:
        answer = call.client.post(
            f"/api/v1{path}",
            content=json.dumps(body),  # escapes lone surrogates
            headers={"Authorization": f"Bearer {call.token}", "Content-Type": "application/json"},
        )
        sentences = list(field_messages(answer).values())
        assert len(sentences) == wrong, (path, sentences)
        if "value" not in str(body) or "{'a'" not in str(body):
            assert set(sentences) == {"Remove the control characters."}, path
    assert fingerprint(event) == before


def test_deeply_nested_body_is_refused(call, event):
    for content in ("[" * 100_000, '{"name":' * 50_000):
        answer = call.client.post(
            f"/api/v1{packages_path(event)}",
            content=content,
            headers={"Authorization": f"Bearer {call.token}", "Content-Type": "application/json"},
        )
        assert list(field_messages(answer)) == ["body"]


def test_event_name_cannot_break_out_of_file_name_header(call, typed):
    event = make.event(name=typed)
    answer = call("GET", f"/admin/events/{event.id}/tickets/sales/export")
    assert re.fullmatch(
        r'attachment; filename="[a-z0-9-]{1,60}-purchases-[0-9-]{10}\.csv"', answer.headers["content-disposition"]
    )


def quote_path(typed: str) -> str:
    return quote(typed, safe="")


def download_rows(call, event: Event) -> list[dict[str, str]]:
    answer = call("GET", f"/admin/events/{event.id}/tickets/sales/export")
    header, *rows = csv.reader(io.StringIO(answer.content.decode("utf-8-sig"), newline=""))
    assert not any(FORMULA.match(title) for title in header)
    return [dict(zip(map(unescape_formula, header), row, strict=True)) for row in rows]


def unescape_formula(cell: str) -> str:
    """Return a cell as it was typed, without the apostrophe that keeps it from being a formula."""
    return cell[1:] if cell.startswith("'") and FORMULA.match(cell[1:]) else cell


def list_log_lines(caplog) -> list[str]:
    """Return the first lines of the warnings and errors in the log, formatted as in a log file."""
    form = logs.create_formatter("text")
    lines = "\n".join(
        form.format(record) for record in caplog.records if record.levelno >= logging.WARNING
    ).splitlines()
    return [line for line in lines if not line.startswith("    ")]


def test_fault_with_line_breaks_makes_one_log_record(call, event, monkeypatch, caplog):
    def broken(_session, _actor, _event_id, draft):  # a bug, which cannot be provoked from outside
        raise RuntimeError(f"Failing row contains ({draft.description})")

    monkeypatch.setattr(packages, "create", broken)
    forged = "2026-11-25 12:00:00 ERROR ticketing.faults: unexpected error, reference deadbeef"
    with caplog.at_level(logging.WARNING):
        answer = call("POST", packages_path(event), package_body(description=f"one\n{forged}\r{forged}\u2028{forged}"))
    assert answer.status_code == 500
    (line,) = list_log_lines(caplog)
    assert f"unexpected error, reference {answer.json()['reference']}" in line
    assert caplog.text.count(forged) == 3


def test_retried_transaction_makes_one_log_record_per_attempt(event, monkeypatch, caplog):
    """PostgreSQL's message on a refused row contains what was typed, with its line breaks."""
    typed = "one\n2026-11-25 12:00:00 ERROR forged"
    monkeypatch.setattr(transactions, "RETRY_CONSTRAINTS", {"ck_packages_name_length"})

    def work(session: db.Session) -> None:
        row = packages.create(session, OPERATOR, event.id, make.package_draft())
        row.description, row.name = typed, ""
        session.flush()

    with caplog.at_level(logging.WARNING), pytest.raises(IntegrityError, match="Failing row"):
        db.write(work)
    assert [re.sub(r".*attempt", "attempt", line)[:9] for line in list_log_lines(caplog)] == ["attempt 1", "attempt 2"]
    assert not any("forged" in line for line in list_log_lines(caplog)), "the row that PostgreSQL quotes is left out"

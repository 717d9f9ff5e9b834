"""The table of the HTTP interface as it was agreed, and the interface as it is: the same paths, the same verbs."""

from __future__ import annotations

import re
import uuid

import pytest

from api.app import api_app

PACKAGES = "/admin/events/{event_id}/tickets/packages"
SPECIFIED_PATHS = {
    PACKAGES: "GET POST",
    f"{PACKAGES}/{{package_id}}": "GET PATCH DELETE",
    f"{PACKAGES}/{{package_id}}/enable": "POST",
    f"{PACKAGES}/{{package_id}}/disable": "POST",
    f"{PACKAGES}/reorder": "POST",
    f"{PACKAGES}/{{package_id}}/image": "POST DELETE",
    f"{PACKAGES}/{{package_id}}/sales": "GET",
    f"{PACKAGES}/{{package_id}}/audit": "GET",
    "/admin/packages/{package_id}/options": "GET POST",
    "/admin/packages/{package_id}/options/{option_id}": "PATCH DELETE",
    "/admin/events/{event_id}/promo-codes": "GET POST",
    "/admin/events/{event_id}/promo-codes/{promo_id}": "GET PATCH DELETE",
    "/admin/events/{event_id}/promo-codes/validate/{code}": "POST",
    "/admin/events/{event_id}/tickets/sales/summary": "GET",
    "/admin/events/{event_id}/tickets/sales/export": "GET",
    "/admin/events": "GET POST",
    "/admin/events/{event_id}": "GET PATCH",
    "/events/{event_id}/tickets/packages": "GET",
    "/events/{event_id}/tickets/purchases": "POST",
}
ADDITIONAL_PATHS = {
    "/admin/packages/{package_id}/options/reorder": "POST",
    "/admin/packages/{package_id}/options/{option_id}/retire": "POST",
}
SPECIFIED_FIELDS = {
    "EventAnswer": "name starts_at time_zone venue revenue_goal",
    "PackageAnswer": "name price seats_per_package description quantity_limit is_sponsorship is_enabled sold_count "
    "available is_sold_out display_order image_url version",
    "OptionAnswer": "label option_type choices is_required",
    "PromoCodeAnswer": "code discount_type discount_value expires_at max_total_uses max_uses_per_donor is_active "
    "current_uses total_discount",
    "PurchaseDraft": "package_id quantity donor promo_code answers guests payment_status channel package_version",
    "DonorDraft": "name email phone",
    "AnswerDraft": "option_id value",
    "GuestDraft": "name email",
    "PurchaseAnswer": "id list_price discount total tickets",
    "Ticket": "code guest",
    "TrialDraft": "package_id quantity donor_email",
    "TrialAnswer": "valid reason discount_amount total",
    "SummaryAnswer": "revenue discount purchases packages_sold seats_sold seats_named sold_out_count revenue_goal "
    "by_package",
    "PackageSales": "package_id name sold_count quantity_limit available seats_sold revenue is_sponsorship is_sold_out",
    "Problem": "type title status detail code errors",
    "FieldProblem": "field message",
}
PAGINATED_PATHS = {
    PACKAGES,
    "/admin/events",
    "/admin/events/{event_id}/promo-codes",
    f"{PACKAGES}/{{package_id}}/sales",
}


def served_verbs() -> dict[str, str]:
    """Every path below /v1 and its verbs, as the document has them."""
    verbs = {path.removeprefix("/v1"): [verb.upper() for verb in taken] for path, taken in _paths().items()}
    return {path: " ".join(verb for verb in ("GET", "POST", "PATCH", "DELETE") if verb in taken)
            for path, taken in verbs.items()}  # fmt: skip


def _paths():
    return api_app.openapi()["paths"]


def test_every_path_and_verb_that_was_agreed_is_there_and_no_other():
    assert served_verbs() == SPECIFIED_PATHS | ADDITIONAL_PATHS


def test_every_field_has_its_agreed_name():
    shapes = api_app.openapi()["components"]["schemas"]
    assert {
        name: set(fields.split()) - set(shapes[name]["properties"]) for name, fields in SPECIFIED_FIELDS.items()
    } == {name: set() for name in SPECIFIED_FIELDS}


def test_long_lists_come_in_pages_of_20_that_are_asked_for_by_number():
    for path in PAGINATED_PATHS:
        asked = _paths()["/v1" + path]["get"]
        assert [each["name"] for each in asked["parameters"] if each["in"] == "query"] == ["page"], path
        answer = asked["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        shape = api_app.openapi()["components"]["schemas"][answer]
        assert set(shape["properties"]) >= {"items", "total", "page", "per_page"}, path
        assert shape["properties"]["per_page"]["default"] == 20, path


def test_too_many_is_documented_with_when_to_come_again():
    assert re.search(r"429[^.]*Retry-After", api_app.openapi()["info"]["description"])
    for path, verbs in _paths().items():
        for verb, asked in verbs.items():
            assert "Retry-After" in asked["responses"]["429"]["headers"], (verb, path)
            assert "Retry-After" in asked["responses"]["503"]["headers"], (verb, path)


@pytest.mark.parametrize("path", sorted(served_verbs()))
def test_a_verb_that_is_not_in_the_table_is_refused_with_those_that_are(call, path):
    address = re.sub(r"\{\w+\}", str(uuid.uuid4()), path)
    # "reorder" stands where ids stand, so to other verbs it is an id that is none.
    taken = {verb for other, verbs in served_verbs().items() if _matches(other, address) for verb in verbs.split()}
    for verb in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} - taken:
        answer = call(verb, address)
        assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed"), verb
        assert set(answer.headers["allow"].split(", ")) == taken, verb


def _matches(path: str, address: str) -> bool:
    return re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", path), address) is not None

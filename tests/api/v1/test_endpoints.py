"""The OpenAPI document has the specified paths, verbs and fields, and no other paths."""

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
    "/events/{event_id}/tickets/orders": "POST",
    "/events/{event_id}/tickets/orders/{order_id}": "GET PATCH",
    "/events/{event_id}/tickets/orders/{order_id}/void": "POST",
    "/events/{event_id}/tickets/orders/{order_id}/void/undo": "POST",
    "/events/{event_id}/tickets/orders/{order_id}/status": "POST",
    "/admin/events/{event_id}/tickets/imports": "GET POST",
    "/admin/events/{event_id}/tickets/imports/check": "POST",
    "/admin/events/{event_id}/tickets/imports/{batch_id}/undo": "GET POST",
}
ADDITIONAL_PATHS = {
    "/admin/packages/{package_id}/options/reorder": "POST",
    "/admin/packages/{package_id}/options/{option_id}/retire": "POST",
    "/admin/packages/{package_id}/options/{option_id}/ask-again": "POST",
    "/admin/events/overview": "GET",
    "/admin/events/{event_id}/archive": "POST",
    "/admin/events/{event_id}/restore": "POST",
    "/admin/events/{event_id}/tickets/questions": "GET POST PATCH",
    "/admin/events/{event_id}/tickets/questions/retire": "POST",
    "/admin/events/{event_id}/tickets/questions/ask-again": "POST",
    "/admin/events/{event_id}/tickets/questions/delete": "POST",
    "/admin/search": "POST",
}
SPECIFIED_FIELDS = {
    "EventAnswer": "name starts_at time_zone venue revenue_goal",
    "PackageAnswer": "name price seats_per_package description quantity_limit is_sponsorship is_enabled sold_count "
    "available is_sold_out display_order image_url version",
    "OptionAnswer": "label option_type choices is_required",
    "PromoCodeAnswer": "code discount_type discount_value expires_at max_total_uses max_uses_per_donor is_active "
    "current_uses total_discount",
    "PurchaseDraft": "package_id quantity donor promo_code answers guests payment_status channel package_version",
    "OrderDraft": "donor promo_code channel payment_status notes lines",
    "OrderLineDraft": "package_id quantity answers guests package_version",
    "OrderAnswer": "id number total discount lines",
    "OrderLine": "purchase_id package_id quantity list_price discount total tickets",
    "DonorDraft": "name email phone",
    "AnswerDraft": "option_id value",
    "GuestDraft": "name email",
    "PurchaseAnswer": "id list_price discount total tickets",
    "Ticket": "code guest",
    "DryRunDraft": "package_id quantity donor_email",
    "DryRunAnswer": "valid reason discount_amount total",
    "ImportMapping": "sheets columns constants packages statuses date_order swaps_dates time_zone combine "
    "decimal_signs amount_scopes accept_dates imports_voided",
    "CheckAnswer": "rows to_import to_skip packages revenue problems warnings voided choices token expires_at",
    "ImportedAnswer": "batch_id rows_imported rows_skipped rows_voided warnings",
    "RowProblem": "row sheet column title message",
    "SummaryAnswer": "revenue discount purchases packages_sold seats_sold seats_named sold_out_count revenue_goal "
    "by_package paid pending",
    "PackageSales": "package_id name sold_count quantity_limit available seats_sold revenue is_sponsorship is_sold_out "
    "paid pending",
    "StatusTotals": "orders purchases packages seats list_price discount total",
    "Problem": "type title status detail code errors",
    "FieldProblem": "field message",
}
PAGINATED_PATHS = {
    PACKAGES,
    "/admin/events",
    "/admin/events/{event_id}/promo-codes",
    f"{PACKAGES}/{{package_id}}/sales",
    "/admin/events/{event_id}/tickets/imports",
}


def served_verbs() -> dict[str, str]:
    """Return every path below /v1 with its verbs, from the OpenAPI document."""
    verbs = {path.removeprefix("/v1"): [verb.upper() for verb in operations] for path, operations in _paths().items()}
    return {
        path: " ".join(verb for verb in ("GET", "POST", "PATCH", "DELETE") if verb in served)
        for path, served in verbs.items()
    }


def _paths():
    return api_app.openapi()["paths"]


def test_paths_and_verbs_are_exactly_the_specified_ones():
    assert served_verbs() == SPECIFIED_PATHS | ADDITIONAL_PATHS


def test_schemas_have_the_specified_fields():
    schemas = api_app.openapi()["components"]["schemas"]
    assert {
        name: set(fields.split()) - set(schemas[name]["properties"]) for name, fields in SPECIFIED_FIELDS.items()
    } == {name: set() for name in SPECIFIED_FIELDS}


def test_long_lists_have_pages_of_20():
    for path in PAGINATED_PATHS:
        operation = _paths()["/v1" + path]["get"]
        names = [each["name"] for each in operation["parameters"] if each["in"] == "query"]
        assert names == (["page", "archived"] if path == "/admin/events" else ["page"]), path
        page_schema = operation["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        schema = api_app.openapi()["components"]["schemas"][page_schema]
        assert set(schema["properties"]) >= {"items", "total", "page", "per_page"}, path
        assert schema["properties"]["per_page"]["default"] == 20, path


def test_rate_limit_is_documented_with_retry_after():
    assert re.search(r"429[^.]*Retry-After", api_app.openapi()["info"]["description"])
    for path, verbs in _paths().items():
        for verb, operation in verbs.items():
            assert "Retry-After" in operation["responses"]["429"]["headers"], (verb, path)
            assert "Retry-After" in operation["responses"]["503"]["headers"], (verb, path)


@pytest.mark.parametrize("path", sorted(served_verbs()))
def test_other_verbs_are_refused_with_the_allowed_ones(call, path):
    address = re.sub(r"\{\w+\}", str(uuid.uuid4()), path)
    # "reorder" is in the place of an id, so other verbs take it for one.
    allowed = {verb for other, verbs in served_verbs().items() if _matches(other, address) for verb in verbs.split()}
    for verb in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} - allowed:
        response = call(verb, address)
        assert (response.status_code, response.json()["code"]) == (405, "method_not_allowed"), verb
        assert set(response.headers["allow"].split(", ")) == allowed, verb


def _matches(path: str, address: str) -> bool:
    return re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", path), address) is not None

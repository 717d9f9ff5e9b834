from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import func, select, text

from tests.support import make
from tests.support.database_state import assert_purchase_refused, get_use_count
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.catalog import promo_codes
from ticketing.catalog.promo_codes import PromoCodeDraft
from ticketing.errors import DuplicateCode, InvalidInput, NotAllowed, NotFound, PromoRefused, SoldOut
from ticketing.models import AuditEntry, PromoCode
from ticketing.sales import purchases
from ticketing.validation import validate

NOW = datetime.now(UTC)
VALID = {"code": "GALA10", "discount_type": "percentage", "discount_value": "10"}


def get_problems(**values):
    with pytest.raises(InvalidInput) as refusal:
        validate(PromoCodeDraft, VALID | values)
    return set(refusal.value.fields)


@pytest.mark.parametrize(
    ("field", "accepted", "refused_values"),
    [
        (
            "code",
            ["ABCD", "A" * 20, "2026", " gala ", "\ufeffga\u200bla"],
            ["ABC", "A" * 21, "GA LA", "GÄLA", "GALA-10", "", "ＧＡＬＡ", "\u017fALE10", "G\u0131FT10"],
        ),
        ("max_total_uses", [1, 10_000, None, ""], [0, 10_001, 1.5]),
        ("max_uses_per_donor", [1, 100, None, ""], [0, 101, -1]),
        ("expires_at", [None, "", "2026-12-05T18:00", "2026-12-05T18:00:00-05:00"], ["soon"]),
        ("is_active", [True, False], ["perhaps"]),
        ("discount_type", ["percentage", "fixed_amount"], ["half", ""]),
    ],
)
def test_field_limits_are_exact(field, accepted, refused_values):
    for value in accepted:
        validate(PromoCodeDraft, VALID | {field: value})
    for value in refused_values:
        assert get_problems(**{field: value}) == {field}, value


@pytest.mark.parametrize(
    ("discount_type", "accepted", "refused_values"),
    [
        ("percentage", ["1", "100", "12.5"], ["0.99", "100.01", "0", "-5", "x"]),
        ("fixed_amount", ["1.00", "10000.00"], ["0.99", "10000.01", "1.001"]),
    ],
)
def test_value_range_depends_on_the_type(discount_type, accepted, refused_values):
    for value in accepted:
        validate(PromoCodeDraft, VALID | {"discount_type": discount_type, "discount_value": value})
    for value in refused_values:
        assert get_problems(discount_type=discount_type, discount_value=value) == {"discount_value"}


def test_code_is_stored_in_capitals_and_unique_within_an_event(event):
    assert make.promo_code(event, code="gala10").code == "GALA10"
    with pytest.raises(DuplicateCode):
        make.promo_code(event, code="Gala10")
    assert make.promo_code(make.event(), code="gala10").code == "GALA10"
    with db.read_session() as session:
        assert session.scalar(select(func.count()).where(PromoCode.event_id == event.id)) == 1


def test_expiry_without_offset_is_local_time():
    event = make.event(time_zone="Asia/Kathmandu")
    naive = make.promo_code(event, expires_at="2026-06-01T12:00")
    aware = make.promo_code(event, expires_at="2026-06-01T12:00:00+00:00")
    with db.read_session() as session:
        assert session.get(PromoCode, naive.id).expires_at == datetime(2026, 6, 1, 6, 15, tzinfo=UTC)
        assert session.get(PromoCode, aware.id).expires_at == datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("typed", "utc"),
    [
        ("2026-11-01T01:30", "2026-11-01T05:30"),  # clocks go back, and 1:30 comes twice: the first
        ("2026-11-01T02:30", "2026-11-01T07:30"),
        ("2027-03-14T01:30", "2027-03-14T06:30"),
        ("2027-03-14T02:30", "2027-03-14T07:30"),  # clocks go forward over 2:30, which is 3:30 then
    ],
)
def test_expiry_during_a_clock_change_is_unambiguous(typed, utc):
    promo = make.promo_code(make.event(time_zone="America/New_York"), expires_at=typed)
    assert f"{promo.expires_at.astimezone(UTC):%Y-%m-%dT%H:%M}" == utc


def test_new_code_is_in_the_audit_log(event):
    ana = make.staff(event=event, name="Ana Ruiz")
    promo = make.promo_code(event, ana, code="GALA10")
    with db.read_session() as session:
        rows = session.scalars(select(AuditEntry).where(AuditEntry.subject_id == promo.id)).all()
    assert {(row.action, row.actor) for row in rows} == {("promo_code.created", "Ana Ruiz")}
    assert {row.field: row.new_value for row in rows}["discount_value"] == "10.00"


def test_viewer_and_stranger_cannot_create_a_code(event):
    for actor, kind in ((make.staff(role="viewer", event=event), NotAllowed), (make.staff(), NotFound)):
        with pytest.raises(kind):
            make.promo_code(event, actor)


def test_list_has_the_total_discount_of_each_code(event):
    package = make.package(event, price="100")
    used, unused = make.promo_code(event, code="AAAA"), make.promo_code(event, code="BBBB")
    for quantity in (1, 2):
        make.purchase(event, package, quantity=quantity, promo_code=used.code)
    with db.read_session() as session:
        rows, total = promo_codes.list_page(session, OPERATOR, event.id)
    assert [(row.code, row.current_uses, given) for row, given in rows] == [
        ("AAAA", 2, Decimal(30)),
        (unused.code, 0, Decimal(0)),
    ]
    assert total == 2


def test_code_applies_in_any_case(event):
    package = make.package(event, price="100")
    promo = make.promo_code(event, code="gala2026", discount_type="fixed_amount", discount_value="30")
    bought = make.purchase(event, package, quantity=2, promo_code=" Ga\u00adla2026\u2060 ")
    assert (bought.purchase.list_price, bought.purchase.discount, bought.purchase.total) == (200, 30, 170)
    assert (bought.promo_code, get_use_count(promo)) == ("GALA2026", 1)


@pytest.mark.parametrize(
    ("reason", "fields"),
    [
        ("inactive", {"is_active": False}),
        ("expired", {"expires_at": NOW - timedelta(seconds=1)}),
        ("used_up", {"max_total_uses": 1}),
        ("used_up_by_donor", {"max_uses_per_donor": 1}),
    ],
)
def test_refused_code_names_the_rule_and_records_nothing(event, reason, fields):
    package = make.package(event)
    promo = make.promo_code(event, **fields)
    donor = make.email()
    if reason.startswith("used_up"):
        make.purchase(event, package, donor_email=donor, promo_code=promo.code)
    refusal = assert_purchase_refused(PromoRefused, event, package, donor_email=donor, promo_code=promo.code)
    assert (refusal.reason, refusal.code) == (reason, "promo_refused")
    assert promo.code in str(refusal)


@pytest.mark.parametrize("code", ["NOSUCHCODE", "x", "' OR 1=1", "\u00df" * 100])
def test_unknown_code_is_refused(event, code):
    assert assert_purchase_refused(PromoRefused, event, make.package(event), promo_code=code).reason == "unknown"


@pytest.mark.parametrize("code", ["\u017fALE10", "G\u0131FT10", "\uff33ALE10"], ids=ascii)
def test_letters_whose_capitals_are_ascii_are_not_those_letters(event, code):
    make.promo_code(event, code="SALE10")
    make.promo_code(event, code="GIFT10")
    assert assert_purchase_refused(PromoRefused, event, make.package(event), promo_code=code).reason == "unknown"


def test_code_of_another_event_is_unknown(event):
    promo = make.promo_code(make.event())
    assert assert_purchase_refused(PromoRefused, event, make.package(event), promo_code=promo.code).reason == "unknown"
    assert get_use_count(promo) == 0


def test_expiry_is_checked_at_the_moment_of_purchase(event):
    package, expires = make.package(event), NOW + timedelta(hours=1)
    promo = make.promo_code(event, expires_at=expires)

    def buy(moment):
        draft = make.purchase_draft(package, promo_code=promo.code)
        return db.write(lambda s: purchases.record(s, OPERATOR, event.id, draft, moment=moment))

    assert buy(expires - timedelta(microseconds=1)).promo_code == promo.code
    with pytest.raises(PromoRefused) as refusal:
        buy(expires)
    assert (refusal.value.reason, get_use_count(promo)) == ("expired", 1)


def test_total_use_limit_is_exact(event):
    package, promo = make.package(event), make.promo_code(event, max_total_uses=2)
    for _ in range(2):
        make.purchase(event, package, quantity=5, promo_code=promo.code)
    assert assert_purchase_refused(PromoRefused, event, package, promo_code=promo.code).reason == "used_up"
    assert get_use_count(promo) == 2


def test_donor_use_limit_is_exact_and_counts_normalized_addresses(event):
    package, promo, donor = make.package(event), make.promo_code(event, max_uses_per_donor=2), make.email()
    make.purchase(event, package, donor_email=donor, promo_code=promo.code)
    make.purchase(event, package, donor_email=f" {donor.upper()}", promo_code=promo.code)
    refusal = assert_purchase_refused(PromoRefused, event, package, donor_email=donor.title(), promo_code=promo.code)
    assert refusal.reason == "used_up_by_donor"
    assert make.purchase(event, package, promo_code=promo.code).promo_code == promo.code


def test_sold_out_package_does_not_use_a_code(event):
    package, promo = make.package(event, quantity_limit=1), make.promo_code(event, max_total_uses=2)
    make.purchase(event, package, promo_code=promo.code)
    assert_purchase_refused(SoldOut, event, package, promo_code=promo.code)
    assert get_use_count(promo) == 1


def test_code_that_no_update_finds_usable_is_refused_after_a_bound(event):
    """As if other purchases used the code up and gave it back between each UPDATE and the reading after it."""
    code = make.promo_code(event).code

    def reserve(session: db.Session) -> None:
        session.execute(
            text("CREATE FUNCTION pg_temp.skip() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$")
        )
        session.execute(
            text("CREATE TRIGGER skip BEFORE UPDATE ON promo_codes FOR EACH ROW EXECUTE FUNCTION pg_temp.skip()")
        )
        promo_codes.reserve_use(session, event.id, code, donor_email_key="ana@example.org", moment=NOW)

    with pytest.raises(PromoRefused) as refusal:
        db.write(reserve)
    assert refusal.value.reason == "used_up"

"""Purchase filter: query parameters, search, filters, and days in the event's time zone."""

import unicodedata
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import make
from tests.support.database_state import snapshot
from tests.support.sales_file import run_import, sale, sales_csv
from tests.support.varied_sales import subsets_of
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.catalog import events
from ticketing.errors import InvalidInput
from ticketing.models import BOX_OFFICE_CHANNELS, CHANNELS, PAYMENT_STATUSES
from ticketing.purchase_filter import (
    ALL_PURCHASES,
    BOX_OFFICE_PURCHASES,
    NO_PROMO_CODE,
    SORTS,
    PurchaseFilter,
    parse,
    to_query,
)
from ticketing.reporting import purchase_list
from ticketing.sales import corrections

DAYS = st.none() | st.dates(date(2000, 1, 1), date(2099, 12, 31))
VISIBLE = st.characters(exclude_categories=("Cc", "Cs"))


def list_purchaser_names(event, purchase_filter=ALL_PURCHASES, **fields):
    """Return the purchasers of all matching purchases, in order."""
    with db.read_session() as session:
        lines, total = purchase_list.list_purchases(
            session, OPERATOR, event.id, PurchaseFilter(**fields) if fields else purchase_filter, per_page=1000
        )
    assert len(lines) == total
    return [line.purchase.purchaser_name for line in lines]


def buy(event, package, name, moment=None, **fields):
    return make.purchase(event, package, donor={"name": name, "email": make.email("x")}, moment=moment, **fields)


PACKAGE_ID = "01a207b2-b02d-710f-ba15-1a059629fb52"


class TestQuery:
    @given(
        st.builds(
            PurchaseFilter,
            search=st.text(VISIBLE, max_size=200),
            package_ids=st.lists(st.uuids(), max_size=3, unique=True).map(tuple),
            statuses=subsets_of(PAYMENT_STATUSES),
            codes=st.lists(st.from_regex(r"[A-Z0-9]{4,20}|-", fullmatch=True), max_size=3, unique=True).map(tuple),
            channels=subsets_of(CHANNELS),
            first_day=DAYS,
            last_day=DAYS,
            sponsorships_only=st.booleans(),
            unnamed_only=st.booleans(),
            discounted_only=st.booleans(),
            differing_only=st.booleans(),
            sort=st.sampled_from(SORTS),
        )
    )
    def test_parse_is_inverse_of_to_query(self, purchase_filter):
        first, last = purchase_filter.first_day, purchase_filter.last_day
        if first and last and last < first:
            with pytest.raises(InvalidInput):
                parse(to_query(purchase_filter))
        else:
            assert parse(to_query(purchase_filter)) == purchase_filter

    def test_query_omits_defaults(self):
        assert to_query(ALL_PURCHASES) == {}
        assert to_query(BOX_OFFICE_PURCHASES) == {"channel": ",".join(BOX_OFFICE_CHANNELS)}
        query = {"from": "2026-10-01", "to": "2026-10-31", "sponsorships_only": "true", "sort": "name"}
        assert to_query(parse(query)) == query

    def test_empty_query_selects_everything(self):
        assert parse({}) == parse({"search": ""}) == ALL_PURCHASES

    def test_codes_ignore_case_and_repeated_values_count_once(self):
        assert parse({"code": "early10, EARLY10,-"}).codes == ("EARLY10", NO_PROMO_CODE)
        assert parse({"status": "pending,pending"}).statuses == ("pending",)

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("package", "x"),
            ("package", ""),
            ("package", f"{PACKAGE_ID},"),
            ("status", "paid"),
            ("status", ""),
            ("status", "completed,paid"),
            ("code", "ABC"),
            ("code", "A" * 21),
            ("code", "' OR 1=1"),
            ("channel", "shop"),
            ("from", "yesterday"),
            ("from", "2026-02-30"),
            ("from", "20261031"),
            ("from", "2026-10-31T00:00"),
            ("from", "1999-12-31"),
            ("to", "2100-01-01"),
            ("to", ""),
            ("sponsorships_only", "yes"),
            ("unnamed_only", ""),
            ("sort", "price"),
            ("search", "a" * 201),
            ("search", "a\x00b"),
            ("search", "\ud800"),
            ("packages", PACKAGE_ID),
            ("", "x"),
            ("event", PACKAGE_ID),
        ],
    )
    def test_invalid_parameter_is_refused_by_name(self, name, value):
        with pytest.raises(InvalidInput) as error:
            parse({"search": "ana", name: value}, ignored=())
        assert list(error.value.fields) == [name]
        assert f"“{name}”" in str(error.value)

    def test_accepts_first_and_last_day_and_longest_search(self):
        assert parse({"from": "2000-01-01", "to": "2099-12-31"}).first_day == date(2000, 1, 1)
        assert len(parse({"search": "a" * 200}).search) == 200

    def test_to_may_equal_from_but_not_precede_it(self):
        assert parse({"from": "2026-10-31", "to": "2026-10-31"}).last_day == date(2026, 10, 31)
        with pytest.raises(InvalidInput) as error:
            parse({"from": "2026-10-31", "to": "2026-10-30"})
        assert list(error.value.fields) == ["to"]

    def test_ignores_named_parameters_of_the_page(self):
        assert parse({"event": "x", "search": "ana"}) == PurchaseFilter(search="ana")
        assert parse({"event": "x", "purchase": "y"}, ignored=("event", "purchase")) == ALL_PURCHASES


class TestSearch:
    @pytest.fixture
    def gala(self, event):
        """Three purchases that differ in every searchable field."""
        package = make.package(event)
        make.promo_code(event, code="EARLY10")
        donor = {"name": "José Núñez", "email": "Pepe@Example.org"}
        make.purchase(event, package, donor=donor, promo_code="EARLY10")
        self.ticket = buy(event, package, "Zoë Łuksza").tickets[0].code
        run_import(event, sales_csv(sale(package, purchaser_name="100%_sure\\", external_sale_id="EB-77/b")))
        return event

    @pytest.mark.parametrize(
        ("search", "names"),
        [
            ("José", ["José Núñez"]),
            ("jose nunez", ["José Núñez"]),
            ("NÚÑ", ["José Núñez"]),
            ("nuñez jose", ["José Núñez"]),
            ("josé", ["José Núñez"]),
            ("lUKSZA", ["Zoë Łuksza"]),
            ("pepe@example", ["José Núñez"]),
            ("early1", ["José Núñez"]),
            ("jose early10 PEPE", ["José Núñez"]),
            ("jose zoe", []),
            ("jose late10", []),
            ("eb-77/B", ["100%_sure\\"]),
            ("%", ["100%_sure\\"]),
            ("_", ["100%_sure\\"]),
            ("\\", ["100%_sure\\"]),
            ("100%_s", ["100%_sure\\"]),
            ("0%%", []),
            ("1__%", []),
            ("％", ["100%_sure\\"]),
            ("'", []),
            ("' OR 1=1 --", []),
        ],
    )
    def test_finds_every_word_ignoring_accents_and_case(self, gala, search, names):
        assert list_purchaser_names(gala, search=search) == names

    def test_blank_search_finds_everyone(self, gala):
        assert len(list_purchaser_names(gala, search=" \t ")) == 3

    @pytest.mark.parametrize(("length", "is_found"), [(8, True), (4, True), (3, False)])
    def test_finds_seat_by_at_least_half_its_ticket_code(self, event, length, is_found):
        """Three letters would match other codes by chance."""
        ticket = buy(event, make.package(event), "9 9").tickets[0].code
        assert list_purchaser_names(event, search=ticket[:length].lower()) == (["9 9"] if is_found else [])

    def test_ticket_code_must_match_from_its_start(self, event):
        ticket = buy(event, make.package(event), "1 1").tickets[0].code
        assert list_purchaser_names(event, search=ticket[1:]) == list_purchaser_names(event, search=ticket + "A") == []

    def test_purchase_with_several_matching_seats_is_found_once(self, event):
        buy(event, make.package(event, seats_per_package=30), "Ana", promo_code=make.promo_code(event).code)
        assert list_purchaser_names(event, search="ana") == ["Ana"]

    def test_finds_nothing_in_other_events(self, event):
        other = make.event()
        make.promo_code(other, code="OTHER2026")
        ticket = buy(other, make.package(other), "Ana", promo_code="OTHER2026").tickets[0].code
        buy(event, make.package(event), "Ben")
        assert (
            list_purchaser_names(event, search="ana")
            == list_purchaser_names(event, search="other2026")
            == list_purchaser_names(event, search=ticket)
            == []
        )

    def test_ignores_invisible_characters(self, gala):
        assert list_purchaser_names(gala, search="\x00jose\ud800") == ["José Núñez"]


HOSTILE = ("100%", "_under_", "back\\slash", "O'Hara", 'Q"uote', "a;b--c", "$1 %s {x}", "Ünï çödé", "plain")


@pytest.fixture(scope="module")
def hostile_event(database):
    event = make.event()
    package = make.package(event)
    for name in HOSTILE:
        make.purchase(event, package, donor={"name": name, "email": "x@x.xx"})
    return event, snapshot(event)


class TestHostileSearch:
    @settings(max_examples=150, deadline=None)
    @given(st.text(st.sampled_from("%_\\'\";-$ {}:()*?[]^|.0123sabcdeuinUÜïöñçÇ\u0301"), min_size=1, max_size=4))
    def test_finds_only_matching_names_and_changes_nothing(self, hostile_event, search):
        event, before = hostile_event
        words = [strip_accents_and_case(word) for word in search.split()]
        expected = {
            name for name in HOSTILE if all(word in strip_accents_and_case(f"{name} x@x.xx ") for word in words)
        }
        assert set(list_purchaser_names(event, search=search)) == expected
        assert snapshot(event) == before


def strip_accents_and_case(text):
    """Return text in lower case without accents."""
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in decomposed if not "\u0300" <= letter <= "\u036f").lower()


class TestFilters:
    @pytest.fixture
    def gala(self, event):
        self.seat, self.table = make.package(event), make.package(event, seats_per_package=2)
        self.sponsor = make.package(event, is_sponsorship=True)
        for code in ("EARLY10", "VIP2026"):
            make.promo_code(event, code=code)
        buy(event, self.seat, "Ana", promo_code="EARLY10", guests=[{"name": "Ana"}])
        buy(event, self.table, "Ben", promo_code="VIP2026", channel="cash", guests=[{"name": "Ben"}])
        buy(event, self.sponsor, "Cleo", payment_status="pending", channel="cheque")
        voided = buy(event, self.seat, "Dan", channel="cash").purchase
        db.write(lambda s: corrections.void(s, OPERATOR, event.id, voided.id, "Entered twice"))
        return event

    @pytest.mark.parametrize(
        ("fields", "names"),
        [
            ({}, "Ana Ben Cleo Dan"),
            ({"statuses": ("completed",)}, "Ana Ben"),
            ({"statuses": ("pending", "voided")}, "Cleo Dan"),
            ({"statuses": ("refunded",)}, ""),
            ({"codes": ("EARLY10",)}, "Ana"),
            ({"codes": ("EARLY10", "VIP2026")}, "Ana Ben"),
            ({"codes": (NO_PROMO_CODE,)}, "Cleo Dan"),
            ({"codes": (NO_PROMO_CODE, "VIP2026")}, "Ben Cleo Dan"),
            ({"codes": ("NOSUCHCODE",)}, ""),
            ({"channels": ("cash",)}, "Ben Dan"),
            ({"channels": ("cash",), "statuses": ("voided",)}, "Dan"),
            ({"channels": BOX_OFFICE_CHANNELS}, "Ben Cleo Dan"),
            ({"sponsorships_only": True}, "Cleo"),
            ({"unnamed_only": True}, "Ben Cleo"),
            ({"unnamed_only": True, "search": "ben"}, "Ben"),
            ({"discounted_only": True}, "Ana Ben"),
            ({"differing_only": True}, ""),
            ({"unnamed_only": True, "statuses": ("voided",)}, ""),
        ],
    )
    def test_purchases_must_match_all_filters(self, gala, fields, names):
        assert sorted(list_purchaser_names(gala, PurchaseFilter(**fields))) == names.split()

    def test_differing_only_finds_imported_totals(self, gala):
        for name, cells in (("Eve", {"total_amount": "90"}), ("Fay", {"total_amount": "80", "discount_amount": "20"})):
            run_import(gala, sales_csv(sale(self.seat, purchaser_name=name, **cells)))
        assert list_purchaser_names(gala, differing_only=True) == ["Eve"]
        assert sorted(list_purchaser_names(gala, discounted_only=True)) == ["Ana", "Ben", "Fay"]

    def test_several_packages_match_any_of_them(self, gala):
        assert list_purchaser_names(gala, package_ids=(self.table.id,)) == ["Ben"]
        assert sorted(list_purchaser_names(gala, package_ids=(self.table.id, self.sponsor.id))) == ["Ben", "Cleo"]

    def test_package_or_code_of_another_event_finds_nothing(self, gala):
        other = make.event()
        make.promo_code(other, code="EARLY10")
        bought = make.package(other)
        buy(other, bought, "Eve", promo_code="EARLY10")
        assert list_purchaser_names(gala, package_ids=(bought.id,)) == []
        assert list_purchaser_names(gala, codes=("EARLY10",)) == ["Ana"]
        assert list_purchaser_names(other, codes=("EARLY10",)) == ["Eve"]

    @pytest.mark.parametrize(
        ("sort", "names"),
        [
            ("newest", "Dan Cleo Ben Ana"),
            ("oldest", "Ana Ben Cleo Dan"),
            ("name", "Ana Ben Cleo Dan"),
            ("unnamed", "Cleo Ben Dan Ana"),
        ],
    )
    def test_sort_orders(self, gala, sort, names):
        """Cleo and Ben have one seat without a guest each, the newer first; Dan's purchase is voided."""
        assert list_purchaser_names(gala, sort=sort) == names.split()

    def test_sort_by_name_ignores_accents_and_by_total_is_descending(self, event):
        cheap, dear = make.package(event, price="5"), make.package(event, price="10")
        for name, package in (("Álvaro", cheap), ("bea", dear), ("Zed", cheap), ("Ana", cheap)):
            buy(event, package, name)
        assert list_purchaser_names(event, sort="name") == ["Álvaro", "Ana", "bea", "Zed"]
        assert list_purchaser_names(event, sort="total") == ["bea", "Ana", "Zed", "Álvaro"]


ZONE_CHANGES = {  # moments around a clock change, or a change of the date line
    "America/New_York": datetime(2026, 11, 1, 6, tzinfo=UTC),
    "Europe/London": datetime(2026, 3, 29, 1, tzinfo=UTC),
    "Australia/Lord_Howe": datetime(2026, 4, 4, 15, tzinfo=UTC),
    "Pacific/Apia": datetime(2011, 12, 30, 10, tzinfo=UTC),
    "America/Sao_Paulo": datetime(2018, 11, 4, 3, tzinfo=UTC),
    "Pacific/Kiritimati": datetime(2026, 1, 1, tzinfo=UTC),
    "Pacific/Pago_Pago": datetime(2026, 1, 1, tzinfo=UTC),
}


@pytest.fixture(scope="module", params=ZONE_CHANGES)
def event_around_zone_change(request, database):
    """Purchases every 97 minutes from two days before the change to two days after it, and around each midnight."""
    event = make.event(time_zone=request.param)
    zone, package = ZoneInfo(request.param), make.package(event)
    middle = ZONE_CHANGES[request.param]
    moments = [middle + timedelta(minutes=97) * step for step in range(-30, 31)]
    for shift in (-1, 0, 1, 2):
        day = (middle.astimezone(zone) + timedelta(days=shift)).date()
        midnight = datetime.combine(day, datetime.min.time(), zone).astimezone(UTC)
        moments += [midnight, midnight - timedelta(microseconds=1)]
    for moment in moments:
        make.purchase(event, package, moment=moment)
    return event, middle, [moment.astimezone(zone).date() for moment in moments]


class TestDays:
    @settings(max_examples=25, deadline=None)
    @given(data=st.data())
    def test_days_follow_event_time_zone_around_clock_changes(self, event_around_zone_change, data):
        event, middle, days = event_around_zone_change
        nearby_days = st.none() | st.integers(-4, 4).map(lambda shift: (middle + timedelta(days=shift)).date())
        first, last = data.draw(nearby_days), data.draw(nearby_days)
        expected = sum(1 for day in days if (not first or first <= day) and (not last or day <= last))
        purchase_filter = PurchaseFilter(first_day=first, last_day=last)
        assert len(list_purchaser_names(event, purchase_filter)) == expected
        with db.read_session() as session:
            assert purchase_list.get_totals(session, OPERATOR, event.id, purchase_filter).purchases == expected

    def test_days_follow_changed_time_zone(self):
        event = make.event(time_zone="America/New_York")
        buy(event, make.package(event), "Ana", moment=datetime(2026, 6, 2, 3, 59, tzinfo=UTC))
        first, second = {"last_day": date(2026, 6, 1)}, {"first_day": date(2026, 6, 2)}
        assert (list_purchaser_names(event, **first), list_purchaser_names(event, **second)) == (["Ana"], [])
        db.write(lambda s: events.update(s, OPERATOR, event.id, {"time_zone": "Europe/London"}, seen_version=1))
        assert (list_purchaser_names(event, **first), list_purchaser_names(event, **second)) == ([], ["Ana"])

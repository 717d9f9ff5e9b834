"""Which purchases are meant: what an address says, what a search finds, and whose day a sale falls on."""

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


def list_purchaser_names(event, selection=ALL_PURCHASES, **fields):
    """The names of who is found, every page of them read."""
    with db.read_session() as session:
        lines, total = purchase_list.list_purchases(
            session, OPERATOR, event.id, PurchaseFilter(**fields) if fields else selection, per_page=1000
        )
    assert len(lines) == total
    return [line.purchase.purchaser_name for line in lines]


def buy(event, package, name, moment=None, **fields):
    return make.purchase(event, package, donor={"name": name, "email": make.email("x")}, moment=moment, **fields)


AN_ID = "01a207b2-b02d-710f-ba15-1a059629fb52"


class TestAnAddress:
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
    def test_names_a_selection_and_gives_it_back(self, selection):
        if selection.first_day and selection.last_day and selection.last_day < selection.first_day:
            with pytest.raises(InvalidInput):
                parse(to_query(selection))
        else:
            assert parse(to_query(selection)) == selection

    def test_says_only_what_differs_from_everything(self):
        assert to_query(ALL_PURCHASES) == {}
        assert to_query(BOX_OFFICE_PURCHASES) == {"channel": ",".join(BOX_OFFICE_CHANNELS)}
        spoken = {"from": "2026-10-01", "to": "2026-10-31", "sponsorships_only": "true", "sort": "name"}
        assert to_query(parse(spoken)) == spoken

    def test_without_anything_means_everything(self):
        assert parse({}) == parse({"search": ""}) == ALL_PURCHASES

    def test_takes_codes_in_any_case_and_values_once(self):
        assert parse({"code": "early10, EARLY10,-"}).codes == ("EARLY10", NO_PROMO_CODE)
        assert parse({"status": "pending,pending"}).statuses == ("pending",)

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("package", "x"),
            ("package", ""),
            ("package", f"{AN_ID},"),
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
            ("packages", AN_ID),
            ("", "x"),
            ("event", AN_ID),
        ],
    )
    def test_with_nonsense_is_refused_at_its_name(self, name, value):
        with pytest.raises(InvalidInput) as refusal:
            parse({"search": "ana", name: value}, ignored=())
        assert list(refusal.value.fields) == [name]
        assert f"“{name}”" in str(refusal.value)

    def test_takes_the_first_and_the_last_day_there_is_and_the_longest_search(self):
        assert parse({"from": "2000-01-01", "to": "2099-12-31"}).first_day == date(2000, 1, 1)
        assert len(parse({"search": "a" * 200}).search) == 200

    def test_from_and_to_may_be_one_day_but_not_exchanged(self):
        assert parse({"from": "2026-10-31", "to": "2026-10-31"}).last_day == date(2026, 10, 31)
        with pytest.raises(InvalidInput) as refusal:
            parse({"from": "2026-10-31", "to": "2026-10-30"})
        assert list(refusal.value.fields) == ["to"]

    def test_of_a_page_has_the_event_and_what_else_the_page_says(self):
        assert parse({"event": "x", "search": "ana"}) == PurchaseFilter(search="ana")
        assert parse({"event": "x", "purchase": "y"}, ignored=("event", "purchase")) == ALL_PURCHASES


class TestASearch:
    @pytest.fixture
    def gala(self, event):
        """Three purchases that differ in everything one may look for."""
        package = make.package(event)
        make.promo_code(event, code="EARLY10")
        donor = {"name": "José Núñez", "email": "Pepe@Example.org"}
        make.purchase(event, package, donor=donor, promo_code="EARLY10")
        self.ticket = buy(event, package, "Zoë Łuksza").tickets[0].code
        run_import(event, sales_csv(sale(package, purchaser_name="100%_sure\\", external_sale_id="EB-77/b")))
        return event

    @pytest.mark.parametrize(
        ("search", "who"),
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
    def test_finds_who_has_every_word_whatever_accents_and_case(self, gala, search, who):
        assert list_purchaser_names(gala, search=search) == who

    def test_of_blanks_leaves_nobody_out(self, gala):
        assert len(list_purchaser_names(gala, search=" \t ")) == 3

    @pytest.mark.parametrize(("shown", "is_found"), [(8, True), (4, True), (3, False)])
    def test_finds_the_seat_by_half_its_code_or_more(self, event, shown, is_found):
        """Not by less: a code begins with three given letters by chance."""
        ticket = buy(event, make.package(event), "9 9").tickets[0].code
        assert list_purchaser_names(event, search=ticket[:shown].lower()) == (["9 9"] if is_found else [])

    def test_finds_no_seat_by_the_end_of_its_code_or_more_than_it(self, event):
        ticket = buy(event, make.package(event), "1 1").tickets[0].code
        assert list_purchaser_names(event, search=ticket[1:]) == list_purchaser_names(event, search=ticket + "A") == []

    def test_finds_a_purchase_once_however_many_of_its_seats_match(self, event):
        buy(event, make.package(event, seats_per_package=30), "Ana", promo_code=make.promo_code(event).code)
        assert list_purchaser_names(event, search="ana") == ["Ana"]

    def test_finds_nothing_of_another_event(self, event):
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

    def test_meets_what_nobody_can_see_without_harm(self, gala):
        assert list_purchaser_names(gala, search="\x00jose\ud800") == ["José Núñez"]


HOSTILE = ("100%", "_under_", "back\\slash", "O'Hara", 'Q"uote', "a;b--c", "$1 %s {x}", "Ünï çödé", "plain")


@pytest.fixture(scope="module")
def bought_by_the_hostile(database):
    event = make.event()
    package = make.package(event)
    for name in HOSTILE:
        make.purchase(event, package, donor={"name": name, "email": "x@x.xx"})
    return event, snapshot(event)


class TestAHostileSearch:
    @settings(max_examples=150, deadline=None)
    @given(st.text(st.sampled_from("%_\\'\";-$ {}:()*?[]^|.0123sabcdeuinUÜïöñçÇ\u0301"), min_size=1, max_size=4))
    def test_finds_only_what_contains_it_and_changes_nothing(self, bought_by_the_hostile, search):
        event, before = bought_by_the_hostile
        words = [strip_accents_and_case(word) for word in search.split()]
        expected = {
            name for name in HOSTILE if all(word in strip_accents_and_case(f"{name} x@x.xx ") for word in words)
        }
        assert set(list_purchaser_names(event, search=search)) == expected
        assert snapshot(event) == before


def strip_accents_and_case(text):
    """Letters without accents and case, as somebody without that keyboard types them."""
    apart = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in apart if not "\u0300" <= letter <= "\u036f").lower()


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
        ("fields", "who"),
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
    def test_leave_only_those_to_whom_all_of_them_apply(self, gala, fields, who):
        assert sorted(list_purchaser_names(gala, PurchaseFilter(**fields))) == who.split()

    def test_find_imported_totals_that_are_not_list_price_less_discount(self, gala):
        for name, cells in (("Eve", {"total_amount": "90"}), ("Fay", {"total_amount": "80", "discount_amount": "20"})):
            run_import(gala, sales_csv(sale(self.seat, purchaser_name=name, **cells)))
        assert list_purchaser_names(gala, differing_only=True) == ["Eve"]
        assert sorted(list_purchaser_names(gala, discounted_only=True)) == ["Ana", "Ben", "Fay"]

    def test_by_package_mean_any_of_those_named(self, gala):
        assert list_purchaser_names(gala, package_ids=(self.table.id,)) == ["Ben"]
        assert sorted(list_purchaser_names(gala, package_ids=(self.table.id, self.sponsor.id))) == ["Ben", "Cleo"]

    def test_by_a_package_or_code_of_another_event_find_nothing(self, gala):
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
    def test_leave_the_order_to_the_sort(self, gala, sort, names):
        """Cleo and Ben have one seat without a guest each, the newer first; Dan's seats do not count any more."""
        assert list_purchaser_names(gala, sort=sort) == names.split()

    def test_by_name_put_accents_and_case_aside_and_by_total_the_highest_first(self, event):
        cheap, dear = make.package(event, price="5"), make.package(event, price="10")
        for name, package in (("Álvaro", cheap), ("bea", dear), ("Zed", cheap), ("Ana", cheap)):
            buy(event, package, name)
        assert list_purchaser_names(event, sort="name") == ["Álvaro", "Ana", "bea", "Zed"]
        assert list_purchaser_names(event, sort="total") == ["bea", "Ana", "Zed", "Álvaro"]


CHANGES = {  # around a change of the clocks, or of the calendar
    "America/New_York": datetime(2026, 11, 1, 6, tzinfo=UTC),
    "Europe/London": datetime(2026, 3, 29, 1, tzinfo=UTC),
    "Australia/Lord_Howe": datetime(2026, 4, 4, 15, tzinfo=UTC),
    "Pacific/Apia": datetime(2011, 12, 30, 10, tzinfo=UTC),
    "America/Sao_Paulo": datetime(2018, 11, 4, 3, tzinfo=UTC),
    "Pacific/Kiritimati": datetime(2026, 1, 1, tzinfo=UTC),
    "Pacific/Pago_Pago": datetime(2026, 1, 1, tzinfo=UTC),
}


@pytest.fixture(scope="module", params=CHANGES)
def sold_around_a_change(request, database):
    """A purchase every 97 minutes from two days before it to two days after it, and on both sides of midnight."""
    event = make.event(time_zone=request.param)
    zone, package = ZoneInfo(request.param), make.package(event)
    middle = CHANGES[request.param]
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
    def test_are_the_events_own_also_where_its_clocks_change(self, sold_around_a_change, data):
        event, middle, days = sold_around_a_change
        around = st.none() | st.integers(-4, 4).map(lambda shift: (middle + timedelta(days=shift)).date())
        first, last = data.draw(around), data.draw(around)
        expected = sum(1 for day in days if (not first or first <= day) and (not last or day <= last))
        selection = PurchaseFilter(first_day=first, last_day=last)
        assert len(list_purchaser_names(event, selection)) == expected
        with db.read_session() as session:
            assert purchase_list.get_totals(session, OPERATOR, event.id, selection).purchases == expected

    def test_are_those_of_the_zone_that_the_event_has_now(self):
        event = make.event(time_zone="America/New_York")
        buy(event, make.package(event), "Ana", moment=datetime(2026, 6, 2, 3, 59, tzinfo=UTC))
        first, second = {"last_day": date(2026, 6, 1)}, {"first_day": date(2026, 6, 2)}
        assert (list_purchaser_names(event, **first), list_purchaser_names(event, **second)) == (["Ana"], [])
        db.write(lambda s: events.update(s, OPERATOR, event.id, {"time_zone": "Europe/London"}, seen_version=1))
        assert (list_purchaser_names(event, **first), list_purchaser_names(event, **second)) == ([], ["Ana"])

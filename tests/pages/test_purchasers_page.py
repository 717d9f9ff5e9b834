"""The Purchasers page: list, filters, URL, totals and downloads."""

from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.support import make
from tests.support.html_tables import read_table, read_tiles
from tests.support.sales_file import run_import, sale, sales_csv
from tests.support.screen import get_query, unescape_markdown
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.sales import purchases
from ui.widgets import printing

SEARCH, SORT, PACKAGE, STATUS = "Search", "Sort", "Package", "Status"
CHANNEL, CODE, FROM, TO = "Channel", "Promo code", "From", "To"
SPONSORSHIPS, UNNAMED = "Sponsorships only", "Seats without a guest"


@pytest.fixture
def seller(event):
    return make.staff(event=event)


@pytest.fixture
def table(event):
    return make.package(event, name="Table of Ten", price="2500", seats_per_package=10, is_sponsorship=True)


@pytest.fixture
def single(event):
    return make.package(event, name="Single Seat", price="100")


@pytest.fixture
def several(event, table, single):
    """Return one purchase for each kind of filter."""
    make.promo_code(event, code="EARLY10")
    buy(event, table, "Zoë Müller", promo_code="EARLY10", guests=[{"name": "Ben Okafor"}], day=1)
    buy(event, single, "Ana Ruiz", payment_status="pending", channel="cheque", day=2)
    buy(event, single, "Bo Li", channel="cash", quantity=3, guests=[{"name": n} for n in "ABC"], day=3)


def buy(event, package, name, *, day=1, hour=16, **fields):
    draft = make.purchase_draft(package, donor={"name": name, "email": make.email()}, **fields)
    moment = datetime(2025, 10, day, hour, tzinfo=UTC)
    return db.write(lambda session: purchases.record(session, OPERATOR, event.id, draft, moment=moment))


def open_url(visit, actor, event, **query):
    """Open the page with these query parameters, as from a link."""
    screen = visit("purchasers", actor, event)
    for name, value in query.items():
        screen.app.query_params[name] = value
    return screen.rerun()


def list_names(screen):
    """Return the purchasers in the list, in order."""
    return [unescape_markdown(each.label).partition(" :small[")[0] for each in row_buttons(screen)]


def row_buttons(screen):
    return [each for each in screen.app.main.button if str(each.key).startswith("open_")]


def open_row(screen, name):
    (button,) = (each for each in row_buttons(screen) if unescape_markdown(each.label).startswith(f"{name} :small["))
    button.click()
    return screen.rerun()


def read_totals(screen):
    """Return the totals of each status by their column."""
    columns, *rows = read_table(screen, "Totals of all pages by status")
    return {row[0]: dict(zip(columns[1:], row[1:], strict=True)) for row in rows}


def list_downloads(screen):
    """Return the filters in the link of each file, by file name."""
    links = [urlsplit(each.proto.url) for each in screen.app.get("link_button")]
    return {link.path.rpartition("/")[2]: {k: v[0] for k, v in parse_qs(link.query).items()} for link in links}


def are_files_disabled(screen):
    """Return whether the links of both files, "Choose columns" and "Print" are disabled."""
    links = [each.proto.disabled for each in screen.app.get("link_button")]
    return links + [screen.field(name).disabled for name in ("Choose columns", "Print")]


class TestList:
    def test_event_without_purchases_offers_the_first_step(self, visit, seller, event):
        screen = visit("purchasers", seller, event)
        assert screen.says("No purchases yet")
        assert [link.label for link in screen.links()] == ["Add a package"]
        assert screen.labels() == []

    def test_rows_have_package_time_channel_and_total_latest_first(self, visit, seller, event, several):
        screen = visit("purchasers", seller, event)
        assert list_names(screen) == ["Bo Li", "Ana Ruiz", "Zoë Müller"]
        last = [each for each in screen.texts() if 'class="purchase"' in each][-1]
        for part in (
            "1 × Table of Ten", "1 of 10 seats named", "Oct 1, 2025, 12:00 PM", "Online", "Paid", "$2,250.00",
            "EARLY10 -$250.00",
        ):  # fmt: skip
            assert part in last

    def test_shows_twenty_a_page_and_the_page_is_in_the_url(self, visit, seller, event, single):
        for n in range(21):
            buy(event, single, f"Buyer {n:02}", hour=n)
        screen = visit("purchasers", seller, event)
        assert list_names(screen) == [f"Buyer {n:02}" for n in range(20, 0, -1)]
        screen.app.main.get("pagination")[0].set_value(2)
        screen.rerun()
        assert (list_names(screen), get_query(screen)) == (["Buyer 00"], {"page": "2"})
        assert list_names(open_url(visit, seller, event, page="2")) == ["Buyer 00"]

    def test_has_no_pagination_up_to_twenty(self, visit, seller, event, single):
        for n in range(20):
            buy(event, single, f"Buyer {n:02}", hour=n)
        screen = visit("purchasers", seller, event)
        assert len(list_names(screen)) == 20
        assert len(screen.app.main.get("pagination")) == 0

    def test_page_past_the_end_shows_the_last_one(self, visit, seller, event, single):
        for n in range(21):
            buy(event, single, f"Buyer {n:02}", hour=n)
        screen = open_url(visit, seller, event, page="9")
        assert list_names(screen) == ["Buyer 00"]
        assert screen.says("Page 9 no longer exists. This is the last page.")

    def test_shows_hostile_text_as_typed(self, visit, seller, event, single):
        hostile = "<b>Bo</b> **x** :red[y] $z$ [l](http://evil.example)"
        buy(event, single, hostile)
        screen = visit("purchasers", seller, event)
        assert list_names(screen) == [hostile]
        assert "**" not in row_buttons(screen)[0].label
        open_row(screen, hostile)
        (head,) = (each.value for each in screen.app.get("dialog")[0].html if 'class="purchaser"' in each.value)
        assert "&lt;b&gt;Bo&lt;/b&gt; **x** :red[y] $z$ [l](http://evil.example)" in head

    @pytest.mark.parametrize(("length", "ends"), [(60, "N"), (61, "…")])
    def test_truncates_names_after_sixty_characters(self, visit, seller, event, single, length, ends):
        buy(event, single, "N" * length)
        (shown,) = list_names(visit("purchasers", seller, event))
        assert (len(shown), shown[-1]) == (60, ends)


class TestFilters:
    @pytest.mark.parametrize(
        ("field", "chosen", "names", "query"),
        [
            (SEARCH, "zoe muller", ["Zoë Müller"], {"search": "zoe muller"}),
            (SEARCH, "early10", ["Zoë Müller"], {"search": "early10"}),
            (SEARCH, "  ", ["Bo Li", "Ana Ruiz", "Zoë Müller"], {}),
            (SORT, "name", ["Ana Ruiz", "Bo Li", "Zoë Müller"], {"sort": "name"}),
            (SORT, "total", ["Zoë Müller", "Bo Li", "Ana Ruiz"], {"sort": "total"}),
            (SORT, "unnamed", ["Zoë Müller", "Ana Ruiz", "Bo Li"], {"sort": "unnamed"}),
            (STATUS, ["pending"], ["Ana Ruiz"], {"status": "pending"}),
            (CHANNEL, ["cash", "cheque"], ["Bo Li", "Ana Ruiz"], {"channel": "cash,cheque"}),
            (CODE, ["EARLY10"], ["Zoë Müller"], {"code": "EARLY10"}),
            (CODE, ["-"], ["Bo Li", "Ana Ruiz"], {"code": "-"}),
            (FROM, datetime(2025, 10, 2).date(), ["Bo Li", "Ana Ruiz"], {"from": "2025-10-02"}),
            (TO, datetime(2025, 10, 2).date(), ["Ana Ruiz", "Zoë Müller"], {"to": "2025-10-02"}),
            (SPONSORSHIPS, True, ["Zoë Müller"], {"sponsorships_only": "true"}),
            (UNNAMED, True, ["Ana Ruiz", "Zoë Müller"], {"unnamed_only": "true"}),
        ],
    )
    def test_are_in_the_url_and_restored_from_it(self, visit, seller, event, several, field, chosen, names, query):
        screen = visit("purchasers", seller, event).enter(field, chosen)
        assert (list_names(screen), get_query(screen)) == (names, query)
        other = open_url(visit, seller, event, **query)
        assert list_names(other) == names
        assert other.value(field) == ("" if chosen == "  " else chosen)

    def test_by_package(self, visit, seller, event, several, table):
        screen = visit("purchasers", seller, event).enter(PACKAGE, [table.id])
        assert (list_names(screen), get_query(screen)) == (["Zoë Müller"], {"package": str(table.id)})

    def test_combine_and_start_at_the_first_page(self, visit, seller, event, several):
        screen = open_url(visit, seller, event, page="1", status="completed")
        screen.enter(CHANNEL, ["cash", "online"]).enter(SEARCH, "bo")
        assert list_names(screen) == ["Bo Li"]
        assert get_query(screen) == {"search": "bo", "status": "completed", "channel": "cash,online"}

    def test_are_listed_and_cleared_one_by_one(self, visit, seller, event, several):
        screen = open_url(visit, seller, event, status="pending,completed", **{"from": "2025-10-02"})
        assert "Pending or Paid :material/close:" in screen.labels()
        screen.click("From Oct 2, 2025 :material/close:")
        assert get_query(screen) == {"status": "pending,completed"}
        assert screen.value(FROM) is None
        screen.click("Clear all")
        assert (get_query(screen), screen.value(STATUS)) == ({}, [])

    def test_without_results_offer_to_clear(self, visit, seller, event, several):
        screen = open_url(visit, seller, event, search="nobody", status="pending", sort="name")
        assert screen.says("No matching purchases")
        assert screen.says("No results for “nobody” with these filters.")
        assert are_files_disabled(screen) == [True, True, True, True]
        screen.click("Clear search and filters")
        assert are_files_disabled(screen) == [False, False, False, False]
        assert (list_names(screen), get_query(screen)) == (["Ana Ruiz", "Bo Li", "Zoë Müller"], {"sort": "name"})

    @pytest.mark.parametrize(("field", "day"), [(FROM, 9), (TO, 1)])
    def test_days_out_of_order_move_the_other_day(self, visit, seller, event, several, field, day):
        screen = open_url(visit, seller, event, **{"from": "2025-10-02", "to": "2025-10-03"})
        screen.enter(field, datetime(2025, 10, day).date())
        assert get_query(screen) == {"from": f"2025-10-0{day}", "to": f"2025-10-0{day}"}

    def test_search_accepts_pasted_tabs(self, visit, seller, event, several):
        screen = visit("purchasers", seller, event).enter(SEARCH, "\tAna\tRuiz ")
        assert (list_names(screen), get_query(screen)) == (["Ana Ruiz"], {"search": "Ana Ruiz"})

    def test_follow_the_url_when_it_changes(self, visit, seller, event, several):
        """The browser's Back button does this."""
        screen = visit("purchasers", seller, event).enter(STATUS, ["pending"]).enter(SEARCH, "ana")
        del screen.app.query_params["search"]
        screen.rerun()
        assert (list_names(screen), screen.value(SEARCH), screen.value(STATUS)) == (["Ana Ruiz"], "", ["pending"])


class TestUrl:
    @pytest.mark.parametrize(
        ("query", "sentence"),
        [
            ({"status": "paid"}, "“status” takes one or more of completed, pending"),
            ({"statu": "pending"}, "There is no filter “statu”."),
            ({"package": "7"}, "“package” takes ids of packages"),
            ({"package": "01a20703-4c59-70f0-9a94-956433354f1b"}, "“package” names a package that this event does not"),
            ({"code": "NOSUCH"}, "“code” names NOSUCH, which this event does not have"),
            ({"from": "yesterday"}, "“from” takes a day such as"),
            ({"from": "2025-10-02", "to": "2025-10-01"}, "“to” is a day before “from”"),
            ({"unnamed_only": "maybe"}, "“unnamed_only” takes true or false"),
            ({"sort": "size"}, "“sort” takes one of"),
            ({"page": "0"}, "“page” takes a number from 1."),
            ({"page": "two"}, "“page” takes a number from 1."),
            ({"purchase": "x"}, "“purchase” takes the id of a purchase."),
        ],
    )
    def test_invalid_parameter_is_reported_and_no_purchases_are_shown(
        self, visit, seller, event, several, query, sentence
    ):
        screen = open_url(visit, seller, event, **query)
        (error,) = screen.app.error
        assert sentence in unescape_markdown(error.value)
        assert (list_names(screen), list_downloads(screen)) == ([], {})
        screen.click("Show all purchases")
        assert (len(list_names(screen)), get_query(screen)) == (3, {})

    def test_all_invalid_parameters_are_reported(self, visit, seller, event, several):
        (error,) = open_url(visit, seller, event, status="paid", page="x", more="1").app.error
        assert error.value.count("\n- ") == 3

    def test_package_of_another_event_is_unknown(self, visit, seller, event, several):
        foreign = make.package(make.event())
        (error,) = open_url(visit, seller, event, package=str(foreign.id)).app.error
        assert "that this event does not have" in unescape_markdown(error.value)

    def test_opens_and_closes_the_purchase_it_names(self, visit, seller, event, several, single):
        bought = buy(event, single, "Dee Park")
        screen = open_url(visit, seller, event, purchase=str(bought.purchase.id))
        assert screen.says("Dee Park</h3>")
        del screen.app.query_params["purchase"]
        assert screen.rerun().dialog() is None

    def test_purchase_of_another_event_is_not_found(self, visit, seller, event, several):
        other = make.event()
        foreign = make.purchase(other, make.package(other))
        screen = open_url(visit, seller, event, purchase=str(foreign.purchase.id))
        assert screen.says("This purchase does not exist, or ")
        assert not screen.says("Ana Ruiz</h3>")


class TestPrint:
    def test_all_rows_are_a_table_until_the_next_click(self, visit, seller, event, several):
        screen = open_url(visit, seller, event, channel="cash,cheque").click("Print")
        columns, *rows = read_table(screen, "Orders")
        assert columns == ["Purchaser", "Packages", "Bought", "Status", "Total"]
        assert [(row[0].partition(" ana-")[0], *row[3:]) for row in rows] == [
            ("Bo Li", "Paid", "$300.00"),
            ("Ana Ruiz", "Pending", "$100.00"),
        ]
        assert rows[0][1:3] == ["3 × Single Seat 3 of 3 seats named", f"Oct 3, 2025, 12:00 PM Cash · {rows[0][2][-6:]}"]
        assert screen.says("All 2 orders, Cash or Check · as of ")
        assert list_names(screen) == []
        assert list_names(screen.click("Back to the list")) == ["Bo Li", "Ana Ruiz"]

    def test_too_many_rows_are_said(self, visit, seller, event, several, monkeypatch):
        monkeypatch.setattr(printing, "MAX_ROWS", 2)
        screen = visit("purchasers", seller, event).click("Print")
        assert len(read_table(screen, "Orders")) == 3
        assert screen.says("The first 2 of 3. Filter the list, or download the file, which has all of them.")
        assert screen.says("2 of 3 orders · as of ")


class TestTotalsAndDownloads:
    def test_totals_cover_all_filtered_purchases_by_status(self, visit, seller, event, several):
        screen = visit("purchasers", seller, event)
        assert read_totals(screen) == {
            "Paid": {
                "Orders": "2", "Packages": "4", "Seats": "13", "List price": "$2,800.00", "Discount": "-$250.00",
                "Total": "$2,550.00",
            },
            "Pending": {
                "Orders": "1", "Packages": "1", "Seats": "1", "List price": "$100.00", "Discount": "$0.00",
                "Total": "$100.00",
            },
        }  # fmt: skip
        assert screen.says("3 orders in all. Revenue on Sales is what is paid.")

    def test_total_of_paid_purchases_equals_revenue_on_sales_page(self, visit, seller, event, several):
        screen = open_url(visit, seller, event, status="completed")
        assert {status: totals["Total"] for status, totals in read_totals(screen).items()} == {"Paid": "$2,550.00"}
        assert not screen.says("in all.")
        assert read_tiles(visit("sales", seller, event))["Revenue"] == ("$2,550", None)

    def test_imported_difference_is_shown_so_that_totals_add_up(self, visit, seller, event, single):
        run_import(event, sales_csv(sale(single, total_amount="90.00")))
        totals = read_totals(visit("purchasers", seller, event))
        assert (totals["Paid"]["List price"], totals["Paid"]["Difference"], totals["Paid"]["Total"]) == (
            "$100.00",
            "-$10.00",
            "$90.00",
        )

    def test_downloads_have_the_same_filters(self, visit, seller, event, several):
        screen = visit("purchasers", seller, event)
        assert list_downloads(screen) == {"purchases.csv": {}, "guests.csv": {}}
        query = {"search": "a", "status": "pending,completed", "sort": "name"}
        screen = open_url(visit, seller, event, **query)
        assert list_downloads(screen) == {"purchases.csv": query, "guests.csv": query}
        assert f"/export/{event.id}/guests.csv?" in screen.app.get("link_button")[1].proto.url


def list_rows(screen):
    return [text for text in screen.texts() if 'class="purchase"' in text]


class TestOrders:
    def test_lists_orders_with_their_lines(self, visit, seller, event, single):
        dinner = make.package(event, name="Dinner", price="100")
        code = make.promo_code(event, code="FIFTY", discount_type="fixed_amount", discount_value="50").code
        order = make.order(event, {"package_id": dinner.id, "quantity": 2}, single, promo_code=code)
        make.purchase(event, single)
        alone, both = list_rows(visit("purchasers", seller, event))
        for part in ("2 × Dinner", "1 × Single Seat", order.order.number, "$250.00", "FIFTY -$50.00", "Paid"):
            assert part in both
        assert "Dinner" not in alone

    def test_filter_shows_matching_lines_and_counts_the_others(self, visit, seller, event, table, single):
        make.order(event, table, single)
        (row,) = list_rows(open_url(visit, seller, event, package=str(single.id)))
        assert "Single Seat" in row
        assert "Table of Ten" not in row
        assert "and 1 other package, not selected" in row

    def test_search_finds_an_order_by_its_number(self, visit, seller, event, single):
        number = make.order(event, single).order.number
        make.purchase(event, single)
        for words in (number, f"#{number.lower()}"):
            (row,) = list_rows(open_url(visit, seller, event, search=words))
            assert number in row

    def test_page_holds_20_orders_whatever_their_lines(self, visit, seller, event, table, single):
        for _ in range(11):
            make.order(event, table, single)
        for _ in range(10):
            make.purchase(event, single)
        screen = visit("purchasers", seller, event)
        assert len(list_rows(screen)) == 20
        assert len(list_rows(open_url(visit, seller, event, page="2"))) == 1

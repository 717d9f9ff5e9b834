"""What the database itself refuses, whatever the code above it does: every named rule, both sides of each boundary."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pytest

from tests import make
from ticketing import db


def length(column: str, least: int, most: int) -> tuple[list[str], list[str]]:
    accepted = [f"{column} = repeat('é', {n})" for n in (max(least, 1), most)]
    refused = [f"{column} = repeat('é', {most + 1})"]
    return accepted, [*refused, f"{column} = repeat('é', {least - 1})"] if least else refused


def between(column: str, least: object, most: object, below: object, above: object) -> tuple[list[str], list[str]]:
    return [f"{column} = {least}", f"{column} = {most}"], [f"{column} = {below}", f"{column} = {above}"]


def at_least(column: str, least: object, below: object) -> tuple[list[str], list[str]]:
    return [f"{column} = {least}"], [f"{column} = {below}"]


def one_of(column: str, *values: str) -> tuple[list[str], list[str]]:
    return [f"{column} = '{value}'" for value in values], [f"{column} = 'other'", f"{column} = ''"]


VOID = "payment_status = {}, voided_at = {}, void_reason = {}"
CHECKS: dict[str, tuple[list[str], list[str]]] = {
    "ck_events_name_length": length("name", 1, 100),
    "ck_events_venue_length": length("venue", 1, 200),
    "ck_events_revenue_goal_positive": (["revenue_goal = 0.01", "revenue_goal = NULL"], ["revenue_goal = 0"]),
    "ck_staff_role_known": one_of("role", "admin", "coordinator", "viewer"),
    "ck_staff_name_length": length("name", 1, 100),
    "ck_staff_email_length": length("email", 3, 254),
    "ck_api_tokens_name_length": length("name", 1, 100),
    "ck_images_media_type_known": one_of("media_type", "image/jpeg", "image/png", "image/webp"),
    "ck_images_sha256_length": (
        ["sha256 = decode(repeat('ab', 32), 'hex')"],
        ["sha256 = decode(repeat('ab', 31), 'hex')", "sha256 = decode(repeat('ab', 33), 'hex')"],
    ),
    "ck_images_content_size": (
        ["content = decode(repeat('00', 5242880), 'hex')"],
        ["content = decode(repeat('00', 5242881), 'hex')"],
    ),
    "ck_images_size_positive": (["width = 1, height = 1"], ["width = 0", "height = 0"]),
    "ck_packages_name_length": length("name", 1, 100),
    "ck_packages_price_range": between("price", 0, 1_000_000, -0.01, "1000000.01"),
    "ck_packages_seats_range": between("seats_per_package", 1, 100, 0, 101),
    "ck_packages_description_length": length("description", 1, 1000),
    "ck_packages_quantity_limit_range": between("sold_count = 0, quantity_limit", 1, 10_000, 0, 10_001),
    "ck_packages_sold_count_not_negative": at_least("sold_count", 0, -1),
    "ck_packages_sold_within_limit": (
        ["quantity_limit = 5, sold_count = 5", "quantity_limit = NULL, sold_count = 6"],
        ["quantity_limit = 5, sold_count = 6"],
    ),
    "ck_packages_display_order_positive": at_least("display_order", 1, 0),
    "ck_options_label_length": length("label", 1, 200),
    "ck_options_option_type_known": (
        ["option_type = 'boolean', choices = NULL", "option_type = 'text_input', choices = NULL"],
        ["option_type = 'other', choices = NULL"],
    ),
    "ck_options_at_most_four": between("display_order", 1, 4, 0, 5),
    "ck_options_choices_valid": (
        [
            "choices = ARRAY['a', 'b']",
            "choices = ARRAY['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j']",
            "choices = ARRAY['a', repeat('b', 50)]",
        ],
        [
            "choices = NULL",
            "choices = ARRAY['a']",
            "choices = ARRAY['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k']",
            "choices = ARRAY['a', 'A']",
            "choices = ARRAY['a', '']",
            "choices = ARRAY['a', repeat('b', 51)]",
            "choices = ARRAY['a', 'b', NULL]",
            "option_type = 'boolean'",
        ],
    ),
    "ck_promo_codes_code_letters_and_digits": (
        ["code = 'GALA'", "code = repeat('A', 20)", "code = '2026'"],
        [
            "code = 'GAL'",
            "code = repeat('A', 21)",
            "code = 'gala'",
            "code = 'GA LA'",
            "code = 'GÄLA'",
            "code = E'GALA\\n'",
        ],
    ),
    "ck_promo_codes_discount_type_known": one_of("discount_type", "percentage", "fixed_amount"),
    "ck_promo_codes_discount_value_range": (
        [
            "discount_type = 'percentage', discount_value = 1",
            "discount_type = 'percentage', discount_value = 100",
            "discount_type = 'fixed_amount', discount_value = 1.00",
            "discount_type = 'fixed_amount', discount_value = 10000.00",
        ],
        [
            "discount_type = 'percentage', discount_value = 0.99",
            "discount_type = 'percentage', discount_value = 100.01",
            "discount_type = 'fixed_amount', discount_value = 0.99",
            "discount_type = 'fixed_amount', discount_value = 10000.01",
        ],
    ),
    "ck_promo_codes_max_total_uses_range": between("current_uses = 0, max_total_uses", 1, 10_000, 0, 10_001),
    "ck_promo_codes_max_uses_per_donor_range": between("max_uses_per_donor", 1, 100, 0, 101),
    "ck_promo_codes_current_uses_not_negative": at_least("current_uses", 0, -1),
    "ck_promo_codes_uses_within_limit": (
        ["max_total_uses = 5, current_uses = 5"],
        ["max_total_uses = 5, current_uses = 6"],
    ),
    "ck_donors_name_length": length("name", 1, 200),
    "ck_donors_email_length": length("email", 3, 254),
    "ck_donors_phone_length": length("phone", 0, 50),
    "ck_import_batches_rows_not_negative": (
        ["rows_imported = 0, rows_skipped = 0"],
        ["rows_imported = -1", "rows_skipped = -1"],
    ),
    "ck_purchases_quantity_range": (
        ["quantity = 1", "quantity = 10000, list_price = 1000000, discount = 0, total = 1000000"],
        [
            "quantity = 0, list_price = 0, discount = 0, total = 0",
            "quantity = 10001, list_price = 1000100, total = 1000090",
        ],
    ),
    "ck_purchases_seats_named_range": between("seats_named", 0, 1, -1, 2),
    "ck_purchases_seats_range": between("seats_per_package", 1, 100, 0, 101),
    "ck_purchases_amounts_not_negative": (
        ["unit_price = 0, list_price = 0, discount = 0, total = 0"],
        ["unit_price = -1, list_price = -1, discount = 0, total = -1", "discount = 100.01, total = -0.01"],
    ),
    "ck_purchases_discount_not_negative": (["discount = 0, total = 100"], ["discount = -0.01, total = 100.01"]),
    "ck_purchases_fee_not_negative": (["fee = 0", "fee = NULL"], ["fee = -0.01"]),
    "ck_purchases_list_price_adds_up": (
        ["quantity = 2, list_price = 200, total = 190"],
        ["quantity = 2", "list_price = 99.99, total = 89.99"],
    ),
    "ck_purchases_total_adds_up": (["discount = 20, total = 80"], ["total = 90.01", "discount = 20"]),
    "ck_purchases_payment_status_known": (
        [f"payment_status = '{status}'" for status in ("completed", "pending", "failed", "refunded")],
        ["payment_status = 'other'", "payment_status = ''"],
    ),
    "ck_purchases_channel_known": one_of("channel", "cash", "cheque", "card_terminal", "comp", "online"),
    "ck_purchases_imports_have_batches": (
        ["channel = 'import', import_batch_id = '{import_batch}', list_price = 1, total = 7"],
        ["channel = 'import'", "import_batch_id = '{import_batch}'"],
    ),
    "ck_purchases_void_has_reason": (
        [VOID.format("'voided'", "now()", "'Twice'")],
        [
            VOID.format("'voided'", "NULL", "NULL"),
            VOID.format("'voided'", "now()", "NULL"),
            VOID.format("'completed'", "now()", "'Twice'"),
            VOID.format("'completed'", "NULL", "'Twice'"),
        ],
    ),
    "ck_purchases_void_reason_length": (
        [VOID.format("'voided'", "now()", f"repeat('x', {n})") for n in (1, 500)],
        [VOID.format("'voided'", "now()", f"repeat('x', {n})") for n in (0, 501)],
    ),
    "ck_purchases_notes_length": length("notes", 0, 2000),
    "ck_purchases_purchaser_name_length": length("purchaser_name", 1, 200),
    "ck_purchases_idempotency_key_length": length("idempotency_key", 1, 200),
    "ck_purchases_key_has_hash": (
        ["idempotency_key = NULL, request_hash = NULL"],
        ["request_hash = NULL", "idempotency_key = NULL"],
    ),
    "ck_daily_sales_nothing_negative": (
        [
            "purchases = 0, quantity = 0, seats = 0, seats_named = 0, list_price = 0, discount = 0, total = 0",
            "seats = 2, seats_named = 2",
        ],
        [
            *(f"{count} = -1" for count in ("purchases", "quantity", "seats_named")),
            *(f"{amount} = -0.01" for amount in ("list_price", "discount", "total")),
            "seats = -1, seats_named = -1",
            "seats = 2, seats_named = 3",
        ],
    ),
    "ck_promo_uses_discount_not_negative": at_least("discount", 0, -0.01),
    "ck_answers_value_shape": (
        ["value = 'true'", "value = '\"text\"'", "value = '[\"a\"]'"],
        ["value = '1'", "value = '{{}}'", "value = 'null'"],
    ),
    "ck_answers_text_length": (
        [f"value = to_jsonb(repeat('é', {n}))" for n in (1, 500)],
        [f"value = to_jsonb(repeat('é', {n}))" for n in (0, 501)],
    ),
    "ck_answers_choices_picked": (
        ["value = '[\"a\"]'", "value = to_jsonb(array_fill('a'::text, ARRAY[10]))"],
        ["value = '[]'", "value = to_jsonb(array_fill('a'::text, ARRAY[11]))"],
    ),
    "ck_assigned_tickets_code_unmistakable": (
        ["code = 'ABCDEFGH'", "code = 'Z9Y8X7W2'"],
        [
            f"code = '{code}'"
            for code in ("ABCDEFG", "ABCDEFGHJ", "ABCDEFGI", "ABCDEFGL", "ABCDEFGO", "ABCDEFG0", "ABCDEFG1", "abcdefgh")
        ],
    ),
    "ck_assigned_tickets_guest_name_length": length("guest_name", 1, 200),
    "ck_assigned_tickets_email_belongs_to_a_name": (
        ["guest_name = 'Ana', guest_email = 'ana@example.org'", "guest_name = NULL, guest_email = NULL"],
        ["guest_name = NULL, guest_email = 'ana@example.org'"],
    ),
    "ck_assigned_tickets_seat_number_positive": at_least("seat_number", 1, 0),
}
WALLS = {
    "fk_packages_event_id_time_zone": "time_zone = 'Europe/Berlin'",
    "fk_daily_sales_event_id_package_id": "package_id = '{package_elsewhere}'",
    "fk_daily_sales_event_id_promo_code_id": "promo_code_id = '{promo_code_elsewhere}'",
    "fk_packages_event_id_image_id": "image_id = '{image_elsewhere}'",
    "fk_options_event_id_package_id": "package_id = '{package_elsewhere}'",
    "fk_purchases_event_id_package_id": "package_id = '{package_elsewhere}'",
    "fk_purchases_event_id_donor_id": "donor_id = '{donor_elsewhere}'",
    "fk_purchases_event_id_promo_code_id": "promo_code_id = '{promo_code_elsewhere}'",
    "fk_purchases_event_id_import_batch_id": "channel = 'import', import_batch_id = '{import_batch_elsewhere}'",
    "fk_promo_uses_event_id_purchase_id": "purchase_id = '{bare_purchase_elsewhere}'",
    "fk_promo_uses_event_id_promo_code_id": "promo_code_id = '{promo_code_elsewhere}'",
    "fk_promo_uses_event_id_donor_id": "donor_id = '{donor_elsewhere}'",
    "fk_answers_event_id_purchase_id": "purchase_id = '{purchase_elsewhere}'",
    "fk_assigned_tickets_event_id_purchase_id": "purchase_id = '{purchase_elsewhere}', seat_number = 2",
}
TABLES = (
    "events", "staff", "api_tokens", "images", "packages", "options", "promo_codes", "donors", "import_batches",
    "purchases", "promo_uses", "answers", "assigned_tickets", "daily_sales",
)  # fmt: skip


@dataclass(frozen=True)
class House:
    """An event with one row in every table, and the ids of another event's rows."""

    ids: dict[str, uuid.UUID]
    connection: psycopg.Connection

    def update(self, table: str, assignments: str) -> None:
        """Tries it on this event's row, and takes it back."""
        key = {"answers": "purchase_id", "promo_uses": "purchase_id", "daily_sales": "promo_code_id"}.get(table, "id")
        statement = f"UPDATE {table} SET {assignments} WHERE {key} = '{{{table}}}'".format(**self.ids)
        with self.connection.transaction(force_rollback=True):
            self.connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
            assert self.connection.execute(statement).rowcount == 1

    def insert_copy(self, table: str, differing: str) -> None:
        """Tries a second row that is this event's row but for its id and `differing`, and takes it back."""
        given = dict(pair.split(" = ") for pair in differing.split(", ") if pair) | {"id": "gen_random_uuid()"}
        columns = [
            name
            for (name,) in self.connection.execute(
                "SELECT column_name FROM information_schema.columns WHERE table_name = %s AND is_generated = 'NEVER'",
                [table],
            )
        ]
        values = ", ".join(given.get(name, name) for name in columns)
        with self.connection.transaction(force_rollback=True):
            self.connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
            self.connection.execute(
                f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM {table} WHERE id = %s",
                [self.ids[table]],
            )


def table_of(constraint: str) -> str:
    return next(table for table in sorted(TABLES, key=len, reverse=True) if constraint[3:].startswith(table))


def _furnish(connection: psycopg.Connection) -> dict[str, uuid.UUID]:
    event = make.event()
    package = make.package(event, price="100", quantity_limit=100)
    option = make.option(package, option_type="multi_select", choices=["Fish", "Rice"], is_required=False)
    promo = make.promo_code(event, discount_type="fixed_amount", discount_value="10", max_total_uses=10)
    answers = [{"option_id": option.id, "value": ["Fish"]}]
    sold = make.purchase(event, package, idempotency_key="key", promo_code=promo.code, answers=answers)
    image, batch = uuid.uuid4(), uuid.uuid4()
    connection.execute(
        "INSERT INTO images (id, event_id, sha256, content, thumbnail, media_type, width, height)"
        " VALUES (%s, %s, decode(repeat('00', 32), 'hex'), '', '', 'image/png', 1, 1)",
        [image, event.id],
    )
    connection.execute(
        "INSERT INTO import_batches (id, event_id, imported_by, file_name, rows_imported, rows_skipped)"
        " VALUES (%s, %s, 'Ana', 'sales.csv', 1, 0)",
        [batch, event.id],
    )
    return {
        "event": event.id, "package": package.id, "option": option.id, "promo_code": promo.id, "image": image,
        "purchase": sold.purchase.id, "donor": sold.purchase.donor_id, "ticket": sold.tickets[0].id,
        "import_batch": batch, "bare_purchase": make.purchase(event, package).purchase.id,
    }  # fmt: skip


@pytest.fixture(scope="module")
def house(database: str) -> Iterator[House]:
    with psycopg.connect(db.libpq_url(), autocommit=True) as connection:
        here, elsewhere = _furnish(connection), _furnish(connection)
        person = make.staff()
        make.token(person)
        token = connection.execute("SELECT id FROM api_tokens WHERE staff_id = %s", [person.staff_id]).fetchone()[0]
        ids = here | {f"{name}_elsewhere": row_id for name, row_id in elsewhere.items()}
        ids |= {f"{name}s": row_id for name, row_id in here.items()}
        ids |= {"staff": person.staff_id, "api_tokens": token, "import_batches": here["import_batch"]}
        ids |= {"assigned_tickets": here["ticket"], "answers": here["purchase"], "promo_uses": here["purchase"]}
        ids |= {"daily_sales": here["promo_code"]}
        ids |= {"sign_in_sessions": person.session_id}
        connection.execute("UPDATE purchases SET external_sale_id = 'S-1' WHERE id = %s", [here["purchase"]])
        yield House(ids, connection)


def violated(house: House, table: str, assignments: str) -> str | None:
    with pytest.raises(psycopg.errors.IntegrityError) as refusal:
        house.update(table, assignments)
    return refusal.value.diag.constraint_name


@pytest.mark.parametrize("constraint", CHECKS)
def test_a_rule_holds_on_both_sides_of_its_boundary(house, constraint):
    accepted, refused = CHECKS[constraint]
    for assignments in accepted:
        house.update(table_of(constraint), assignments)
    for assignments in refused:
        assert violated(house, table_of(constraint), assignments) == constraint, assignments


@pytest.mark.parametrize("constraint", WALLS)
def test_nothing_refers_to_the_rows_of_another_event(house, constraint):
    assert violated(house, table_of(constraint), WALLS[constraint]) == constraint


def test_every_check_and_every_wall_is_tried_here(house):
    rows = house.connection.execute(
        "SELECT conname, contype FROM pg_constraint WHERE connamespace = 'public'::regnamespace"
        " AND (contype = 'c' OR contype = 'f' AND cardinality(conkey) > 1)"
    ).fetchall()
    elsewhere = {"ck_audit_log_via_known"}
    assert {name for name, kind in rows if kind == "c"} - elsewhere == set(CHECKS)
    assert {name for name, kind in rows if kind == "f"} == set(WALLS)


def test_the_log_knows_three_ways_in(house):
    insert = (
        "INSERT INTO audit_log (actor, via, action, subject_type, subject_id, subject_name, change_id)"
        " VALUES ('Ana', %s, 'event.seen', 'event', gen_random_uuid(), 'Gala', gen_random_uuid())"
    )
    for via in ("app", "api", "command_line"):
        house.connection.execute(insert, [via])
    with pytest.raises(psycopg.errors.CheckViolation):
        house.connection.execute(insert, ["elsewhere"])


def test_every_constraint_and_index_has_a_name_one_can_read(house):
    names = house.connection.execute(
        "SELECT conname FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype <> 'n'"
        " UNION SELECT indexname FROM pg_indexes WHERE schemaname = 'public'"
    ).fetchall()
    prefixes = ("pk_", "ck_", "fk_", "uq_", "ix_", "ex_", "alembic_")
    assert not [name for (name,) in names if not name.startswith(prefixes)]


UNIQUE = {
    "uq_staff_email_key": ("staff", ""),
    "uq_sign_in_sessions_secret_hash": ("sign_in_sessions", ""),
    "uq_api_tokens_secret_hash": ("api_tokens", ""),
    "uq_images_event_id_sha256": ("images", ""),
    "uq_packages_event_id_name_key": ("packages", "display_order = 2"),
    "uq_packages_event_id_display_order": ("packages", "name_key = 'other'"),
    "ex_options_active_display_order": ("options", ""),
    "uq_promo_codes_event_id_code": ("promo_codes", ""),
    "uq_donors_event_id_email_key": ("donors", ""),
    "uq_purchases_external_sale": ("purchases", "idempotency_key = NULL, request_hash = NULL"),
    "uq_purchases_idempotency": ("purchases", "external_sale_id = NULL"),
    "uq_assigned_tickets_event_id_code": ("assigned_tickets", "seat_number = 2"),
    "uq_assigned_tickets_purchase_id_seat_number": ("assigned_tickets", "code = 'ZZZZZZZZ'"),
}


@pytest.mark.parametrize("constraint", UNIQUE)
def test_what_must_be_unique_cannot_be_there_twice(house, constraint):
    table, differing = UNIQUE[constraint]
    with pytest.raises(psycopg.errors.IntegrityError) as refusal:
        house.insert_copy(table, differing)
    assert refusal.value.diag.constraint_name == constraint


def test_every_rule_of_uniqueness_is_tried_here(house):
    rows = house.connection.execute(
        "SELECT indexrelid::regclass::text FROM pg_index WHERE indisunique OR indisexclusion"
    ).fetchall()
    found = {name for (name,) in rows if name.startswith(("uq_", "ex_"))}
    targets_of_walls = {name for name in found if name.endswith(("_id_id", "_id_time_zone"))}
    assert found - targets_of_walls == set(UNIQUE) | {"uq_daily_sales"}


@pytest.mark.parametrize(
    ("table", "differing"),
    [
        ("options", "retired_at = now()"),
        ("packages", "name_key = 'other', display_order = 2"),
        ("purchases", "idempotency_key = NULL, request_hash = NULL, external_sale_id = NULL"),
    ],
)
def test_what_differs_or_is_retired_is_not_in_the_way(house, table, differing):
    house.insert_copy(table, differing)


DAY = "event_id, package_id, day, channel, payment_status, promo_code_id"


@pytest.mark.parametrize("promo_code", ["IS NULL", "IS NOT NULL"])
def test_a_day_has_one_row_for_each_package_channel_status_and_promo_code(house, promo_code):
    sums = "purchases, quantity, seats, seats_named, list_price, discount, total"
    copy = f"INSERT INTO daily_sales ({DAY}, {sums}) SELECT {{}}, {sums} FROM daily_sales"
    of_one = f"{copy} WHERE event_id = '{house.ids['event']}' AND promo_code_id {promo_code}"
    with house.connection.transaction(force_rollback=True), pytest.raises(psycopg.errors.UniqueViolation) as refusal:
        house.connection.execute(of_one.format(DAY))
    assert refusal.value.diag.constraint_name == "uq_daily_sales"
    for column, other in (("day", "day + 1"), ("channel", "'cash'"), ("payment_status", "'pending'")):
        with house.connection.transaction(force_rollback=True):
            assert house.connection.execute(of_one.format(DAY.replace(column, other))).rowcount == 1


def test_the_packages_take_the_time_zone_of_their_event_and_no_other(house):
    zones = f"SELECT DISTINCT time_zone FROM packages WHERE event_id = '{house.ids['event']}'"
    with house.connection.transaction(force_rollback=True):
        house.connection.execute("UPDATE events SET time_zone = 'Europe/Berlin' WHERE id = %s", [house.ids["event"]])
        assert house.connection.execute(zones).fetchall() == [("Europe/Berlin",)]


FOUND_BY = [
    ("José Núñez", "jose nunez"),
    ("Jose\u0301 Nun\u0303ez", "jose nunez"),
    ("ÅSA ÖSTBERG", "asa ostberg"),
    ("Łukasz Żółć", "lukasz zolc"),
    ("Søren Bjørn", "soren bjorn"),
    ("Weiß", "weiss"),
    ("Ægir Œuvre", "aegir oeuvre"),
    ("Đặng Thị Ðóra", "dang thi dora"),
    ("İpek", "ipek"),
    ("Ħal Ŧ", "hal t"),
    ("O’Neill O'Neill", "o'neill o'neill"),
    ("ΑΛΕΞΑΝΔΡΑ", "αλεξανδρα"),
    ("ΆΝΝΑ", "αννα"),
    ("Νίκος", "νικοσ"),
    ("ΝΙΚΟΣ", "νικοσ"),
    ("ИВАН Петров", "иван петров"),
    ("李明", "李明"),
    ("ＡＢＣ ﬁn", "abc fin"),
    ("ANA@Example.ORG", "ana@example.org"),
    ("100%_\\", "100%_\\"),
    ("", ""),
]


@pytest.mark.parametrize(("written", "key"), FOUND_BY)
def test_what_is_searched_for_needs_neither_accents_nor_case(house, written, key):
    """And what is found by a key is found by writing it in full too: the key of a key is the key."""
    query = "SELECT search_key(%(text)s), search_key(search_key(%(text)s))"
    assert house.connection.execute(query, {"text": written}).fetchone() == (key, key)


def test_different_names_keep_different_keys(house):
    names = ["Li", "Lie", "Ly", "Ана", "Аня", "O'Neill", "ONeill"]
    keys = {house.connection.execute("SELECT search_key(%s)", [name]).fetchone() for name in names}
    assert len(keys) == len(names)


def test_nothing_has_no_search_key(house):
    assert house.connection.execute("SELECT search_key(NULL)").fetchone() == (None,)


def test_a_purchase_is_searched_by_name_address_and_the_id_it_was_sold_under(house):
    query = "SELECT search_text FROM purchases WHERE id = %s"
    with house.connection.transaction(force_rollback=True):
        house.connection.execute(
            "UPDATE purchases SET purchaser_name = 'José', purchaser_email = 'JOSE@b.co', external_sale_id = 'Ö-7'"
            " WHERE id = %s",
            [house.ids["purchase"]],
        )
        assert house.connection.execute(query, [house.ids["purchase"]]).fetchone() == ("jose jose@b.co o-7",)
        house.connection.execute("UPDATE purchases SET external_sale_id = NULL WHERE id = %s", [house.ids["purchase"]])
        assert house.connection.execute(query, [house.ids["purchase"]]).fetchone() == ("jose jose@b.co ",)


def test_seats_of_a_purchase_are_computed_by_the_database(house):
    with pytest.raises(psycopg.errors.GeneratedAlways):
        house.update("purchases", "seats = 7")

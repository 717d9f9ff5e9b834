"""Accepted and refused values for every named constraint, on both sides of each boundary."""

from __future__ import annotations


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


def imported(email_key: str = "'ana@example.org'", status: str = "'completed'", batch: str = "{import_batch}") -> str:
    """Return the assignments that make a purchase an imported one; the first two are SQL."""
    return (
        f"channel = 'import', import_batch_id = '{batch}', imported_email_key = {email_key}, imported_status = {status}"
    )


VOID = "payment_status = {}, voided_at = {}, void_reason = {}"
CHECKS: dict[str, tuple[list[str], list[str]]] = {
    "ck_events_name_length": length("name", 1, 100),
    "ck_events_venue_length": length("venue", 1, 200),
    "ck_events_revenue_goal_positive": (["revenue_goal = 0.01", "revenue_goal = NULL"], ["revenue_goal = 0"]),
    "ck_staff_role_known": one_of("role", "admin", "coordinator", "viewer"),
    "ck_staff_name_length": length("name", 1, 100),
    "ck_staff_email_length": length("email", 3, 254),
    "ck_staff_openid_whole": (
        ["openid_issuer = NULL, openid_subject = NULL", "openid_issuer = 'https://b', openid_subject = '1'"],
        ["openid_issuer = NULL", "openid_subject = NULL"],
    ),
    "ck_sign_in_sessions_method_known": one_of("method", "password", "openid", "invitation", "first_run"),
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
    "ck_import_batches_undo_has_reason": (
        ["undone_at = now(), undone_by = 'Ana', undo_reason = 'Wrong year'"],
        ["undone_at = now()", "undone_by = 'Ana', undo_reason = 'x'", "undone_at = now(), undone_by = 'Ana'"],
    ),
    "ck_import_batches_undo_reason_length": length("undone_at = now(), undone_by = 'Ana', undo_reason", 1, 500),
    "ck_import_batches_rows_not_negative": (
        ["rows_imported = 0, rows_skipped = 0"],
        ["rows_imported = -1", "rows_skipped = -1"],
    ),
    "ck_import_batches_statuses_changed_not_negative": (["statuses_changed = 0"], ["statuses_changed = -1"]),
    "ck_import_batches_id_prefix_form": (
        ["id_prefix = ''", "id_prefix = 'Shop-2_b.c'", f"id_prefix = '{'x' * 20}'"],
        ["id_prefix = 'shop 2'", "id_prefix = 'a:b'", "id_prefix = 'a/b'", f"id_prefix = '{'x' * 21}'"],
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
        [f"{imported()}, list_price = 1, total = 7"],
        [imported().replace("import'", "cash'", 1), "channel = 'import'"],
    ),
    "ck_purchases_imports_keep_values": (
        [imported()],
        [
            "imported_email_key = 'ana@example.org'",
            "imported_status = 'completed'",
            imported(email_key="NULL"),
            imported(status="NULL"),
        ],
    ),
    "ck_purchases_imported_status_known": (
        [imported(status=f"'{status}'") for status in ("completed", "pending", "failed", "refunded")],
        [imported(status="'voided'"), imported(status="''")],
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
    "ck_purchases_line_number_positive": at_least("line_number", 1, 0),
    "ck_orders_idempotency_key_length": length("idempotency_key", 1, 200),
    "ck_orders_key_has_hash": (
        ["idempotency_key = NULL, request_hash = NULL"],
        ["request_hash = NULL", "idempotency_key = NULL"],
    ),
    "ck_orders_number_unmistakable": (
        ["number = 'ABCDEF'", "number = 'Z9Y8X7'"],
        [f"number = '{each}'" for each in ("ABCDE", "ABCDEFG", "ABCDEI", "ABCDEL", "ABCDEO", "ABCDE0", "abcdef")],
    ),
    "ck_till_drafts_till_length": length("till", 1, 100),
    "ck_till_drafts_content_size": (
        ["content = to_jsonb(repeat('x', 199998))"],
        ["content = to_jsonb(repeat('x', 199999))"],
    ),
    "ck_file_presets_name_length": length("name", 1, 100),
    "ck_file_presets_one_owner": (
        ["staff_id = NULL, event_id = '{event}'"],
        ["staff_id = NULL", "event_id = '{event}'"],
    ),
    "ck_file_presets_kind_known": (["kind = 'guests'"], ["kind = 'people'"]),
    "ck_file_presets_columns_size": (
        ["columns = to_jsonb(repeat('x', 39998))"],
        ["columns = to_jsonb(repeat('x', 39999))"],
    ),
    "ck_daily_sales_nothing_negative": (
        [
            "purchases = 0, orders = 0, quantity = 0, seats = 0, seats_named = 0",
            "list_price = 0, discount = 0, total = 0",
            "seats = 2, seats_named = 2",
            "purchases = 2, orders = 2",
        ],
        [
            *(f"{count} = -1" for count in ("purchases", "orders", "quantity", "seats_named")),
            "purchases = 2, orders = 3",
            *(f"{amount} = -0.01" for amount in ("list_price", "discount", "total")),
            "seats = -1, seats_named = -1",
            "seats = 2, seats_named = 3",
        ],
    ),
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
EVENT_SCOPED_FKS = {
    "fk_packages_event_id_time_zone_is_archived": "time_zone = 'Europe/Berlin'",
    "fk_daily_sales_event_id_package_id": "package_id = '{package_elsewhere}'",
    "fk_daily_sales_event_id_promo_code_id": "promo_code_id = '{promo_code_elsewhere}'",
    "fk_packages_event_id_image_id": "image_id = '{image_elsewhere}'",
    "fk_options_event_id_package_id": "package_id = '{package_elsewhere}'",
    "fk_purchases_event_id_package_id": "package_id = '{package_elsewhere}'",
    "fk_purchases_event_id_order_id": "order_id = '{order_elsewhere}', line_number = 2",
    "fk_orders_event_id_donor_id": "donor_id = '{donor_elsewhere}'",
    "fk_purchases_event_id_promo_code_id": "promo_code_id = '{promo_code_elsewhere}'",
    "fk_purchases_event_id_import_batch_id": imported(batch="{import_batch_elsewhere}"),
    "fk_promo_uses_event_id_order_id": "order_id = '{bare_order_elsewhere}'",
    "fk_promo_uses_event_id_promo_code_id": "promo_code_id = '{promo_code_elsewhere}'",
    "fk_promo_uses_event_id_donor_id": "donor_id = '{donor_elsewhere}'",
    "fk_answers_event_id_purchase_id": "purchase_id = '{purchase_elsewhere}'",
    "fk_assigned_tickets_event_id_purchase_id": "purchase_id = '{purchase_elsewhere}', seat_number = 2",
}
UNIQUE = {
    "uq_staff_email_key": ("staff", "openid_subject = 'other'"),
    "uq_staff_openid_issuer_openid_subject": ("staff", "email_key = 'other'"),
    "uq_sign_in_sessions_secret_hash": ("sign_in_sessions", ""),
    "uq_api_tokens_secret_hash": ("api_tokens", ""),
    "uq_invitations_secret_hash": ("invitations", "staff_id = gen_random_uuid()"),
    "uq_invitations_open": ("invitations", "secret_hash = '\\x00'"),
    "uq_images_event_id_sha256": ("images", ""),
    "uq_packages_event_id_name_key": ("packages", "display_order = 2"),
    "uq_packages_event_id_display_order": ("packages", "name_key = 'other'"),
    "ex_options_active_display_order": ("options", ""),
    "uq_promo_codes_event_id_code": ("promo_codes", ""),
    "uq_donors_event_id_email_key": ("donors", ""),
    "uq_purchases_external_sale": ("purchases", "line_number = 2"),
    "uq_purchases_order_id_line_number": ("purchases", "external_sale_id = NULL"),
    "uq_orders_idempotency": ("orders", "number = 'ZZZZZZ'"),
    "uq_orders_event_id_number": ("orders", "idempotency_key = NULL, request_hash = NULL"),
    "uq_till_drafts_staff_id_event_id_till": ("till_drafts", ""),
    "uq_file_presets_owner_name": ("file_presets", ""),
    "uq_assigned_tickets_event_id_code": ("assigned_tickets", "seat_number = 2"),
    "uq_assigned_tickets_purchase_id_seat_number": ("assigned_tickets", "code = 'ZZZZZZZZ'"),
}

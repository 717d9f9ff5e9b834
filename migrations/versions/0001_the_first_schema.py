"""the first schema"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

CHOICES_ARE_VALID = """
CREATE FUNCTION choices_are_valid(choices text[]) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT cardinality(choices) BETWEEN 2 AND 10
       AND (SELECT count(DISTINCT lower(choice)) FROM unnest(choices) AS choice) = cardinality(choices)
       AND NOT EXISTS (SELECT FROM unnest(choices) AS choice WHERE choice IS NULL OR char_length(choice) NOT BETWEEN 1 AND 50)
$$
"""

# The audit log is written once. Statement triggers also stop TRUNCATE and changes that match no row.
AUDIT_IS_IMMUTABLE = """
CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log cannot be changed (% refused)', TG_OP USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER audit_log_is_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();
ALTER TABLE audit_log ENABLE ALWAYS TRIGGER audit_log_is_immutable;
"""


def upgrade() -> None:
    op.execute(CHOICES_ARE_VALID)
    op.create_table(
        "events",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("venue", sa.Text(), nullable=False),
        sa.Column("revenue_goal", sa.Numeric(precision=12, scale=2), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.CheckConstraint("char_length(name) BETWEEN 1 AND 100", name=op.f("ck_events_name_length")),
        sa.CheckConstraint("char_length(venue) BETWEEN 1 AND 200", name=op.f("ck_events_venue_length")),
        sa.CheckConstraint("revenue_goal > 0", name=op.f("ck_events_revenue_goal_positive")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
    )
    op.create_table(
        "staff",
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("email_key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.CheckConstraint("role IN ('admin', 'coordinator', 'viewer')", name=op.f("ck_staff_role_known")),
        sa.CheckConstraint("char_length(email) BETWEEN 3 AND 254", name=op.f("ck_staff_email_length")),
        sa.CheckConstraint("char_length(name) BETWEEN 1 AND 100", name=op.f("ck_staff_name_length")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff")),
        sa.UniqueConstraint("email_key", name=op.f("uq_staff_email_key")),
    )
    op.create_table(
        "api_tokens",
        sa.Column("staff_id", sa.UUID(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.CheckConstraint("char_length(name) BETWEEN 1 AND 100", name=op.f("ck_api_tokens_name_length")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_api_tokens_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_tokens")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_api_tokens_secret_hash")),
    )
    op.create_index(op.f("ix_api_tokens_staff_id"), "api_tokens", ["staff_id"], unique=False)
    op.create_table(
        "audit_log",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("event_id", sa.UUID(), nullable=True),
        sa.Column("staff_id", sa.UUID(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("via", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject_type", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.UUID(), nullable=False),
        sa.Column("subject_name", sa.Text(), nullable=False),
        sa.Column("subject_version", sa.Integer(), nullable=True),
        sa.Column("field", sa.Text(), nullable=True),
        sa.Column("old_value", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("new_value", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("change_id", sa.UUID(), nullable=False),
        sa.CheckConstraint("via IN ('app', 'api', 'command_line')", name=op.f("ck_audit_log_via_known")),
        sa.ForeignKeyConstraint(["event_id"], ["events.id"], name=op.f("fk_audit_log_event_id")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_audit_log_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_log")),
    )
    op.create_index("ix_audit_log_event", "audit_log", ["event_id", "id"], unique=False)
    op.create_index("ix_audit_log_staff", "audit_log", ["staff_id", "id"], unique=False)
    op.create_index("ix_audit_log_subject", "audit_log", ["subject_id", "id"], unique=False)
    op.create_table(
        "donors",
        sa.Column("event_id", sa.UUID(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("email_key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.CheckConstraint("char_length(email) BETWEEN 3 AND 254", name=op.f("ck_donors_email_length")),
        sa.CheckConstraint("char_length(name) BETWEEN 1 AND 200", name=op.f("ck_donors_name_length")),
        sa.CheckConstraint("char_length(phone) <= 50", name=op.f("ck_donors_phone_length")),
        sa.ForeignKeyConstraint(["event_id"], ["events.id"], name=op.f("fk_donors_event_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_donors")),
        sa.UniqueConstraint("event_id", "email_key", name=op.f("uq_donors_event_id_email_key")),
        sa.UniqueConstraint("event_id", "id", name=op.f("uq_donors_event_id_id")),
    )
    op.create_table(
        "event_assignments",
        sa.Column("staff_id", sa.UUID(), nullable=False),
        sa.Column("event_id", sa.UUID(), nullable=False),
        sa.ForeignKeyConstraint(["event_id"], ["events.id"], name=op.f("fk_event_assignments_event_id")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_event_assignments_staff_id")),
        sa.PrimaryKeyConstraint("staff_id", "event_id", name=op.f("pk_event_assignments")),
    )
    op.create_index(op.f("ix_event_assignments_event_id"), "event_assignments", ["event_id"], unique=False)
    op.create_table(
        "images",
        sa.Column("event_id", sa.UUID(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("thumbnail", sa.LargeBinary(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.CheckConstraint(
            "media_type IN ('image/jpeg', 'image/png', 'image/webp')", name=op.f("ck_images_media_type_known")
        ),
        sa.CheckConstraint("octet_length(content) <= 5242880", name=op.f("ck_images_content_size")),
        sa.CheckConstraint("octet_length(sha256) = 32", name=op.f("ck_images_sha256_length")),
        sa.CheckConstraint("width > 0 AND height > 0", name=op.f("ck_images_size_positive")),
        sa.ForeignKeyConstraint(["event_id"], ["events.id"], name=op.f("fk_images_event_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_images")),
        sa.UniqueConstraint("event_id", "id", name=op.f("uq_images_event_id_id")),
        sa.UniqueConstraint("event_id", "sha256", name=op.f("uq_images_event_id_sha256")),
    )
    op.create_table(
        "import_batches",
        sa.Column("event_id", sa.UUID(), nullable=False),
        sa.Column("staff_id", sa.UUID(), nullable=True),
        sa.Column("imported_by", sa.Text(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("rows_imported", sa.Integer(), nullable=False),
        sa.Column("rows_skipped", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.CheckConstraint(
            "rows_imported >= 0 AND rows_skipped >= 0", name=op.f("ck_import_batches_rows_not_negative")
        ),
        sa.ForeignKeyConstraint(["event_id"], ["events.id"], name=op.f("fk_import_batches_event_id")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_import_batches_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import_batches")),
        sa.UniqueConstraint("event_id", "id", name=op.f("uq_import_batches_event_id_id")),
    )
    op.create_index(op.f("ix_import_batches_event_id"), "import_batches", ["event_id"], unique=False)
    op.create_table(
        "promo_codes",
        sa.Column("event_id", sa.UUID(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("discount_type", sa.Text(), nullable=False),
        sa.Column("discount_value", sa.Numeric(precision=12, scale=2), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("max_total_uses", sa.Integer(), nullable=True),
        sa.Column("max_uses_per_donor", sa.Integer(), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("current_uses", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.CheckConstraint(
            "CASE discount_type WHEN 'percentage' THEN discount_value BETWEEN 1 AND 100 ELSE discount_value BETWEEN 1 AND 10000 END",
            name=op.f("ck_promo_codes_discount_value_range"),
        ),
        sa.CheckConstraint("code ~ '^[A-Z0-9]{4,20}$'", name=op.f("ck_promo_codes_code_letters_and_digits")),
        sa.CheckConstraint(
            "discount_type IN ('percentage', 'fixed_amount')", name=op.f("ck_promo_codes_discount_type_known")
        ),
        sa.CheckConstraint("current_uses <= max_total_uses", name=op.f("ck_promo_codes_uses_within_limit")),
        sa.CheckConstraint("current_uses >= 0", name=op.f("ck_promo_codes_current_uses_not_negative")),
        sa.CheckConstraint("max_total_uses BETWEEN 1 AND 10000", name=op.f("ck_promo_codes_max_total_uses_range")),
        sa.CheckConstraint(
            "max_uses_per_donor BETWEEN 1 AND 100", name=op.f("ck_promo_codes_max_uses_per_donor_range")
        ),
        sa.ForeignKeyConstraint(["event_id"], ["events.id"], name=op.f("fk_promo_codes_event_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_promo_codes")),
        sa.UniqueConstraint("event_id", "code", name=op.f("uq_promo_codes_event_id_code")),
        sa.UniqueConstraint("event_id", "id", name=op.f("uq_promo_codes_event_id_id")),
    )
    op.create_table(
        "sign_in_sessions",
        sa.Column("staff_id", sa.UUID(), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("user_agent", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_sign_in_sessions_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in_sessions")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_sign_in_sessions_secret_hash")),
    )
    op.create_index(op.f("ix_sign_in_sessions_staff_id"), "sign_in_sessions", ["staff_id"], unique=False)
    op.create_table(
        "packages",
        sa.Column("event_id", sa.UUID(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_key", sa.Text(), nullable=False),
        sa.Column("price", sa.Numeric(precision=12, scale=2), nullable=False),
        sa.Column("seats_per_package", sa.Integer(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("quantity_limit", sa.Integer(), nullable=True),
        sa.Column("is_sponsorship", sa.Boolean(), nullable=False),
        sa.Column("is_enabled", sa.Boolean(), nullable=False),
        sa.Column("image_id", sa.UUID(), nullable=True),
        sa.Column("image_alt", sa.Text(), nullable=True),
        sa.Column("display_order", sa.Integer(), nullable=False),
        sa.Column("sold_count", sa.Integer(), nullable=False),
        sa.Column("sales_version", sa.BigInteger(), nullable=False),
        sa.Column("options_version", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.CheckConstraint("char_length(description) BETWEEN 1 AND 1000", name=op.f("ck_packages_description_length")),
        sa.CheckConstraint("char_length(name) BETWEEN 1 AND 100", name=op.f("ck_packages_name_length")),
        sa.CheckConstraint("display_order >= 1", name=op.f("ck_packages_display_order_positive")),
        sa.CheckConstraint("price BETWEEN 0 AND 1000000", name=op.f("ck_packages_price_range")),
        sa.CheckConstraint("quantity_limit BETWEEN 1 AND 10000", name=op.f("ck_packages_quantity_limit_range")),
        sa.CheckConstraint("seats_per_package BETWEEN 1 AND 100", name=op.f("ck_packages_seats_range")),
        sa.CheckConstraint("sold_count <= quantity_limit", name=op.f("ck_packages_sold_within_limit")),
        sa.CheckConstraint("sold_count >= 0", name=op.f("ck_packages_sold_count_not_negative")),
        sa.ForeignKeyConstraint(
            ["event_id", "image_id"], ["images.event_id", "images.id"], name=op.f("fk_packages_event_id_image_id")
        ),
        sa.ForeignKeyConstraint(["event_id"], ["events.id"], name=op.f("fk_packages_event_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_packages")),
        sa.UniqueConstraint(
            "event_id",
            "display_order",
            deferrable=True,
            initially="DEFERRED",
            name=op.f("uq_packages_event_id_display_order"),
        ),
        sa.UniqueConstraint("event_id", "id", name=op.f("uq_packages_event_id_id")),
        sa.UniqueConstraint("event_id", "name_key", name=op.f("uq_packages_event_id_name_key")),
    )
    op.create_table(
        "options",
        sa.Column("event_id", sa.UUID(), nullable=False),
        sa.Column("package_id", sa.UUID(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("option_type", sa.Text(), nullable=False),
        sa.Column("choices", sa.ARRAY(sa.Text()), nullable=True),
        sa.Column("is_required", sa.Boolean(), nullable=False),
        sa.Column("display_order", sa.Integer(), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        postgresql.ExcludeConstraint(
            (sa.column("package_id"), "="),
            (sa.column("display_order"), "="),
            where=sa.text("retired_at IS NULL"),
            deferrable=True,
            initially="DEFERRED",
            using="btree",
            name="ex_options_active_display_order",
        ),
        sa.CheckConstraint(
            "CASE WHEN option_type = 'multi_select' THEN choices IS NOT NULL AND choices_are_valid(choices) ELSE choices IS NULL END",
            name=op.f("ck_options_choices_valid"),
        ),
        sa.CheckConstraint(
            "option_type IN ('boolean', 'multi_select', 'text_input')", name=op.f("ck_options_option_type_known")
        ),
        sa.CheckConstraint("char_length(label) BETWEEN 1 AND 200", name=op.f("ck_options_label_length")),
        sa.CheckConstraint("display_order BETWEEN 1 AND 4", name=op.f("ck_options_at_most_four")),
        sa.ForeignKeyConstraint(
            ["event_id", "package_id"],
            ["packages.event_id", "packages.id"],
            name=op.f("fk_options_event_id_package_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_options")),
        sa.UniqueConstraint("package_id", "id", name=op.f("uq_options_package_id_id")),
    )
    op.create_table(
        "purchases",
        sa.Column("event_id", sa.UUID(), nullable=False),
        sa.Column("package_id", sa.UUID(), nullable=False),
        sa.Column("donor_id", sa.UUID(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("unit_price", sa.Numeric(precision=12, scale=2), nullable=False),
        sa.Column("seats_per_package", sa.Integer(), nullable=False),
        sa.Column("seats", sa.Integer(), sa.Computed("quantity * seats_per_package", persisted=True), nullable=False),
        sa.Column("list_price", sa.Numeric(precision=12, scale=2), nullable=False),
        sa.Column("discount", sa.Numeric(precision=12, scale=2), nullable=False),
        sa.Column("fee", sa.Numeric(precision=12, scale=2), nullable=True),
        sa.Column("total", sa.Numeric(precision=12, scale=2), nullable=False),
        sa.Column("promo_code_id", sa.UUID(), nullable=True),
        sa.Column("payment_status", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("purchaser_name", sa.Text(), nullable=False),
        sa.Column("purchaser_email", sa.Text(), nullable=False),
        sa.Column("purchaser_phone", sa.Text(), nullable=True),
        sa.Column("notes", sa.Text(), nullable=True),
        sa.Column("external_sale_id", sa.Text(), nullable=True),
        sa.Column("import_batch_id", sa.UUID(), nullable=True),
        sa.Column("recorded_by", sa.UUID(), nullable=True),
        sa.Column("purchased_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "recorded_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("idempotency_key", sa.Text(), nullable=True),
        sa.Column("request_hash", sa.LargeBinary(), nullable=True),
        sa.Column("voided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("void_reason", sa.Text(), nullable=True),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.CheckConstraint(
            "(channel = 'import') = (import_batch_id IS NOT NULL)", name=op.f("ck_purchases_imports_have_batches")
        ),
        sa.CheckConstraint(
            "(payment_status = 'voided') = (voided_at IS NOT NULL) AND (voided_at IS NULL) = (void_reason IS NULL)",
            name=op.f("ck_purchases_void_has_reason"),
        ),
        sa.CheckConstraint(
            "channel = 'import' OR list_price = unit_price * quantity", name=op.f("ck_purchases_list_price_adds_up")
        ),
        sa.CheckConstraint(
            "channel = 'import' OR total = list_price - discount", name=op.f("ck_purchases_total_adds_up")
        ),
        sa.CheckConstraint(
            "channel IN ('cash', 'cheque', 'card_terminal', 'comp', 'online', 'import')",
            name=op.f("ck_purchases_channel_known"),
        ),
        sa.CheckConstraint(
            "payment_status IN ('completed', 'pending', 'failed', 'refunded', 'voided')",
            name=op.f("ck_purchases_payment_status_known"),
        ),
        sa.CheckConstraint(
            "(idempotency_key IS NULL) = (request_hash IS NULL)", name=op.f("ck_purchases_key_has_hash")
        ),
        sa.CheckConstraint(
            "char_length(idempotency_key) BETWEEN 1 AND 200", name=op.f("ck_purchases_idempotency_key_length")
        ),
        sa.CheckConstraint("char_length(notes) <= 2000", name=op.f("ck_purchases_notes_length")),
        sa.CheckConstraint(
            "char_length(purchaser_name) BETWEEN 1 AND 200", name=op.f("ck_purchases_purchaser_name_length")
        ),
        sa.CheckConstraint("char_length(void_reason) BETWEEN 1 AND 500", name=op.f("ck_purchases_void_reason_length")),
        sa.CheckConstraint("discount >= 0", name=op.f("ck_purchases_discount_not_negative")),
        sa.CheckConstraint("fee >= 0", name=op.f("ck_purchases_fee_not_negative")),
        sa.CheckConstraint("quantity BETWEEN 1 AND 10000", name=op.f("ck_purchases_quantity_range")),
        sa.CheckConstraint("seats_per_package BETWEEN 1 AND 100", name=op.f("ck_purchases_seats_range")),
        sa.CheckConstraint(
            "unit_price >= 0 AND list_price >= 0 AND total >= 0", name=op.f("ck_purchases_amounts_not_negative")
        ),
        sa.ForeignKeyConstraint(
            ["event_id", "donor_id"], ["donors.event_id", "donors.id"], name=op.f("fk_purchases_event_id_donor_id")
        ),
        sa.ForeignKeyConstraint(
            ["event_id", "import_batch_id"],
            ["import_batches.event_id", "import_batches.id"],
            name=op.f("fk_purchases_event_id_import_batch_id"),
        ),
        sa.ForeignKeyConstraint(
            ["event_id", "package_id"],
            ["packages.event_id", "packages.id"],
            name=op.f("fk_purchases_event_id_package_id"),
        ),
        sa.ForeignKeyConstraint(
            ["event_id", "promo_code_id"],
            ["promo_codes.event_id", "promo_codes.id"],
            name=op.f("fk_purchases_event_id_promo_code_id"),
        ),
        sa.ForeignKeyConstraint(["event_id"], ["events.id"], name=op.f("fk_purchases_event_id")),
        sa.ForeignKeyConstraint(["recorded_by"], ["staff.id"], name=op.f("fk_purchases_recorded_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_purchases")),
        sa.UniqueConstraint("event_id", "id", name=op.f("uq_purchases_event_id_id")),
    )
    op.create_index("ix_purchases_donor", "purchases", ["donor_id"], unique=False)
    op.create_index("ix_purchases_event_purchased", "purchases", ["event_id", "purchased_at", "id"], unique=False)
    op.create_index("ix_purchases_package", "purchases", ["package_id"], unique=False)
    op.create_index(
        "uq_purchases_external_sale",
        "purchases",
        ["event_id", "external_sale_id"],
        unique=True,
        postgresql_where=sa.text("external_sale_id IS NOT NULL"),
    )
    op.create_index(
        "uq_purchases_idempotency",
        "purchases",
        ["event_id", "idempotency_key"],
        unique=True,
        postgresql_where=sa.text("idempotency_key IS NOT NULL"),
    )
    op.create_table(
        "answers",
        sa.Column("purchase_id", sa.UUID(), nullable=False),
        sa.Column("option_id", sa.UUID(), nullable=False),
        sa.Column("event_id", sa.UUID(), nullable=False),
        sa.Column("value", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.CheckConstraint(
            "jsonb_typeof(value) <> 'array' OR jsonb_array_length(value) BETWEEN 1 AND 10",
            name=op.f("ck_answers_choices_picked"),
        ),
        sa.CheckConstraint(
            "jsonb_typeof(value) <> 'string' OR char_length(value #>> '{}') BETWEEN 1 AND 500",
            name=op.f("ck_answers_text_length"),
        ),
        sa.CheckConstraint(
            "jsonb_typeof(value) IN ('boolean', 'array', 'string')", name=op.f("ck_answers_value_shape")
        ),
        sa.ForeignKeyConstraint(
            ["event_id", "purchase_id"],
            ["purchases.event_id", "purchases.id"],
            name=op.f("fk_answers_event_id_purchase_id"),
        ),
        sa.ForeignKeyConstraint(["option_id"], ["options.id"], name=op.f("fk_answers_option_id")),
        sa.PrimaryKeyConstraint("purchase_id", "option_id", name=op.f("pk_answers")),
    )
    op.create_index(op.f("ix_answers_option_id"), "answers", ["option_id"], unique=False)
    op.create_table(
        "assigned_tickets",
        sa.Column("event_id", sa.UUID(), nullable=False),
        sa.Column("purchase_id", sa.UUID(), nullable=False),
        sa.Column("seat_number", sa.Integer(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("guest_name", sa.Text(), nullable=True),
        sa.Column("guest_email", sa.Text(), nullable=True),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.CheckConstraint("code ~ '^[A-HJKMNP-Z2-9]{8}$'", name=op.f("ck_assigned_tickets_code_unmistakable")),
        sa.CheckConstraint(
            "char_length(guest_name) BETWEEN 1 AND 200", name=op.f("ck_assigned_tickets_guest_name_length")
        ),
        sa.CheckConstraint(
            "guest_email IS NULL OR guest_name IS NOT NULL", name=op.f("ck_assigned_tickets_email_belongs_to_a_name")
        ),
        sa.CheckConstraint("seat_number >= 1", name=op.f("ck_assigned_tickets_seat_number_positive")),
        sa.ForeignKeyConstraint(
            ["event_id", "purchase_id"],
            ["purchases.event_id", "purchases.id"],
            name=op.f("fk_assigned_tickets_event_id_purchase_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assigned_tickets")),
        sa.UniqueConstraint("event_id", "code", name=op.f("uq_assigned_tickets_event_id_code")),
        sa.UniqueConstraint("purchase_id", "seat_number", name=op.f("uq_assigned_tickets_purchase_id_seat_number")),
    )
    op.create_table(
        "promo_uses",
        sa.Column("purchase_id", sa.UUID(), nullable=False),
        sa.Column("event_id", sa.UUID(), nullable=False),
        sa.Column("promo_code_id", sa.UUID(), nullable=False),
        sa.Column("donor_id", sa.UUID(), nullable=False),
        sa.Column("discount", sa.Numeric(precision=12, scale=2), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("given_back_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("discount >= 0", name=op.f("ck_promo_uses_discount_not_negative")),
        sa.ForeignKeyConstraint(
            ["event_id", "donor_id"], ["donors.event_id", "donors.id"], name=op.f("fk_promo_uses_event_id_donor_id")
        ),
        sa.ForeignKeyConstraint(
            ["event_id", "promo_code_id"],
            ["promo_codes.event_id", "promo_codes.id"],
            name=op.f("fk_promo_uses_event_id_promo_code_id"),
        ),
        sa.ForeignKeyConstraint(
            ["event_id", "purchase_id"],
            ["purchases.event_id", "purchases.id"],
            name=op.f("fk_promo_uses_event_id_purchase_id"),
        ),
        sa.PrimaryKeyConstraint("purchase_id", name=op.f("pk_promo_uses")),
    )
    op.create_index("ix_promo_uses_code_donor", "promo_uses", ["promo_code_id", "donor_id"], unique=False)
    op.execute(AUDIT_IS_IMMUTABLE)


def downgrade() -> None:
    raise NotImplementedError("The schema only goes forward; restore a backup to go back.")

"""Every table, with named constraints for the rules that a database can enforce.

Amounts are USD in NUMERIC(12,2), times are UTC, ids are UUIDs of version 7, so that indexes stay dense. Rows are scoped
to one event: they carry event_id, and composite foreign keys keep a purchase from referring to a package, donor or
promo code of another event.
"""

from __future__ import annotations

import uuid
from datetime import date, datetime
from decimal import Decimal
from typing import Any, ClassVar, TypeVar

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Computed,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    LargeBinary,
    MetaData,
    Numeric,
    SmallInteger,
    Text,
    UniqueConstraint,
    func,
    literal_column,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID, ExcludeConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, class_mapper, mapped_column, relationship
from uuid_utils.compat import uuid7

ROLES = ("admin", "coordinator", "viewer")
OPTION_TYPES = ("boolean", "single_select", "multi_select", "text_input")
LIST_OPTION_TYPES = ("single_select", "multi_select")  # the types with choices
DISCOUNT_TYPES = ("percentage", "fixed_amount")
PAYMENT_STATUSES = ("completed", "pending", "failed", "refunded", "voided")
IMPORTED_STATUSES = ("completed", "pending", "failed", "refunded")
SOLD_STATUSES = ("completed", "pending")
BOX_OFFICE_CHANNELS = ("cash", "cheque", "card_terminal", "comp")
SIGN_IN_METHODS = ("password", "openid", "invitation", "first_run")
MAX_ID_PREFIX_LENGTH = 20
CHANNELS = (*BOX_OFFICE_CHANNELS, "online", "import")

SEARCH_TEXT = "search_key(purchaser_name || ' ' || purchaser_email || ' ' || coalesce(external_sale_id, ''))"
SURNAME_KEY = "search_key(regexp_replace(name, '^.*\\s', ''))"
GUEST_SURNAME_KEY = "search_key(regexp_replace(guest_name, '^.*\\s', ''))"
GUEST_EMAIL_KEY = "search_key(guest_email)"
# The words between the first and the last one, as (word, condition). Few names have any, so their indexes are small.
MIDDLE_WORDS, GUEST_MIDDLE_WORDS = (
    [(f"split_part({key}, ' ', {place})", f"split_part({key}, ' ', {place + 1}) <> ''") for place in (2, 3)]
    for key in ("name_key", "search_key(guest_name)")
)
GUEST_SEARCH_TEXT = "search_key(guest_name || ' ' || coalesce(guest_email, ''))"


def sql_in(column: str, values: tuple[str, ...]) -> str:
    """Return the SQL condition that `column` has one of `values`."""
    quoted = ", ".join(f"'{value}'" for value in values)
    return f"{column} IN ({quoted})"


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        }
    )
    type_annotation_map: ClassVar = {
        str: Text,
        datetime: DateTime(timezone=True),
        Decimal: Numeric(12, 2),
        uuid.UUID: UUID(as_uuid=True),
        list[str]: ARRAY(Text),
        Any: JSONB(none_as_null=True),
    }


M = TypeVar("M", bound=Base)


def build_untracked(model: type[M], **values: Any) -> M:
    """Return an instance for reading that is in no session and must never be added to one.

    The constructor tracks each assignment, so that the session can flush it, and takes eight times as long.
    """
    instance = class_mapper(model).class_manager.new_instance()
    vars(instance).update(values)
    return instance


class HasId:
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid7)


class Event(HasId, Base):
    __tablename__ = "events"

    name: Mapped[str]
    starts_at: Mapped[datetime]
    time_zone: Mapped[str]
    venue: Mapped[str]
    revenue_goal: Mapped[Decimal | None]
    is_archived: Mapped[bool] = mapped_column(default=False, server_default="false")
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (
        UniqueConstraint("id", "time_zone", "is_archived"),
        CheckConstraint("char_length(name) BETWEEN 1 AND 100", "name_length"),
        CheckConstraint("char_length(venue) BETWEEN 1 AND 200", "venue_length"),
        CheckConstraint("revenue_goal > 0", "revenue_goal_positive"),
    )


class Staff(HasId, Base):
    __tablename__ = "staff"

    email: Mapped[str]
    email_key: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    role: Mapped[str]
    password_hash: Mapped[str | None]
    is_active: Mapped[bool] = mapped_column(default=True)
    openid_issuer: Mapped[str | None]
    openid_subject: Mapped[str | None]
    version: Mapped[int] = mapped_column(default=1, server_default="1")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (
        UniqueConstraint("openid_issuer", "openid_subject"),
        CheckConstraint("(openid_issuer IS NULL) = (openid_subject IS NULL)", "openid_whole"),
        CheckConstraint(sql_in("role", ROLES), "role_known"),
        CheckConstraint("char_length(name) BETWEEN 1 AND 100", "name_length"),
        CheckConstraint("char_length(email) BETWEEN 3 AND 254", "email_length"),
    )


class EventAssignment(Base):
    __tablename__ = "event_assignments"

    staff_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("staff.id"), primary_key=True)
    event_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("events.id"), primary_key=True, index=True)


class Invitation(HasId, Base):
    """A link by which its holder sets the account's password, once. Only the SHA-256 of its secret is stored."""

    __tablename__ = "invitations"

    staff_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("staff.id"), index=True)
    secret_hash: Mapped[bytes] = mapped_column(unique=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]

    __table_args__ = (
        Index(
            "uq_invitations_open",
            "staff_id",
            unique=True,
            postgresql_where=text("used_at IS NULL AND revoked_at IS NULL"),
        ),
    )


class SignInSession(HasId, Base):
    """A browser that signed in. Its cookie carries a secret, of which only the SHA-256 is stored."""

    __tablename__ = "sign_in_sessions"

    staff_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("staff.id"), index=True)
    secret_hash: Mapped[bytes] = mapped_column(unique=True)
    user_agent: Mapped[str]
    method: Mapped[str] = mapped_column(default="password", server_default="password")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    last_seen_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]

    __table_args__ = (CheckConstraint(sql_in("method", SIGN_IN_METHODS), "method_known"),)


class ApiToken(HasId, Base):
    __tablename__ = "api_tokens"

    staff_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("staff.id"), index=True)
    name: Mapped[str]
    secret_hash: Mapped[bytes] = mapped_column(unique=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]

    __table_args__ = (CheckConstraint("char_length(name) BETWEEN 1 AND 100", "name_length"),)


class Image(HasId, Base):
    """The picture of a package, re-encoded without metadata, and its thumbnail."""

    __tablename__ = "images"

    event_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("events.id"))
    sha256: Mapped[bytes]
    content: Mapped[bytes] = mapped_column(LargeBinary)
    thumbnail: Mapped[bytes] = mapped_column(LargeBinary)
    media_type: Mapped[str]
    width: Mapped[int]
    height: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (
        UniqueConstraint("event_id", "sha256"),
        UniqueConstraint("event_id", "id"),
        CheckConstraint(sql_in("media_type", ("image/jpeg", "image/png", "image/webp")), "media_type_known"),
        CheckConstraint("octet_length(sha256) = 32", "sha256_length"),
        CheckConstraint("octet_length(content) <= 5242880", "content_size"),
        CheckConstraint("width > 0 AND height > 0", "size_positive"),
    )


class Package(HasId, Base):
    """A package on sale.

    `version` counts staff edits, for optimistic locking. `sales_version` counts changes of sales figures, and
    `options_version` changes of its options; neither conflicts with an edit. `time_zone` and `is_archived` are the
    event's: a sale that locked only the package finds its day in `daily_sales`, and is refused once it is archived.
    """

    __tablename__ = "packages"

    event_id: Mapped[uuid.UUID]
    time_zone: Mapped[str]
    is_archived: Mapped[bool] = mapped_column(default=False, server_default="false")
    name: Mapped[str]
    name_key: Mapped[str]
    price: Mapped[Decimal]
    seats_per_package: Mapped[int]
    description: Mapped[str]
    quantity_limit: Mapped[int | None]
    is_sponsorship: Mapped[bool] = mapped_column(default=False)
    is_enabled: Mapped[bool] = mapped_column(default=True)
    image_id: Mapped[uuid.UUID | None]
    image_alt: Mapped[str | None]
    display_order: Mapped[int]
    sold_count: Mapped[int] = mapped_column(default=0)
    sales_version: Mapped[int] = mapped_column(BigInteger, default=0)
    options_version: Mapped[int] = mapped_column(default=0)
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (
        UniqueConstraint("event_id", "id"),
        ForeignKeyConstraint(
            ["event_id", "time_zone", "is_archived"],
            ["events.id", "events.time_zone", "events.is_archived"],
            onupdate="CASCADE",
        ),
        UniqueConstraint("event_id", "name_key"),
        UniqueConstraint("event_id", "display_order", deferrable=True, initially="DEFERRED"),
        ForeignKeyConstraint(["event_id", "image_id"], ["images.event_id", "images.id"]),
        CheckConstraint("char_length(name) BETWEEN 1 AND 100", "name_length"),
        CheckConstraint("price BETWEEN 0 AND 1000000", "price_range"),
        CheckConstraint("seats_per_package BETWEEN 1 AND 100", "seats_range"),
        CheckConstraint("char_length(description) BETWEEN 1 AND 1000", "description_length"),
        CheckConstraint("quantity_limit BETWEEN 1 AND 10000", "quantity_limit_range"),
        CheckConstraint("sold_count >= 0", "sold_count_not_negative"),
        CheckConstraint("sold_count <= quantity_limit", "sold_within_limit"),
        CheckConstraint("display_order >= 1", "display_order_positive"),
    )

    @property
    def available(self) -> int | None:
        """Packages left to sell; None means unlimited."""
        return None if self.quantity_limit is None else self.quantity_limit - self.sold_count

    @property
    def is_sold_out(self) -> bool:
        return self.available == 0


class Option(HasId, Base):
    """A question asked with a package. At most 4 are active: their `display_order` is 1 to 4 and unique."""

    __tablename__ = "options"

    event_id: Mapped[uuid.UUID]
    package_id: Mapped[uuid.UUID]
    label: Mapped[str]
    option_type: Mapped[str]
    choices: Mapped[list[str] | None]
    is_required: Mapped[bool] = mapped_column(default=True)
    display_order: Mapped[int]
    retired_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (
        UniqueConstraint("package_id", "id"),
        ForeignKeyConstraint(["event_id", "package_id"], ["packages.event_id", "packages.id"], ondelete="CASCADE"),
        ExcludeConstraint(
            ("package_id", "="),
            ("display_order", "="),
            using="btree",
            where=text("retired_at IS NULL"),
            name="ex_options_active_display_order",
            deferrable=True,
            initially="DEFERRED",
        ),
        CheckConstraint("char_length(label) BETWEEN 1 AND 200", "label_length"),
        CheckConstraint(sql_in("option_type", OPTION_TYPES), "option_type_known"),
        CheckConstraint("display_order BETWEEN 1 AND 4", "at_most_four"),
        CheckConstraint(
            f"CASE WHEN {sql_in('option_type', LIST_OPTION_TYPES)}"
            " THEN choices IS NOT NULL AND choices_are_valid(choices)"
            " ELSE choices IS NULL END",
            "choices_valid",
        ),
    )


class PromoCode(HasId, Base):
    __tablename__ = "promo_codes"

    event_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("events.id"))
    code: Mapped[str]
    discount_type: Mapped[str]
    discount_value: Mapped[Decimal]
    expires_at: Mapped[datetime | None]
    max_total_uses: Mapped[int | None]
    max_uses_per_donor: Mapped[int | None]
    is_active: Mapped[bool] = mapped_column(default=True)
    current_uses: Mapped[int] = mapped_column(default=0)
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (
        UniqueConstraint("event_id", "id"),
        UniqueConstraint("event_id", "code"),
        CheckConstraint("code ~ '^[A-Z0-9]{4,20}$'", "code_letters_and_digits"),
        CheckConstraint(sql_in("discount_type", DISCOUNT_TYPES), "discount_type_known"),
        CheckConstraint(
            "CASE discount_type WHEN 'percentage' THEN discount_value BETWEEN 1 AND 100"
            " ELSE discount_value BETWEEN 1 AND 10000 END",
            "discount_value_range",
        ),
        CheckConstraint("max_total_uses BETWEEN 1 AND 10000", "max_total_uses_range"),
        CheckConstraint("max_uses_per_donor BETWEEN 1 AND 100", "max_uses_per_donor_range"),
        CheckConstraint("current_uses >= 0", "current_uses_not_negative"),
        CheckConstraint("current_uses <= max_total_uses", "uses_within_limit"),
    )


class Donor(HasId, Base):
    """A person or company that bought in an event, identified by `email_key` (see validation.email_key).

    `name_key` and `surname_key`, the last word of the name, are compared with what a clerk types at the till.
    """

    __tablename__ = "donors"

    event_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("events.id"))
    email: Mapped[str]
    email_key: Mapped[str]
    name: Mapped[str]
    phone: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    name_key: Mapped[str] = mapped_column(Computed("search_key(name)", persisted=True), deferred=True)
    surname_key: Mapped[str] = mapped_column(Computed(SURNAME_KEY, persisted=True), deferred=True)

    __table_args__ = (
        UniqueConstraint("event_id", "id"),
        UniqueConstraint("event_id", "email_key"),
        *(
            Index(f"ix_donors_{column}_prefix", "event_id", column, postgresql_ops={column: "text_pattern_ops"})
            for column in ("name_key", "surname_key", "email_key")
        ),
        *(
            Index(
                f"ix_donors_word_{place}_prefix",
                "event_id",
                literal_column(key).label("key"),
                postgresql_ops={"key": "text_pattern_ops"},
                postgresql_where=text(condition),
            )
            for place, (key, condition) in enumerate(MIDDLE_WORDS, start=2)
        ),
        CheckConstraint("char_length(name) BETWEEN 1 AND 200", "name_length"),
        CheckConstraint("char_length(email) BETWEEN 3 AND 254", "email_length"),
        CheckConstraint("char_length(phone) <= 50", "phone_length"),
    )


class ImportMapping(Base):
    """The column mapping that staff chose for files with this header; `header_hash` is the header's SHA-256."""

    __tablename__ = "import_mappings"

    event_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("events.id"), primary_key=True)
    header_hash: Mapped[bytes] = mapped_column(primary_key=True)
    mapping: Mapped[Any] = mapped_column(nullable=False)
    changed_at: Mapped[datetime] = mapped_column(server_default=func.now())


class ImportBatch(HasId, Base):
    """One import of a file, with its number of orders and its revenue in USD as they were then.

    `id_prefix` is the seller's, with which all external ids of its sales begin; "" is none. `header_hash` is the
    SHA-256 of the file's header, None for imports from before it was kept. `statuses_changed` counts earlier sales
    whose payment the file moved on. `undone_at` is also the `voided_at` of the purchases that its undo voided, and only
    of those.
    """

    __tablename__ = "import_batches"

    event_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("events.id"), index=True)
    staff_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("staff.id"))
    imported_by: Mapped[str]
    file_name: Mapped[str]
    rows_imported: Mapped[int]
    rows_skipped: Mapped[int]
    orders: Mapped[int] = mapped_column(server_default="0")
    revenue: Mapped[Decimal] = mapped_column(Numeric(14, 2), server_default="0")
    id_prefix: Mapped[str] = mapped_column(default="", server_default="")
    header_hash: Mapped[bytes | None]
    statuses_changed: Mapped[int] = mapped_column(default=0, server_default="0")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    undone_at: Mapped[datetime | None]
    undone_by: Mapped[str | None]
    undo_reason: Mapped[str | None]

    __table_args__ = (
        UniqueConstraint("event_id", "id"),
        CheckConstraint("rows_imported >= 0 AND rows_skipped >= 0", "rows_not_negative"),
        CheckConstraint("statuses_changed >= 0", "statuses_changed_not_negative"),
        CheckConstraint(f"id_prefix ~ '^[A-Za-z0-9._-]{{0,{MAX_ID_PREFIX_LENGTH}}}$'", "id_prefix_form"),
        CheckConstraint(
            "(undone_at IS NULL) = (undone_by IS NULL) AND (undone_at IS NULL) = (undo_reason IS NULL)",
            "undo_has_reason",
        ),
        CheckConstraint("char_length(undo_reason) BETWEEN 1 AND 500", "undo_reason_length"),
    )


class Order(HasId, Base):
    """What one donor bought in one go: 1 to 20 lines, each a Purchase. Its status is computed from them.

    `number` is what people read aloud, unique in the event. `version` counts later changes of the order and of any of
    its lines. What an order says once (donor as written, note, channel, moment, promo code) is on each of its lines, so
    that lists, files and searches need no join; `verify` compares the lines.
    """

    __tablename__ = "orders"

    event_id: Mapped[uuid.UUID]
    number: Mapped[str]
    donor_id: Mapped[uuid.UUID]
    idempotency_key: Mapped[str | None]
    request_hash: Mapped[bytes | None]
    version: Mapped[int] = mapped_column(default=1, server_default="1")

    __table_args__ = (
        UniqueConstraint("event_id", "id"),
        UniqueConstraint("event_id", "number"),
        ForeignKeyConstraint(["event_id", "donor_id"], ["donors.event_id", "donors.id"]),
        Index("ix_orders_donor", "donor_id"),
        Index(
            "uq_orders_idempotency",
            "event_id",
            "idempotency_key",
            unique=True,
            postgresql_where=text("idempotency_key IS NOT NULL"),
        ),
        CheckConstraint("number ~ '^[A-HJKMNP-Z2-9]{6}$'", "number_unmistakable"),
        CheckConstraint("char_length(idempotency_key) BETWEEN 1 AND 200", "idempotency_key_length"),
        CheckConstraint("(idempotency_key IS NULL) = (request_hash IS NULL)", "key_has_hash"),
    )


class Purchase(HasId, Base):
    """A line of an order: `quantity` of one package. Price, seats and purchaser are as they were at that time.

    `version` counts later edits of staff: status, void, guests, corrections. `leads_order` is true for the first line
    of its order with its payment status, so that orders can be counted without a join. Searches look at `search_text`.
    `imported_email_key` and `imported_status` are the buyer and the status that the seller's file last brought, with
    which the next file is compared; package and total of a purchase never change.
    """

    __tablename__ = "purchases"

    event_id: Mapped[uuid.UUID]
    order_id: Mapped[uuid.UUID]
    line_number: Mapped[int] = mapped_column(SmallInteger)
    leads_order: Mapped[bool] = mapped_column(default=True, server_default="true")
    package_id: Mapped[uuid.UUID]
    quantity: Mapped[int]
    unit_price: Mapped[Decimal]
    seats_per_package: Mapped[int]
    seats: Mapped[int] = mapped_column(Computed("quantity * seats_per_package", persisted=True))
    seats_named: Mapped[int] = mapped_column(default=0, server_default="0")
    list_price: Mapped[Decimal]
    discount: Mapped[Decimal]
    fee: Mapped[Decimal | None]
    total: Mapped[Decimal]
    promo_code_id: Mapped[uuid.UUID | None]
    payment_status: Mapped[str]
    channel: Mapped[str]
    purchaser_name: Mapped[str]
    purchaser_email: Mapped[str]
    purchaser_phone: Mapped[str | None]
    notes: Mapped[str | None]
    external_sale_id: Mapped[str | None]
    import_batch_id: Mapped[uuid.UUID | None]
    imported_email_key: Mapped[str | None]
    imported_status: Mapped[str | None]
    recorded_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("staff.id"))
    purchased_at: Mapped[datetime]
    recorded_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    voided_at: Mapped[datetime | None]
    void_reason: Mapped[str | None]
    version: Mapped[int] = mapped_column(default=1, server_default="1")
    search_text: Mapped[str] = mapped_column(Computed(SEARCH_TEXT, persisted=True), deferred=True)
    order: Mapped[Order] = relationship(primaryjoin="foreign(Purchase.order_id) == Order.id", viewonly=True)

    __table_args__ = (
        UniqueConstraint("event_id", "id"),
        # No key to events: those of package and order imply it, and each would lock the event's row for every sale.
        ForeignKeyConstraint(["event_id", "package_id"], ["packages.event_id", "packages.id"]),
        ForeignKeyConstraint(["event_id", "order_id"], ["orders.event_id", "orders.id"]),
        UniqueConstraint("order_id", "line_number"),
        ForeignKeyConstraint(["event_id", "promo_code_id"], ["promo_codes.event_id", "promo_codes.id"]),
        ForeignKeyConstraint(["event_id", "import_batch_id"], ["import_batches.event_id", "import_batches.id"]),
        Index("ix_purchases_event_purchased", "event_id", "purchased_at", "id"),
        Index("ix_purchases_package", "package_id"),
        # The lines of orders whose lines have different statuses: few.
        Index("ix_purchases_repeated_order", "event_id", postgresql_where=text("leads_order AND line_number > 1")),
        # Orders of several lines, when only some packages are counted.
        Index("ix_purchases_further_line", "event_id", "order_id", postgresql_where=text("line_number > 1")),
        Index(
            "uq_purchases_external_sale",
            "event_id",
            "external_sale_id",
            unique=True,
            postgresql_where=text("external_sale_id IS NOT NULL AND payment_status <> 'voided'"),
        ),
        Index(
            "ix_purchases_voided_sale",
            "event_id",
            "external_sale_id",
            postgresql_where=text("external_sale_id IS NOT NULL AND payment_status = 'voided'"),
        ),
        Index("ix_purchases_import_batch", "import_batch_id", postgresql_where=text("import_batch_id IS NOT NULL")),
        CheckConstraint("line_number >= 1", "line_number_positive"),
        CheckConstraint("quantity BETWEEN 1 AND 10000", "quantity_range"),
        CheckConstraint("seats_named BETWEEN 0 AND quantity * seats_per_package", "seats_named_range"),
        CheckConstraint("seats_per_package BETWEEN 1 AND 100", "seats_range"),
        CheckConstraint("unit_price >= 0 AND list_price >= 0 AND total >= 0", "amounts_not_negative"),
        CheckConstraint("discount >= 0", "discount_not_negative"),
        CheckConstraint("fee >= 0", "fee_not_negative"),
        CheckConstraint("channel = 'import' OR list_price = unit_price * quantity", "list_price_adds_up"),
        CheckConstraint("channel = 'import' OR total = list_price - discount", "total_adds_up"),
        CheckConstraint(sql_in("payment_status", PAYMENT_STATUSES), "payment_status_known"),
        CheckConstraint(sql_in("channel", CHANNELS), "channel_known"),
        CheckConstraint("(channel = 'import') = (import_batch_id IS NOT NULL)", "imports_have_batches"),
        CheckConstraint(
            "(import_batch_id IS NULL) = (imported_email_key IS NULL)"
            " AND (import_batch_id IS NULL) = (imported_status IS NULL)",
            "imports_keep_values",
        ),
        CheckConstraint(sql_in("imported_status", IMPORTED_STATUSES), "imported_status_known"),
        CheckConstraint(
            "(payment_status = 'voided') = (voided_at IS NOT NULL) AND (voided_at IS NULL) = (void_reason IS NULL)",
            "void_has_reason",
        ),
        CheckConstraint("char_length(void_reason) BETWEEN 1 AND 500", "void_reason_length"),
        CheckConstraint("char_length(notes) <= 2000", "notes_length"),
        CheckConstraint("char_length(purchaser_name) BETWEEN 1 AND 200", "purchaser_name_length"),
    )


class DailySales(Base):
    """Counts and sums of the purchases of one package on one day, by channel, status and promo code.

    `orders` counts those that lead their order, so over all packages it is the number of orders.

    Updated by `ticketing.daily_totals` in the transaction that writes purchases; `verify` recounts it.
    """

    __tablename__ = "daily_sales"

    event_id: Mapped[uuid.UUID]
    package_id: Mapped[uuid.UUID]
    day: Mapped[date]
    channel: Mapped[str]
    payment_status: Mapped[str]
    promo_code_id: Mapped[uuid.UUID | None]
    purchases: Mapped[int]
    orders: Mapped[int]
    quantity: Mapped[int]
    seats: Mapped[int]
    seats_named: Mapped[int]
    list_price: Mapped[Decimal] = mapped_column(Numeric(14, 2))
    discount: Mapped[Decimal] = mapped_column(Numeric(14, 2))
    total: Mapped[Decimal] = mapped_column(Numeric(14, 2))

    __table_args__ = (
        UniqueConstraint(
            "event_id",
            "package_id",
            "day",
            "channel",
            "payment_status",
            "promo_code_id",
            name="uq_daily_sales",
            postgresql_nulls_not_distinct=True,
        ),
        ForeignKeyConstraint(["event_id", "package_id"], ["packages.event_id", "packages.id"]),
        ForeignKeyConstraint(["event_id", "promo_code_id"], ["promo_codes.event_id", "promo_codes.id"]),
        CheckConstraint(
            "purchases >= 0 AND orders BETWEEN 0 AND purchases AND quantity >= 0 AND seats >= 0"
            " AND seats_named BETWEEN 0 AND seats AND list_price >= 0 AND discount >= 0 AND total >= 0",
            "nothing_negative",
        ),
        {"postgresql_with": {"fillfactor": "50"}},
    )
    __mapper_args__ = {"primary_key": ["event_id", "package_id", "day", "channel", "payment_status", "promo_code_id"]}


class PromoUse(Base):
    """The use of a promo code by an order; its lines say what it took off.

    The use is given back once no line that it covers counts any longer, and its row stays.
    """

    __tablename__ = "promo_uses"

    order_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    event_id: Mapped[uuid.UUID]
    promo_code_id: Mapped[uuid.UUID]
    donor_id: Mapped[uuid.UUID]
    used_at: Mapped[datetime]
    given_back_at: Mapped[datetime | None]

    __table_args__ = (
        ForeignKeyConstraint(["event_id", "order_id"], ["orders.event_id", "orders.id"]),
        ForeignKeyConstraint(["event_id", "promo_code_id"], ["promo_codes.event_id", "promo_codes.id"]),
        ForeignKeyConstraint(["event_id", "donor_id"], ["donors.event_id", "donors.id"]),
        Index("ix_promo_uses_code_donor", "promo_code_id", "donor_id"),
    )


class Answer(Base):
    """The answer to an option: true or false, a list of choices, or text. Skipped options have no row."""

    __tablename__ = "answers"

    purchase_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    option_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("options.id"), primary_key=True, index=True)
    event_id: Mapped[uuid.UUID]
    value: Mapped[Any]

    __table_args__ = (
        ForeignKeyConstraint(["event_id", "purchase_id"], ["purchases.event_id", "purchases.id"]),
        CheckConstraint("jsonb_typeof(value) IN ('boolean', 'array', 'string')", "value_shape"),
        CheckConstraint(
            "jsonb_typeof(value) <> 'string' OR char_length(value #>> '{}') BETWEEN 1 AND 500", "text_length"
        ),
        CheckConstraint(
            "jsonb_typeof(value) <> 'array' OR jsonb_array_length(value) BETWEEN 1 AND 10", "choices_picked"
        ),
    )


class AssignedTicket(HasId, Base):
    """One seat of a purchase: its ticket code without I, L, O, 0 and 1, and its guest once one is named."""

    __tablename__ = "assigned_tickets"

    event_id: Mapped[uuid.UUID]
    purchase_id: Mapped[uuid.UUID]
    seat_number: Mapped[int]
    code: Mapped[str]
    guest_name: Mapped[str | None]
    guest_email: Mapped[str | None]
    search_text: Mapped[str | None] = mapped_column(Computed(GUEST_SEARCH_TEXT, persisted=True), deferred=True)

    __table_args__ = (
        UniqueConstraint("purchase_id", "seat_number"),
        UniqueConstraint("event_id", "code"),
        ForeignKeyConstraint(["event_id", "purchase_id"], ["purchases.event_id", "purchases.id"]),
        # Of named seats only, so that a sale, whose seats rarely have guests, writes to none of them.
        *(
            Index(
                f"ix_assigned_tickets_{name}_prefix",
                "event_id",
                literal_column(key).label("key"),
                postgresql_ops={"key": "text_pattern_ops"},
                postgresql_where=text(condition),
            )
            for name, key, condition in (
                ("guest", "search_text", "guest_name IS NOT NULL"),
                ("guest_surname", GUEST_SURNAME_KEY, "guest_name IS NOT NULL"),
                ("guest_email", GUEST_EMAIL_KEY, "guest_email IS NOT NULL"),
                *((f"guest_word_{place}", *each) for place, each in enumerate(GUEST_MIDDLE_WORDS, start=2)),
            )
        ),
        CheckConstraint("seat_number >= 1", "seat_number_positive"),
        CheckConstraint("code ~ '^[A-HJKMNP-Z2-9]{8}$'", "code_unmistakable"),
        CheckConstraint("char_length(guest_name) BETWEEN 1 AND 200", "guest_name_length"),
        CheckConstraint("guest_email IS NULL OR guest_name IS NOT NULL", "email_belongs_to_a_name"),
    )


class AuditEntry(Base):
    """One changed field. Triggers refuse UPDATE, DELETE and TRUNCATE.

    `restores` is the entry whose old value this change restored.
    """

    __tablename__ = "audit_log"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    occurred_at: Mapped[datetime] = mapped_column(server_default=func.now())
    event_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("events.id"))
    staff_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("staff.id"))
    actor: Mapped[str]
    via: Mapped[str]
    action: Mapped[str]
    subject_type: Mapped[str]
    subject_id: Mapped[uuid.UUID]
    subject_name: Mapped[str]
    subject_version: Mapped[int | None]
    field: Mapped[str | None]
    old_value: Mapped[Any | None]
    new_value: Mapped[Any | None]
    change_id: Mapped[uuid.UUID]
    restores: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("audit_log.id"))

    __table_args__ = (
        Index("ix_audit_log_event", "event_id", "occurred_at", "id"),
        Index("ix_audit_log_subject", "subject_id", "id"),
        Index("ix_audit_log_event_staff", "event_id", "staff_id", "id"),
        Index("ix_audit_log_event_change", "event_id", "change_id", "id"),
        CheckConstraint(sql_in("via", ("app", "api", "command_line")), "via_known"),
    )


class AuditChain(Base):
    """The length and last seal of an event's audit chain; the nil UUID is the chain of entries without an event."""

    __tablename__ = "audit_chains"

    chain_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    entries: Mapped[int] = mapped_column(BigInteger)
    seal: Mapped[bytes]


class AuditSeal(Base):
    """The position of an audit entry in its chain, and its seal: the SHA-256 of the previous seal and the entry.

    A trigger writes it at commit, so that no writer can omit it. There is no foreign key to the entry: the seal that
    stays shows that an entry was removed.
    """

    __tablename__ = "audit_seals"

    chain_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    audit_id: Mapped[int] = mapped_column(BigInteger, unique=True)
    seal: Mapped[bytes]


class RateLimit(Base):
    """Times of recent actions of one kind by one caller; those outside the limit's window are dropped at each use."""

    __tablename__ = "rate_limits"

    kind: Mapped[str] = mapped_column(primary_key=True)
    caller: Mapped[str] = mapped_column(primary_key=True)
    moments: Mapped[list[datetime]] = mapped_column(ARRAY(DateTime(timezone=True)))


class TillDraft(HasId, Base):
    """An order that a person is typing at one till of an event; its id becomes the idempotency key of the order.

    It holds a donor's data, so only its owner reads it, and backups leave it out (docs/product.md, "Box office").
    """

    __tablename__ = "till_drafts"

    staff_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("staff.id"))
    event_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("events.id"))
    till: Mapped[str]
    content: Mapped[Any] = mapped_column(nullable=False)
    begun_at: Mapped[datetime] = mapped_column(server_default=func.now())
    changed_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (
        UniqueConstraint("staff_id", "event_id", "till"),
        Index("ix_till_drafts_changed_at", "changed_at"),
        CheckConstraint("char_length(till) BETWEEN 1 AND 100", "till_length"),
        CheckConstraint("octet_length(CAST(content AS text)) <= 200000", "content_size"),
    )


class FilePreset(HasId, Base):
    """A saved choice of columns: of a person, for all events, or of an event, for everybody who sees it.

    `columns` are names of ticketing.reporting.file_columns; a question is named by its label.
    """

    __tablename__ = "file_presets"

    staff_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("staff.id"))
    event_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("events.id"))
    name: Mapped[str]
    kind: Mapped[str]
    columns: Mapped[Any] = mapped_column(nullable=False)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (
        Index("uq_file_presets_owner_name", text("coalesce(staff_id, event_id)"), "name", unique=True),
        CheckConstraint("num_nonnulls(staff_id, event_id) = 1", "one_owner"),
        CheckConstraint("char_length(name) BETWEEN 1 AND 100", "name_length"),
        CheckConstraint("kind IN ('purchases', 'guests')", "kind_known"),
        CheckConstraint("octet_length(CAST(columns AS text)) <= 40000", "columns_size"),
    )

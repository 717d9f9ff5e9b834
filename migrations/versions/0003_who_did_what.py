"""invitations, sessions with their use, OpenID identities, rate limits, the sealed audit trail"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# What a seal is made of. Text of values whose spelling PostgreSQL does not change between versions and settings.
ENTRY_TEXT = """
CREATE FUNCTION audit_entry_text(entry audit_log) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_array(
        entry.id, to_char(entry.occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'), entry.event_id,
        entry.staff_id, entry.actor, entry.via, entry.action, entry.subject_type, entry.subject_id, entry.subject_name,
        entry.subject_version, entry.field, entry.old_value, entry.new_value, entry.change_id, entry.restores
    )::text
$$
"""

# Seals what has no seal yet from one entry on, of one transaction or (NULL) of all, chain by chain. The chains are taken
# in the order of their ids, so no two transactions wait for each other in a circle; each is written once, however many
# entries it gets.
SEAL = """
CREATE FUNCTION seal_audit_entries(first_id bigint, made_at timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    chain uuid;
    head audit_chains;
    entry audit_log;
BEGIN
    FOR chain IN
        SELECT DISTINCT coalesce(event_id, '00000000-0000-0000-0000-000000000000') FROM audit_log
        WHERE id >= first_id AND (made_at IS NULL OR occurred_at = made_at)
            AND NOT EXISTS (SELECT FROM audit_seals WHERE audit_id = audit_log.id)
        ORDER BY 1
    LOOP
        SELECT * INTO head FROM audit_chains WHERE chain_id = chain FOR UPDATE;
        IF NOT FOUND THEN
            INSERT INTO audit_chains (chain_id, entries, seal) VALUES (chain, 0, '') ON CONFLICT DO NOTHING;
            SELECT * INTO head FROM audit_chains WHERE chain_id = chain FOR UPDATE;
        END IF;
        FOR entry IN
            SELECT * FROM audit_log
            WHERE id >= first_id AND (made_at IS NULL OR occurred_at = made_at)
                AND coalesce(event_id, '00000000-0000-0000-0000-000000000000') = chain
                AND NOT EXISTS (SELECT FROM audit_seals WHERE audit_id = audit_log.id)
            ORDER BY id
        LOOP
            head.entries := head.entries + 1;
            head.seal := sha256(head.seal || convert_to(audit_entry_text(entry), 'UTF8'));
            INSERT INTO audit_seals (chain_id, position, audit_id, seal)
            VALUES (chain, head.entries, entry.id, head.seal);
        END LOOP;
        UPDATE audit_chains SET entries = head.entries, seal = head.seal WHERE chain_id = chain;
    END LOOP;
END
$$
"""

# Runs when the transaction commits: the chains are the last rows that it waits for.
SEAL_AT_COMMIT = """
CREATE FUNCTION audit_entry_is_due() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM audit_seals WHERE audit_id = NEW.id) THEN
        PERFORM seal_audit_entries(NEW.id, NEW.occurred_at);
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER audit_log_sealed AFTER INSERT ON audit_log
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit_entry_is_due();
ALTER TABLE audit_log ENABLE ALWAYS TRIGGER audit_log_sealed
"""

SEALS_ARE_IMMUTABLE = """
CREATE TRIGGER audit_seals_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_seals
FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();
ALTER TABLE audit_seals ENABLE ALWAYS TRIGGER audit_seals_is_append_only
"""


def upgrade() -> None:
    op.add_column("staff", sa.Column("openid_issuer", sa.Text()))
    op.add_column("staff", sa.Column("openid_subject", sa.Text()))
    op.add_column("staff", sa.Column("version", sa.Integer(), nullable=False, server_default="1"))
    op.create_unique_constraint(
        op.f("uq_staff_openid_issuer_openid_subject"), "staff", ["openid_issuer", "openid_subject"]
    )
    op.create_check_constraint(
        op.f("ck_staff_openid_whole"), "staff", "(openid_issuer IS NULL) = (openid_subject IS NULL)"
    )

    op.create_table(
        "invitations",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("staff_id", sa.UUID(), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_invitations_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invitations")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_invitations_secret_hash")),
    )
    op.create_index(op.f("ix_invitations_staff_id"), "invitations", ["staff_id"])
    op.create_index(
        "uq_invitations_open",
        "invitations",
        ["staff_id"],
        unique=True,
        postgresql_where=sa.text("used_at IS NULL AND revoked_at IS NULL"),
    )

    op.add_column("sign_in_sessions", sa.Column("method", sa.Text(), nullable=False, server_default="password"))
    op.add_column(
        "sign_in_sessions",
        sa.Column("last_seen_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
    )
    op.execute("UPDATE sign_in_sessions SET last_seen_at = created_at")
    op.create_check_constraint(
        op.f("ck_sign_in_sessions_method_known"),
        "sign_in_sessions",
        "method IN ('password', 'openid', 'invitation', 'first_run')",
    )

    op.create_table(
        "rate_limits",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("caller", sa.Text(), nullable=False),
        sa.Column("moments", sa.ARRAY(sa.DateTime(timezone=True)), nullable=False),
        sa.PrimaryKeyConstraint("kind", "caller", name=op.f("pk_rate_limits")),
    )

    op.add_column("audit_log", sa.Column("restores", sa.BigInteger(), nullable=True))
    op.create_foreign_key(op.f("fk_audit_log_restores"), "audit_log", "audit_log", ["restores"], ["id"])
    op.drop_index("ix_audit_log_event", "audit_log")
    op.drop_index("ix_audit_log_staff", "audit_log")
    op.create_index("ix_audit_log_event", "audit_log", ["event_id", "occurred_at", "id"])
    op.create_index("ix_audit_log_event_staff", "audit_log", ["event_id", "staff_id", "id"])
    op.create_index("ix_audit_log_event_change", "audit_log", ["event_id", "change_id", "id"])
    op.create_table(
        "audit_chains",
        sa.Column("chain_id", sa.UUID(), nullable=False),
        sa.Column("entries", sa.BigInteger(), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("chain_id", name=op.f("pk_audit_chains")),
    )
    op.create_table(
        "audit_seals",
        sa.Column("chain_id", sa.UUID(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("audit_id", sa.BigInteger(), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("chain_id", "position", name=op.f("pk_audit_seals")),
        sa.UniqueConstraint("audit_id", name=op.f("uq_audit_seals_audit_id")),
    )
    op.execute(ENTRY_TEXT)
    op.execute(SEAL)
    op.execute("SELECT seal_audit_entries(0, NULL)")
    op.execute(SEAL_AT_COMMIT)
    op.execute(SEALS_ARE_IMMUTABLE)

"""Settings that an operator makes by environment variables, validated together when the server starts.

The table in docs/operations/README.md is generated from the fields by `make documents`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from ticketing import setting_values as values

ROOT = Path(__file__).resolve().parents[1]
ROLES_BY_CLAIM = ("admin", "coordinator", "viewer")


class InvalidSettings(ValueError):
    """One sentence for the operator, which names the variable."""


@dataclass(frozen=True)
class OpenIdSettings:
    """The OpenID provider that staff may sign in with, and the e-mail domains it may vouch for.

    With `role_claim`, `roles` maps values of that claim to roles. Without it, roles are those of the staff list.
    """

    issuer: str
    client_id: str
    client_secret: str
    name: str
    domains: frozenset[str]
    sends_email_verified: bool
    role_claim: str | None
    roles: Mapping[str, str]


def _setting(name: str, description: str, without: str, default: Any = None) -> Any:
    """Declare the field of one variable; `description` and `without`, its default in words, are Markdown.

    Values are left out of `repr`, since several are secrets.
    """
    extra: dict[str, Any] = {"without": without}
    return Field(default, validation_alias=name, description=description, json_schema_extra=extra, repr=False)


class Settings(BaseSettings):
    """Every setting. A variable that is empty or blank counts as not set."""

    model_config = SettingsConfigDict(case_sensitive=True, extra="ignore", frozen=True)

    database_url: Annotated[str | None, AfterValidator(values.validate_database_url)] = _setting(
        "DATABASE_URL",
        "`postgresql://user:password@host/database`, PostgreSQL 15 or newer",
        "a private PostgreSQL 18 in the data folder",
    )
    read_database_url: Annotated[str | None, AfterValidator(values.validate_database_url)] = _setting(
        "READ_DATABASE_URL",
        "a streaming replica of that database. Reports and exports read from it while it has everything that was "
        "committed before they were requested",
        "reports and exports read from `DATABASE_URL`",
    )
    pooler: Annotated[str | None, AfterValidator(values.one_of("transaction"))] = _setting(
        "TICKETDESK_POOLER",
        "`transaction` when `DATABASE_URL` leads through PgBouncer in transaction mode; the server does not start "
        "while the database role has no time limits of its own",
        "connections are direct, and the server sets the time limits",
    )
    data_folder: Annotated[Path, AfterValidator(values.validate_data_folder)] = _setting(
        "TICKETDESK_DATA",
        "the data folder: the private PostgreSQL and the generated secret",
        "`.data` beside `app.py`",
        ROOT / ".data",
    )
    secret: Annotated[str | None, AfterValidator(values.validate_secret)] = _setting(
        "TICKETDESK_SECRET",
        "signs the sign-in cookies; the same on every server; 32 characters or more",
        "generated once and kept in the data folder",
    )
    base_url: Annotated[str | None, AfterValidator(values.validate_base_url)] = _setting(
        "TICKETDESK_BASE_URL",
        "the address people type, such as `https://tickets.example.org`; with `https` cookies are `Secure` and "
        "browsers stay on https",
        "taken from each request",
    )
    hsts_subdomains: Annotated[str, AfterValidator(values.one_of("yes", "no"))] = _setting(
        "TICKETDESK_HSTS_SUBDOMAINS",
        "`yes` when every subdomain of the host in `TICKETDESK_BASE_URL` speaks https too: browsers then refuse http "
        "for all of them, for a year",
        "`no`: for the host alone",
        "no",
    )
    idle_hours: Annotated[int, BeforeValidator(values.whole_number(1, 336))] = _setting(
        "TICKETDESK_IDLE_HOURS",
        "sessions of coordinators and viewers end after this many hours without a click; 1 to 336",
        "336, the 14 days after which every session ends",
        336,
    )
    admin_idle_hours: Annotated[int, BeforeValidator(values.whole_number(1, 336))] = _setting(
        "TICKETDESK_ADMIN_IDLE_HOURS", "the same for sessions of admins; 1 to 336", "12", 12
    )
    password_sign_in: Annotated[str, AfterValidator(values.one_of("yes", "no"))] = _setting(
        "TICKETDESK_PASSWORD_SIGN_IN",
        "`no` when staff sign in by OpenID only, as where it asks for a second factor; then `TICKETDESK_OPENID_ISSUER` "
        "must be set",
        "`yes`: passwords work, also beside OpenID",
        "yes",
    )
    openid_issuer: Annotated[str | None, AfterValidator(values.validate_issuer)] = _setting(
        "TICKETDESK_OPENID_ISSUER",
        "the issuer URL of the OpenID provider for staff sign-in, such as `https://login.example.org/realms/gala`",
        "passwords only",
    )
    openid_client_id: str | None = _setting(
        "TICKETDESK_OPENID_CLIENT_ID", "the client id that the provider gave to Ticket Desk", "required with an issuer"
    )
    openid_client_secret: str | None = _setting(
        "TICKETDESK_OPENID_CLIENT_SECRET",
        "the client secret that the provider gave to Ticket Desk",
        "required with an issuer",
    )
    openid_domains: Annotated[str | None, AfterValidator(values.validate_email_domains)] = _setting(
        "TICKETDESK_OPENID_DOMAINS",
        "the e-mail domains that may sign in, separated by commas: `example.org, harbor.example`. Subdomains are not "
        "included",
        "required with an issuer",
    )
    openid_email_verified: Annotated[str, AfterValidator(values.one_of("required", "never_sent"))] = _setting(
        "TICKETDESK_OPENID_EMAIL_VERIFIED",
        "`never_sent` when the provider never sends `email_verified` and lets nobody enter an address that is not "
        "theirs; addresses without the claim then count as verified",
        "`required`: it must be true",
        "required",
    )
    openid_name: str = _setting(
        "TICKETDESK_OPENID_NAME",
        'the name of the provider on the button: "Sign in with Harbor Lights account"',
        "OpenID account",
        "OpenID account",
    )
    openid_role_claim: str | None = _setting(
        "TICKETDESK_OPENID_ROLE_CLAIM",
        "the claim that carries roles, such as `groups`",
        "roles are those of the staff list",
    )
    openid_roles: str | None = _setting(
        "TICKETDESK_OPENID_ROLES",
        "the role for each value of that claim: `gala-admins=admin,gala-team=coordinator`",
        "required with a role claim",
    )
    clamd_address: Annotated[str | None, AfterValidator(values.validate_scanner_address)] = _setting(
        "CLAMD_ADDRESS",
        "the malware scanner that checks every uploaded picture: `host:port` of clamd, or the path of its socket",
        "nothing is scanned",
    )
    metrics_token: Annotated[str | None, AfterValidator(values.validate_metrics_token)] = _setting(
        "TICKETDESK_METRICS_TOKEN",
        "the token that Prometheus sends as `Authorization: Bearer ...` to read `/metrics`; 16 characters or more",
        "`/metrics` answers 404",
    )
    log_format: Annotated[str, AfterValidator(values.one_of("text", "json"))] = _setting(
        "TICKETDESK_LOG_FORMAT", "`text` for people or `json` for machines, one line per entry", "`text`", "text"
    )
    log_level: Annotated[str, AfterValidator(values.one_of("info", "debug"))] = _setting(
        "TICKETDESK_LOG_LEVEL", "`debug` adds details, such as the traceback of a refused start", "`info`", "info"
    )
    slow_query_ms: Annotated[int, BeforeValidator(values.whole_number(0, 3_600_000))] = _setting(
        "TICKETDESK_SLOW_QUERY_MS", "queries that take this many milliseconds or more are logged as slow", "500", 500
    )
    drain_seconds: Annotated[int, BeforeValidator(values.whole_number(0, 300))] = _setting(
        "TICKETDESK_DRAIN_SECONDS",
        "how long after SIGTERM the server still works while `/healthz` answers 503 `stopping`, so that a load "
        "balancer sends no new users; 0 to 300",
        "0",
        0,
    )
    trusted_proxies: Annotated[str, AfterValidator(values.validate_proxies)] = _setting(
        "FORWARDED_ALLOW_IPS",
        "the proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed, as addresses or networks separated "
        "by commas: `10.0.0.5`. The address of a client in the log comes from there",
        "`127.0.0.1,::1`",
        "127.0.0.1,::1",
    )
    # Streamlit reads these three itself. They are listed for the table.
    allowed_hosts: Annotated[str | None, AfterValidator(values.validate_hosts)] = _setting(
        "STREAMLIT_SERVER_ALLOWED_HOSTS",
        "the host names under which the server answers, separated by blanks: `tickets.example.org *.desk.example`; any "
        "other `Host` is refused with 400",
        "any",
    )
    port: Annotated[int | None, BeforeValidator(values.whole_number(1, 65_535))] = _setting(
        "STREAMLIT_SERVER_PORT", "the port to listen on", "8501"
    )
    address: Annotated[str | None, AfterValidator(values.validate_listen_address)] = _setting(
        "STREAMLIT_SERVER_ADDRESS", "the address to listen on", "all addresses"
    )

    @field_validator("*", mode="before")
    @classmethod
    def _treat_blank_as_unset(cls, value: object, info: ValidationInfo) -> object:
        stripped = value.strip() if isinstance(value, str) else value
        return cls.model_fields[info.field_name or ""].default if stripped == "" else stripped

    @model_validator(mode="after")
    def _validate_together(self) -> Settings:
        _ = self.openid
        dependent = {"READ_DATABASE_URL": self.read_database_url, "TICKETDESK_POOLER": self.pooler}
        for name, value in dependent.items():
            if value is not None and self.database_url is None:
                raise ValueError(f"{name} is set, so DATABASE_URL must be, too")
        if self.only_provider and self.openid_issuer is None:
            raise ValueError("TICKETDESK_PASSWORD_SIGN_IN is no, so TICKETDESK_OPENID_ISSUER must be set")
        return self

    @property
    def only_provider(self) -> str | None:
        """The name of the OpenID provider where passwords are switched off; None where they work."""
        return self.openid_name if self.password_sign_in == "no" else None  # noqa: S105

    @property
    def uses_transaction_pooler(self) -> bool:
        """Whether a pooler may run each transaction in another session."""
        return self.pooler is not None

    @property
    def is_behind_tls(self) -> bool:
        """Whether people connect by https, whatever a proxy speaks to this server."""
        return (self.base_url or "").startswith("https://")

    @cached_property
    def openid(self) -> OpenIdSettings | None:
        """The settings of the OpenID provider; None without an issuer. Raises ValueError when some are missing."""
        if self.openid_issuer is None:
            return None
        required = {
            "TICKETDESK_OPENID_CLIENT_ID": self.openid_client_id,
            "TICKETDESK_OPENID_CLIENT_SECRET": self.openid_client_secret,
            "TICKETDESK_OPENID_DOMAINS": self.openid_domains,
        }
        if missing := [name for name, value in required.items() if value is None]:
            raise ValueError(f"TICKETDESK_OPENID_ISSUER is set, so {' and '.join(missing)} must be, too")
        roles = _parse_openid_roles(self.openid_roles or "")
        if bool(self.openid_role_claim) != bool(roles):
            raise ValueError("TICKETDESK_OPENID_ROLE_CLAIM and TICKETDESK_OPENID_ROLES are set together")
        domains = (part.strip().lower().removeprefix("@") for part in (self.openid_domains or "").split(","))
        return OpenIdSettings(
            self.openid_issuer,
            self.openid_client_id or "",
            self.openid_client_secret or "",
            self.openid_name,
            frozenset(filter(None, domains)),
            self.openid_email_verified == "required",
            self.openid_role_claim,
            roles,
        )


def _parse_openid_roles(listed: str) -> dict[str, str]:
    """Parse `gala-admins=admin,gala-team=coordinator` into roles by value of the claim."""
    roles = {}
    for part in filter(str.strip, listed.split(",")):
        value, _, role = (each.strip() for each in part.rpartition("="))
        if not value or role not in ROLES_BY_CLAIM:
            raise ValueError(f"TICKETDESK_OPENID_ROLES: {part.strip()} is not VALUE=admin, coordinator or viewer")
        roles[value] = role
    return roles


NAMES = tuple(str(field.validation_alias) for field in Settings.model_fields.values())


def load() -> Settings:
    """Return the settings, parsed again only after a variable changed, as tests do.

    Raises InvalidSettings with a sentence that names the variable.
    """
    return _parse(tuple(map(os.environ.get, NAMES)))


@lru_cache(maxsize=1)
def _parse(_values: tuple[str | None, ...]) -> Settings:
    try:
        return Settings()
    except ValidationError as invalid:
        first = invalid.errors()[0]
        reason = str(first["ctx"]["error"] if "ctx" in first else first["msg"])
    raise InvalidSettings(" ".join([*map(str, first["loc"]), reason]))


def render_table() -> str:
    """Return every setting as a Markdown table, for docs/operations."""
    rows = []
    for field in Settings.model_fields.values():
        assert isinstance(field.json_schema_extra, dict)
        rows.append(f"| `{field.validation_alias}` | {field.description} | {field.json_schema_extra['without']} |")
    return "\n".join(("| variable | meaning | without it |", "| --- | --- | --- |", *rows))

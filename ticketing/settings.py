"""What an operator sets by environment variables. The table in docs/operations is made of what is declared here."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Setting:
    """An environment variable. `meaning` and `otherwise`, what holds without it, are Markdown for operators."""

    name: str
    meaning: str
    default_description: str

    def get(self) -> str:
        """Its value without surrounding space; empty when it is not set."""
        return os.environ.get(self.name, "").strip()


DATABASE_URL = Setting(
    "DATABASE_URL",
    "`postgresql://user:password@host/database`, PostgreSQL 15 or newer",
    "a private PostgreSQL 18 in the data folder",
)
READ_DATABASE_URL = Setting(
    "READ_DATABASE_URL",
    "a streaming replica of that database, where reports and exports are read while it has all that was committed "
    "before they were asked for",
    "they are read where everything is",
)
POOLER = Setting(
    "TICKETDESK_POOLER",
    "`transaction` when `DATABASE_URL` leads through PgBouncer in transaction mode; the start is refused while the "
    "database's role has no time limits of its own",
    "every connection is ours alone, and sets its own",
)
DATA_FOLDER = Setting(
    "TICKETDESK_DATA",
    "the data folder: the private PostgreSQL and the generated secret",
    "`.data` beside `app.py`",
)
SECRET = Setting(
    "TICKETDESK_SECRET",
    "signs the sign-in cookies; the same on every server",
    "made once and kept in the data folder",
)
BASE_URL = Setting(
    "TICKETDESK_BASE_URL",
    "the address people type, such as `https://tickets.example.org`; with `https` cookies are `Secure` and browsers "
    "stay on https",
    "taken from each request",
)
OPENID_ISSUER = Setting(
    "TICKETDESK_OPENID_ISSUER",
    "the provider that staff may sign in with, as it calls itself, such as `https://login.example.org/realms/gala`",
    "passwords only",
)
OPENID_CLIENT_ID = Setting(
    "TICKETDESK_OPENID_CLIENT_ID", "the id that the provider gave for Ticket Desk", "needed with an issuer"
)
OPENID_CLIENT_SECRET = Setting(
    "TICKETDESK_OPENID_CLIENT_SECRET", "the secret that the provider gave for Ticket Desk", "needed with an issuer"
)
OPENID_DOMAINS = Setting(
    "TICKETDESK_OPENID_DOMAINS",
    "whose e-mail addresses are let in, with commas: `example.org, harbor.example`. A subdomain is another domain",
    "needed with an issuer",
)
OPENID_NAME = Setting(
    "TICKETDESK_OPENID_NAME",
    'what the button and the sentences call it: "Sign in with Harbor Lights account"',
    "OpenID account",
)
OPENID_ROLE_CLAIM = Setting(
    "TICKETDESK_OPENID_ROLE_CLAIM",
    "the claim that gives roles, such as `groups`",
    "roles are those of the staff list",
)
OPENID_ROLES = Setting(
    "TICKETDESK_OPENID_ROLES",
    "what the values of that claim give: `gala-admins=admin,gala-team=coordinator`",
    "needed with a role claim",
)
CLAMD_ADDRESS = Setting(
    "CLAMD_ADDRESS",
    "the malware scanner that checks every uploaded picture: `host:port` of clamd, or the path of its socket",
    "nothing is scanned",
)
METRICS_TOKEN = Setting(
    "TICKETDESK_METRICS_TOKEN",
    "what Prometheus sends as `Authorization: Bearer ...` to read `/metrics`; 16 characters or more",
    "there is no `/metrics`",
)
LOG_FORMAT = Setting("TICKETDESK_LOG_FORMAT", "`text` for people or `json` for machines, one line each", "`text`")
SLOW_QUERY_MS = Setting(
    "TICKETDESK_SLOW_QUERY_MS",
    "from how many milliseconds on a query is logged as slow, with its plan",
    "500",
)
DRAIN_SECONDS = Setting(
    "TICKETDESK_DRAIN_SECONDS",
    "how long after SIGTERM the server still works while `/healthz` answers 503 `stopping`, so that a load balancer "
    "sends nobody new; 0 to 300",
    "0",
)
ALLOWED_HOSTS = Setting(
    "STREAMLIT_SERVER_ALLOWED_HOSTS",
    "the names under which the server answers, with blanks between: `tickets.example.org *.desk.example`; any other "
    "`Host` is refused with 400",
    "any",
)
PORT = Setting("STREAMLIT_SERVER_PORT", "the port to listen on", "8501")
ADDRESS = Setting("STREAMLIT_SERVER_ADDRESS", "the address to listen on", "all addresses")

ALL = tuple(each for each in list(globals().values()) if isinstance(each, Setting))


def render_table() -> str:
    """Every setting as a Markdown table, for docs/operations."""
    rows = (f"| `{each.name}` | {each.meaning} | {each.default_description} |" for each in ALL)
    return "\n".join(("| variable | meaning | without it |", "| --- | --- | --- |", *rows))


def database_url() -> str | None:
    """None means the embedded PostgreSQL in the data folder."""
    return DATABASE_URL.get() or None


def read_database_url() -> str | None:
    """None means that reports are read where everything is."""
    return READ_DATABASE_URL.get() or None


def uses_transaction_pooler() -> bool:
    """Whether a pooler may hand every transaction to another session. Raises ValueError for another kind of pooler."""
    kind = POOLER.get()
    if kind not in ("", "transaction"):
        raise ValueError(f"{POOLER.name} is `transaction` or not set; it is `{kind}`")
    return bool(kind)


def data_folder() -> Path:
    """Holds the embedded database and the generated secret."""
    return Path(DATA_FOLDER.get() or ROOT / ".data").resolve()


def base_url() -> str | None:
    """The address people type, without a slash at its end; decides `Secure` cookies."""
    return BASE_URL.get().rstrip("/") or None


def is_behind_tls() -> bool:
    """Whether people come by https, whatever the proxy speaks to us."""
    return (base_url() or "").startswith("https://")


def clamd_address() -> str | None:
    """None means that no upload is scanned."""
    return CLAMD_ADDRESS.get() or None


def metrics_token() -> str | None:
    """None means that /metrics is not there. Raises ValueError when it could be guessed."""
    if (token := METRICS_TOKEN.get()) and len(token) < 16:
        raise ValueError(f"{METRICS_TOKEN.name} has 16 characters or more")
    return token or None


def log_format() -> str:
    """text or json. Raises ValueError for anything else."""
    if (name := LOG_FORMAT.get() or "text") not in ("text", "json"):
        raise ValueError(f"{LOG_FORMAT.name} is text or json, not {name}")
    return name


def slow_query_ms() -> int:
    """Raises ValueError when it is not a whole number."""
    return _parse_whole_number(SLOW_QUERY_MS, 500, maximum=3_600_000)


def drain_seconds() -> int:
    """Raises ValueError when it is not a whole number, or more than five minutes."""
    return _parse_whole_number(DRAIN_SECONDS, 0, maximum=300)


def _parse_whole_number(setting: Setting, default: int, *, maximum: int) -> int:
    value = setting.get()
    if value and not (value.isascii() and value.isdecimal() and int(value) <= maximum):
        raise ValueError(f"{setting.name} is a whole number from 0 to {maximum}, not {value}")
    return int(value) if value else default


@dataclass(frozen=True)
class OpenIdSettings:
    """An OpenID provider whose word is taken: for which addresses, and how far.

    With `role_claim`, `roles` says which of its values gives which role; without, roles are those of the staff list.
    """

    issuer: str
    client_id: str
    client_secret: str
    name: str
    domains: frozenset[str]
    role_claim: str | None
    roles: Mapping[str, str]


def openid() -> OpenIdSettings | None:
    """TICKETDESK_OPENID_*; None without an issuer. Raises ValueError when what is set is not whole."""
    if not (issuer := OPENID_ISSUER.get()):
        return None
    where = urlsplit(issuer)
    if where.scheme != "https" and where.hostname not in ("localhost", "127.0.0.1"):
        raise ValueError(f"{OPENID_ISSUER.name} begins with https://")
    needed = (OPENID_CLIENT_ID, OPENID_CLIENT_SECRET, OPENID_DOMAINS)
    if missing := [each.name for each in needed if not each.get()]:
        raise ValueError(f"{OPENID_ISSUER.name} is set, so {' and '.join(missing)} must be, too")
    role_claim, roles = OPENID_ROLE_CLAIM.get(), _parse_openid_roles()
    if bool(role_claim) != bool(roles):
        raise ValueError(f"{OPENID_ROLE_CLAIM.name} and {OPENID_ROLES.name} are set together")
    domains = (part.strip().lower().removeprefix("@") for part in OPENID_DOMAINS.get().split(","))
    return OpenIdSettings(
        issuer,
        OPENID_CLIENT_ID.get(),
        OPENID_CLIENT_SECRET.get(),
        OPENID_NAME.get() or "OpenID account",
        frozenset(filter(None, domains)),
        role_claim or None,
        roles,
    )


def _parse_openid_roles() -> dict[str, str]:
    """`gala-admins=admin,gala-team=coordinator`, by the value of the claim."""
    roles = {}
    for part in filter(str.strip, OPENID_ROLES.get().split(",")):
        value, _, role = (each.strip() for each in part.rpartition("="))
        if not value or role not in ("admin", "coordinator", "viewer"):
            raise ValueError(f"{OPENID_ROLES.name}: {part.strip()} is not VALUE=admin, coordinator or viewer")
        roles[value] = role
    return roles


def secret() -> str:
    """What signs cookies; made once and kept in the data folder when it is not set."""
    if configured := SECRET.get():
        return configured
    file = data_folder() / "secret"
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return file.read_text()
    made = secrets.token_urlsafe(48)
    with os.fdopen(handle, "w") as opened:
        opened.write(made)
    return made

"""Validators for the values of settings; each message continues the name of the variable, and quotes no secret."""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import ip_address, ip_network
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

MIN_SECRET_LENGTH = 32
MIN_METRICS_TOKEN_LENGTH = 16
_DATABASE_URL = "an address such as postgresql://user:password@host:5432/database"
_HOST_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*\.?", re.ASCII)
_DEFAULT_PORTS = {"http": 80, "https": 443}


def whole_number(minimum: int, maximum: int) -> Callable[[object], int | None]:
    """Return a validator for digits; None, where a setting has no default, stays None."""

    def parse(value: object) -> int | None:
        if value is None:
            return None
        digits = str(value)
        if not (digits.isascii() and digits.isdecimal() and minimum <= int(digits) <= maximum):
            raise ValueError(f"is a whole number from {minimum} to {maximum}, not {value}")
        return int(digits)

    return parse


def one_of(*choices: str) -> Callable[[str | None], str | None]:
    """Return a validator for a word of a list, in upper or lower case."""

    def parse(value: str | None) -> str | None:
        if value is not None and value.lower() not in choices:
            raise ValueError(f"is {' or '.join(choices)}, not {value}")
        return value and value.lower()

    return parse


def validate_database_url(url: str | None) -> str | None:
    """Check what SQLAlchemy and libpq would otherwise refuse at the first connection."""
    if url is None:
        return None
    try:
        parsed = make_url(url)
        # A url that could not be parsed may be quoted with its password, so that message is not shown.
        conninfo_to_dict(parsed.set(drivername="postgresql").render_as_string(hide_password=False))
    except (ArgumentError, ValueError):
        raise ValueError(f"is {_DATABASE_URL}") from None
    except psycopg.ProgrammingError as error:
        unknown = re.fullmatch(r'invalid URI query parameter: "(\w+)"', str(error).strip())
        reason = f"has an unknown parameter, {unknown[1]}" if unknown else f"is {_DATABASE_URL}"
        raise ValueError(reason) from None
    if parsed.drivername.partition("+")[0] not in ("postgresql", "postgres"):
        raise ValueError(f"begins with postgresql://, not {parsed.drivername}://")
    return url


def validate_data_folder(folder: Path) -> Path:
    """Return the absolute path of a folder, which need not exist yet."""
    try:
        resolved = folder.resolve()
        is_file = resolved.exists() and not resolved.is_dir()
    except (OSError, RuntimeError, ValueError) as error:
        raise ValueError(f"is the path of a folder, and {folder} is none: {error}") from None
    if is_file:
        raise ValueError(f"is the path of a folder, and {folder} is a file")
    return resolved


def validate_secret(secret: str | None) -> str | None:
    """Check its length, without which guesses could succeed."""
    if secret is not None and len(secret) < MIN_SECRET_LENGTH:
        raise ValueError(f"has {MIN_SECRET_LENGTH} characters or more: openssl rand -base64 48 prints one")
    return secret


def validate_metrics_token(token: str | None) -> str | None:
    """Check that it is long, and can be sent in a header."""
    if token is not None and len(token) < MIN_METRICS_TOKEN_LENGTH:
        raise ValueError(f"has {MIN_METRICS_TOKEN_LENGTH} characters or more")
    if token is not None and not re.fullmatch(r"[ -~]+", token):
        raise ValueError("has ASCII letters, digits and signs only")
    return token


def validate_base_url(url: str | None) -> str | None:
    """Return the address as browsers send it in `Origin`: lower case, without the default port and a slash."""
    if url is None:
        return None
    parsed = _split_url(url)
    has_extras = parsed.path.strip("/") or parsed.query or parsed.fragment or parsed.username is not None
    if parsed.scheme not in _DEFAULT_PORTS or not parsed.hostname or has_extras:
        raise ValueError(f"is an address without a path, such as https://tickets.example.org, not {url}")
    host = parsed.hostname if parsed.hostname.isascii() else _to_ascii(parsed.hostname)
    if ":" in host:
        host = f"[{host}]"
    elif not _HOST_NAME.fullmatch(host):
        raise ValueError(f"has the name of a host, and {parsed.hostname} is none")
    has_port = parsed.port not in (None, _DEFAULT_PORTS[parsed.scheme])
    return f"{parsed.scheme}://{host}" + (f":{parsed.port}" if has_port else "")


def validate_issuer(url: str | None) -> str | None:
    """Check the issuer of an OpenID provider, which is compared letter by letter and so left as it is."""
    if url is None:
        return None
    parsed = _split_url(url)
    if parsed.scheme != "https" and not (parsed.scheme == "http" and parsed.hostname in ("localhost", "127.0.0.1")):
        raise ValueError("begins with https://")
    if not parsed.hostname or parsed.query or parsed.fragment:
        raise ValueError(f"is an address such as https://login.example.org/realms/gala, not {url}")
    return url


def validate_email_domains(domains: str | None) -> str | None:
    """Check a list of domains that is separated by commas."""
    if domains is None:
        return None
    listed = [part.strip().removeprefix("@") for part in domains.split(",") if part.strip()]
    for domain in listed:
        if not _HOST_NAME.fullmatch(_to_ascii(domain.lower())):
            raise ValueError(f"is domains separated by commas, such as example.org, and {domain} is none")
    if not listed:
        raise ValueError("names at least one domain, such as example.org")
    return domains


def validate_scanner_address(address: str | None) -> str | None:
    """Check the address of clamd: host:port, or the path of a Unix socket."""
    if address is None or address.startswith("/"):
        return address
    parsed = _split_url(f"//{address}")
    if not parsed.hostname or parsed.path or parsed.username is not None or "://" in address:
        raise ValueError(f"is host:port, or the path of a socket that begins with /, not {address}")
    return address


def validate_proxies(proxies: str) -> str:
    """Check addresses and networks that are separated by commas."""
    for proxy in proxies.split(","):
        try:
            ip_network(proxy.strip())
        except ValueError:
            raise ValueError(f"is IP addresses or networks separated by commas; {proxy.strip()!r} is neither") from None
    return proxies


def validate_hosts(hosts: str | None) -> str | None:
    """Check host names that are separated by blanks; `*` alone, or instead of the first part, stands for any."""
    for host in (hosts or "").split():
        name = "any" if host == "*" else host.lower().removeprefix("*.")
        if not _HOST_NAME.fullmatch(name):
            raise ValueError(f"is host names without a port, separated by blanks, and {host} is none")
    return hosts


def validate_listen_address(address: str | None) -> str | None:
    """Check the address to listen on: an IP address or the name of this machine."""
    if address is None or _HOST_NAME.fullmatch(address.lower()):
        return address
    try:
        ip_address(address)
    except ValueError:
        raise ValueError(f"is an IP address or a host name, not {address}") from None
    return address


def _split_url(url: str) -> SplitResult:
    """Split an address; a port that is no number is an error as well."""
    try:
        parsed = urlsplit(url)
        _ = parsed.port
    except ValueError as error:
        raise ValueError(f"is not an address, {str(error)[:1].lower()}{str(error)[1:]}: {url}") from None
    return parsed


def _to_ascii(host: str) -> str:
    """Return the form in which browsers send a name with other letters, such as ö; an empty text when there is none."""
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError:
        return ""

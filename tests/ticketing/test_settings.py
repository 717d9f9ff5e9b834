"""Settings are read from the environment and refused with one sentence that names the variable."""

from __future__ import annotations

import pytest

from ticketing import logs, settings


@pytest.mark.parametrize(("value", "milliseconds"), [("", 500), (" ", 500), ("0", 0), ("250", 250), (" 250 ", 250)])
def test_slow_query_threshold_in_milliseconds(monkeypatch, value, milliseconds):
    monkeypatch.setenv("TICKETDESK_SLOW_QUERY_MS", value)
    assert settings.load().slow_query_ms == milliseconds


@pytest.mark.parametrize("value", ["-1", "1.5", "1.0", "1_000", "fast", "3600001", "²"])
def test_slow_query_threshold_must_be_a_whole_number(monkeypatch, value):
    monkeypatch.setenv("TICKETDESK_SLOW_QUERY_MS", value)
    with pytest.raises(settings.InvalidSettings, match="TICKETDESK_SLOW_QUERY_MS is a whole number"):
        settings.load()


def test_drain_time_is_at_most_five_minutes(monkeypatch):
    monkeypatch.setenv("TICKETDESK_DRAIN_SECONDS", "300")
    assert settings.load().drain_seconds == 300

    monkeypatch.setenv("TICKETDESK_DRAIN_SECONDS", "301")
    with pytest.raises(settings.InvalidSettings, match="from 0 to 300, not 301"):
        settings.load()


@pytest.mark.parametrize("proxies", ["127.0.0.1,::1", "10.0.0.5", "10.0.0.0/24, 2001:db8::/32"])
def test_trusted_proxies_are_addresses_and_networks(monkeypatch, proxies):
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", proxies)
    assert settings.load().trusted_proxies == proxies


@pytest.mark.parametrize("proxies", ["*", "nginx", "10.0.0.5 10.0.0.6", "10.0.0.5,", "10.0.0.1/24"])
def test_other_trusted_proxies_are_refused(monkeypatch, proxies):
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", proxies)
    with pytest.raises(settings.InvalidSettings, match="FORWARDED_ALLOW_IPS is IP addresses or networks"):
        settings.load()


def test_unknown_log_format_is_refused(monkeypatch):
    monkeypatch.setenv("TICKETDESK_LOG_FORMAT", "xml")
    with pytest.raises(settings.InvalidSettings, match="TICKETDESK_LOG_FORMAT is text or json, not xml"):
        logs.set_up()


def test_unknown_rule_for_verified_addresses_is_refused(monkeypatch):
    monkeypatch.setenv("TICKETDESK_OPENID_EMAIL_VERIFIED", "no")
    with pytest.raises(settings.InvalidSettings, match="OPENID_EMAIL_VERIFIED is required or never_sent, not no"):
        settings.load()


def test_short_metrics_token_is_refused_without_quoting_it(monkeypatch):
    monkeypatch.setenv("TICKETDESK_METRICS_TOKEN", "s3cret-s3cret-s")
    with pytest.raises(settings.InvalidSettings) as refused:
        settings.load()
    assert str(refused.value) == "TICKETDESK_METRICS_TOKEN has 16 characters or more"

    monkeypatch.setenv("TICKETDESK_METRICS_TOKEN", "s3cret-s3cret-s3")
    assert settings.load().metrics_token == "s3cret-s3cret-s3"


@pytest.mark.parametrize(
    ("value", "base_url", "is_behind_tls"),
    [
        ("https://tickets.example.org/", "https://tickets.example.org", True),
        ("HTTPS://Tickets.Example.ORG", "https://tickets.example.org", True),
        ("Https://tickets.example.org:443/", "https://tickets.example.org", True),
        ("https://tickets.example.org:8443", "https://tickets.example.org:8443", True),
        ("http://tickets.example.org:80", "http://tickets.example.org", False),
        ("https://Bücher.example", "https://xn--bcher-kva.example", True),
        ("http://[::1]:8501", "http://[::1]:8501", False),
        (" ", None, False),
    ],
)
def test_base_url_is_what_browsers_send_as_origin(monkeypatch, value, base_url, is_behind_tls):
    monkeypatch.setenv("TICKETDESK_BASE_URL", value)
    assert (settings.load().base_url, settings.load().is_behind_tls) == (base_url, is_behind_tls)


ACCEPTED = {
    "DATABASE_URL": [
        "postgres://desk@db.example.org",
        "postgresql://desk:p%40ss@[::1]:6432/desk?sslmode=verify-full",
        "postgresql+psycopg://desk@/desk?host=/run/postgresql",
        "postgresql://desk@/desk?host=one.example.org:5432&host=two.example.org&target_session_attrs=read-write",
    ],
    "TICKETDESK_OPENID_DOMAINS": ["example.org", "@Example.org, bücher.example,"],
    "TICKETDESK_OPENID_EMAIL_VERIFIED": ["Never_Sent"],
    "TICKETDESK_LOG_FORMAT": ["JSON"],
    "TICKETDESK_POOLER": ["Transaction"],
    "TICKETDESK_SECRET": ["s" * 32],
    "TICKETDESK_DATA": [str(settings.ROOT / "not" / "yet")],
    "CLAMD_ADDRESS": ["/run/clamd.ctl", "scanner", "127.0.0.1:3310", "[::1]:3310"],
    "STREAMLIT_SERVER_PORT": ["1", "65535"],
    "STREAMLIT_SERVER_ADDRESS": ["localhost", "127.0.0.1", "::"],
    "STREAMLIT_SERVER_ALLOWED_HOSTS": ["*", "Tickets.example.org *.desk.example 10.0.0.5"],
}
REFUSED = {
    "DATABASE_URL": {
        "db.example.org": "is an address such as postgresql://user:password@host:5432/database",
        "postgresql://desk:s3cret@host:five/desk": "is an address such as postgresql://user:password@host:5432/database",
        "postgresql://desk:s3cret@host/desk?sslmod=require": "has an unknown parameter, sslmod",
        "mysql://desk:s3cret@host/desk": "begins with postgresql://, not mysql://",
    },
    "READ_DATABASE_URL": {"sqlite:///desk.db": "begins with postgresql://, not sqlite://"},
    "TICKETDESK_POOLER": {"session": "is transaction, not session"},
    "TICKETDESK_DATA": {__file__: f"is the path of a folder, and {__file__} is a file"},
    "TICKETDESK_SECRET": {"s" * 31: "has 32 characters or more: openssl rand -base64 48 prints one"},
    "TICKETDESK_BASE_URL": {
        value: f"is an address without a path, such as https://tickets.example.org, not {value}"
        for value in (
            "tickets.example.org",
            "ftp://tickets.example.org",
            "https://",
            "https://tickets.example.org/desk",
            "https://ana@tickets.example.org",
            "https://tickets.example.org#top",
        )
    }
    | {
        "https://tickets.example.org:port": "is not an address, port could not be cast to integer value as 'port': "
        "https://tickets.example.org:port",
        "https://tickets example.org": "has the name of a host, and tickets example.org is none",
    },
    "TICKETDESK_HSTS_SUBDOMAINS": {"all": "is yes or no, not all"},
    "TICKETDESK_IDLE_HOURS": {value: f"is a whole number from 1 to 336, not {value}" for value in ("0", "337")},
    "TICKETDESK_ADMIN_IDLE_HOURS": {value: f"is a whole number from 1 to 336, not {value}" for value in ("0", "337")},
    "TICKETDESK_PASSWORD_SIGN_IN": {
        "off": "is yes or no, not off",
        "no": "is no, so TICKETDESK_OPENID_ISSUER must be set",
    },
    "TICKETDESK_OPENID_ISSUER": {
        "http://login.example.org": "begins with https://",
        "ftp://localhost": "begins with https://",
        "https://login.example.org?realm=gala": "is an address such as https://login.example.org/realms/gala, not "
        "https://login.example.org?realm=gala",
    },
    "TICKETDESK_OPENID_DOMAINS": {
        "https://example.org": "is domains separated by commas, such as example.org, and https://example.org is none",
        ",": "names at least one domain, such as example.org",
    },
    "TICKETDESK_OPENID_EMAIL_VERIFIED": {"no": "is required or never_sent, not no"},
    "CLAMD_ADDRESS": {
        "tcp://scanner:3310": "is host:port, or the path of a socket that begins with /, not tcp://scanner:3310",
        "scanner:99999": "is not an address, port out of range 0-65535: //scanner:99999",
        "run/clamd.ctl": "is host:port, or the path of a socket that begins with /, not run/clamd.ctl",
    },
    "TICKETDESK_LOG_LEVEL": {"loud": "is info or debug, not loud"},
    "TICKETDESK_METRICS_TOKEN": {
        "s3cret-tökén-s3cret": "has ASCII letters, digits and signs only",
    },
    "FORWARDED_ALLOW_IPS": {"proxy": "is IP addresses or networks separated by commas; 'proxy' is neither"},
    "STREAMLIT_SERVER_PORT": {
        value: f"is a whole number from 1 to 65535, not {value}" for value in ("0", "65536", "http")
    },
    "STREAMLIT_SERVER_ADDRESS": {
        "http://0.0.0.0": "is an IP address or a host name, not http://0.0.0.0",
        "1.2.3.4.5/6": "is an IP address or a host name, not 1.2.3.4.5/6",
    },
    "STREAMLIT_SERVER_ALLOWED_HOSTS": {
        f"ok.example {value}": f"is host names without a port, separated by blanks, and {value} is none"
        for value in ("tickets.example.org:8443", "https://tickets.example.org", "tickets.*.org", "*desk.example")
    },
}
UNCHECKED = {  # any text is right
    "TICKETDESK_OPENID_CLIENT_ID",
    "TICKETDESK_OPENID_CLIENT_SECRET",
    "TICKETDESK_OPENID_NAME",
    "TICKETDESK_OPENID_ROLE_CLAIM",
}
CHECKED_ABOVE = {"TICKETDESK_LOG_FORMAT", "TICKETDESK_SLOW_QUERY_MS", "TICKETDESK_DRAIN_SECONDS"}
CHECKED_WITH_OPENID = {"TICKETDESK_OPENID_ROLES"}  # tests/api/site/test_openid_setup.py


@pytest.fixture
def environment(monkeypatch):
    for name in settings.NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DATABASE_URL", "postgresql://desk@db.example.org/desk")
    return monkeypatch


def test_every_setting_has_a_value_that_is_refused():
    assert REFUSED.keys() | UNCHECKED | CHECKED_ABOVE | CHECKED_WITH_OPENID == set(settings.NAMES)


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in ACCEPTED.items() for value in values])
def test_right_value_is_accepted(environment, name, value):
    environment.setenv(name, value)
    settings.load()


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [(name, value, reason) for name, reasons in REFUSED.items() for value, reason in reasons.items()],
)
def test_wrong_value_is_refused_with_its_variable_and_no_secret(environment, name, value, reason):
    environment.setenv(name, value)
    with pytest.raises(settings.InvalidSettings) as refused:
        settings.load()
    assert str(refused.value) == f"{name} {reason}"
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value"), [("READ_DATABASE_URL", "postgresql://db.example.org/desk"), ("TICKETDESK_POOLER", "transaction")]
)
def test_setting_of_a_database_needs_its_address(environment, name, value):
    environment.delenv("DATABASE_URL")
    environment.setenv(name, value)
    with pytest.raises(settings.InvalidSettings, match=f"^{name} is set, so DATABASE_URL must be, too$"):
        settings.load()


def test_settings_are_parsed_again_only_after_a_variable_changed(monkeypatch):
    first = settings.load()
    assert settings.load() is first

    monkeypatch.setenv("CLAMD_ADDRESS", "scanner:3310")
    assert settings.load() is not first
    assert settings.load().clamd_address == "scanner:3310"


def test_repr_shows_no_secret(monkeypatch):
    secret = "signs-the-cookies-of-this-test-only"
    monkeypatch.setenv("TICKETDESK_SECRET", secret)
    assert secret not in repr(settings.load())

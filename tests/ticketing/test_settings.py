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


def test_base_url_has_no_trailing_slash_and_decides_about_tls(monkeypatch):
    monkeypatch.setenv("TICKETDESK_BASE_URL", "https://tickets.example.org/")
    assert (settings.load().base_url, settings.load().is_behind_tls) == ("https://tickets.example.org", True)

    monkeypatch.setenv("TICKETDESK_BASE_URL", "http://tickets.example.org")
    assert not settings.load().is_behind_tls


def test_settings_are_parsed_again_only_after_a_variable_changed(monkeypatch):
    first = settings.load()
    assert settings.load() is first

    monkeypatch.setenv("CLAMD_ADDRESS", "scanner:3310")
    assert settings.load() is not first
    assert settings.load().clamd_address == "scanner:3310"


def test_repr_shows_no_secret(monkeypatch):
    monkeypatch.setenv("TICKETDESK_SECRET", "signs-the-cookies")
    assert "signs-the-cookies" not in repr(settings.load())


def test_generated_secret_is_kept_in_the_data_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("TICKETDESK_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("TICKETDESK_SECRET", raising=False)
    generated = settings.get_secret()

    assert len(generated) >= 32
    assert settings.get_secret() == generated
    assert (tmp_path / "data" / "secret").stat().st_mode & 0o777 == 0o600

    monkeypatch.setenv("TICKETDESK_SECRET", "configured")
    assert settings.get_secret() == "configured"

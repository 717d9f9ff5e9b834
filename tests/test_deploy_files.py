"""The container files of deploy/ refer to existing files and settings; test_several_servers.py runs the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from ticketing import settings
from ticketing.settings import ROOT

DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


def list_mounted_files(service: dict[str, Any]) -> list[Path]:
    sources = [volume.partition(":")[0] for volume in service.get("volumes", [])]
    return [DEPLOY / source for source in sources if source.startswith(".")]


@pytest.mark.parametrize("name", SERVICES)
def test_files_of_a_service_exist(name):
    service = SERVICES[name]
    build = service.get("build")
    if build:
        context = DEPLOY / build["context"]
        copied = [
            source
            for line in (context / build["dockerfile"]).read_text().splitlines()
            if line.startswith("COPY ")
            for source in line.split()[1:-1]
        ]
        assert copied
        assert [source for source in copied if not (context / source).exists()] == []
    assert [file for file in list_mounted_files(service) if not file.exists()] == []
    assert {volume.partition(":")[0] for volume in service.get("volumes", []) if volume[0] != "."} <= set(
        COMPOSE["volumes"]
    )
    assert set(service.get("depends_on", [])) <= set(SERVICES)


@pytest.mark.parametrize("name", ["one", "two"])
def test_app_server_has_known_settings_and_the_address_in_nginx(name):
    service = SERVICES[name]
    assert set(service["environment"]) <= set(settings.NAMES)
    servers = (DEPLOY / "compose/ticketdesk-servers.conf").read_text()
    assert f"server {service['networks']['desk']['ipv4_address']}:8501 " in servers


def test_app_servers_are_configured_alike():
    one, two = ({key: value for key, value in SERVICES[name].items() if key != "networks"} for name in ("one", "two"))
    assert one == two

"""Monitoring: the log and metrics of a real server, and the alerts and dashboard that read them."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import yaml
from prometheus_client import Counter, Gauge, Histogram, Info

import ticketing
from tests.support import make
from tests.support.database import DatabaseServer, use_database
from tests.support.server import run_server
from ticketing import metrics
from ticketing.settings import ROOT

PROMETHEUS = ROOT / "deploy" / "prometheus"
ALERTS = PROMETHEUS / "alerts.yml"
DASHBOARD = ROOT / "deploy" / "grafana" / "ticket-desk.json"
GUIDE = ROOT / "docs" / "operations" / "monitoring.md"
TOKEN = "only-for-this-test"
METRIC_NAME = re.compile(r"\b(?:ticketdesk|process|python)_\w+")


def list_rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]


def list_panels() -> list[dict[str, Any]]:
    return json.loads(DASHBOARD.read_text())["panels"]


def list_queries() -> list[str]:
    """List the dashboard's queries, with values for Grafana's variables."""
    targets = [target["expr"] for panel in list_panels() for target in panel.get("targets", [])]
    return [re.sub(r"\$(job|instance)", ".*", each.replace("$__rate_interval", "1m")) for each in targets]


@pytest.fixture(scope="module")
def promtool() -> str:
    program = shutil.which("promtool")
    if program is None:
        if os.environ.get("CI") == "true":
            pytest.fail("promtool is missing (apt-get install prometheus), and CI must not skip tests")
        pytest.skip("needs promtool (apt-get install prometheus)")
    return program


def run_promtool(promtool: str, *arguments: str | Path) -> str:
    completed = subprocess.run([promtool, *arguments], capture_output=True, text=True, check=False)
    assert completed.returncode == 0, completed.stdout + completed.stderr
    return completed.stdout


# A real server


@pytest.fixture(scope="module")
def server(postgres: DatabaseServer, database: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Run a server until SIGTERM, and return its metrics, its log and its last answer of /healthz."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TICKETDESK_LOG_FORMAT", "json")
        environment.setenv("TICKETDESK_METRICS_TOKEN", TOKEN)
        environment.setenv("TICKETDESK_SLOW_QUERY_MS", "0")
        environment.setenv("TICKETDESK_DRAIN_SECONDS", "300")
        database_url = postgres.create()
        use_database(database_url)
        admin = make.staff(role="admin", password=make.PASSWORD)
        event = make.event()
        token = make.token(admin)
        use_database(database)
        with (
            run_server(database_url, tmp_path_factory.mktemp("monitored")) as desk,
            httpx.Client(base_url=desk.url) as client,
        ):
            headers = {
                "Authorization": f"Bearer {token}",
                "X-Request-Id": "ours-12345",
                "X-Forwarded-For": "203.0.113.7",
            }
            client.get("/packages", headers={"Accept": "text/html"})
            client.get(f"/api/v1/admin/events/{event.id}", headers=headers)
            typed = {"email": admin.email, "password": "not the password"}
            client.post("/session/sign-in", data=typed, headers=headers | {"Origin": desk.url})
            figures = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).text
            process = psutil.Process(desk.pid)
            process.send_signal(signal.SIGTERM)
            stopping = wait_until_not_ready(client)
            process.send_signal(signal.SIGTERM)  # the second one ends the wait
            process.wait(60)
            lines = desk.log.read_text().splitlines()
    return {"figures": figures, "lines": lines, "stopping": stopping, "admin": admin, "event": event}


def wait_until_not_ready(client: httpx.Client) -> dict[str, Any]:
    """Return the first answer of /healthz that is not 200."""
    deadline = time.monotonic() + 30
    while (answer := client.get("/healthz")).status_code == 200:
        assert time.monotonic() < deadline, "/healthz did not answer 503"
        time.sleep(0.02)
    return answer.json()


def test_every_log_line_is_json_with_time_level_logger_and_message(server):
    assert server["lines"]
    for line in map(json.loads, server["lines"]):
        assert datetime.fromisoformat(line["time"]).utcoffset().total_seconds() == 0
        assert line["level"] in ("INFO", "WARNING", "ERROR")
        assert line["logger"]
        assert line["message"]


def test_request_is_found_by_id_with_its_actor_event_and_queries(server):
    lines = [line for line in map(json.loads, server["lines"]) if line.get("request") == "ours-12345"]
    assert {line["logger"] for line in lines} >= {"ticketing.requests", "ticketing.statements"}
    access, _ = [line for line in lines if line["logger"] == "ticketing.requests"]
    assert {line["client"] for line in lines} == {"203.0.113.7"}
    assert (access["actor"], access["event"]) == (str(server["admin"].staff_id), str(server["event"].id))
    assert (access["method"], access["route"], access["status"]) == ("GET", "/api/v1/admin/events/{event_id}", 200)
    assert server["admin"].email not in "".join(server["lines"])


def test_failed_sign_in_is_a_line_with_account_address_and_outcome(server):
    (line,) = [line for line in map(json.loads, server["lines"]) if line["logger"] == "ticketing.sign_in"]
    assert line["message"] == "sign-in by password failed: wrong_password"
    assert {key: line[key] for key in ("level", "actor", "client", "method", "outcome", "reason")} == {
        "level": "WARNING",
        "actor": str(server["admin"].staff_id),
        "client": "203.0.113.7",
        "method": "password",
        "outcome": "failed",
        "reason": "wrong_password",
    }
    assert 'ticketdesk_sign_ins_total{method="password",outcome="failed"} 1.0' in server["figures"]


def test_start_and_stop_are_logged_and_health_checks_are_not(server):
    messages = [line["message"] for line in map(json.loads, server["lines"])]
    assert [each for each in messages if each.startswith(f"started, version {ticketing.__version__}, schema ")]
    assert messages[-1] == "stopped"
    assert not [each for each in messages if "/healthz" in each or "/metrics" in each]


def test_stopping_server_reports_it_while_it_still_answers(server):
    assert [each["code"] for each in server["stopping"]["reasons"]] == ["stopping"]
    assert server["stopping"]["alive"] is True


def list_sample_names(text: str) -> set[str]:
    """Return every sample name of each declared metric, also of those without samples yet."""
    names: set[str] = set()
    for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE):
        names |= {f"{name}_{end}" for end in ("bucket", "sum", "count")} if kind == "histogram" else {name}
    return names


@pytest.mark.parametrize("source", ["alerts", "dashboard"])
def test_alerts_and_dashboard_query_exported_metrics(server, source):
    queried = {
        name
        for query in ([r["expr"] for r in list_rules()] if source == "alerts" else list_queries())
        for name in METRIC_NAME.findall(query)
    }
    assert queried
    assert queried - list_sample_names(server["figures"]) == set()


def test_promtool_accepts_the_metrics(server, promtool):
    completed = subprocess.run(
        [promtool, "check", "metrics"], input=server["figures"], capture_output=True, text=True, check=False
    )
    assert (completed.returncode, completed.stdout + completed.stderr) == (0, "")


# Alerts

UP_SERIES = 'up{job="ticket-desk", instance="a"}'
ALERT_CASES = [
    # alert, series, minutes, and the labels it fires with (None: it does not)
    ("TicketDeskDown", {UP_SERIES: "1 0x60"}, 3, {"job": "ticket-desk", "instance": "a"}),
    ("TicketDeskDown", {UP_SERIES: "1x60"}, 3, None),
    ("TicketDeskDown", {UP_SERIES: "0 1x60"}, 3, None),
    ("TicketDeskDown", {'up{job="something-else"}': "1x60"}, 3, {"job": "ticket-desk"}),
    ("TicketDeskNotReady", {'ticketdesk_not_ready{reason="schema_newer", instance="a"}': "1x60"}, 4,
     {"reason": "schema_newer", "instance": "a"}),
    ("TicketDeskNotReady", {'ticketdesk_not_ready{reason="database_slow", instance="a"}': "1 1 0x60"}, 4, None),
    ("TicketDeskNotReady", {'ticketdesk_not_ready{reason="stopping", instance="a"}': "1x60"}, 4, None),
    ("TicketDeskTurnsRequestsAway", {
        'ticketdesk_http_requests_total{job="d", route="/api", status="5xx"}': "0+6x60",
        'ticketdesk_http_requests_total{job="d", route="/api", status="2xx"}': "0+94x60"}, 15, {"job": "d"}),
    ("TicketDeskTurnsRequestsAway", {
        'ticketdesk_http_requests_total{job="d", route="/api", status="5xx"}': "0+4x60",
        'ticketdesk_http_requests_total{job="d", route="/api", status="2xx"}': "0+96x60"}, 15, None),
    ("TicketDeskTurnsRequestsAway", {
        'ticketdesk_http_requests_total{job="d", route="/healthz", status="5xx"}': "0+60x60",
        'ticketdesk_http_requests_total{job="d", route="/api", status="2xx"}': "0+10x60"}, 15, None),
    ("TicketDeskFault", {'ticketdesk_faults_total{instance="a"}': "0 0 1x60"}, 4, {"instance": "a"}),
    ("TicketDeskFault", {'ticketdesk_faults_total{instance="a"}': "3x60"}, 4, None),
    ("TicketDeskPagesAreSlow", {
        'ticketdesk_page_run_duration_seconds_bucket{job="d", page="sales", le="2.5"}': "0+96x60",
        'ticketdesk_page_run_duration_seconds_bucket{job="d", page="sales", le="5.0"}': "0+100x60",
        'ticketdesk_page_run_duration_seconds_bucket{job="d", page="sales", le="+Inf"}': "0+100x60"}, 30, None),
    ("TicketDeskPagesAreSlow", {
        'ticketdesk_page_run_duration_seconds_bucket{job="d", page="sales", le="2.5"}': "0+90x60",
        'ticketdesk_page_run_duration_seconds_bucket{job="d", page="sales", le="5.0"}': "0+100x60",
        'ticketdesk_page_run_duration_seconds_bucket{job="d", page="sales", le="+Inf"}': "0+100x60"}, 30, {"job": "d"}),
    ("TicketDeskPagesAreSlow", {
        'ticketdesk_page_run_duration_seconds_bucket{job="d", page="import_sales", le="2.5"}': "0x60",
        'ticketdesk_page_run_duration_seconds_bucket{job="d", page="import_sales", le="30.0"}': "0+10x60",
        'ticketdesk_page_run_duration_seconds_bucket{job="d", page="import_sales", le="+Inf"}': "0+10x60"}, 30, None),
    ("TicketDeskSignInsFail", {
        'ticketdesk_sign_ins_total{job="d", method="password", outcome="failed"}': "0+4x60",
        'ticketdesk_sign_ins_total{job="d", method="password", outcome="locked_out"}': "0+1x60"}, 30, {"job": "d"}),
    ("TicketDeskSignInsFail", {
        'ticketdesk_sign_ins_total{job="d", method="password", outcome="failed"}': "0+2x60",
        'ticketdesk_sign_ins_total{job="d", method="password", outcome="succeeded"}': "0+50x60"}, 30, None),
    ("TicketDeskPoolExhausted", {'ticketdesk_pool_exhausted_total{instance="a"}': "0 1x60"}, 3, {"instance": "a"}),
    ("TicketDeskPoolExhausted", {'ticketdesk_pool_exhausted_total{instance="a"}': "7x60"}, 3, None),
    ("TicketDeskQueriesAreSlow", {'ticketdesk_slow_statements_total{instance="a"}': "0+3x60"}, 40, {"instance": "a"}),
    ("TicketDeskQueriesAreSlow", {'ticketdesk_slow_statements_total{instance="a"}': "0+1x60"}, 40, None),
    ("TicketDeskFiguresStandStill", {
        'ticketdesk_watch_failures_total{instance="a"}': "0+30x60",
        'ticketdesk_watch_looks_total{instance="a"}': "0+40x60",
        'ticketdesk_ready{instance="a"}': "1x60"}, 10, {"instance": "a"}),
    ("TicketDeskFiguresStandStill", {
        'ticketdesk_watch_failures_total{instance="a"}': "0+10x60",
        'ticketdesk_watch_looks_total{instance="a"}': "0+40x60",
        'ticketdesk_ready{instance="a"}': "1x60"}, 10, None),
    ("TicketDeskFiguresStandStill", {
        'ticketdesk_watch_failures_total{instance="a"}': "0+40x60",
        'ticketdesk_watch_looks_total{instance="a"}': "0+40x60",
        'ticketdesk_ready{instance="a"}': "0x60"}, 10, None),
    ("TicketDeskFiguresStandStill", {
        'ticketdesk_watch_failures_total{instance="a"}': "5x60",
        'ticketdesk_watch_looks_total{instance="a"}': "9x60",
        'ticketdesk_ready{instance="a"}': "1x60"}, 10, None),
    ("TicketDeskReplicaDoesNotFollow", {'ticketdesk_replica_follows{database="replica", instance="a"}': "0x60"}, 12,
     {"database": "replica", "instance": "a"}),
    ("TicketDeskReplicaDoesNotFollow", {'ticketdesk_replica_follows{database="replica", instance="a"}': "1x60"}, 12,
     None),
    ("TicketDeskReplicaDoesNotFollow", {
        'ticketdesk_replica_follows{database="replica", instance="a"}': "0 0 0 0 0 1x60"}, 12, None),
    ("TicketDeskHalfUpgraded", {
        'ticketdesk_build_info{job="d", instance="a", schema="0003"}': "1x60",
        'ticketdesk_build_info{job="d", instance="b", schema="0004"}': "1x60"}, 30, {"job": "d"}),
    ("TicketDeskHalfUpgraded", {
        'ticketdesk_build_info{job="d", instance="a", schema="0004"}': "1x60",
        'ticketdesk_build_info{job="d", instance="b", schema="0004"}': "1x60"}, 30, None),
    ("TicketDeskHalfUpgraded", {
        'ticketdesk_build_info{job="d", instance="a", schema="0003"}': "1x10",
        'ticketdesk_build_info{job="d", instance="b", schema="0004"}': "1x60"}, 30, None),
]  # fmt: skip


def expected_alerts(name: str, labels: dict[str, str] | None) -> list[dict[str, Any]]:
    """Return the expected alert for promtool, with the rule's labels and annotations."""
    if labels is None:
        return []
    (rule,) = [each for each in list_rules() if each["alert"] == name]
    sentences = {
        key: re.sub(r"{{ \$labels\.(\w+) }}", lambda found: labels[found[1]], sentence)
        for key, sentence in rule["annotations"].items()
    }
    return [{"exp_labels": labels | rule["labels"], "exp_annotations": sentences}]


def test_each_alert_fires_only_when_it_must(promtool, tmp_path):
    tests = [
        {
            "interval": "1m",
            "input_series": [{"series": name, "values": values} for name, values in series.items()],
            "alert_rule_test": [
                {"eval_time": f"{minutes}m", "alertname": name, "exp_alerts": expected_alerts(name, labels)}
            ],
        }
        for name, series, minutes, labels in ALERT_CASES
        for series in [{UP_SERIES: "1x60"} | series if name != "TicketDeskDown" else series]
    ]
    file = tmp_path / "cases.json"
    file.write_text(json.dumps({"rule_files": [str(ALERTS)], "evaluation_interval": "1m", "tests": tests}))
    run_promtool(promtool, "test", "rules", file)


def test_each_alert_is_tested_on_both_sides():
    names = {rule["alert"] for rule in list_rules()}
    assert {name for name, _, _, labels in ALERT_CASES if labels is not None} == names
    assert {name for name, _, _, labels in ALERT_CASES if labels is None} == names


def test_each_alert_has_summary_action_and_runbook():
    guide = GUIDE.read_text()
    for rule in list_rules():
        annotations = rule["annotations"]
        assert set(annotations) == {"summary", "action", "runbook_url"}
        assert annotations["summary"].endswith(".")
        assert annotations["action"].endswith(".")
        assert annotations["runbook_url"] == f"docs/operations/monitoring.md#{rule['alert'].lower()}"
        assert f"\n### {rule['alert']}\n" in guide, "the anchor that the alert links to"


def test_promtool_accepts_rules_and_configuration(promtool, tmp_path):
    run_promtool(promtool, "check", "rules", ALERTS)
    for file in (ALERTS, PROMETHEUS / "prometheus.yml"):
        shutil.copy(file, tmp_path)
    (tmp_path / "ticket-desk-token").write_text(TOKEN)
    run_promtool(promtool, "check", "config", tmp_path / "prometheus.yml")


# Dashboard


def test_dashboard_can_be_imported():
    dashboard = json.loads(DASHBOARD.read_text())
    assert dashboard["schemaVersion"] >= 39
    assert dashboard["title"] == "Ticket Desk"
    assert [each["name"] for each in dashboard["templating"]["list"]] == ["datasource", "job", "instance"]
    ids = [panel["id"] for panel in list_panels()]
    assert len(ids) == len(set(ids))
    drawn = [panel for panel in list_panels() if panel["type"] != "row"]
    assert {panel["datasource"]["uid"] for panel in drawn} == {"${datasource}"}


def test_panels_do_not_overlap():
    places = [
        (place["x"] + x, place["y"] + y)
        for place in (panel["gridPos"] for panel in list_panels())
        for x in range(place["w"])
        for y in range(place["h"])
    ]
    assert len(places) == len(set(places))
    assert max(x for x, _ in places) < 24


def test_promtool_accepts_every_dashboard_query(promtool, tmp_path):
    recorded = [{"record": f"query_{number}", "expr": query} for number, query in enumerate(list_queries())]
    file = tmp_path / "queries.json"
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": recorded}]}))
    run_promtool(promtool, "check", "rules", file)


def test_each_metric_has_a_panel_or_an_alert():
    queries = " ".join([rule["expr"] for rule in list_rules()] + list_queries())
    unused = {each._name for each in list_metrics() if each._name not in queries}
    assert unused == set()


# The guide


def list_metrics() -> list[Any]:
    kinds = (Counter, Gauge, Histogram, Info)
    return [each for each in vars(metrics).values() if isinstance(each, kinds)]


def render_metrics_table() -> str:
    """Return the guide's table of all metrics."""
    ends = {"counter": "_total", "info": "_info"}
    rows = [
        f"| `{each._name}{ends.get(each._type, '')}` | {each._type} | "
        f"{', '.join(f'`{label}`' for label in each._labelnames) or '-'} | {each._documentation} |"
        for each in list_metrics()
    ]
    return "\n".join(["| figure | kind | labels | tells |", "| --- | --- | --- | --- |", *rows])


def test_monitoring_guide_lists_every_metric():
    assert render_metrics_table() in GUIDE.read_text(), f"the table is now:\n{render_metrics_table()}"

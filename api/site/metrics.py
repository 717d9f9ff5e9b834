"""/metrics for Prometheus: the counters of this process. A token is required, since they show how sales go."""

from __future__ import annotations

import hmac
from importlib.metadata import version

from prometheus_client.exposition import choose_encoder
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from api.site import health
from ticketing import metrics, settings
from ticketing.db import migrations, replica


async def get_metrics(request: Request) -> Response:
    """Return the metrics, or 404 when no token is configured. No IP address is trusted: all come from the proxy."""
    token = settings.load().metrics_token
    if token is None:
        return PlainTextResponse("Metrics are off. Set TICKETDESK_METRICS_TOKEN to turn them on.", 404)
    if not hmac.compare_digest(request.headers.get("authorization", "").encode(), f"Bearer {token}".encode()):
        challenge = {"WWW-Authenticate": 'Bearer realm="Ticket Desk metrics"'}
        return PlainTextResponse("Send the token: Authorization: Bearer ...", 401, challenge)
    _update_health_gauges(await health.check())
    encode, content_type = choose_encoder(request.headers.get("accept", ""))
    return Response(encode(metrics.REGISTRY), headers={"Content-Type": content_type, "Cache-Control": "no-store"})


def _update_health_gauges(report: health.HealthReport) -> None:
    metrics.BUILD.info({"schema": migrations.head_revision() or "", "streamlit": version("streamlit")})
    metrics.READY.set(report.is_ready)
    for reason in health.REASONS:
        metrics.NOT_READY.labels(reason).set(reason in report.reasons)
    _update_replica_gauges(health.find_replica_state())


def _update_replica_gauges(state: replica.State | None) -> None:
    """Set the replica's gauges; what was not measured is left out, not 0."""
    metrics.REPLICA_FOLLOWS.clear()
    metrics.REPLICA_LAG_SECONDS.clear()
    metrics.REPLICA_LAG_BYTES.clear()
    if state is None:
        return
    metrics.REPLICA_FOLLOWS.labels("replica").set(state.condition == "following")
    if state.seconds is not None:
        metrics.REPLICA_LAG_SECONDS.labels("replica").set(state.seconds)
    if state.lag_bytes is not None:
        metrics.REPLICA_LAG_BYTES.labels("replica").set(state.lag_bytes)


routes = [Route("/metrics", get_metrics)]

"""What Prometheus may ask this process: every figure that /metrics tells is declared here.

Labels come from short lists of ours (routes, pages, codes, channels), never from what somebody typed.
docs/operations/monitoring.md has the same list for operators, and a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)

from ticketing.errors import PromoRefused, TicketingError

T = TypeVar("T", bound=Callable[..., object])

disable_created_metrics()  # type: ignore[no-untyped-call]
REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)

REQUEST_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
STATEMENT_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
IMPORT_BUCKETS = (0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)

BUILD = Info(
    "ticketdesk_build", "Which code this is: `schema` that it needs, version of `streamlit`", registry=REGISTRY
)
READY = Gauge("ticketdesk_ready", "1 when /healthz would answer 200 at this scrape", registry=REGISTRY)
NOT_READY = Gauge("ticketdesk_not_ready", "1 for each reason why it would not", ["reason"], registry=REGISTRY)

REQUESTS = Counter(
    "ticketdesk_http_requests",
    "Answers by route, method and class of status; 499 (the caller left) is 4xx",
    ["route", "method", "status"],
    registry=REGISTRY,
)
REQUEST_SECONDS = Histogram(
    "ticketdesk_http_request_duration_seconds",
    "From the first byte of a request to the last of its answer, by route",
    ["route"],
    buckets=REQUEST_BUCKETS,
    registry=REGISTRY,
)
WEBSOCKETS = Gauge("ticketdesk_websockets_open", "Open pages: a browser tab holds one websocket", registry=REGISTRY)

PAGE_RUNS = Counter(
    "ticketdesk_page_runs",
    "Runs of a page's script; outcome is done, stopped (by the page, or by a newer click), refused or fault",
    ["page", "outcome"],
    registry=REGISTRY,
)
PAGE_SECONDS = Histogram(
    "ticketdesk_page_run_duration_seconds",
    "How long a page's script ran, by page; an import is watched in one long run",
    ["page"],
    buckets=REQUEST_BUCKETS,
    registry=REGISTRY,
)
FAULTS = Counter("ticketdesk_faults", "Unforeseen errors, each with a reference in the log", registry=REGISTRY)

PURCHASES = Counter("ticketdesk_purchases", "Purchases recorded, once committed", ["channel"], registry=REGISTRY)
REFUSALS = Counter(
    "ticketdesk_refusals",
    "What the domain refused, by its code; reason says which rule refused a promo code",
    ["code", "reason"],
    registry=REGISTRY,
)
IMPORT_SECONDS = Histogram(
    "ticketdesk_import_duration_seconds", "Imports that were stored", buckets=IMPORT_BUCKETS, registry=REGISTRY
)

TRANSACTION_RETRIES = Counter(
    "ticketdesk_transactions_started_over", "Transactions that were run again after a lost race", registry=REGISTRY
)
STATEMENT_SECONDS = Histogram(
    "ticketdesk_statement_duration_seconds",
    "Statements as this server waited for them; streamed downloads are not among them",
    buckets=STATEMENT_BUCKETS,
    registry=REGISTRY,
)
SLOW_STATEMENTS = Counter(
    "ticketdesk_slow_statements", "Statements over TICKETDESK_SLOW_QUERY_MS, each in the log", registry=REGISTRY
)
POOL_SIZE = Gauge("ticketdesk_pool_size", "Connections that the pool may hold", ["database"], registry=REGISTRY)
POOL_IN_USE = Gauge("ticketdesk_pool_in_use", "Connections in use", ["database"], registry=REGISTRY)
POOL_WAITING = Gauge("ticketdesk_pool_waiting", "Threads that wait for a connection", ["database"], registry=REGISTRY)
POOL_EXHAUSTED = Counter(
    "ticketdesk_pool_exhausted", "Waits for a connection that were given up", ["database"], registry=REGISTRY
)

REPLICA_FOLLOWS = Gauge(
    "ticketdesk_replica_follows",
    "1 while reports are read at the replica, 0 while at the primary; absent without a replica",
    ["database"],
    registry=REGISTRY,
)
REPLICA_LAG_SECONDS = Gauge(
    "ticketdesk_replica_lag_seconds",
    "How long the replica took to catch up, or how old its newest change is while it does not",
    ["database"],
    registry=REGISTRY,
)
REPLICA_LAG_BYTES = Gauge(
    "ticketdesk_replica_lag_bytes",
    "How much of the primary's log the replica lacked when asked",
    ["database"],
    registry=REGISTRY,
)

WATCH_POLLS = Counter("ticketdesk_watch_looks", "Looks for sales made elsewhere", registry=REGISTRY)
WATCH_FAILURES = Counter("ticketdesk_watch_failures", "Looks that failed", registry=REGISTRY)
WATCH_LAST_POLL = Gauge(
    "ticketdesk_watch_last_look_timestamp_seconds",
    "When the last look succeeded; nobody looks while no page is open",
    registry=REGISTRY,
)


@contextmanager
def count_refusals() -> Iterator[None]:
    """Counts a refusal that leaves this block, and lets it go on."""
    try:
        yield
    except TicketingError as refusal:
        REFUSALS.labels(refusal.code, refusal.reason if isinstance(refusal, PromoRefused) else "").inc()
        raise

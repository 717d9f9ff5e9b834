"""Prometheus metrics: every metric of /metrics is declared here.

Label values come from short fixed lists (routes, pages, codes, channels), never from user input.
docs/operations/monitoring.md lists the same metrics for operators; a test compares the two.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
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

from ticketing.errors import NotAllowed, PromoRefused, TicketingError

log = logging.getLogger("ticketing.refusals")
T = TypeVar("T", bound=Callable[..., object])

disable_created_metrics()  # type: ignore[no-untyped-call]
REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)

REQUEST_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
STATEMENT_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
IMPORT_BUCKETS = (0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)

BUILD = Info("ticketdesk_build", "Versions: the `schema` that this code needs, and `streamlit`", registry=REGISTRY)
READY = Gauge("ticketdesk_ready", "1 when /healthz would answer 200 at this scrape", registry=REGISTRY)
NOT_READY = Gauge(
    "ticketdesk_not_ready", "1 for each reason why /healthz would not answer 200", ["reason"], registry=REGISTRY
)

REQUESTS = Counter(
    "ticketdesk_http_requests",
    "Responses by route, method and class of status; 499 (the client disconnected) is 4xx",
    ["route", "method", "status"],
    registry=REGISTRY,
)
REQUEST_SECONDS = Histogram(
    "ticketdesk_http_request_duration_seconds",
    "From the first byte of a request to the last of its response, by route",
    ["route"],
    buckets=REQUEST_BUCKETS,
    registry=REGISTRY,
)
WEBSOCKETS = Gauge("ticketdesk_websockets_open", "Open pages: each browser tab holds one websocket", registry=REGISTRY)
UPLOAD_BYTES = Gauge(
    "ticketdesk_upload_bytes", "Uploaded files that pages hold in this server's memory", registry=REGISTRY
)

PAGE_RUNS = Counter(
    "ticketdesk_page_runs",
    "Runs of a page's script; outcome is done, stopped (by the page, or by a newer click), refused or fault",
    ["page", "outcome"],
    registry=REGISTRY,
)
PAGE_SECONDS = Histogram(
    "ticketdesk_page_run_duration_seconds",
    "How long a page's script ran, by page; an import is one long run",
    ["page"],
    buckets=REQUEST_BUCKETS,
    registry=REGISTRY,
)
FAULTS = Counter("ticketdesk_faults", "Unexpected errors, each with a reference in the log", registry=REGISTRY)

ORDERS = Counter("ticketdesk_orders", "Orders recorded, counted after the commit", ["channel"], registry=REGISTRY)
PURCHASES = Counter(
    "ticketdesk_purchases",
    "Purchases (lines of orders) recorded, counted after the commit",
    ["channel"],
    registry=REGISTRY,
)
PACKAGES_SOLD = Counter(
    "ticketdesk_packages_sold", "Packages of these purchases, pending ones included", ["channel"], registry=REGISTRY
)
SEATS_SOLD = Counter(
    "ticketdesk_seats_sold", "Seats of these purchases, pending ones included", ["channel"], registry=REGISTRY
)
DOLLARS_SOLD = Counter(
    "ticketdesk_dollars_sold",
    "What these purchases cost after discounts, in USD, pending ones included",
    ["channel"],
    registry=REGISTRY,
)
CHANGES = Counter(
    "ticketdesk_changes",
    "Changes stored, by the action under which the audit log has them; and purchases, as purchase.recorded",
    ["action"],
    registry=REGISTRY,
)
REFUSALS = Counter(
    "ticketdesk_refusals",
    "Domain errors by code; reason is the rule that refused a promo code",
    ["code", "reason"],
    registry=REGISTRY,
)
SIGN_INS = Counter(
    "ticketdesk_sign_ins",
    "Sign-ins, and checks of one's own password before it is changed; outcome is succeeded, failed or locked_out",
    ["method", "outcome"],
    registry=REGISTRY,
)
DOWNLOADS = Counter(
    "ticketdesk_downloads",
    "CSV and Excel files that ended; outcome is complete, canceled (the client left), refused (by a limit) or failed",
    ["kind", "outcome"],
    registry=REGISTRY,
)
IMPORT_SECONDS = Histogram(
    "ticketdesk_import_duration_seconds", "Imports that were stored", buckets=IMPORT_BUCKETS, registry=REGISTRY
)
DOWNLOADS_RUNNING = Gauge(
    "ticketdesk_downloads_running", "Downloads; each holds a connection of its own", registry=REGISTRY
)

TRANSACTION_RETRIES = Counter(
    "ticketdesk_transactions_started_over", "Transactions that were retried", registry=REGISTRY
)
STATEMENT_SECONDS = Histogram(
    "ticketdesk_statement_duration_seconds",
    "How long this server waited for statements; streamed downloads are not included",
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
    "ticketdesk_pool_exhausted", "Waits for a connection that timed out", ["database"], registry=REGISTRY
)

REPLICA_FOLLOWS = Gauge(
    "ticketdesk_replica_follows",
    "1 while reports read from the replica, 0 while from the primary; absent without a replica",
    ["database"],
    registry=REGISTRY,
)
REPLICA_LAG_SECONDS = Gauge(
    "ticketdesk_replica_lag_seconds",
    "How long the replica took to catch up, or the age of its newest change while it does not",
    ["database"],
    registry=REGISTRY,
)
REPLICA_LAG_BYTES = Gauge(
    "ticketdesk_replica_lag_bytes",
    "How much of the primary's WAL the replica had not replayed when asked",
    ["database"],
    registry=REGISTRY,
)

WATCH_POLLS = Counter("ticketdesk_watch_looks", "Polls for sales made on other pages and servers", registry=REGISTRY)
WATCH_FAILURES = Counter("ticketdesk_watch_failures", "Polls that failed", registry=REGISTRY)
WATCH_LAST_POLL = Gauge(
    "ticketdesk_watch_last_look_timestamp_seconds",
    "When the last poll succeeded; there are no polls while no page is open",
    registry=REGISTRY,
)


@contextmanager
def count_refusals() -> Iterator[None]:
    """Count a domain error that leaves this block, log it if a permission is missing, and re-raise it."""
    try:
        yield
    except TicketingError as refusal:
        REFUSALS.labels(refusal.code, refusal.reason if isinstance(refusal, PromoRefused) else "").inc()
        if isinstance(refusal, NotAllowed):
            log.warning("refused: %s", refusal.code, extra={"code": refusal.code})
        raise


def count_sold(channel: str, *, orders: int, purchases: int, packages: int, seats: int, dollars: Decimal) -> None:
    """Count recorded orders and purchases with what they sold.

    Voids and refunds are not subtracted: counters only increase.
    """
    ORDERS.labels(channel).inc(orders)
    PURCHASES.labels(channel).inc(purchases)
    PACKAGES_SOLD.labels(channel).inc(packages)
    SEATS_SOLD.labels(channel).inc(seats)
    DOLLARS_SOLD.labels(channel).inc(float(dollars))

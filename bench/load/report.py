"""The result of a load test in Markdown."""

from __future__ import annotations

from bench.load.recorder import percent_within, percentile
from bench.load.run import Load, Outcome
from ticketing.formatting import format_count

MEGABYTE = 1024**2
MAX_SALE_DELAY_SECONDS = 3.0


def format_report(outcome: Outcome, servers: int) -> str:
    """Return the report of one run: durations by action, resource usage, and errors."""
    staff = outcome.staff_seconds
    rows = [
        f"| {action} | {len(times)} | {percentile(times, 50):.2f} | {percentile(times, 95):.2f} | {max(times):.2f} |"
        for action, times in sorted(outcome.recorder.action_seconds.items())
    ]
    return "\n".join(
        (
            f"{_format_load(outcome.load)}, {format_count(servers, 'server')}.",
            "",
            "| action | times | half within, s | 95% within, s | slowest, s |",
            "| --- | --- | --- | --- | --- |",
            *rows,
            f"| **all of staff** | {len(staff)} | {percentile(staff, 50):.2f} | **{outcome.p95:.2f}** "
            f"| {max(staff, default=0):.2f} |",
            "",
            f"- {_format_sale_delays(outcome)}",
            f"- {_format_usage(outcome)}",
            f"- {_format_errors(outcome)}",
        )
    )


def _format_load(load: Load) -> str:
    return (
        f"{load.people} people, one action each per {load.pause:g} s, beside {load.donors_per_minute:g} donors a "
        f"minute, for {load.seconds:g} s"
    )


def _format_sale_delays(outcome: Outcome) -> str:
    delays = outcome.recorder.sale_delays
    if not delays:
        return "No sale was made while a sales page was open."
    return (
        f"A sale made elsewhere was on an open sales page after {percentile(delays, 50):.1f} s (half), "
        f"{percentile(delays, 95):.1f} s (95%); {percent_within(delays, MAX_SALE_DELAY_SECONDS):.0f}% within "
        f"{MAX_SALE_DELAY_SECONDS:g} s."
    )


def _format_usage(outcome: Outcome) -> str:
    usage = outcome.usage
    database = "" if usage.database_cpu is None else f", PostgreSQL {usage.database_cpu / usage.seconds:.2f}"
    return (
        f"CPU cores in use: servers {usage.server_cpu / usage.seconds:.2f}{database}, this driver "
        f"{usage.driver_cpu / usage.seconds:.2f}. Memory of each server: {_format_memory(outcome)} MB. "
        f"Database connections: {usage.connections}."
    )


def _format_memory(outcome: Outcome) -> str:
    return " and ".join(f"{bytes_ / MEGABYTE:.0f}" for bytes_ in outcome.usage.memory)


def _format_errors(outcome: Outcome) -> str:
    sold = len(outcome.recorder.sold)
    if not outcome.errors:
        return f"No errors. {sold} purchases were recorded, and each is in the database as its seller saw it."
    errors = "\n".join(f"  - {count} times: {error}" for error, count in outcome.errors.items())
    return f"**{sum(outcome.errors.values())} errors**, with {sold} purchases recorded:\n{errors}"


SERIES_HEADING = (
    "| people | processes | actions | half within, s | 95% within, s | sale seen within 3 s | server cores | memory of "
    "each, MB | connections | errors |\n" + "|" + " --- |" * 10
)


def format_row(outcome: Outcome, servers: int) -> str:
    usage = outcome.usage
    delays = outcome.recorder.sale_delays
    cells = (
        outcome.load.people,
        servers,
        len(outcome.staff_seconds),
        f"{percentile(outcome.staff_seconds, 50):.2f}",
        f"{outcome.p95:.2f}",
        f"{percent_within(delays, MAX_SALE_DELAY_SECONDS):.0f}%" if delays else "",
        f"{usage.server_cpu / usage.seconds:.2f}",
        _format_memory(outcome),
        usage.connections,
        sum(outcome.errors.values()) or "none",
    )
    return f"| {' | '.join(map(str, cells))} |"

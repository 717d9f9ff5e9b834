"""What came of it, in Markdown."""

from __future__ import annotations

from bench.load.recorder import percent_within, percentile
from bench.load.run import Load, Outcome

MEGABYTE = 1024**2
MAX_SALE_DELAY_SECONDS = 3.0


def format_report(outcome: Outcome, servers: int) -> str:
    """One run: each kind of action, what was spent, whether the accounts agree."""
    rows = [
        f"| {what} | {len(took)} | {percentile(took, 50):.2f} | {percentile(took, 95):.2f} | {max(took):.2f} |"
        for what, took in sorted(outcome.recorder.action_seconds.items())
    ]
    return "\n".join(
        (
            f"{_format_load(outcome.load)}, {servers} server{'' if servers == 1 else 's'}.",
            "",
            "| action | times | half within, s | 95% within, s | slowest, s |",
            "| --- | --- | --- | --- | --- |",
            *rows,
            f"| **all of staff** | {len(outcome.acted)} | {percentile(outcome.acted, 50):.2f} | **{outcome.p95:.2f}** "
            f"| {max(outcome.acted, default=0):.2f} |",
            "",
            f"- {_format_sale_delays(outcome)}",
            f"- {_format_usage(outcome)}",
            f"- {_format_errors(outcome)}",
        )
    )


def _format_load(load: Load) -> str:
    return (
        f"{load.people} people, each acting once in {load.pause:g} s, beside {load.donors_per_minute:g} donors a "
        f"minute, for {load.seconds:g} s"
    )


def _format_sale_delays(outcome: Outcome) -> str:
    shown = outcome.recorder.sale_delays
    if not shown:
        return "No sale was made while a sales page was open."
    return (
        f"A sale made elsewhere was on an open sales page after {percentile(shown, 50):.1f} s (half), "
        f"{percentile(shown, 95):.1f} s (95%); {percent_within(shown, MAX_SALE_DELAY_SECONDS):.0f}% within "
        f"{MAX_SALE_DELAY_SECONDS:g} s."
    )


def _format_usage(outcome: Outcome) -> str:
    vitals = outcome.usage
    database = "" if vitals.database_cpu is None else f", PostgreSQL {vitals.database_cpu / vitals.seconds:.2f}"
    return (
        f"Processor cores in use: servers {vitals.server_cpu / vitals.seconds:.2f}{database}, this driver "
        f"{vitals.driver_cpu / vitals.seconds:.2f}. Memory of each server: {_format_memory(outcome)} MB. "
        f"Database connections: {vitals.connections}."
    )


def _format_memory(outcome: Outcome) -> str:
    return " and ".join(f"{bytes_ / MEGABYTE:.0f}" for bytes_ in outcome.usage.memory)


def _format_errors(outcome: Outcome) -> str:
    sold = len(outcome.recorder.sold)
    if not outcome.errors:
        return f"No error. {sold} purchases were recorded, and each is in the database as its seller was told."
    told = "\n".join(f"  - {times} times: {error}" for error, times in outcome.errors.items())
    return f"**{sum(outcome.errors.values())} errors**, with {sold} purchases recorded:\n{told}"


SERIES_HEADING = (
    "| people | processes | actions | half within, s | 95% within, s | sale seen within 3 s | server cores | memory of "
    "each, MB | connections | errors |\n" + "|" + " --- |" * 10
)


def format_row(outcome: Outcome, servers: int) -> str:
    vitals = outcome.usage
    shown = outcome.recorder.sale_delays
    cells = (
        outcome.load.people,
        servers,
        len(outcome.acted),
        f"{percentile(outcome.acted, 50):.2f}",
        f"{outcome.p95:.2f}",
        f"{percent_within(shown, MAX_SALE_DELAY_SECONDS):.0f}%" if shown else "",
        f"{vitals.server_cpu / vitals.seconds:.2f}",
        _format_memory(outcome),
        vitals.connections,
        sum(outcome.errors.values()) or "none",
    )
    return f"| {' | '.join(map(str, cells))} |"

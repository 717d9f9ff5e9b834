"""What came of it, in Markdown."""

from __future__ import annotations

from bench.load.ledger import percentile, share_within
from bench.load.run import Load, Outcome

MEGABYTE = 1024**2
SECONDS_TO_SEE_A_SALE = 3.0


def in_full(outcome: Outcome, servers: int) -> str:
    """One run: each kind of action, what was spent, whether the accounts agree."""
    rows = [
        f"| {what} | {len(took)} | {percentile(took, 50):.2f} | {percentile(took, 95):.2f} | {max(took):.2f} |"
        for what, took in sorted(outcome.ledger.took.items())
    ]
    return "\n".join(
        (
            f"{_told(outcome.load)}, {servers} server{'' if servers == 1 else 's'}.",
            "",
            "| action | times | half within, s | 95% within, s | slowest, s |",
            "| --- | --- | --- | --- | --- |",
            *rows,
            f"| **all of staff** | {len(outcome.acted)} | {percentile(outcome.acted, 50):.2f} | **{outcome.p95:.2f}** "
            f"| {max(outcome.acted, default=0):.2f} |",
            "",
            f"- {_seen(outcome)}",
            f"- {_spent(outcome)}",
            f"- {_accounts(outcome)}",
        )
    )


def _told(load: Load) -> str:
    return (
        f"{load.people} people, each acting once in {load.pause:g} s, beside {load.donors_per_minute:g} donors a "
        f"minute, for {load.seconds:g} s"
    )


def _seen(outcome: Outcome) -> str:
    shown = outcome.ledger.shown_after
    if not shown:
        return "No sale was made while a sales page was open."
    return (
        f"A sale made elsewhere was on an open sales page after {percentile(shown, 50):.1f} s (half), "
        f"{percentile(shown, 95):.1f} s (95%); {share_within(shown, SECONDS_TO_SEE_A_SALE):.0f}% within "
        f"{SECONDS_TO_SEE_A_SALE:g} s."
    )


def _spent(outcome: Outcome) -> str:
    vitals = outcome.vitals
    database = "" if vitals.database_cpu is None else f", PostgreSQL {vitals.database_cpu / vitals.seconds:.2f}"
    return (
        f"Processor cores in use: servers {vitals.server_cpu / vitals.seconds:.2f}{database}, this driver "
        f"{vitals.driver_cpu / vitals.seconds:.2f}. Memory of each server: {_memory(outcome)} MB. "
        f"Database connections: {vitals.connections}."
    )


def _memory(outcome: Outcome) -> str:
    return " and ".join(f"{bytes_ / MEGABYTE:.0f}" for bytes_ in outcome.vitals.memory)


def _accounts(outcome: Outcome) -> str:
    sold = len(outcome.ledger.sold)
    if not outcome.errors:
        return f"No error. {sold} purchases were recorded, and each is in the database as its seller was told."
    told = "\n".join(f"  - {times} times: {error}" for error, times in outcome.errors.items())
    return f"**{sum(outcome.errors.values())} errors**, with {sold} purchases recorded:\n{told}"


STEPS_HEADING = (
    "| people | processes | actions | half within, s | 95% within, s | sale seen within 3 s | server cores | memory of "
    "each, MB | connections | errors |\n" + "|" + " --- |" * 10
)


def in_a_line(outcome: Outcome, servers: int) -> str:
    vitals = outcome.vitals
    shown = outcome.ledger.shown_after
    cells = (
        outcome.load.people,
        servers,
        len(outcome.acted),
        f"{percentile(outcome.acted, 50):.2f}",
        f"{outcome.p95:.2f}",
        f"{share_within(shown, SECONDS_TO_SEE_A_SALE):.0f}%" if shown else "",
        f"{vitals.server_cpu / vitals.seconds:.2f}",
        _memory(outcome),
        vitals.connections,
        sum(outcome.errors.values()) or "none",
    )
    return f"| {' | '.join(map(str, cells))} |"

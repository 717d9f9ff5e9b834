"""Filters that travel in addresses: how each is read, written, and told when it is not understood."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from ticketing.errors import InvalidInput

_DAY_PATTERN = re.compile(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}")
DAY_DESCRIPTION = "a day such as 2026-10-31, from 2000 to 2099"


@dataclass(frozen=True)
class Parameter:
    """A query parameter: the field it fills and how it is read (ValueError when it cannot be); both also in words."""

    field: str
    read: Callable[[str], Any]
    accepts: str
    description: str


def parse(
    parameters: Mapping[str, Parameter], query: Mapping[str, str], *, ignored: Collection[str] = ()
) -> tuple[dict[str, Any], dict[str, str]]:
    """What an address says, by field, and a sentence for each parameter that is not understood.

    `besides` are parameters of that address which mean something else.
    """
    found: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for name, value in query.items():
        if name in parameters:
            parameter = parameters[name]
            try:
                found[parameter.field] = parameter.read(value)
            except ValueError:
                problems[name] = f"“{name}” takes {parameter.accepts}."
        elif name not in ignored:
            problems[name] = f"There is no filter “{name[:40]}”. The filters are {', '.join(parameters)}."
    first, last = found.get("first_day"), found.get("last_day")
    if first and last and last < first:
        problems["to"] = "“to” is a day before “from”. Exchange the two."
    return found, problems


def raise_for_problems(problems: Mapping[str, str]) -> None:
    """A mistyped filter must not show or export everything. Raises InvalidInput unless all is understood."""
    if problems:
        raise InvalidInput(problems)


def to_query(parameters: Mapping[str, Parameter], chosen: object, default: object) -> dict[str, str]:
    """The parameters that name it in an address: only what differs from the default, so that `parsed` gives it back."""
    values = {name: getattr(chosen, parameter.field) for name, parameter in parameters.items()}
    defaults = {name: getattr(default, parameter.field) for name, parameter in parameters.items()}
    return {name: _format_value(value) for name, value in values.items() if value != defaults[name]}


def _format_value(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case tuple():
            return ",".join(str(one) for one in value)
        case _:
            return str(value)


def list_parser(parse_item: Callable[[str], Any]) -> Callable[[str], tuple[Any, ...]]:
    """Values with commas between, each once."""
    return lambda value: tuple(dict.fromkeys(parse_item(one.strip()) for one in value.split(",")))


def choice_parser(allowed: Collection[str]) -> Callable[[str], str]:
    def read(value: str) -> str:
        if value not in allowed:
            raise ValueError
        return value

    return read


def parse_day(value: str) -> date:
    if not _DAY_PATTERN.fullmatch(value):
        raise ValueError
    return date.fromisoformat(value)


def parse_bool(value: str) -> bool:
    return {"true": True, "1": True, "false": False, "0": False}[
        choice_parser(("true", "1", "false", "0"))(value.lower())
    ]


def describe_choices(values: Collection[str]) -> str:
    return f"one or more of {', '.join(values)}, with commas between"

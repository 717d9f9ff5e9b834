"""Mark each test as unit, database, browser or system by what it uses.

The names that a test, its fixtures and its parameters use are followed through the helpers in tests/. A test that
reaches `subprocess` is `system`; one that reaches `ticketing.db` is `database`, or `system` when its input is
generated. All of tests/races are `system`, since 16 threads at once need the machine for themselves. A marker written
in a file comes first: for what cannot be seen this way, such as a program that our own code starts, a wait of real
seconds, or a test of every route, page or field.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from inspect import isclass, isfunction, ismodule, unwrap
from types import CodeType, FunctionType
from typing import Any

import pytest

from ticketing.settings import ROOT

MARKERS = ("unit", "database", "browser", "system")
MARKER_OF_FOLDER = {ROOT / "tests" / "browser": "browser", ROOT / "tests" / "races": "system"}


def mark(items: Iterable[pytest.Item]) -> None:
    for item in items:
        if not any(item.get_closest_marker(name) for name in MARKERS):
            item.add_marker(_choose_marker(item))


def _choose_marker(item: Any) -> str:
    for folder, marker in MARKER_OF_FOLDER.items():
        if folder in item.path.parents:
            return marker
    fixtures = (each.func for definitions in item._fixtureinfo.name2fixturedefs.values() for each in definitions)
    parameters = item.callspec.params.values() if hasattr(item, "callspec") else ()
    used = {name for each in (item.function, *fixtures, *parameters) for name in _find_modules(each)}
    uses_database = "database" in item.fixturenames or any(name.startswith("ticketing.db") for name in used)
    if "subprocess" in used or (uses_database and hasattr(item.function, "hypothesis")):
        return "system"
    return "database" if uses_database else "unit"


def _find_modules(value: Any) -> frozenset[str]:
    property_test = getattr(value, "hypothesis", None)
    value = property_test.inner_test if property_test else value
    function = unwrap(getattr(value, "__func__", value)) if callable(value) else None
    return _find_modules_of_function(function) if isfunction(function) else frozenset()


@cache
def _find_modules_of_function(start: FunctionType) -> frozenset[str]:
    """The names of other modules that a function uses, itself or through functions and classes of tests/."""
    reached, waiting = {start}, [start]
    modules = set()
    while waiting:
        for value in _list_used_values(waiting.pop()):
            if not isfunction(value) or not value.__module__.startswith("tests"):
                modules.add(value.__name__ if ismodule(value) else getattr(value, "__module__", None) or "")
            elif value not in reached:
                reached.add(value)
                waiting.append(value)
    return frozenset(modules)


def _list_used_values(function: FunctionType) -> Iterator[Any]:
    """The values of the global names in a function's code: for a module of tests/ those of its names that are used."""
    names = _list_names(function.__code__)
    for value in [function.__globals__[name] for name in names if name in function.__globals__]:
        if ismodule(value) and value.__name__.startswith("tests."):
            yield from _expand([getattr(value, name) for name in names if hasattr(value, name)])
        else:
            yield from _expand([value])


def _expand(values: Iterable[Any]) -> Iterator[Any]:
    """The values, with the methods of a class of tests/ in its place."""
    for value in values:
        is_ours = isclass(value) and value.__module__.startswith("tests")
        for each in vars(value).values() if is_ours else [value]:
            yield each.fget if isinstance(each, property) else unwrap(each) if callable(each) else each


def _list_names(code: CodeType) -> set[str]:
    nested = (each for each in code.co_consts if isinstance(each, CodeType))
    return set(code.co_names).union(*map(_list_names, nested))

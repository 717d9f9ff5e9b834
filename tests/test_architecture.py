"""The arrows between the rooms, and what a room may look like. Source: the layout and the arrows of the design."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from ticketing.settings import ROOT

ROOMS = ("app.py", "ui", "pages", "api", "ticketing", "migrations", "tests")
FRONTS = {"streamlit", "fastapi", "starlette", "ui", "pages", "api", "app"}
DRIVERS = {"sqlalchemy", "psycopg", "alembic"}
FORBIDDEN = {
    "ticketing": FRONTS,
    "pages": DRIVERS | {"ticketing.models", "api", "app", "fastapi", "starlette"},
    "ui": DRIVERS | {"api", "app", "fastapi"},
    "api": {"ui", "pages", "app"},
    "migrations": FRONTS,
}
# Lowest first: a module imports only from lines above its own, or from its own line where that is said.
LAYERS = (
    {"errors", "money", "settings", "actors", "tickets"},
    {"pricing", "fields", "models", "picture_files", "scanner", "query_parameters", "programs"},
    {"embedded", "metrics", "logs"},
    {"statements"},
    {"db"},
    {"schema", "pooler", "replica"},
    {"backup"},
    {"audit", "seals"},
    {"accounts", "editing", "daily_sales", "selection"},
    {"passwords", "rate_limits", "sessions", "tokens"},
    {"sign_in"},
    {"invitations"},
    {"staff"},
    {"images", "openid"},
    {"events", "packages", "options", "promo_codes"},
    {"purchases", "trial", "package_order", "many_packages", "copying", "corrections"},
    {"sales", "purchasers", "export", "guests", "comparison"},
    {"trail", "restoring"},
    {"import_tables", "excel_reader"},
    {"import_cells", "import_columns", "import_excel", "import_json", "import_rows"},
    {"import_files"},
    {"import_mapping", "import_orders", "import_writing"},
    {"imports"},
    {"demo", "checks"},
    {"__main__"},
)
NEIGHBOURS: set[str] = set()
MOST_LINES = 400
# Every table in one file, as one reads a schema: nothing is gained by looking in two.
LONG_FOR_A_REASON = {"ticketing/models.py", "migrations/versions/0001_the_first_schema.py"}


def files(room: str) -> list[Path]:
    place = ROOT / room
    return [place] if place.is_file() else sorted(place.rglob("*.py"))


def imported(file: Path) -> set[str]:
    """Every module a file imports, wherever in it, as dotted names and all their beginnings."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: imports are absolute, so that arrows can be read"
            names |= {node.module or ""} | {f"{node.module}.{alias.name}" for alias in node.names}
    return {".".join(name.split(".")[: n + 1]) for name in names for n in range(name.count(".") + 1)}


def relative(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("room", FORBIDDEN)
def test_no_room_reaches_where_it_must_not(room):
    assert files(room)
    assert {relative(file): found for file in files(room) if (found := imported(file) & FORBIDDEN[room])} == {}


def test_the_server_is_put_together_from_ui_and_api_and_knows_no_tables():
    assert imported(ROOT / "app.py") & (DRIVERS | {"pages", "ticketing.models"}) == set()


def layer_of(module: str) -> int:
    return next(height for height, layer in enumerate(LAYERS) if module in layer)


def test_every_module_of_the_domain_has_its_place():
    modules = {file.stem for file in files("ticketing")} - {"__init__"}
    assert modules - set().union(*LAYERS) == set()


@pytest.mark.parametrize("file", files("ticketing"), ids=relative)
def test_imports_in_the_domain_point_downwards_only(file):
    if file.stem == "__init__":
        assert imported(file) == set()
        return
    known = set().union(*LAYERS)
    used = {name.removeprefix("ticketing.") for name in imported(file) if name.startswith("ticketing.")} & known
    upwards = {name for name in used if layer_of(name) >= layer_of(file.stem)}
    assert upwards - (NEIGHBOURS if file.stem in NEIGHBOURS else set()) == set()


def test_money_prices_and_refusals_know_no_database():
    for name in ("errors", "money", "pricing", "actors", "picture_files"):
        assert imported(ROOT / f"ticketing/{name}.py") & (DRIVERS | {"ticketing.db", "ticketing.models"}) == set()


@pytest.mark.parametrize("room", ROOMS)
def test_no_file_is_longer_than_one_can_hold_in_mind(room):
    lengths = {relative(file): len(file.read_text().splitlines()) for file in files(room)}
    assert {name: n for name, n in lengths.items() if n > MOST_LINES and name not in LONG_FOR_A_REASON} == {}


def test_no_name_says_nothing():
    empty = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "base", "core"}
    assert [relative(file) for room in ROOMS for file in files(room) if file.stem in empty] == []


def methods_called(file: Path) -> set[str]:
    nodes = ast.walk(ast.parse(file.read_text()))
    return {node.func.attr for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)}


@pytest.mark.parametrize(
    "file", [file for file in files("ticketing") if file.stem not in {"db", "schema", "replica"}], ids=relative
)
def test_the_domain_never_commits_so_that_two_of_its_functions_can_be_one_click(file):
    assert methods_called(file) & {"commit", "rollback"} == set()


@pytest.mark.parametrize("page", files("pages"), ids=relative)
def test_the_first_thing_a_page_does_is_to_ask_who_is_here(page):
    body = ast.parse(page.read_text()).body
    statements = [node for node in body if not isinstance(node, ast.Import | ast.ImportFrom)]
    docstring, first = statements[:2]
    assert isinstance(docstring, ast.Expr), "a page says in a sentence what it is"
    assert isinstance(first, ast.Assign)
    assert ast.unparse(first.value).partition("(")[0] in {"session.require", "session.require_event"}

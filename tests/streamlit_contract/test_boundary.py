"""Only ui/runtime touches Streamlit beyond its public API."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from ticketing.settings import ROOT

FOLDERS = ("app.py", "api", "migrations", "pages", "ticketing", "ui")
RUNTIME = ROOT / "ui/runtime"
# streamlit.delta_generator has the type of a container, for annotations.
PUBLIC_MODULES = {"streamlit", "streamlit.delta_generator"}
INTERNAL_NAMES = {"runtime", "proto", "logger", "file_util", "web", "elements", "error_util", "config"}


def list_files() -> list[Path]:
    paths = [ROOT / folder for folder in FOLDERS]
    files = [file for path in paths for file in ([path] if path.is_file() else sorted(path.rglob("*.py")))]
    return [file for file in files if not file.is_relative_to(RUNTIME)]


def list_internals(source: str) -> Iterator[str]:
    """Return what a module imports, names or reads of Streamlit that is not public."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                modules = [alias.name for alias in names]
            case ast.ImportFrom(module=str(module), names=names):
                modules = [module]
                if module.partition(".")[0] == "streamlit":
                    yield from (
                        f"{module}.{alias.name}"
                        for alias in names
                        if alias.name.startswith("_") or (module == "streamlit" and alias.name in INTERNAL_NAMES)
                    )
            case ast.Constant(value=str(text)) if text.startswith("streamlit.") and " " not in text:
                modules = [text]  # importlib.import_module, logging.getLogger, monkeypatch
            case ast.Attribute(value=value, attr=name) if _is_streamlit(value):
                modules = [f"streamlit.{name}"] if name.startswith("_") or name in INTERNAL_NAMES else []
            case _:
                modules = []
        yield from (
            module for module in modules if module.split(".")[0] == "streamlit" and module not in PUBLIC_MODULES
        )


def _is_streamlit(node: ast.expr) -> bool:
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name) and node.id in ("st", "streamlit")


@pytest.mark.parametrize("file", list_files(), ids=lambda file: file.relative_to(ROOT).as_posix())
def test_module_outside_ui_runtime_uses_public_api_only(file):
    assert list(list_internals(file.read_text())) == []


@pytest.mark.parametrize("file", list_files(), ids=lambda file: file.relative_to(ROOT).as_posix())
def test_uploaders_are_those_of_ui_runtime(file):
    """Only `uploads.render_uploader` allows a page to upload, and frees its files."""
    widgets = ("st.file_uploader", "st.camera_input", "st.audio_input", "accept_file")
    assert [each for each in widgets if each in file.read_text()] == []


@pytest.mark.parametrize(
    "source",
    [
        "import streamlit.runtime",
        "from streamlit.proto.Alert_pb2 import Alert",
        "from streamlit import file_util",
        "from streamlit import logger as log",
        "from streamlit.runtime.scriptrunner import get_script_run_ctx",
        "import_module('streamlit.error_util')",
        "st.runtime.exists()",
        "st._main.empty()",
        "st.session_state._state",
        "streamlit.components.v2._register",
    ],
)
def test_internals_are_recognized(source):
    assert list(list_internals(source)) != []

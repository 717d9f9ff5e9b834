"""The files below /static/ that Ticket Desk serves itself: Streamlit's scripts and styles, our script and fonts.

`api/middleware/static_files.py` sends them compressed.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from streamlit import file_util

from ui.runtime import StreamlitChanged, paths

_UI_DIR = Path(__file__).resolve().parents[1]
_SERVED_SUFFIXES = {".css", ".js", ".mjs"}
# In the order in which every page runs them, before Streamlit's. Scripts of components are not among them.
PAGE_SCRIPTS = tuple(_UI_DIR / f"scripts/{name}.js" for name in ("shell", "forms", "till", "links"))
# Half of what a first visit loads would be two fonts: one of which it needs 150 icons of 3,900 (`make icons`), and one
# that shows no text, since the theme has another, but is loaded before the theme arrives.
REPLACED_FONTS = {
    "MaterialSymbols-Rounded.*.woff2": _UI_DIR / "fonts/icons.woff2",
    "SourceSansVF-Upright.ttf.*.woff2": _UI_DIR / "fonts/placeholder.woff2",
}
# What most pages show. The parts of charts come later, so that the numbers come before.
PRELOADED_COMPONENTS = (
    "Button",
    "ButtonGroup",
    "Checkbox",
    "Html",
    "LinkButton",
    "PageLink",
    "Selectbox",
)


def get_url(script: Path) -> str:
    """Return the path of a script of PAGE_SCRIPTS, which changes with its content."""
    digest = hashlib.sha256(script.read_bytes()).hexdigest()[:12]
    return f"{paths.STATIC}ticketdesk/{script.stem}.{digest}{script.suffix}"


def list_files() -> dict[str, Path]:
    """Return the scripts and styles by path."""
    folder = Path(file_util.get_static_dir())
    files = [file for file in (folder / "static").rglob("*") if file.suffix in _SERVED_SUFFIXES]
    return {f"/{file.relative_to(folder).as_posix()}": file for file in files} | {
        get_url(script): script for script in PAGE_SCRIPTS
    }


def list_replaced_fonts() -> dict[str, Path]:
    """Return our fonts by the path of the font that each replaces. Raises StreamlitChanged."""
    folder = Path(file_util.get_static_dir(), "static/media")
    replaced = {}
    for pattern, font in REPLACED_FONTS.items():
        names = [file.name for file in folder.glob(pattern)]
        if len(names) != 1:
            raise StreamlitChanged(f"static/media/{pattern}")
        replaced[f"{paths.STATIC}media/{names[0]}"] = font
    return replaced


def order_for_loading(scripts: Iterable[str]) -> list[str]:
    """Return Streamlit's scripts in an order that fills a slow line: a large one beside many small ones.

    Over HTTP/1.1 a browser loads six files at a time. A small one waits for the latency of the line, a large one for
    its bandwidth; asked for one after the other, both would be idle half of the time. Raises StreamlitChanged.
    """
    folder = Path(file_util.get_static_dir())
    try:
        sizes = {script: len(zlib.compress((folder / script.lstrip("/")).read_bytes(), 1)) for script in scripts}
    except FileNotFoundError as missing:
        raise StreamlitChanged(f"{Path(missing.filename).relative_to(folder)}") from None
    waiting = deque(sorted(sizes, key=lambda script: (sizes[script], script)))
    count, total_bytes, ordered, ordered_bytes = len(waiting), sum(sizes.values()), list[str](), 0
    while waiting:
        is_line_idle = ordered_bytes * count <= len(ordered) * total_bytes
        ordered.append(waiting.pop() if is_line_idle else waiting.popleft())
        ordered_bytes += sizes[ordered[-1]]
    return ordered


def list_component_scripts() -> list[str]:
    """Return the paths of the scripts of PRELOADED_COMPONENTS, with what these import. Raises StreamlitChanged."""
    try:
        manifest = json.loads(Path(file_util.get_static_dir(), "manifest.json").read_text())
    except FileNotFoundError:
        raise StreamlitChanged("static/manifest.json") from None
    found: dict[str, None] = {}
    for name in PRELOADED_COMPONENTS:
        keys = [key for key in manifest if key.endswith(f"/{name}/{name}.tsx")]
        if len(keys) != 1:
            raise StreamlitChanged(f"{name}.tsx in its manifest.json")
        _add_imports(manifest, keys[0], found)
    return list(found)


def _add_imports(manifest: dict[str, Any], key: str, found: dict[str, None]) -> None:
    path = f"/{manifest[key]['file']}"
    if path not in found:
        found[path] = None
        for imported in manifest[key].get("imports", []):
            _add_imports(manifest, imported, found)

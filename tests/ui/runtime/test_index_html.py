"""A Streamlit whose index.html changed stops the start of the server with one sentence."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest
from streamlit import file_util

from ticketing.settings import ROOT
from ui.runtime import StreamlitChanged, index_html, static_files

SCRIPT = "<script>window.ready = false</script>"
FONT = '<link rel="preload" href="./static/media/SourceSansVF-Upright.ttf.x.woff2" as="font" crossorigin />'
NOSCRIPT = "<noscript><p>Streamlit</p></noscript>"
ROOT_ELEMENT = '<div id="root"></div>'
VIEWPORT = '<meta name="viewport" content="width=device-width, initial-scale=1, shrink-to-fit=no">'
TITLE = "<title>Streamlit</title>"
BODY = f"<body>{NOSCRIPT}{ROOT_ELEMENT}</body>"
SCRIPTS = Path(file_util.get_static_dir(), "static/js")
ENTRY, LIBRARY = next(SCRIPTS.glob("react-dom.*.js")), next(SCRIPTS.glob("protobuf.*.js"))
MODULE = f'<script type="module" crossorigin src="./static/js/{ENTRY.name}"></script>'
PRELOAD = f'<link rel="modulepreload" crossorigin href="./static/js/{LIBRARY.name}">'
HTML = f'<head>{VIEWPORT}<link href="./favicon.png">{FONT}{TITLE}{SCRIPT}{MODULE}{PRELOAD}</head>{BODY}'


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Replace Streamlit's index.html; its other files stay."""
    (tmp_path / "static").symlink_to(Path(file_util.get_static_dir(), "static"))
    (tmp_path / "manifest.json").symlink_to(Path(file_util.get_static_dir(), "manifest.json"))
    monkeypatch.setattr(file_util, "get_static_dir", lambda: str(tmp_path))
    return (tmp_path / "index.html").write_text


def test_known_html_is_accepted(install):
    install(HTML)
    html = index_html.build()
    assert "<title>Ticket Desk</title>" in html
    assert "SourceSans" not in html
    assert "interactive-widget=resizes-content" in html
    assert html.count(f'"/static/js/{ENTRY.name}"') == html.count(LIBRARY.name) == 1  # preloaded once
    assert html.index('id="skeleton"') < html.index(ROOT_ELEMENT) < html.index('id="signed-out"')
    assert index_html.hash_inline_scripts() == ["'sha256-Z7L2T8khoKWK3qtQF/wSktj9xGCtCfem3Y6SPjwBwdU='"]


def test_components_load_after_what_connects_the_page(install):
    install(HTML)
    html = index_html.build()
    (component,) = SCRIPTS.glob("Selectbox.*.js")
    assert html.index(LIBRARY.name) < html.index('href="/_stcore/health"') < html.index(component.name)


@pytest.mark.parametrize("part", [VIEWPORT, TITLE, 'href="./favicon.png"', FONT, NOSCRIPT, ROOT_ELEMENT, "</body>"])
@pytest.mark.parametrize("count", [0, 2])
def test_missing_or_repeated_part_is_refused(install, part, count):
    install(HTML.replace(part, part * count))
    with pytest.raises(StreamlitChanged, match=r"Streamlit [\d.]+ has no .*\. See docs/streamlit-upgrade.md\."):
        index_html.build()


@pytest.mark.parametrize("part", [MODULE, PRELOAD])
def test_missing_module_is_refused(install, part):
    install(HTML.replace(part, ""))
    with pytest.raises(StreamlitChanged, match="modules in its index"):
        index_html.build()


def test_large_scripts_are_asked_for_beside_many_small_ones(tmp_path, monkeypatch):
    monkeypatch.setattr(file_util, "get_static_dir", lambda: str(tmp_path))
    for name, size in {"a": 50, "b": 40, "c": 1, "d": 1, "e": 1, "f": 1}.items():
        (tmp_path / name).write_bytes(random.Random(size).randbytes(size * 100))
    assert static_files.order_for_loading([f"/{name}" for name in "abcdef"]) == [
        f"/{name}" for name in ("a", "c", "d", "e", "b", "f")
    ]


@pytest.mark.parametrize(
    "script", ["", "<script type='module'>run()</script>", SCRIPT + "<script async>run()</script>"]
)
def test_unknown_inline_script_is_refused(install, script):
    install(HTML.replace(SCRIPT, script))
    with pytest.raises(StreamlitChanged, match="inline <script>"):
        index_html.hash_inline_scripts()


def test_script_file_needs_no_hash(install):
    install(HTML.replace(SCRIPT, f'<script type="module" src="./static/js/index.js"></script>{SCRIPT}'))
    assert len(index_html.hash_inline_scripts()) == 1


@pytest.mark.parametrize("part", ["manifest.json", "static"])
def test_missing_file_is_refused(install, tmp_path, part):
    install(HTML)
    (tmp_path / part).unlink()
    with pytest.raises(StreamlitChanged):
        index_html.build()


def test_missing_component_is_refused(install, tmp_path):
    install(HTML)
    (tmp_path / "manifest.json").unlink()
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(StreamlitChanged, match=r"manifest\.json"):
        index_html.build()


def test_server_does_not_start(tmp_path: Path):
    start = f"from streamlit import file_util; file_util.get_static_dir = lambda: {str(tmp_path)!r}; import app"
    done = subprocess.run([sys.executable, "-c", start], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.strip().endswith("has no static/index.html. See docs/streamlit-upgrade.md.")
    assert len(done.stderr.strip().splitlines()) == 1

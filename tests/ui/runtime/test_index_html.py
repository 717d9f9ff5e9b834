"""A Streamlit whose index.html changed stops the start of the server with one sentence."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from streamlit import file_util

from ticketing.settings import ROOT
from ui.runtime import StreamlitChanged, index_html

SCRIPT = "<script>window.ready = false</script>"
HTML = f'<head><link href="./favicon.png"><title>Streamlit</title>{SCRIPT}</head><body></body>'


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Replace Streamlit's index.html."""
    monkeypatch.setattr(file_util, "get_static_dir", lambda: str(tmp_path))
    return (tmp_path / "index.html").write_text


def test_known_html_is_accepted(install):
    install(HTML)
    assert "<title>Ticket Desk</title>" in index_html.build()
    assert index_html.hash_inline_scripts() == ["'sha256-Z7L2T8khoKWK3qtQF/wSktj9xGCtCfem3Y6SPjwBwdU='"]


@pytest.mark.parametrize("part", ["<title>Streamlit</title>", 'href="./favicon.png"', "</body>"])
@pytest.mark.parametrize("count", [0, 2])
def test_missing_or_repeated_part_is_refused(install, part, count):
    install(HTML.replace(part, part * count))
    with pytest.raises(StreamlitChanged, match=r"Streamlit [\d.]+ has no .*\. See docs/streamlit-upgrade.md\."):
        index_html.build()


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


def test_server_does_not_start(tmp_path: Path):
    start = f"from streamlit import file_util; file_util.get_static_dir = lambda: {str(tmp_path)!r}; import app"
    done = subprocess.run([sys.executable, "-c", start], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.strip().endswith("has no static/index.html. See docs/streamlit-upgrade.md.")
    assert len(done.stderr.strip().splitlines()) == 1

"""Streamlit's index.html with the name, icon and styles of Ticket Desk, and the hashes of its inline scripts.

Styles that a script run sends arrive late: on a slow machine the title moved after a second. So they are in the page.
"""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

from streamlit import file_util

from ui.runtime import StreamlitChanged

STYLESHEETS = (
    "frame.css",
    "packages/cards.css",
    "purchases/list.css",
    "purchases/details.css",
    "audit/change_list.css",
)
_UI_DIR = Path(__file__).resolve().parents[1]
_SCRIPT = re.compile(r"<script(?P<attributes>[^>]*)>(?P<code>.*?)</script>", re.DOTALL)


def build() -> str:
    """Return the HTML that every page starts from. Raises StreamlitChanged."""
    html = _read_original()
    styles = "".join((_UI_DIR / name).read_text() for name in STYLESHEETS)
    for original, replacement in (
        ("<title>Streamlit</title>", "<title>Ticket Desk</title>"),
        ('href="./favicon.png"', 'href="/session/icon.svg"'),
        # At the end of the body, because Streamlit adds styles to the head and the last rule wins.
        ("</body>", f"<style>\n{styles}</style>\n  </body>"),
    ):
        if html.count(original) != 1:
            raise StreamlitChanged(f"{original} in its index.html")
        html = html.replace(original, replacement)
    return html


def hash_inline_scripts() -> list[str]:
    """Return a Content-Security-Policy source for each inline script of the page. Raises StreamlitChanged."""
    inline = [script for script in _SCRIPT.finditer(_read_original()) if "src=" not in script["attributes"]]
    if not inline or any(script["attributes"] for script in inline):
        raise StreamlitChanged("plain inline <script> in its index.html")
    digests = [hashlib.sha256(script["code"].encode()).digest() for script in inline]
    return [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests]


def _read_original() -> str:
    try:
        return Path(file_util.get_static_dir(), "index.html").read_text()
    except FileNotFoundError:
        raise StreamlitChanged("static/index.html") from None

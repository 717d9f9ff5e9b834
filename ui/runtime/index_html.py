"""Streamlit's index.html with the name, styles and first picture of Ticket Desk, and the hashes of its inline scripts.

Styles that a script run sends arrive late: on a slow machine the title moved after a second. So they are in the page.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

from streamlit import file_util

from ui.runtime import StreamlitChanged, paths, static_files

STYLESHEETS = (
    "frame.css",
    "shell/shell.css",
    "widgets/forms.css",
    "widgets/list_rows.css",
    "packages/packages.css",
    "events/cards.css",
    "till/till.css",
    "purchases/list.css",
    "purchases/details.css",
    "audit/change_list.css",
    "sales/sales.css",
    "search/results.css",
    "print.css",
)
_UI_DIR = Path(__file__).resolve().parents[1]
_SCRIPT = re.compile(r"<script(?P<attributes>[^>]*)>(?P<code>.*?)</script>", re.DOTALL)
_MODULE = re.compile(r'<script type="module" crossorigin src="\./(static/[^"]+)"></script>')
_PRELOAD = re.compile(r'\s*<link rel="modulepreload" crossorigin href="\./(static/[^"]+)">')
_ROOT = '<div id="root"></div>'


def build() -> str:
    """Return the HTML that every page starts from. Raises StreamlitChanged."""
    html = _read_original()
    scripts = _list_scripts(html)
    html = _PRELOAD.sub("", html)  # they are in the head that we add
    for pattern, replacement in (
        (r"<title>Streamlit</title>", "<title>Ticket Desk</title>"),
        (r'href="\./favicon\.png"', 'href="/session/icon.svg"'),
        # The keyboard of a phone makes the page shorter, so that the total of the box office stands above it.
        (r"initial-scale=1, shrink-to-fit=no", "initial-scale=1, interactive-widget=resizes-content"),
        # The theme has another font. The first styles and scripts come in its place.
        (r'<link\s+rel="preload"\s+href="[^"]*SourceSansVF[^"]*"[^>]*>', _build_head(*scripts)),
        (
            r"<noscript>.*?</noscript>",
            "<noscript><p>Ticket Desk needs JavaScript. Switch it on, and reload.</p></noscript>",
        ),
        (re.escape(_ROOT), f"{_read('shell/skeleton.html')}{_ROOT}{_read('shell/dialogs.html')}"),
        # At the end of the body, because Streamlit adds styles to the head and the last rule wins.
        (r"</body>", f"<style>\n{''.join(map(_read, STYLESHEETS))}</style>\n  </body>"),
    ):
        found = re.findall(pattern, html, re.DOTALL)
        if len(found) != 1:
            raise StreamlitChanged(f"{pattern} in its index.html")
        html = html.replace(found[0], replacement)
    return html


def _list_scripts(html: str) -> tuple[list[str], list[str]]:
    """Return the scripts that Streamlit's page loads at once, and those of components that most pages show then."""
    loaded = [f"/{path}" for path in (*_MODULE.findall(html), *_PRELOAD.findall(html))]
    if len(loaded) < 2:
        raise StreamlitChanged("modules in its index.html")
    components = [path for path in static_files.list_component_scripts() if path not in loaded]
    return static_files.order_for_loading(loaded), static_files.order_for_loading(components)


def _build_head(loaded: Iterable[str], components: Iterable[str]) -> str:
    """Return styles of the skeleton, our scripts, which must run before Streamlit's, and what to load early.

    Components are last: they load while the page connects, which needs the other scripts.
    """
    fonts = [url for url, font in static_files.list_replaced_fonts().items() if font.stem == "icons"]
    return "\n    ".join(
        [
            f"<style>\n{_read('shell/skeleton.css')}</style>",
            *(
                f'<script defer fetchpriority="high" src="{static_files.get_url(script)}"></script>'
                for script in static_files.PAGE_SCRIPTS
            ),
            *(f'<link rel="preload" href="{url}" as="font" type="font/woff2" crossorigin>' for url in fonts),
            *map(_preload_script, loaded),
            *(f'<link rel="preload" href="{path}" as="fetch" crossorigin>' for path in paths.ASKED_FIRST),
            *map(_preload_script, components),
        ]
    )


def _preload_script(path: str) -> str:
    return f'<link rel="modulepreload" crossorigin href="{path}">'


def hash_inline_scripts() -> list[str]:
    """Return a Content-Security-Policy source for each inline script of the page. Raises StreamlitChanged."""
    inline = [script for script in _SCRIPT.finditer(_read_original()) if "src=" not in script["attributes"]]
    if not inline or any(script["attributes"] for script in inline):
        raise StreamlitChanged("plain inline <script> in its index.html")
    digests = [hashlib.sha256(script["code"].encode()).digest() for script in inline]
    return [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests]


def _read(name: str) -> str:
    return (_UI_DIR / name).read_text()


def _read_original() -> str:
    try:
        return Path(file_util.get_static_dir(), "index.html").read_text()
    except FileNotFoundError:
        raise StreamlitChanged("static/index.html") from None

"""What a browser gets before anything is drawn: Streamlit's own page, with our name, icon and styles in it.

Styles that come with the first run of the script come late: on a slow machine the title stood elsewhere for a second.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from streamlit import file_util

STYLESHEETS = (
    "frame.css",
    "packages/cards.css",
    "purchases/list.css",
    "purchases/details.css",
    "audit/change_list.css",
)


@cache
def render() -> str:
    """The HTML, the same for every page and person."""
    context = Path(__file__).resolve().parents[1]
    styles = "".join((context / name).read_text() for name in STYLESHEETS)
    html = Path(file_util.get_static_dir(), "index.html").read_text()
    for theirs, ours in (
        ("<title>Streamlit</title>", "<title>Ticket Desk</title>"),
        ('href="./favicon.png"', 'href="/session/icon.svg"'),
        (
            "</body>",
            f"<style>\n{styles}</style>\n  </body>",
        ),  # behind what Streamlit adds to the head: the last one counts
    ):
        assert theirs in html, f"Streamlit's page has no {theirs} any more"
        html = html.replace(theirs, ours)
    return html

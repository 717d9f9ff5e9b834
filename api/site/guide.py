"""The guide for staff at /guide, made from docs/guide, so that pages can link to what explains them."""

from __future__ import annotations

import re
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.token import Token
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from api.html import render_page
from ticketing.errors import NotFound
from ticketing.settings import ROOT

HOME = "README"
# Found at start and looked up, so that no path of a request is ever joined.
_PAGES = {path.stem: path for path in (ROOT / "docs" / "guide").glob("*.md")}
_PICTURES = {path.name: path for path in (ROOT / "docs" / "pictures").glob("*.webp")}
_PAGE_LINK = re.compile(r"(?P<name>[\w-]+)\.md(?P<part>#.*)?")
_markdown = MarkdownIt("commonmark", {"html": False}).enable("table")


def page(request: Request) -> Response:
    """Show a page of the guide, or its first one. Raises NotFound."""
    name = request.path_params.get("name", HOME)
    if name not in _PAGES:
        raise NotFound("page of the guide")
    title, content = _read(name)
    return render_page("guide.html", title=title, content=content, is_home=name == HOME)


def picture(request: Request) -> Response:
    """Send a picture of the guide. Raises NotFound."""
    path = _PICTURES.get(request.path_params["name"])
    if path is None:
        raise NotFound("picture of the guide")
    return FileResponse(path, media_type="image/webp")


@cache
def _read(name: str) -> tuple[str, str]:
    """Return the title of a page and its HTML, in which links lead to the pages below /guide."""
    tokens = _markdown.parse(_PAGES[name].read_text(encoding="utf-8"))
    title = ""
    for number, token in enumerate(tokens):
        if token.type == "heading_open":
            heading = tokens[number + 1].content
            token.attrSet("id", slugify(heading))
            title = title or heading
        for child in token.children or []:
            _change_address(child)
    return title, _markdown.renderer.render(tokens, _markdown.options, {})


def _change_address(token: Token) -> None:
    if token.type == "image":
        token.attrSet("src", f"/guide/pictures/{str(token.attrGet('src')).rpartition('/')[2]}")
        token.attrSet("loading", "lazy")
    elif token.type == "link_open" and (match := _PAGE_LINK.fullmatch(str(token.attrGet("href")))):
        path = "/guide" if match["name"] == HOME else f"/guide/{match['name']}"
        token.attrSet("href", path + (match["part"] or ""))


def slugify(heading: str) -> str:
    """Return the id of a heading, by which GitHub links to it as well: "Off sale, copied" is `off-sale-copied`."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


routes = [
    Route("/guide", page),
    Route("/guide/{name}", page),
    Route("/guide/pictures/{name}", picture),
]

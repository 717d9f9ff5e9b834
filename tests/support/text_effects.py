"""Whether a page shows what people typed as text: nothing of it ran, loaded, led elsewhere or took a shape."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from playwright.sync_api import Dialog, Page, Request

from tests.support.hostile_text import normalize_line

# A component of ours draws into a tree of its own below the page's.
_TREES_JS = """const trees = root => [root, ...[...root.querySelectorAll('*')]
    .flatMap(each => each.shadowRoot ? trees(each.shadowRoot) : [])];
const all = query => trees(document.body).flatMap(tree => [...tree.querySelectorAll(query)]);
const texts = () => trees(document.body).flatMap(tree => {
    const walk = document.createTreeWalker(tree, NodeFilter.SHOW_TEXT), found = [];
    while (walk.nextNode()) found.push(walk.currentNode);
    return found;
});"""
# Words that stand between signs in what was typed. Alone in a text they have lost their signs: those took effect.
_LIST_EFFECTS_JS = f"""() => {{
    {_TREES_JS}
    const found = [], isElsewhere = address => new URL(address, location).origin !== location.origin;
    if (window.__pwned !== undefined) found.push('a script ran');
    for (const link of all('a[href], area[href], form[action]'))
        if (isElsewhere(link.href || link.action)) found.push('leads elsewhere: ' + link.outerHTML);
    for (const one of all('img, iframe, embed, object, script, link, source, video, audio')) {{
        const from = one.src || one.href || one.data || '';
        if (from && !from.startsWith('data:') && !from.startsWith('blob:') && isElsewhere(from))
            found.push('loads: ' + one.outerHTML);
    }}
    for (const sum of all('.katex')) found.push('a formula: ' + sum.textContent);
    for (const text of texts())
        if (/^zq(?!zq)[a-z]*$/.test(text.textContent.trim()))
            found.push('lost its signs: ' + text.textContent + ' in ' + text.parentElement.outerHTML);
    return found.map(each => each.slice(0, 300));
}}"""
_SHOWS_TEXTS_JS = f"""typed => {{
    {_TREES_JS}
    const plain = text => text.replace(/[\u2060\ufeff]/g, '').replace(/\\s+/g, ' ');
    const seen = plain(trees(document.body).map(tree => tree.textContent).join(' '));
    return typed.every(text => seen.includes(plain(text).trim()));
}}"""


def list_text_effects(page: Page) -> list[str]:
    """What of the page is more than text."""
    return list(page.evaluate(_LIST_EFFECTS_JS))


def wait_for_texts(page: Page, texts: list[str]) -> None:
    """Waits until a reader sees each text on the page as it was typed."""
    page.wait_for_function(_SHOWS_TEXTS_JS, arg=[normalize_line(text) for text in texts])


@contextmanager
def record_side_effects(page: Page) -> Iterator[list[str]]:
    """Notes what a page asks of other places, and every dialog of the browser that a script could have opened."""
    found: list[str] = []

    def note_request(request: Request) -> None:
        place = urlsplit(request.url)
        if place.scheme in ("http", "https", "ws", "wss") and place.hostname not in ("localhost", "127.0.0.1"):
            found.append(f"asked for {request.url}")

    def note_dialog(dialog: Dialog) -> None:
        found.append(f"a dialog said {dialog.message}")
        dialog.dismiss()

    page.context.on("request", note_request)
    page.on("dialog", note_dialog)
    yield found
    page.context.remove_listener("request", note_request)
    page.remove_listener("dialog", note_dialog)

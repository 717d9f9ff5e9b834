"""Check that a page shows user input as text: nothing of it ran, loaded, linked elsewhere or was formatted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from playwright.sync_api import Dialog, Page, Request

from tests.support.hostile_text import normalize_line

# Our component renders into a shadow tree.
_TREES_JS = """const trees = root => [root, ...[...root.querySelectorAll('*')]
    .flatMap(each => each.shadowRoot ? trees(each.shadowRoot) : [])];
const all = query => trees(document.body).flatMap(tree => [...tree.querySelectorAll(query)]);
const texts = () => trees(document.body).flatMap(tree => {
    const walk = document.createTreeWalker(tree, NodeFilter.SHOW_TEXT), found = [];
    while (walk.nextNode()) found.push(walk.currentNode);
    return found;
});"""
# The inputs have these words between markup. Alone in a text node, a word has lost its markup, which took effect.
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
            found.push('lost its markup: ' + text.textContent + ' in ' + text.parentElement.outerHTML);
    return found.map(each => each.slice(0, 300));
}}"""
_SHOWS_TEXTS_JS = f"""typed => {{
    {_TREES_JS}
    const plain = text => text.replace(/\\s+/g, ' ');
    const seen = plain(trees(document.body).map(tree => tree.textContent).join(' '));
    return typed.every(text => seen.includes(plain(text).trim()));
}}"""


def list_text_effects(page: Page) -> list[str]:
    """Return what took effect on the page."""
    return list(page.evaluate(_LIST_EFFECTS_JS))


def wait_for_texts(page: Page, texts: list[str]) -> None:
    """Wait until the page shows each text as it was typed."""
    page.wait_for_function(_SHOWS_TEXTS_JS, arg=[normalize_line(text) for text in texts])


@contextmanager
def record_side_effects(page: Page) -> Iterator[list[str]]:
    """Record requests to other hosts, and browser dialogs that a script could have opened."""
    effects: list[str] = []

    def record_request(request: Request) -> None:
        url = urlsplit(request.url)
        if url.scheme in ("http", "https", "ws", "wss") and url.hostname not in ("localhost", "127.0.0.1"):
            effects.append(f"requested {request.url}")

    def record_dialog(dialog: Dialog) -> None:
        effects.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    page.context.on("request", record_request)
    page.on("dialog", record_dialog)
    yield effects
    page.context.remove_listener("request", record_request)
    page.remove_listener("dialog", record_dialog)

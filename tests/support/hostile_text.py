"""Hostile inputs: each must be shown as it was typed, and nothing of it may take effect.

Words that would show an effect begin with zq, so that a page can be searched for them.
"""

from __future__ import annotations

import re
import unicodedata

EVIL_HOST = "evil.example"
TEXTS = {
    "script": "<script>window.__pwned=1</script>zqscript",
    "image that fails": '<img src=x onerror="window.__pwned=1">zqimg',
    "drawing that loads": "<svg/onload=window.__pwned=1>zqsvg",
    "frame": f'<iframe src="https://{EVIL_HOST}/frame">zqframe</iframe>',
    "tags": f'<b>zqbold</b><a href="https://{EVIL_HOST}/a">zqlink</a>',
    "end of an attribute": "\"'><b>zqbold</b><!--",
    "entities": "&lt;b&gt;zqentity&lt;/b&gt; &amp;amp; &#42;&#x2a;",
    "link": f"[zqlink](https://{EVIL_HOST}/link)",
    "link that runs": "[zqjs](javascript:window.__pwned=1)",
    "picture from elsewhere": f"![zqpicture](https://{EVIL_HOST}/pixel.png)",
    "reference": f"[zqref][1] [1]: https://{EVIL_HOST}/ref",
    "bare address": f"zq see http://{EVIL_HOST}/bare, HTTPS://{EVIL_HOST}/BARE",
    "www": f"zq at www.{EVIL_HOST}/www and WWW.{EVIL_HOST}",
    "e-mail address": f"zq ana@{EVIL_HOST} <ben@{EVIL_HOST}>",
    "address that runs": "javascript:window.__pwned=1//zq",
    "bold": "**zqbold** and __zqstrong__",
    "italic": "*zqital* and _zqemph_ and ***zqboth***",
    "struck": "~~zqdel~~ and `zqcode`",
    "heading": "# zqhead",
    "list": "- zqitem",
    "numbered": "1. zqitem",
    "quote": "> zqquote",
    "rule": "---",
    "table": "| zqa | zqb | |---|---| | 1 | 2 |",
    "formula": r"$zq^2$ and $$zq_i$$ and \(zq\)",
    "color": ":red[zqred] and :blue-background[zqblue] :small[zqsmall]",
    "icon": ":material/delete: :streamlit: zqicon",
    "emoji code": ":smile: :+1: zqsmile",
    "footnote": "zq[^1]",
    "sum": "=SUM(A1:A9)",
    "sum of a program": '=HYPERLINK("https://evil.example/zq","zq")',
    "plus": "+1+cmd|' /C calc'!A0",
    "minus": "-2+3",
    "at": "@SUM(1+1)*cmd",
    "percent": "%s %d %n %(name)s %00 100%",
    "braces": "{{7*7}} ${7*7} #{7*7} {0} {name}",
    "quotes": "'single' \"double\" `back` \\ \\\\ \\n \\u0000 \\ud800",
    "comma and semicolon": 'a,b;c|"d",,"',
    "query": "'; DROP TABLE packages; --",
    "path": "../../../etc/passwd",
    "line of a log": "zq ERROR ticketing.faults: reference deadbeef",
    "right to left": "zq\u202eevitceffe\u202c",
    "zero width": "z\u200bq\u200d\u2060\ufeffx",
    "stacked marks": "zq" + "Z\u0351\u0363\u0302" * 5,
    "accents": "Zoë Łukasz São 北京 مرحبا 👩\u200d👩\u200d👧 ﷽",
    "long word": "zq" * 24,
    "words of programs": "null None undefined NaN true 0 nil",
}
# A field of one line replaces each of these by one space.
LINE_BREAKS = {
    "new line": "zqone\nzqtwo",
    "carriage return": "zqone\r\nzqtwo",
    "tab": "zqone\tzqtwo",
    "separator": "zqone\u2028zqtwo\u2029zqthree",
    "line that is a log's": "zq\n2026-11-25 ERROR ticketing.faults: reference deadbeef",
}
# Control characters, which a field refuses.
REFUSED_TEXTS = {
    "NUL": "zq\x00zq",
    "escape": "zq\x1b[31mzq",
    "bell": "zq\x07zq",
    "delete": "zq\x7fzq",
    "half": "zq\ud800zq",
}


def normalize_line(typed: str) -> str:
    """Return the text as a field of one line stores it."""
    return _strip(re.sub(r"\s+", " ", typed))


def normalize_paragraphs(typed: str) -> str:
    """Return the text as a description or note stores it."""
    return _strip(typed.replace("\r\n", "\n").replace("\r", "\n"))


def normalize_promo_code(typed: str) -> str:
    """Return the text as a promo code is compared: nothing invisible, and capitals if it is ASCII."""
    visible = "".join(letter for letter in normalize_line(typed) if not _is_invisible(letter))
    return visible.upper() if visible.isascii() else visible


def _strip(text: str) -> str:
    """Remove what is blank or invisible at the ends."""
    kept = [place for place, letter in enumerate(text) if not letter.isspace() and not _is_invisible(letter)]
    return text[kept[0] : kept[-1] + 1] if kept else ""


def _is_invisible(letter: str) -> bool:
    return unicodedata.category(letter) == "Cf"

"""Make ui/fonts: of Streamlit's 3,900 icons those that pages show, and a font in place of one that shows nothing.

`make icons` runs it. An icon that is missing in the font appears as a word across the page, so a test compares the font
with the code (tests/ui/test_icon_font.py).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont
from streamlit import file_util

from ticketing.settings import ROOT
from ui.runtime import static_files

CODE = ("api", "pages", "ui")
ICONS, PLACEHOLDER = ROOT / "ui/fonts/icons.woff2", ROOT / "ui/fonts/placeholder.woff2"
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_STREAMLIT_ICON = re.compile(r"material/([a-z][a-z0-9_]*)")
_OUR_ICON = re.compile(r":material/([a-z][a-z0-9_]*)(:|$)")


def find_streamlit_font() -> Path:
    """Return the file of the font with all icons."""
    pattern = next(pattern for pattern, font in static_files.REPLACED_FONTS.items() if font == ICONS)
    (file,) = Path(file_util.get_static_dir(), "static/media").glob(pattern)
    return file


def list_icons(file: Path) -> dict[str, str]:
    """Return the glyph of each icon of a font by the word that is replaced by it, from its ligatures."""
    font = TTFont(file)
    letters = {glyph: chr(code) for code, glyph in font.getBestCmap().items()}
    icons: dict[str, str] = {}
    for lookup in font["GSUB"].table.LookupList.Lookup:
        for table in lookup.SubTable:
            table = getattr(table, "ExtSubTable", table)
            for first, ligatures in getattr(table, "ligatures", {}).items():
                for each in ligatures:
                    icons["".join(letters.get(part, "?") for part in (first, *each.Component))] = each.LigGlyph
    return icons


@cache
def list_used_names() -> frozenset[str]:
    """Return the icons that Streamlit's scripts name, and every word of our code that is the name of an icon."""
    known = list_icons(find_streamlit_font())
    names = set()
    for script in Path(file_util.get_static_dir(), "static/js").glob("*.js"):
        names |= set(_STREAMLIT_ICON.findall(script.read_text(errors="ignore")))
    for folder in CODE:
        for file in (ROOT / folder).rglob("*"):
            if file.suffix == ".py":
                names |= set(_list_words(file))
            elif file.suffix in (".js", ".html"):
                names |= set(_NAME.findall(file.read_text()))
    return frozenset(names & known.keys())


def _list_words(file: Path) -> Iterator[str]:
    """Yield the strings that could name an icon. One that ends within a name, such as "counter_", yields its digits."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if _NAME.fullmatch(node.value):
                yield node.value
            for name, end in _OUR_ICON.findall(node.value):
                yield from [name] if end == ":" else (f"{name}{digit}" for digit in range(10))
            yield from re.findall(r'class="icon"[^>]*>([a-z_0-9]+)<', node.value)


def make_icons() -> None:
    """Write the font of the icons in use, with all letters of names, so that ligatures work."""
    source = find_streamlit_font()
    font = TTFont(source)
    icons = list_icons(source)
    options = Options()
    options.flavor = "woff2"
    options.layout_features = ["*"]
    options.layout_closure = False
    options.name_IDs = ["*"]
    subsetter = Subsetter(options)
    subsetter.populate(text="abcdefghijklmnopqrstuvwxyz0123456789_", glyphs=[icons[name] for name in list_used_names()])
    subsetter.subset(font)
    font.save(ICONS)


def make_placeholder() -> None:
    """Write a font with one glyph, for a character that no text has. Browsers refuse a font without contours."""
    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    pen.lineTo((0, 500))
    pen.lineTo((500, 500))
    pen.closePath()
    glyph = pen.glyph()
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", "triangle"])
    builder.setupCharacterMap({0xE000: "triangle"})
    builder.setupGlyf({".notdef": glyph, "triangle": glyph})
    builder.setupHorizontalMetrics({".notdef": (500, 0), "triangle": (500, 0)})
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "Placeholder", "styleName": "Regular"})
    builder.setupOS2(sTypoAscender=800, sTypoDescender=-200, usWinAscent=800, usWinDescent=200)
    builder.setupPost()
    builder.font.flavor = "woff2"
    builder.save(PLACEHOLDER)


if __name__ == "__main__":
    make_icons()
    make_placeholder()
    print(f"{len(list_used_names())} icons: {ICONS.stat().st_size} and {PLACEHOLDER.stat().st_size} bytes")

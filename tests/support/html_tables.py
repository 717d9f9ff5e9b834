"""Read the tables and links that pages render as HTML."""

import re
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

_TABLE = re.compile(r'<div class="figures[^"]*"[^>]*><table>.*?</table></div>', re.DOTALL)


def read_table(screen, caption):
    """The rows of the table of figures whose caption begins so, as text, the totals row included."""
    (table,) = (html for html in list_tables(screen) if f"<caption>{caption}" in html)
    return [[" ".join(cell.itertext()) for cell in row] for row in parse_html(table).iterfind("table/*/tr")]


def parse_html(html):
    return ElementTree.fromstring(html)  # noqa: S314 (our own markup, which must be well-formed)


def list_tables(screen):
    return [table for each in screen.app.get("html") for table in _TABLE.findall(each.value)]


def parse_page(screen):
    """All HTML of the page's own blocks below one element, without styles and pictures."""
    parts = [each.value for each in screen.app.main.html if not each.value.startswith(("<style", "<img"))]
    return parse_html(f"<page>{''.join(parts)}</page>")


def read_links(screen):
    """The query parameters of each link of the page to purchases, by its label and without the event."""
    links = {}
    for each in parse_page(screen).iter("a"):
        address = urlsplit(each.get("href"))
        if address.path == "/purchasers":
            query = {name: value for name, (value,) in parse_qs(address.query).items() if name != "event"}
            links["".join(each.itertext())] = query
    return links


def read_pairs(screen):
    """The values of all lists of names and figures, by name; the hint below a name is left out."""
    return {
        "".join(_own_texts(div.find("dt"))): "".join(div.find("dd").itertext())
        for div in parse_page(screen).iterfind(".//dl/div")
    }


def _own_texts(element):
    return [each for part in element.iter() if part.tag != "small" for each in [part.text] if each]


def read_tiles(screen):
    """The value and the change of each tile, by its label; without a comparison the change is None."""
    return {
        tile.find("span[@class='label']").text: (tile.find("span[@class='value']").text, _find_change(tile))
        for tile in parse_page(screen).iterfind(".//div[@class='tile']")
    }


def _find_change(tile):
    return next((span.text for span in tile.iter("span") if (span.get("class") or "").startswith("change")), None)

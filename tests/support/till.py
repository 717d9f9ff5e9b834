"""The till without a browser: what its tiles and lines have, and what they send (ui/scripts/till.js)."""

from __future__ import annotations

import html
import json
import re
import uuid
from typing import Any

from sqlalchemy import select

from tests.support.screen import Screen
from ticketing import db
from ticketing.models import Event, Package, Purchase

NAME, EMAIL, PHONE = "Donor's name", "E-mail address", "Phone (optional)"
GUESTS, NOTE, PROMO = "Guests (optional)", "Note (optional)", "Promo code (optional)"
CHANNEL, PAYMENT, RECEIVED = "Paid by", "Status", "Amount received"


def find_parts(screen: Screen) -> list[tuple[Any, dict[str, Any]]]:
    """Return the parts that the browser draws, with their data."""
    found = screen.app.get("bidi_component")
    return [(each, json.loads(each.proto.mixed.json or each.proto.json)) for each in found]


def find_tiles(screen: Screen) -> tuple[Any, dict[str, Any]]:
    (tiles,) = ((part, data) for part, data in find_parts(screen) if "tiles" in part.proto.component_name)
    return tiles


def list_tiles(screen: Screen) -> list[str]:
    """Return the tiles as text: name, price and seats."""
    tiles = re.findall(r"<li>(.*?)</li>", find_tiles(screen)[1]["html"])
    return [_get_text(each) for each in tiles]


def list_lines(screen: Screen) -> list[str]:
    """Return the lines of the order as text: quantity, name, price and seats, and what is wrong with the package."""
    quantities = dict(find_tiles(screen)[1]["lines"])
    lines = [data for part, data in find_parts(screen) if part.proto.component_name.endswith("_line")]
    texts = (re.sub(r'<(?:div class="stepper"|button|p).*', "", data["html"]) for data in lines)
    return [
        " ".join(f"{quantities[data['id']]} × {_get_text(about)} {data['problem']}".split())
        for data, about in zip(lines, texts, strict=True)
    ]


def send_lines(
    screen: Screen, *lines: tuple[Package | uuid.UUID, int], number: int | None = None, order: str = ""
) -> Screen:
    """Send the whole order as the browser does after a tap; `number` and `order` for a message that is late."""
    _, data = find_tiles(screen)
    sent = {
        "order": order or data["order"],
        "number": data["number"] + 1 if number is None else number,
        "lines": [[str(getattr(package, "id", package)), quantity] for package, quantity in lines],
    }
    return send(screen, sent)


def send(screen: Screen, order: Any) -> Screen:
    part, _ = find_tiles(screen)
    states = screen.app._tree.get_widget_states()
    states.widgets.add(id=part.proto.id, json_value=json.dumps({"order": order}))
    screen.app._run(states)
    assert [error.message for error in screen.app.exception] == []
    return screen


def get_sums(screen: Screen) -> dict[str, str]:
    """Return the amounts of the order or the receipt by label."""
    rows = (row for each in screen.app.html for row in re.findall(r"<dt[^>]*>(.*?)</dt><dd>(.*?)</dd>", each.value))
    return {_get_text(label): amount for label, amount in rows}


def get_receipt(screen: Screen) -> str | None:
    """Return the receipt as text, or None without one."""
    (receipt,) = [each.value for each in screen.app.html if 'class="receipt"' in each.value] or [None]
    return receipt and _get_text(receipt)


def enter_donor(screen: Screen, name: str = "Ana Ruiz", email: str = "ana@example.org") -> Screen:
    return screen.enter(NAME, name).enter(EMAIL, email)


def get_record_label(screen: Screen) -> str:
    """Return the label of the record button, which includes the total."""
    (label,) = (label for label in screen.labels() if label.startswith("Record sale"))
    return label


def list_recorded(event: Event, model: type[Any] = Purchase) -> list[Any]:
    """Return what was stored for the event."""
    with db.read_session() as session:
        return list(session.scalars(select(model).where(model.event_id == event.id)))


def _get_text(drawn: str) -> str:
    return " ".join(html.unescape(re.sub("<[^>]*>", " ", drawn)).split())

"""Downloads of an event with 20 MB of purchases, by a client that reads on demand."""

from __future__ import annotations

import socket
from types import TracebackType
from urllib.parse import urlsplit

from sqlalchemy import text

from tests.support import make
from ticketing import db
from ticketing.models import Event

PURCHASES = 10_000
NOTES_LENGTH = 2_000
_COPY_PURCHASE = text("""
    INSERT INTO purchases (id, event_id, order_id, line_number, leads_order, package_id, quantity, unit_price,
        seats_per_package, list_price, discount, total, payment_status, channel, purchaser_name, purchaser_email,
        purchased_at, notes)
    SELECT gen_random_uuid(), event_id, order_id, number, false, package_id, quantity, unit_price,
        seats_per_package, list_price, discount, total, payment_status, channel, purchaser_name, purchaser_email,
        purchased_at, repeat('x', :length)
    FROM purchases, generate_series(2, :purchases) AS number WHERE event_id = :event_id
""")


def create_large_event() -> Event:
    """Create an event whose CSV is larger than every buffer between PostgreSQL and a client."""
    event = make.event()
    make.purchase(event, make.package(event))
    values = {"event_id": event.id, "purchases": PURCHASES, "length": NOTES_LENGTH}
    db.write(lambda session: session.execute(_COPY_PURCHASE, values))
    return event


class SlowDownload:
    """A client with a small buffer that requests the CSV of an event."""

    def __init__(self, server_url: str, event: Event, token: str) -> None:
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
        self._socket.settimeout(60)
        address = urlsplit(server_url)
        assert address.port is not None
        self._socket.connect(("127.0.0.1", address.port))
        path = f"/api/v1/admin/events/{event.id}/tickets/sales/export"
        request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n"
        self._socket.sendall(request.encode())

    def __enter__(self) -> SlowDownload:
        return self

    def __exit__(self, _kind: type | None, _error: BaseException | None, _where: TracebackType | None) -> None:
        self._socket.close()

    def read_status(self) -> int:
        """Wait for the response and return its status."""
        return int(self.read(len("HTTP/1.1 200")).split()[1])

    def read(self, max_bytes: int) -> bytes:
        """Return up to `max_bytes` of what follows; raises ConnectionError after the server has disconnected."""
        return self._socket.recv(max_bytes)

    def read_to_end(self) -> None:
        """Read until the server closes the connection; raises ConnectionError when it aborted."""
        while self.read(1024 * 1024):
            pass

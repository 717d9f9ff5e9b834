"""Close connections on which a client stalls between requests; uvicorn, which Streamlit runs, waits for ever.

uvicorn closes a connection that is idle after a response. But it has no deadline for the first request, for the rest of
a request head, or for a body that nobody reads any more. Each such connection keeps a socket until the process has no
more. Clients that take nothing of a running response are the matter of stalled_readers.py.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

MAX_STALL_SECONDS = 15
# For the end of a finished response: the system takes more of it only when the client has read megabytes.
MAX_UNREAD_SECONDS = 120

_original_connection_made = AutoHTTPProtocol.connection_made
_original_connection_lost = AutoHTTPProtocol.connection_lost
_original_on_response_complete = AutoHTTPProtocol.on_response_complete  # type: ignore[attr-defined]


def install_patches() -> None:
    """Patch every connection of this process. The patches are functions, so mypy sees other types than methods."""
    AutoHTTPProtocol.connection_made = _connection_made  # type: ignore[assignment,method-assign]
    AutoHTTPProtocol.connection_lost = _connection_lost  # type: ignore[assignment,method-assign]
    AutoHTTPProtocol.on_response_complete = _on_response_complete  # type: ignore[attr-defined]


def _connection_made(connection: Any, transport: asyncio.Transport) -> None:
    _original_connection_made(connection, transport)
    _watch(connection)


def _on_response_complete(connection: Any) -> None:
    _watch(connection)
    _original_on_response_complete(connection)


def _connection_lost(connection: Any, exc: Exception | None) -> None:
    connection.stall_timer.cancel()
    _original_connection_lost(connection, exc)


def _watch(connection: Any) -> None:
    """Look after MAX_STALL_SECONDS whether a request has begun."""
    _set_timer(connection, MAX_STALL_SECONDS, float("inf"))


def _set_timer(connection: Any, seconds: float, unsent: float) -> None:
    if timer := getattr(connection, "stall_timer", None):
        timer.cancel()
    connection.stall_timer = connection.loop.call_later(seconds, _close_if_stalled, connection, unsent)


def _close_if_stalled(connection: Any, unsent_before: float) -> None:
    """Close the connection unless a request runs, a page took it over as its websocket, or a response is being read."""
    is_websocket = connection.transport.get_protocol() is not connection
    is_request_running = connection.cycle is not None and not connection.cycle.response_complete
    if is_websocket or is_request_running:
        return
    unsent = connection.transport.get_write_buffer_size()
    if 0 < unsent < unsent_before:
        _set_timer(connection, MAX_UNREAD_SECONDS, unsent)
    else:
        connection.transport.abort()

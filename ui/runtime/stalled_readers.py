"""Disconnect clients that take nothing of a response for 30 seconds, since they would hold its resources forever.

uvicorn waits for them without a limit; its own timeouts concern requests. What counts is what the client's machine has
acknowledged. To wait until the socket is writable again would not do: the kernel says so when a third of its buffer of
up to 4 MB is free, so that a slow client would look like one that stopped.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import socket
import struct
import sys
import termios
from weakref import WeakKeyDictionary

from uvicorn.protocols.http.flow_control import FlowControl

log = logging.getLogger("ticketing.stalled")

MAX_STALL_SECONDS = 30.0
_DARWIN_SO_NWRITE = 0x1024

_original_pause_writing = FlowControl.pause_writing
_original_resume_writing = FlowControl.resume_writing
_timers: WeakKeyDictionary[FlowControl, asyncio.TimerHandle] = WeakKeyDictionary()


def install_patch() -> None:
    """Patch the flow control of every HTTP connection. The patches are functions, so mypy sees other types."""
    FlowControl.pause_writing = _pause_writing  # type: ignore[assignment,method-assign]
    FlowControl.resume_writing = _resume_writing  # type: ignore[assignment,method-assign]


def _pause_writing(flow: FlowControl) -> None:
    """Watch the client from the moment when the response has to wait for it."""
    _original_pause_writing(flow)
    _watch(flow)


def _resume_writing(flow: FlowControl) -> None:
    """Stop watching. uvicorn calls this when the client has read enough, and when the connection is closed."""
    _original_resume_writing(flow)
    if timer := _timers.pop(flow, None):
        timer.cancel()


def _watch(flow: FlowControl) -> None:
    unread = _count_unread_bytes(flow)
    _timers[flow] = asyncio.get_running_loop().call_later(MAX_STALL_SECONDS, _abort_if_stalled, flow, unread)


def _abort_if_stalled(flow: FlowControl, unread_before: int) -> None:
    """Abort the connection unless the client has read something. Nothing is written while writing is paused."""
    if _count_unread_bytes(flow) < unread_before:
        _watch(flow)
        return
    log.warning("a client took nothing of a response for %.0f seconds and is disconnected", MAX_STALL_SECONDS)
    # Without this the kernel would keep up to 4 MB and go on offering it to the client.
    _get_socket(flow).setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    flow._transport.abort()


def _count_unread_bytes(flow: FlowControl) -> int:
    """Return how many bytes of the response the client's machine has not acknowledged."""
    if sys.platform == "darwin":
        in_kernel = _get_socket(flow).getsockopt(socket.SOL_SOCKET, _DARWIN_SO_NWRITE)
    else:
        handle = _get_socket(flow).fileno()
        (in_kernel,) = struct.unpack("i", fcntl.ioctl(handle, termios.TIOCOUTQ, struct.pack("i", 0)))
    return flow._transport.get_write_buffer_size() + int(in_kernel)


def _get_socket(flow: FlowControl) -> socket.socket:
    found: socket.socket = flow._transport.get_extra_info("socket")
    return found

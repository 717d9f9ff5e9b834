"""The malware scanner: clamd, which is asked about every upload when CLAMD_ADDRESS names one.

No answer is never a yes: a scanner that is configured and away stops the uploads, it does not wave them through.
"""

from __future__ import annotations

import logging
import socket
import struct
from urllib.parse import urlsplit

from ticketing import settings
from ticketing.errors import ScannerAway

log = logging.getLogger("ticketing.scanner")

SECONDS_TO_CONNECT = 5
SECONDS_TO_ANSWER = 30
PORT = 3310
_LONGEST_ANSWER = 4096


def find(content: bytes) -> str | None:
    """The name of the signature that the content matches; None when it matches none, or no scanner is configured.

    Raises ScannerAway.
    """
    address = settings.clamd_address()
    if address is None:
        return None
    try:
        with _connected(address) as connection:
            answer = _asked(connection, content)
    except (OSError, ValueError) as failure:
        log.error("the scanner does not answer", extra={"address": address}, exc_info=failure)
        raise ScannerAway from failure
    if answer == "stream: OK":
        return None
    if answer.startswith("stream: ") and answer.endswith(" FOUND"):
        signature = answer.removeprefix("stream: ").removesuffix(" FOUND")
        log.warning("upload refused, the scanner found %s", signature, extra={"signature": signature})
        return signature
    log.error("the scanner answers with an error: %s", answer or "nothing", extra={"address": address})
    raise ScannerAway


def _connected(address: str) -> socket.socket:
    """A path is a socket of this machine, everything else host:port."""
    if not address.startswith("/"):
        place = urlsplit(f"//{address}")
        connection = socket.create_connection((place.hostname, place.port or PORT), SECONDS_TO_CONNECT)
    else:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(SECONDS_TO_CONNECT)
        try:
            connection.connect(address)
        except OSError:
            connection.close()
            raise
    connection.settimeout(SECONDS_TO_ANSWER)
    return connection


def _asked(connection: socket.socket, content: bytes) -> str:
    """clamd's INSTREAM: the length, the bytes, and a length of zero, which ends it; so does the answer's zero byte."""
    connection.sendall(b"zINSTREAM\0")
    if content:
        connection.sendall(struct.pack("!L", len(content)))
        connection.sendall(content)
    connection.sendall(struct.pack("!L", 0))
    answer = b""
    while not answer.endswith(b"\0") and len(answer) < _LONGEST_ANSWER:
        received = connection.recv(_LONGEST_ANSWER)
        if not received:
            break
        answer += received
    return answer.rstrip(b"\0").decode("utf-8", "replace").strip()

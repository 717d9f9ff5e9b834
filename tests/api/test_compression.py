"""Bodies that are the same for everybody are compressed once, in the best coding that the client accepts."""

from __future__ import annotations

import asyncio
import gzip

import brotli
import pytest

from api.compression import IMMUTABLE, REVALIDATED, CompressedBody, choose_coding

TEXT = b"const name = 'Ticket Desk';\n" * 200


@pytest.mark.parametrize(
    ("header", "coding"),
    [
        ("", "identity"),
        ("identity", "identity"),
        ("gzip", "gzip"),
        ("gzip, deflate", "gzip"),
        ("gzip, deflate, br, zstd", "br"),
        ("GZIP;q=1.0, BR;q=0.2", "br"),
        ("br;q=0, gzip", "gzip"),
        ("br;q=0, gzip;q=0.000", "identity"),
        ("br;q=nonsense, gzip", "gzip"),
        ("*", "br"),
        ("*;q=0", "identity"),
        ("br;q=0, *", "gzip"),
        ("zstd, xbr, gzipped", "identity"),
    ],
)
def test_best_accepted_coding_is_chosen(header, coding):
    assert choose_coding(header) == coding


class Reader:
    def __init__(self) -> None:
        self.reads = 0

    def __call__(self) -> bytes:
        self.reads += 1
        return TEXT


def respond(body: CompressedBody, **headers: str):
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return asyncio.run(body.respond({"type": "http", "method": "GET", "headers": raw}))


@pytest.mark.parametrize(
    ("accepted", "decode"), [("br", brotli.decompress), ("gzip", gzip.decompress), ("identity", bytes)]
)
def test_each_coding_is_made_once_and_decodes_to_the_body(accepted, decode):
    reader = Reader()
    body = CompressedBody(reader, "text/javascript", IMMUTABLE)

    first, second = respond(body, accept_encoding=accepted), respond(body, accept_encoding=accepted)

    assert decode(first.body) == TEXT
    assert (second.body is first.body, reader.reads) == (True, 1)
    assert first.headers.get("content-encoding", "identity") == accepted
    assert first.headers["vary"] == "Accept-Encoding"
    assert "etag" not in first.headers
    assert (len(first.body) < len(TEXT) / 10) is (accepted != "identity")


def test_font_is_sent_as_it_is():
    answer = respond(CompressedBody(Reader(), "font/woff2", IMMUTABLE), accept_encoding="br")
    assert answer.body == TEXT
    assert {"content-encoding", "vary"} & set(answer.headers) == set()


def test_known_version_is_not_sent_again():
    """With its media type, by which the headers are chosen that replace those in the browser's cache."""
    body = CompressedBody(Reader(), "text/html", REVALIDATED)
    etag = respond(body).headers["etag"]

    unchanged, changed = respond(body, if_none_match=etag), respond(body, if_none_match='W/"other"')

    assert (unchanged.status_code, unchanged.body) == (304, b"")
    assert unchanged.headers["content-type"].startswith("text/html")
    assert (changed.status_code, changed.body) == (200, TEXT)

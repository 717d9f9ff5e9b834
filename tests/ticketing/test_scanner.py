"""What a real clamd says, and what it means when it says nothing. Its only signature is made here."""

from __future__ import annotations

import logging
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import PngImagePlugin

from tests import pictures
from ticketing import images, scanner
from ticketing.errors import InvalidInput, ScannerAway

MALWARE = b"harmless bytes that stand for malware"
SIGNATURE = "Ticket.Desk.Test"
SECONDS_TO_START = 60
MOST_SCANNED = 1024 * 1024


@pytest.fixture(scope="module")
def clamd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """A running clamd: its address and the path of its socket. It scans streams of at most 1 MB."""
    program = shutil.which("clamd", path=os.environ["PATH"] + ":/usr/sbin:/usr/local/sbin")
    if program is None:
        if os.environ.get("CI") == "true":
            pytest.fail("clamd is missing (apt-get install clamav-daemon), and nothing may be skipped here")
        pytest.skip("needs clamd (apt-get install clamav-daemon)")
    folder = tmp_path_factory.mktemp("clamd")
    (folder / "signatures").mkdir()
    (folder / "signatures" / "own.ndb").write_text(f"{SIGNATURE}:0:*:{MALWARE.hex()}\n")
    port, path = free_port(), folder / "clamd.socket"
    settings = {
        "Foreground": "yes",
        "DatabaseDirectory": folder / "signatures",
        "TCPAddr": "127.0.0.1",
        "TCPSocket": port,
        "LocalSocket": path,
        "StreamMaxLength": MOST_SCANNED,
    }
    (folder / "clamd.conf").write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [program, "--config-file", folder / "clamd.conf"], stdout=log, stderr=subprocess.STDOUT
        )
    try:
        wait_for(process, path, folder / "log")
        yield f"127.0.0.1:{port}", str(path)
    finally:
        process.terminate()
        process.wait(30)


def wait_for(process: subprocess.Popen[bytes], path: Path, log: Path) -> None:
    """It opens its port and then its socket, and asks for nothing more."""
    deadline = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket(socket.AF_UNIX) as probe:
            if probe.connect_ex(str(path)) == 0:
                probe.sendall(b"zPING\0")
                assert probe.recv(10) == b"PONG\0"
                return
        time.sleep(0.02)
    pytest.fail(f"clamd did not start:\n{log.read_text()}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    return lambda address: monkeypatch.setenv("CLAMD_ADDRESS", address)


@pytest.fixture(params=["host and port", "socket"])
def scanned(request: pytest.FixtureRequest, clamd: tuple[str, str], configured: Callable[[str], None]) -> None:
    """Uploads are scanned by the running clamd."""
    configured(clamd[request.param == "socket"])


def infected_picture() -> bytes:
    """A good picture that says the wrong words."""
    said = PngImagePlugin.PngInfo()
    said.add_text("Comment", MALWARE.decode())
    return pictures.picture("PNG", pnginfo=said)


@pytest.mark.usefixtures("scanned")
@pytest.mark.parametrize("content", [b"", b"x", b"x" * MOST_SCANNED, MALWARE[:-1]], ids=len)
def test_what_matches_no_signature_passes(content):
    assert scanner.find(content) is None


@pytest.mark.usefixtures("scanned")
@pytest.mark.parametrize("content", [MALWARE, b"x" * 500_000 + MALWARE + b"x"], ids=len)
def test_what_matches_a_signature_is_named_in_the_log_without_its_bytes(content, caplog):
    with caplog.at_level(logging.WARNING, "ticketing.scanner"):
        found = scanner.find(content)

    assert found == f"{SIGNATURE}.UNOFFICIAL"
    assert SIGNATURE in caplog.text
    assert MALWARE.decode() not in caplog.text


@pytest.mark.usefixtures("scanned")
def test_a_picture_with_malware_in_it_is_refused_and_any_other_taken():
    with pytest.raises(InvalidInput) as refusal:
        images.prepare(infected_picture())

    assert refusal.value.fields["image"].startswith("The virus scanner found something in this file")
    assert SIGNATURE not in str(refusal.value)
    assert images.prepare(pictures.picture()).media_type == "image/png"


@pytest.mark.usefixtures("scanned")
def test_what_the_scanner_refuses_to_look_at_is_refused():
    with pytest.raises(ScannerAway):
        scanner.find(b"x" * (MOST_SCANNED + 1))


def test_without_an_address_nothing_is_scanned(monkeypatch):
    monkeypatch.delenv("CLAMD_ADDRESS", raising=False)

    assert scanner.find(MALWARE) is None
    assert MALWARE not in images.prepare(infected_picture()).content


@pytest.mark.parametrize(
    "address", ["127.0.0.1:{free}", "[::1]:{free}", "/nowhere/clamd.ctl", "127.0.0.1:port", "127.0.0.1:99999", ":"]
)
def test_a_scanner_that_is_away_stops_the_upload(configured, address, caplog):
    configured(address.replace("{free}", str(free_port())))

    with pytest.raises(ScannerAway, match="The virus scanner does not answer, so the file was not taken"):
        images.prepare(pictures.picture())
    assert "the scanner does not answer" in caplog.text


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"stream: ",
        b"OK\0",
        b"stream: OK but\0",
        b"UNKNOWN COMMAND\0",
        b"stream: Can't open file ERROR\0",
        b"\xff\0",
    ],
)
def test_an_answer_that_is_neither_yes_nor_no_stops_the_upload(configured, answer, caplog):
    with answering(answer) as address:
        configured(address)
        with pytest.raises(ScannerAway):
            scanner.find(b"x")
    assert "the scanner answers with an error" in caplog.text


def test_a_scanner_that_never_answers_stops_the_upload(configured, monkeypatch):
    monkeypatch.setattr(scanner, "SECONDS_TO_ANSWER", 0.1)
    with answering(None) as address:
        configured(address)
        with pytest.raises(ScannerAway):
            scanner.find(b"x")


@contextmanager
def answering(answer: bytes | None) -> Iterator[str]:
    """The address of something that takes one stream and says `answer`, or nothing until it is hung up on."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                stream = b""
                while not stream.endswith(bytes(4)):
                    stream += connection.recv(4096)
                if answer is None:
                    connection.recv(1)
                else:
                    connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        thread.join(10)

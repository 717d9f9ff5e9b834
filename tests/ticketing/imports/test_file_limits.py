"""No upload takes more than 200 MB and 30 seconds, whatever is in it, and files are read one at a time."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support import hostile_files, make
from tests.support.hostile_files import HOSTILE_FILES
from ticketing.errors import InvalidInput
from ticketing.imports import files
from ticketing.imports.table import Table
from ticketing.settings import ROOT

pytestmark = pytest.mark.system  # each file is read in a process of its own
MAX_ADDED_BYTES = 200 * 1024 * 1024
MAX_SECONDS = 30


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells the most memory ever used")
@pytest.mark.parametrize("name", HOSTILE_FILES)
def test_no_upload_takes_more_than_200_mb_and_30_seconds(database, tmp_path, name):
    event = make.event()
    make.package(event, name="Table")
    file = tmp_path / name
    content = HOSTILE_FILES[name]()
    assert len(content) <= hostile_files.MAX_BYTES
    file.write_bytes(content)

    done = subprocess.run(
        [sys.executable, "-m", "tests.support.measured_upload", str(event.id), str(file)],
        cwd=ROOT, capture_output=True, text=True, check=True, timeout=300,
    )  # fmt: skip

    seconds, slowness, added, outcome = done.stdout.splitlines()[-1].split(" ", 3)
    print(f"{name}: {seconds} s at {slowness} times the reference, {int(added) / 1024**2:.0f} MB, {outcome}")
    assert float(seconds) < MAX_SECONDS * max(1.0, float(slowness)), outcome
    assert int(added) < MAX_ADDED_BYTES, outcome


def test_second_file_waits_until_the_first_is_read():
    waits = threading.Event()

    def read() -> Table:
        return files.read("sales.csv", b"a\nx\n", waits.set)

    with ThreadPoolExecutor(1) as threads:
        with files.QUEUE.slot():
            second = threads.submit(read)
            assert waits.wait(10)
            assert not second.done()
        assert second.result().titles == ("a",)


def test_worker_that_ends_at_a_limit_refuses_the_file(caplog):
    content = hostile_files.HOSTILE_FILES["far cell.xlsx"]()
    with pytest.raises(InvalidInput) as refused:
        files.read("sales.xlsx", content)
    assert "cells far outside the table" in refused.value.fields["file"]
    assert "a file could not be read" in caplog.text

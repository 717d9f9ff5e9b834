"""The limits on the heap of the server's process."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from ticketing.settings import ROOT

MB = 1024 * 1024
# Threads take 20 MB one after the other, free all but the last block, and stay. Prints the memory that this added.
TAKE_TURNS = """
import sys, threading
import psutil
from api.site import heap

block_bytes = int(sys.argv[2])
if sys.argv[1] == "limited":
    assert heap.limit_heap()
kept, is_done = [], threading.Event()

def work():
    blocks = [b"x" * block_bytes for _ in range(20 * 1024**2 // block_bytes)]
    kept.append(blocks.pop())
    del blocks
    has_worked.set()
    is_done.wait()

before = psutil.Process().memory_info().rss
threads = []
for _ in range(12):
    has_worked = threading.Event()
    threads.append(threading.Thread(target=work))
    threads[-1].start()
    has_worked.wait()
print(psutil.Process().memory_info().rss - before)
is_done.set()
"""


def measure_added_memory(heap: str, block_bytes: int) -> int:
    command = [sys.executable, "-c", TAKE_TURNS, heap, str(block_bytes)]
    return int(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)


@pytest.mark.system
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries do not know these limits")
@pytest.mark.parametrize("block_bytes", [100_000, 1_000_000])
def test_freed_memory_of_many_threads_does_not_stay_with_the_process(block_bytes):
    assert measure_added_memory("default", block_bytes) > 100 * MB
    assert measure_added_memory("limited", block_bytes) < 60 * MB

"""Measure an upload in a process of its own: `python -m tests.support.measured_upload EVENT FILE`.

Prints the seconds of processor time that the process and its worker took, which other tests do not lengthen; how often
as slow as our reference the processor was; the bytes of memory that both took at most; and what came of the file. The
file is read, its columns are matched as the page matches them, and it is checked and imported.
"""

from __future__ import annotations

import os
import resource
import sys
import threading
import time
import uuid
from pathlib import Path

from tests.support.sales_file import sale, sales_csv
from ticketing import db, imports
from ticketing.actors import OPERATOR
from ticketing.errors import TicketingError
from ui.imports.draft import open_file

SAMPLE_SECONDS = 0.005
REFERENCE_ROUNDS = 10_000_000
REFERENCE_SECONDS = 0.2  # of these rounds on the machine for which the limit of an upload is stated


def main() -> None:
    event_id, path = uuid.UUID(sys.argv[1]), Path(sys.argv[2])
    upload(event_id, "small.csv", sales_csv(sale("Table")))
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins again at what the process has now: proc(5)
    before = read_peak(os.getpid())
    slowness = measure_slowness()
    content = path.read_bytes()
    worker_peak = WorkerPeak()
    start = read_processor_seconds()
    outcome = upload(event_id, path.name, content)
    seconds = read_processor_seconds() - start
    added = read_peak(os.getpid()) - before + worker_peak.stop()
    slowness = max(slowness, measure_slowness())
    print(f"{seconds:.1f} {slowness:.2f} {added} {outcome}")


def measure_slowness() -> float:
    """Return how many times the reference's seconds this processor needs for the same rounds."""
    start = time.process_time()
    for _ in range(REFERENCE_ROUNDS):
        pass
    return (time.process_time() - start) / REFERENCE_SECONDS


def read_processor_seconds() -> float:
    """Return the processor time of this process and of those it started that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def upload(event_id: uuid.UUID, name: str, content: bytes) -> str:
    try:
        draft = open_file(OPERATOR, event_id, name, content, None, lambda: None)
        with db.read_session() as session:
            checked = imports.check(session, OPERATOR, event_id, name, draft.get_table(), draft.mapping)
        if not checked.problems:
            db.write(lambda s: imports.run(s, OPERATOR, event_id, name, draft.get_table(), draft.mapping))
    except TicketingError as refusal:
        return str(refusal)
    return f"{checked.rows} rows, {len(checked.problems)} problems"


def read_peak(process: int) -> int:
    """Return the most memory in bytes that a process had so far (VmHWM of proc(5)), 0 when it has ended."""
    lines = [line for line in _read(f"/proc/{process}/status").splitlines() if line.startswith(b"VmHWM")]
    return int(lines[0].split()[1]) * 1024 if lines else 0


class WorkerPeak:
    """Follows the memory of the processes that this process starts."""

    def __init__(self) -> None:
        self._peak = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow)
        self._thread.start()

    def stop(self) -> int:
        self._ended.set()
        self._thread.join()
        return self._peak

    def _follow(self) -> None:
        while not self._ended.wait(SAMPLE_SECONDS):
            for process in _list_children():
                # Between fork and exec the process is still a copy of this one.
                if b"ticketing.file_reader.worker" in _read(f"/proc/{process}/cmdline"):
                    self._peak = max(self._peak, read_peak(process))


def _list_children() -> list[int]:
    """Return the processes that this one started, without a look at all others, which takes longer than the pause."""
    return [
        int(each)
        for thread in os.listdir("/proc/self/task")
        for each in _read(f"/proc/self/task/{thread}/children").split()
    ]


def _read(path: str) -> bytes:
    """Return what a file of proc(5) says, nothing when its process or thread has ended."""
    try:
        return Path(path).read_bytes()
    except OSError:
        return b""


if __name__ == "__main__":
    main()

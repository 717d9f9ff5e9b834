"""Files that visitors uploaded: which session may upload, what is kept in memory, and when it is freed.

Streamlit takes any number of files for any session of any visitor, and keeps them until the session ends. So a session
may upload only while its page shows an uploader of this module; a file is freed when no uploader of the page holds it
any more, or FREE_AFTER_SECONDS after its tab was closed. The quota itself is in api/middleware/upload_quota.py.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field

import streamlit as st
from streamlit.runtime import Runtime
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import StopException, get_script_run_ctx
from streamlit.runtime.uploaded_file_manager import UploadedFile

from ticketing import metrics
from ui import text
from ui.runtime import rerun_patch, script_run

CHECK_SECONDS = 5
# A shorter time would lose files at every short break of the connection, after which the page continues.
FREE_AFTER_SECONDS = 20


@dataclass
class _SessionUploads:
    """Uploads of one tab. `owner` is the sign-in session that may upload; empty without an uploader on the page."""

    owner: str = ""
    is_uploader_in_run: bool = False
    held: set[str] = field(default_factory=set)  # ids of files that an uploader returned, in this run or before
    held_in_run: set[str] = field(default_factory=set)
    disconnected_at: float | None = None
    refusal: str = ""  # why the last upload failed
    refusal_count: int = 0


_sessions: dict[str, _SessionUploads] = {}  # by Streamlit's id of the session
_lock = threading.Lock()  # scripts run in threads, requests and `free_disconnected` on the event loop


def render_uploader(
    label: str,
    *,
    types: Sequence[str],
    key: str,
    max_megabytes: int | None = None,
    on_change: Callable[[], None] | None = None,
) -> UploadedFile | None:
    """Render st.file_uploader for one file, and allow this tab to upload while its page shows it.

    After a refused upload a new uploader with our sentence takes its place: the old one shows an HTTP status, or a
    network error when the browser was still sending.
    """
    with _lock:
        uploads = _sessions.setdefault(script_run.session_id(), _SessionUploads())
    if uploads.refusal_count:
        key = f"{key}_{uploads.refusal_count}"
    file = st.file_uploader(label, type=types, key=key, max_upload_size=max_megabytes, on_change=on_change)
    with _lock:
        uploads.owner = str(st.user.get("session_id", ""))
        uploads.is_uploader_in_run = True
        if file is not None:
            uploads.held.add(file.file_id)
            uploads.held_in_run.add(file.file_id)
            uploads.refusal = ""
    if uploads.refusal:
        st.error(text.escape_markdown(uploads.refusal), icon=":material/error:")
    return file


def report_refusal(session_id: str, sentence: str) -> None:
    """Show beside the uploader of a tab why its upload was refused; the event loop must call this."""
    with _lock:
        uploads = _sessions.get(session_id)
        if uploads is None:
            return
        uploads.refusal, uploads.refusal_count = sentence, uploads.refusal_count + 1
    rerun_patch.rerun(session_id)


def discard_upload(file_id: str) -> None:
    """Free the memory of an uploaded file before its uploader is gone."""
    session_id, manager = _get_manager_of_run()
    manager.remove_file(session_id, file_id)
    with _lock:
        _sessions[session_id].held.discard(file_id)


@contextmanager
def track_run() -> Iterator[None]:
    """Wrap the frame script: a page without an uploader ends the permission to upload, and frees what it left behind.

    A run that a newer one replaces decides nothing, since it may not have come to the uploader.
    """
    with _lock:
        if uploads := _sessions.get(script_run.session_id()):
            uploads.is_uploader_in_run, uploads.held_in_run = False, set()
    try:
        yield
    except StopException:
        _end_run(is_complete=False)
        raise
    except Exception:
        _end_run(is_complete=True)
        raise
    else:
        _end_run(is_complete=True)


def _end_run(*, is_complete: bool) -> None:
    """Free files that no uploader holds any more, unless the run may have been cut short by a closed tab."""
    session_id, manager = _get_manager_of_run()
    with _lock:
        uploads = _sessions.get(session_id)
        if uploads is None:
            return
        if not uploads.is_uploader_in_run:
            uploads.owner = uploads.refusal = ""
        if is_complete:
            if not uploads.is_uploader_in_run:
                manager.remove_session_files(session_id)
            for file_id in uploads.held - uploads.held_in_run:
                manager.remove_file(session_id, file_id)
            uploads.held = uploads.held_in_run


def find_uploader(session_id: str) -> str | None:
    """Return the id of the sign-in session that may upload for a tab, or None while its page shows no uploader."""
    uploads = _sessions.get(session_id)
    return uploads.owner or None if uploads is not None else None


def list_sizes() -> dict[str, list[int]]:
    """Return the bytes of each file that is kept, by session."""
    manager = _find_manager()
    if manager is None:
        return {}
    return {
        session_id: [len(file.data) for file in list(files.values())]
        for session_id, files in list(manager.file_storage.items())
    }


def free_disconnected(now: float) -> None:
    """Free the files of tabs that were closed FREE_AFTER_SECONDS ago; `now` is the time of a monotonic clock."""
    manager = _find_manager()
    if manager is None:
        return
    with _lock:
        for session_id in [*_sessions, *(each for each in list(manager.file_storage) if each not in _sessions)]:
            uploads = _sessions.setdefault(session_id, _SessionUploads())
            if Runtime.instance().is_active_session(session_id):
                uploads.disconnected_at = None
            elif uploads.disconnected_at is None:
                uploads.disconnected_at = now
            elif now - uploads.disconnected_at >= FREE_AFTER_SECONDS:
                manager.remove_session_files(session_id)
                del _sessions[session_id]


@asynccontextmanager
async def free_regularly() -> AsyncIterator[None]:
    """Free the files of closed tabs while the server runs, and report in the metrics what is kept."""
    metrics.UPLOAD_BYTES.set_function(lambda: sum(map(sum, list_sizes().values())))
    task = asyncio.create_task(_free_forever())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _free_forever() -> None:
    while True:
        await asyncio.sleep(CHECK_SECONDS)
        free_disconnected(time.monotonic())


def _find_manager() -> MemoryUploadedFileManager | None:
    """Return what keeps the uploads of this server, or None while no server runs."""
    manager = Runtime.instance().uploaded_file_mgr if Runtime.exists() else None
    return manager if isinstance(manager, MemoryUploadedFileManager) else None


def _get_manager_of_run() -> tuple[str, MemoryUploadedFileManager]:
    """Return the session whose script runs, and what keeps its uploads."""
    context = get_script_run_ctx()
    assert context is not None
    assert isinstance(context.uploaded_file_mgr, MemoryUploadedFileManager)
    return context.session_id, context.uploaded_file_mgr

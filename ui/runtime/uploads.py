"""Files that a visitor uploaded."""

from __future__ import annotations

from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx


def discard_upload(file_id: str) -> None:
    """Free the memory of an uploaded file.

    Streamlit keeps an upload until the tab is closed, even when its st.file_uploader is gone.
    """
    context = get_script_run_ctx()
    if context is not None and isinstance(context.uploaded_file_mgr, MemoryUploadedFileManager):
        context.uploaded_file_mgr.remove_file(context.session_id, file_id)

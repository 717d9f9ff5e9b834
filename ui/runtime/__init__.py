"""The only folder that imports Streamlit's internals or touches its private names (docs/streamlit-upgrade.md)."""

from __future__ import annotations

from importlib.metadata import version


class StreamlitChanged(Exception):
    """The installed Streamlit no longer has a part that Ticket Desk relies on. Stops the start of the server."""

    def __init__(self, part: str) -> None:
        super().__init__(f"Streamlit {version('streamlit')} has no {part}. See docs/streamlit-upgrade.md.")

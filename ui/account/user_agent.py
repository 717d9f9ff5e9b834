"""Describe a user agent in plain words: enough to tell a phone from a laptop."""

from __future__ import annotations

# The first match counts: most browsers also name others, for compatibility.
_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
_DEVICES = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "Chromebook"),
    ("Macintosh", "Mac"),
    ("Linux", "Linux"),
)


def describe(user_agent: str) -> str:
    """Return browser and device, such as "Chrome on Windows", "Firefox" or "Unknown browser"."""
    browser = next((name for token, name in _BROWSERS if token in user_agent), "Unknown browser")
    device = next((name for token, name in _DEVICES if token in user_agent), None)
    return f"{browser} on {device}" if device else browser

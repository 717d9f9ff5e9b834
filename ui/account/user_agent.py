"""A browser in plain words, from the line it sends about itself: enough to tell one's phone from one's laptop."""

from __future__ import annotations

# The first that is found counts: every browser also names those it wants to be taken for.
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
    """ "Chrome on Windows", "Safari on iPhone", "Firefox", "Unknown browser"."""
    browser = next((word for sign, word in _BROWSERS if sign in user_agent), "Unknown browser")
    device = next((word for sign, word in _DEVICES if sign in user_agent), None)
    return f"{browser} on {device}" if device else browser

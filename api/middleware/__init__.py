"""ASGI middleware around pages, API and plain routes; app.py lists it in order."""

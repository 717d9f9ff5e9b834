"""ASGI middleware around pages, API and plain routes."""

"""Endpoints below /api/v1, one module per concept."""

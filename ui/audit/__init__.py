"""Audit entries as sentences, with filters, history and restore."""

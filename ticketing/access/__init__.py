"""Permissions, accounts, sign-in, sessions, API tokens and rate limits."""

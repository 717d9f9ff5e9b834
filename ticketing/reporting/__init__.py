"""Read-only figures, lists and exports."""

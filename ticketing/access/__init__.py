"""Who may do what, and how people and programs prove who they are."""

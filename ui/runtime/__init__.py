"""The only code that touches Streamlit beyond its public API; see docs/streamlit-upgrade.md."""

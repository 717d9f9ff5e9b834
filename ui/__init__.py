"""What pages share: the frame script, the signed-in user and the event, forms, tables and charts.

See docs/architecture.md. `ui.runtime` is the only folder that touches Streamlit beyond its public API.
"""

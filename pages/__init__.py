"""One module per page. Streamlit runs them as scripts; nothing imports them."""

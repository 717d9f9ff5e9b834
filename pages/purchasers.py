"""Who bought what: found, filtered, opened and downloaded."""

import pandas as pd
import streamlit as st

from ticketing import db, purchasers
from ticketing.selection import EVERYTHING
from ui import live, paging, session, text
from ui.header import show_header

here, event = session.require_event()
live.rerun_on_change(event.id)

PER_PAGE = 20

with db.reading() as s:
    lines, total = paging.load(
        "purchasers_page",
        lambda page: purchasers.list_purchases(s, here.actor, event.id, EVERYTHING, page=page, per_page=PER_PAGE),
    )

show_header("Purchasers", event, text.count(total, "purchase"))
if total:
    rows = [
        {
            "Purchaser": line.purchase.purchaser_name,
            "Package": line.package,
            "Total": line.purchase.total,
            "Status": text.STATUSES[line.purchase.payment_status],
        }
        for line in lines
    ]
    st.dataframe(
        pd.DataFrame(rows), hide_index=True, alt="Purchases, the latest first", height="content",
        column_config={"Total": st.column_config.NumberColumn(format="dollar")},
    )  # fmt: skip
    paging.show("purchasers_page", total, PER_PAGE)
else:
    st.markdown("No purchases yet.")

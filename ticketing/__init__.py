"""The domain of Ticket Desk: no Streamlit, no FastAPI.

errors, money, pricing, tickets  pure
models, db                     tables; connections and transactions
accounts, audit, editing       who may do what; what they did; changing what others change too
events, packages, options, promo_codes    one concept each, with its draft and its rules
purchases, trial               where several concepts meet: selling in one transaction, trying without selling
corrections, guests            what staff change on a sale afterwards: void, status; who sits where
sales, comparison, export      read-only figures and lists; an event against an earlier one; the streamed CSV
imports                        files in: import_files reads, import_rows judges, import_writing stores
demo, checks, __main__         the sample gala, the recomputation behind `verify`, the command line

Imports point downwards only; tests/test_architecture.py holds that.
"""

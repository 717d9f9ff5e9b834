"""The domain of Ticket Desk: no Streamlit, no FastAPI.

errors, money, pricing         pure
models, db                     tables; connections and transactions
accounts, audit                who may do what; what they did
events, packages, options, promo_codes    one concept each, with its draft and its rules
purchases                      where several concepts meet in one transaction
sales, imports                 read-only figures and lists; files in
demo, checks, __main__         the sample gala, the recomputation behind `verify`, the command line

Imports point downwards only; tests/test_architecture.py holds that.
"""

"""The domain of Ticket Desk: no Streamlit, no FastAPI.

errors, money, pricing, tickets  pure
models, schema                 tables; their version, and the way to the current one
logs, metrics, statements      what is told of this process: its log, its figures, what it asks the database
backup, programs               everything in one file, and back; PostgreSQL's own programs, which do it
db, embedded                   connections and transactions; the private PostgreSQL in the data folder
replica, pooler                where reports are read; what must hold behind a transaction pooler
accounts, audit, editing       who may do what; what they did; changing what others change too
staff, invitations, sign_in    who works here; the link by which they join; coming in, and one's own password
passwords, sessions, tokens, rate_limits    as hashes; open browsers; what programs show; how often one may try
openid                         whom an OpenID provider's word lets in, and as what
images                         pictures of packages: picture_files draws them anew (pure), scanner asks clamd
events, packages, options, promo_codes    one concept each, with its draft and its rules
purchases, trial               where several concepts meet: selling in one transaction, trying without selling
corrections, guests            what staff change on a sale afterwards: void, status; who sits where
selection                      which purchases are meant: the filter that lists, links and files share; it travels in
                               addresses by query_parameters
sales, comparison              read-only figures; an event against an earlier one
purchasers, export             the selected purchases one by one; the streamed CSV
trail, restoring, seals        the audit trail as it is read; bringing an earlier value back; whether it is as sealed
imports                        files in: import_files reads CSV, by import_excel (excel_reader, a process of its own)
                               and import_json the others, into import_tables; import_mapping reads the columns of
                               other programs (import_columns, import_cells); import_rows judges, import_orders makes
                               purchases of the rows of orders, import_writing stores
demo, checks, __main__         the sample gala, the recomputation behind `verify`, the command line

Imports point downwards only; tests/test_architecture.py holds that.
"""

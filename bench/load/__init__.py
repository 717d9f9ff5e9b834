"""Staff at their pages and a donor site that sells meanwhile, as a server of ours sees them.

tab                 one open page: Streamlit's own protocol over a real websocket, with the browser's timers
staff, donors       what a person does at a page, one action after the other; what a donor site asks over HTTP
ledger, vitals      what they saw, sold and tripped over; what the servers and the database spent on it
scene, run          an event with its people and servers; so many of them for so many seconds, and the accounts after it
report, series      the figures in Markdown; from how many people on it takes too long

`python -m bench.load` plays it on this machine, for whoever wants to know how many people it bears.
"""

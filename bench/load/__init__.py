"""Load test: simulated staff at their pages, and a donor site that sells over HTTP.

tab                         one open page: Streamlit's protocol over a websocket, with the browser's timers
staff, donors               actions of a staff member at a page; requests of the donor site
recorder, resource_usage    durations, errors and sales of the actions; CPU and memory of servers and database
environment, run            the event with its users and servers; one run, and the comparison with the database
report, series, measurement the figures in Markdown; a series of runs with more and more users; the row of `make bench`
attacks, *_attacks          what strangers, and people who may sign in, do to harm the server
soak                        people and attacks at once for a long time, with limits (`make soak`)

`python -m bench.load` shows how many users this machine can serve.
"""

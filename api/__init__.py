"""Everything that is HTTP and not a page.

identity                       the cookie or token of each request, turned into an Actor
session_pages, html            sign-in, sign-out, first run
health, downloads, pictures    /healthz; the CSV for browsers; pictures of packages, for browsers and programs
interface, documentation       FastAPI under /api, and its Swagger page
events, packages, options, promo_codes, purchases, sales    the endpoints, one concept each
wire                           shapes that answers share: money, pages, times
problems, faults               how a refusal, or an unforeseen error, is told
"""

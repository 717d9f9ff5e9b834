"""Everything that is HTTP and not a page.

identity                       the cookie or token of each request, turned into an Actor
session_pages, html            sign-in, sign-out, first run
openid, openid_provider        sign-in by OpenID Connect; what is said to the provider, and whether its word is its own
headers, origins, bounds       what every answer tells browsers; requests that are forged, too large or too slow
requests                       each request's id, its line in the log, its place in the figures
health, metrics, stopping      /healthz and /livez; /metrics; what SIGTERM begins
downloads, pictures            the CSV for browsers; pictures of packages, for browsers and programs
interface, documentation       FastAPI under /api, and its Swagger page
events, packages, options, promo_codes, purchases, sales    the endpoints, one concept each
wire                           shapes that answers share: money, pages, times
problems, faults               how a refusal, or an unforeseen error, is told
"""

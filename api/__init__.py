"""HTTP: the API under /api, plain routes, and the middleware around both and around the pages.

app             FastAPI with its document; v1 has the endpoints, one module per concept
site            plain routes: sign-in, invitations, OpenID Connect, downloads, pictures, health, metrics
middleware      authentication, CSRF, limits on bodies, security headers, request log, faults
schemas         models that responses share: money, pages, times
errors          error responses: RFC 9457 problem documents, HTML or text
documentation   the Swagger page
html            renders the templates of plain pages
"""

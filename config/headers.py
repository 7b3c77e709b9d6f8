"""What every answer tells browsers: run nothing but our own files, be in nobody's frame, give nothing away."""

from django.conf import settings

_FILES = settings.FILES_ORIGIN or "'self'"
"""Where links to files lead (attachments.serving.links): pictures and sound come from there and nowhere else."""

_PICTURES = " ".join(dict.fromkeys(["'self'", "data:", _FILES]))

_CONTENT_SECURITY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; "
    f"img-src {_PICTURES}; media-src {_FILES}; "
    "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not `no-referrer`: with that browsers post the admin's forms with `Origin: null`, which CSRF checks refuse.
    "Referrer-Policy": "same-origin",
    "Content-Security-Policy": _CONTENT_SECURITY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-site",
    "Permissions-Policy": "geolocation=(), camera=(self), microphone=(self)",
}
STRICT_TRANSPORT = "max-age=31536000; includeSubDomains"
"""For answers that came by TLS: a browser that has been here once does not come back without it (RFC 6797)."""

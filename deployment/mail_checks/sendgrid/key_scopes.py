"""What the API key may do. https://www.twilio.com/docs/sendgrid/api-reference/how-to-use-the-sendgrid-v3-api/authorization"""

from deployment.mail_checks.finding import Check, Finding
from deployment.mail_checks.not_readable import NotReadable

_CHECK = Check("api-key")

MAIL_SEND = "mail.send"
WANTED = {
    "stats.read": "to count complaints and bounces",
    "email_activity.read": "to find emails with an unknown outcome",
}
"""Scopes that the pipeline can do without, and what each is for."""


def check_key(scopes: frozenset[str] | NotReadable) -> Finding:
    """Check that the key may do what the pipeline does with it."""
    if isinstance(scopes, NotReadable):
        if scopes.is_key_refused:
            return _CHECK.problem(
                scopes.why,
                "Make a new key (SendGrid, Settings, API Keys), and deploy it as SENDGRID_API_KEY.",
            )
        return _CHECK.unknown(scopes.why)
    if MAIL_SEND not in scopes:
        return _CHECK.problem(f"the API key lacks {MAIL_SEND}", "Give the key the permission Mail Send.")
    if missing := [f"{scope} ({reason})" for scope, reason in WANTED.items() if scope not in scopes]:
        return _CHECK.warning(
            f"the API key may send emails, and lacks {', '.join(missing)}",
            "Give the key these permissions: SendGrid, Settings, API Keys.",
        )
    return _CHECK.ok(f"the API key has {', '.join([MAIL_SEND, *WANTED])}")

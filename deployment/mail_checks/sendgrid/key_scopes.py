"""What the API key may do. https://www.twilio.com/docs/sendgrid/api-reference/how-to-use-the-sendgrid-v3-api/authorization"""

from deployment.mail_checks.finding import Finding, State
from deployment.mail_checks.not_readable import NotReadable

_CHECK = "api-key"

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
            return Finding(
                _CHECK,
                State.PROBLEM,
                scopes.why,
                "Make a new key (SendGrid, Settings, API Keys), and deploy it as SENDGRID_API_KEY.",
            )
        return Finding(_CHECK, State.UNKNOWN, scopes.why)
    if MAIL_SEND not in scopes:
        return Finding(
            _CHECK, State.PROBLEM, f"the API key lacks {MAIL_SEND}", "Give the key the permission Mail Send."
        )
    if missing := [f"{scope} ({reason})" for scope, reason in WANTED.items() if scope not in scopes]:
        return Finding(
            _CHECK,
            State.WARNING,
            f"the API key may send emails, and lacks {', '.join(missing)}",
            "Give the key these permissions: SendGrid, Settings, API Keys.",
        )
    return Finding(_CHECK, State.OK, f"the API key has {', '.join([MAIL_SEND, *WANTED])}")

"""SendGrid's own environment."""

from pydantic import Field

from functions.shared.settings import PrivateUrl, Secret, Settings


class SendGridSettings(Settings):
    """Key and host of SendGrid's API, and whether its records are asked."""

    sendgrid_api_key: Secret = Field(repr=False)
    """A key that may send email, and for the dispatcher read the statistics, without which there is no breaker
    (docs/guides/deliverability.md#when-recipients-complain-the-breaker)."""
    sendgrid_host: PrivateUrl = "https://api.sendgrid.com"
    """`https://api.eu.sendgrid.com` for an account in the EU; `http://` for loopback addresses only."""
    sendgrid_logs: bool = True
    """`false`: the worker does not ask SendGrid whether it has the email of a report of unknown outcome
    (docs/guides/mail-events.md#asking-sendgrid-about-an-unknown-outcome)."""

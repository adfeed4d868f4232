"""The checks of the deployment's email provider: the one place that chooses them."""

import re
from collections.abc import Sequence
from typing import Protocol

from deployment.mail_checks.finding import Finding
from deployment.mail_checks.resend.account import ResendAccount
from deployment.mail_checks.resend.checks import ResendChecks
from deployment.mail_checks.resolver import Resolver
from deployment.mail_checks.sender_settings import SenderSettings
from deployment.mail_checks.sendgrid.account import SenderAccount
from deployment.mail_checks.sendgrid.checks import SendGridChecks
from deployment.mail_checks.smtp.checks import SmtpChecks

KEYS = {"sendgrid": "SENDGRID_API_KEY", "resend": "RESEND_API_KEY", "smtp": "SMTP_URL"}
"""The variable with which the worker sends, by provider."""


class ProviderChecks(Protocol):
    title: str
    """The provider's name, for people."""

    def sender(self, dns: Resolver) -> list[Finding]:
        """Check what can be checked without an email."""

    def webhook(self, *, url: re.Pattern[str], keys: Sequence[str] | None) -> Finding:
        """Check that the provider reports to the function mail_events, which knows calls by public keys of SendGrid or
        signing secrets of Resend; None if these are not known."""


def checks_of(provider: str, settings: SenderSettings, *, host: str, key: str) -> ProviderChecks:
    """Choose by MAIL_PROVIDER. The key is that with which the worker sends, or SMTP_URL; empty if it is not known."""
    if provider == "resend":
        return ResendChecks(settings, ResendAccount(host=host, key=key))
    if provider == "smtp":
        return SmtpChecks(settings, key)
    return SendGridChecks(settings, SenderAccount(host=host, key=key))

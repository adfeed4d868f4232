"""All checks of a mail server that need no email, in the order of the table."""

import re
from collections.abc import Sequence

from deployment.mail_checks.dmarc import check_dmarc, find_records
from deployment.mail_checks.finding import Check, Finding
from deployment.mail_checks.resolver import Resolver
from deployment.mail_checks.sender_address import check_postal_address, check_sender_address, domain_of
from deployment.mail_checks.sender_settings import SenderSettings
from deployment.mail_checks.smtp.server import check_server
from deployment.mail_checks.spf import check_own_spf


class SmtpChecks:
    title = "the mail server"

    def __init__(self, settings: SenderSettings, url: str) -> None:
        self._settings = settings
        self._url = url

    def sender(self, dns: Resolver) -> list[Finding]:
        sender = self._settings.mail_from
        domain = domain_of(sender)
        return [
            check_sender_address(sender),
            check_server(self._url, sender),
            check_own_spf(dns.texts(domain)),
            Check("dkim").unknown(
                "whether the server signs the emails, and where the key is, only its operator knows",
                "Send a test email (./reports check mail --to), and look for dkim=pass in its Authentication-Results.",
            ),
            check_dmarc(domain, find_records(domain, dns.texts), is_signed=None),
            check_postal_address(self._settings.postal_address),
        ]

    def webhook(self, *, url: re.Pattern[str], keys: Sequence[str] | None) -> Finding:
        return Check("webhook").ok(
            "a mail server reports nothing: bounces come to MAIL_FROM, and stop no email by themselves",
        )

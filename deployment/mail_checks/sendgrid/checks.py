"""All checks of SendGrid that need no email, in the order of the table."""

import re
from collections.abc import Sequence

from deployment.mail_checks.dkim import check_dkim, check_usual_names
from deployment.mail_checks.dmarc import check_dmarc, find_records
from deployment.mail_checks.finding import Check, Finding
from deployment.mail_checks.not_readable import NotReadable
from deployment.mail_checks.resolver import Resolver
from deployment.mail_checks.sender_address import check_postal_address, check_sender_address, domain_of
from deployment.mail_checks.sender_settings import SenderSettings
from deployment.mail_checks.sendgrid.account import SenderAccount
from deployment.mail_checks.sendgrid.authentication import check_authentication, choose_domain, is_aligned
from deployment.mail_checks.sendgrid.key_scopes import check_key
from deployment.mail_checks.sendgrid.link_branding import check_link_branding
from deployment.mail_checks.spf import check_spf
from deployment.mail_checks.webhook import check_webhook

USUAL_SELECTORS = ("s1", "s2")
"""SendGrid's, unless another selector was chosen when the domain was authenticated."""

_NOT_OWN = "the emails leave as SendGrid's own"


class SendGridChecks:
    title = "SendGrid"

    def __init__(self, settings: SenderSettings, account: SenderAccount) -> None:
        self._settings = settings
        self._account = account

    def sender(self, dns: Resolver) -> list[Finding]:
        account, sender = self._account, self._settings.mail_from
        domain = domain_of(sender)
        scopes = account.scopes()
        domains = account.domains()
        authenticated = None if isinstance(domains, NotReadable) else choose_domain(domain, domains)
        findings = [
            check_sender_address(sender),
            check_key(scopes),
            check_authentication(sender, domains, account.verified_addresses()),
        ]
        if isinstance(domains, NotReadable):
            usual = [dns.texts(f"{selector}._domainkey.{domain}") for selector in USUAL_SELECTORS]
            why = f"receivers check it for the return path, which is not known: {domains.why}"
            to_do = "Run this with a key in SENDGRID_API_KEY that may read authenticated domains (whitelabel.read)."
            findings += [Check("spf").unknown(why), check_usual_names(domain, usual, domains.why, to_do)]
        elif authenticated is None:
            to_do = f"Authenticate {domain} (domain-authentication)."
            findings += [
                Check("spf").warning(f"{_NOT_OWN}: the return path is at sendgrid.net, not at {domain}", to_do),
                Check("dkim").warning(f"{_NOT_OWN}: they are signed as sendgrid.net, not as {domain}", to_do),
            ]
        else:
            keys = {wanted.host: dns.texts(wanted.host) for wanted in authenticated.dkim}
            findings += [
                check_spf(self.title, authenticated.return_path, dns.texts(authenticated.return_path.host)),
                check_dkim(authenticated.domain, authenticated.dkim, keys),
            ]
        is_signed = None if isinstance(domains, NotReadable) else is_aligned(domain, authenticated)
        return [
            *findings,
            check_dmarc(domain, find_records(domain, dns.texts), is_signed=is_signed),
            check_link_branding(domain, account.links()),
            check_postal_address(self._settings.postal_address),
        ]

    def webhook(self, *, url: re.Pattern[str], keys: Sequence[str] | None) -> Finding:
        return check_webhook(self.title, self._account.webhooks(url), keys=keys)

"""All checks of Resend that need no email, in the order of the table."""

import re
from collections.abc import Sequence

from deployment.mail_checks.dkim import check_dkim, check_usual_names
from deployment.mail_checks.dmarc import check_dmarc, find_records
from deployment.mail_checks.finding import Check, Finding, State
from deployment.mail_checks.not_readable import NotReadable
from deployment.mail_checks.resend.account import ONLY_SENDS, ResendAccount, ResendDomain
from deployment.mail_checks.resolver import Resolver
from deployment.mail_checks.sender_address import check_postal_address, check_sender_address, domain_of
from deployment.mail_checks.sender_settings import SenderSettings
from deployment.mail_checks.spf import check_spf, spf_records
from deployment.mail_checks.webhook import check_webhook

USUAL_RETURN_PATH = "send"
USUAL_SELECTOR = "resend"
"""Resend's, unless another return path was chosen when the domain was added.
https://resend.com/docs/dashboard/domains/introduction"""

_DOMAINS = "Resend, Domains"
_FULL_ACCESS = "Run this with a key in RESEND_API_KEY that has full access."


class ResendChecks:
    title = "Resend"

    def __init__(self, settings: SenderSettings, account: ResendAccount) -> None:
        self._settings = settings
        self._account = account

    def sender(self, dns: Resolver) -> list[Finding]:
        sender = self._settings.mail_from
        name = domain_of(sender)
        domain = self._account.domain(name)
        is_signed = None if isinstance(domain, NotReadable) else domain is not None and domain.status == "verified"
        return [
            check_sender_address(sender),
            _check_key(domain),
            _check_domain(name, domain),
            *self._records(name, domain, dns),
            check_dmarc(name, find_records(name, dns.texts), is_signed=is_signed),
            *self._rate(),
            check_postal_address(self._settings.postal_address),
        ]

    def webhook(self, *, url: re.Pattern[str], keys: Sequence[str] | None) -> Finding:
        return check_webhook(self.title, self._account.webhooks(url), keys=keys)

    def _records(self, name: str, domain: ResendDomain | NotReadable | None, dns: Resolver) -> list[Finding]:
        if domain is None:
            to_do = f"Add {name} at Resend (domain-authentication)."
            return [Finding(check, State.WARNING, "Resend names no record", to_do) for check in ("spf", "dkim")]
        if isinstance(domain, NotReadable):
            return_path = dns.texts(f"{USUAL_RETURN_PATH}.{name}")
            key = dns.texts(f"{USUAL_SELECTOR}._domainkey.{name}")
            spf = Check("spf").ok(f"{return_path.name}, Resend's usual return path, has an SPF record")
            if not spf_records(return_path):
                why = return_path.failure or f"it has no SPF record, and {domain.why}"
                spf = Check("spf").unknown(f"{return_path.name}, Resend's usual return path: {why}", _FULL_ACCESS)
            return [spf, check_usual_names(name, [key], domain.why, _FULL_ACCESS)]
        keys = {wanted.host: dns.texts(wanted.host) for wanted in domain.dkim}
        if domain.return_path is None:
            spf = Check("spf").unknown("Resend names no SPF record for the return path")
        else:
            spf = check_spf(self.title, domain.return_path, dns.texts(domain.return_path.host))
        return [spf, check_dkim(name, domain.dkim, keys)]

    def _rate(self) -> list[Finding]:
        wanted, allowed = self._settings.reports_a_second, self._account.requests_a_second
        if wanted is None or wanted <= allowed:
            return []
        return [
            Check("rate").warning(
                f"the queues let {wanted:g} reports a second through, and Resend takes {allowed:g} requests a second, "
                "one for each recipient, of all that your team sends",
                "Ask Resend for more, or lower --max-dispatches-per-second in queue.yaml.",
            )
        ]


def _check_key(domain: ResendDomain | NotReadable | None) -> Finding:
    if not isinstance(domain, NotReadable):
        return Check("api-key").ok("Resend takes the API key, which has full access")
    if domain.why == ONLY_SENDS:
        return Check("api-key").ok("Resend takes the API key, which may only send")
    if domain.is_key_refused:
        to_do = "Make a new key (Resend, API Keys), and deploy it as RESEND_API_KEY."
        return Check("api-key").problem(domain.why, to_do)
    return Check("api-key").unknown(domain.why)


def _check_domain(name: str, domain: ResendDomain | NotReadable | None) -> Finding:
    """Check that the sender's domain is verified. Each subdomain is one of its own.
    https://resend.com/docs/dashboard/domains/manage-domains"""
    check = Check("domain-authentication")
    if isinstance(domain, NotReadable):
        return check.warning(
            f"whether Resend has verified {name} is not known: {domain.why}",
            f"Look yourself ({_DOMAINS}), or run ./reports check mail with a key of full access in RESEND_API_KEY.",
        )
    if domain is None:
        return check.problem(f"Resend has no domain {name}, and refuses its emails", f"Add it: {_DOMAINS}.")
    if not domain.sends:
        return check.problem(f"sending is off for {name}", f"Turn it on: {_DOMAINS}.")
    if domain.status == "verified":
        return check.ok(f"Resend has verified {name}")
    missing = "; ".join(str(each) for each in domain.records if not each.valid)
    return check.problem(
        f"{name} is {domain.status.replace('_', ' ')}, and Resend refuses its emails",
        f"Publish {missing or 'what Resend shows'}, then choose Verify DNS Records: {_DOMAINS}.",
    )

"""All checks that need no mail, in the order of the table."""

from dataclasses import dataclass

from deployment.mail_checks.authentication import check_authentication, choose_domain, domain_of, is_aligned
from deployment.mail_checks.dkim import USUAL_SELECTORS, check_dkim, check_usual_selectors
from deployment.mail_checks.dmarc import check_dmarc, find_records
from deployment.mail_checks.dns import DnsOverHttps
from deployment.mail_checks.finding import Finding, State
from deployment.mail_checks.key_scopes import check_key
from deployment.mail_checks.link_branding import check_link_branding
from deployment.mail_checks.sender_account import NotReadable, SenderAccount
from deployment.mail_checks.sender_address import check_postal_address, check_sender_address
from deployment.mail_checks.spf import check_spf

_NOT_OWN = "the mails leave as SendGrid's own"


@dataclass(frozen=True)
class SenderSettings:
    """Who sends.

    Attributes:
        mail_from: the sender's address.
        postal_address: what every mail ends with; may be empty.
    """

    mail_from: str
    postal_address: str


def check_sender(settings: SenderSettings, *, account: SenderAccount, dns: DnsOverHttps) -> list[Finding]:
    """Check what can be checked without a mail.

    Args:
        settings: who sends.
        account: the sender's account at SendGrid.
        dns: looks names up.
    """
    domain = domain_of(settings.mail_from)
    scopes = account.scopes()
    domains = account.domains()
    authenticated = None if isinstance(domains, NotReadable) else choose_domain(domain, domains)
    findings = [
        check_sender_address(settings.mail_from),
        check_key(scopes),
        check_authentication(settings.mail_from, domains, account.verified_addresses()),
    ]
    if isinstance(domains, NotReadable):
        usual = [dns.texts(f"{selector}._domainkey.{domain}") for selector in USUAL_SELECTORS]
        findings += [
            Finding("spf", State.UNKNOWN, f"receivers check it for the return path, which is not known: {domains.why}"),
            check_usual_selectors(domain, usual, domains.why),
        ]
    elif authenticated is None:
        to_do = f"Authenticate {domain} (domain-authentication)."
        findings += [
            Finding("spf", State.WARNING, f"{_NOT_OWN}: the return path is at sendgrid.net, not at {domain}", to_do),
            Finding("dkim", State.WARNING, f"{_NOT_OWN}: they are signed as sendgrid.net, not as {domain}", to_do),
        ]
    else:
        keys = {wanted.host: dns.texts(wanted.host) for wanted in authenticated.dkim}
        findings += [
            check_spf(authenticated, dns.texts(authenticated.return_path.host)),
            check_dkim(authenticated, keys),
        ]
    is_signed = None if isinstance(domains, NotReadable) else is_aligned(domain, authenticated)
    return [
        *findings,
        check_dmarc(domain, find_records(domain, dns.texts), is_signed=is_signed),
        check_link_branding(domain, account.links()),
        check_postal_address(settings.postal_address),
    ]

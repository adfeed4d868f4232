"""Domain authentication: whether SendGrid signs the emails as the sender's own domain.

https://www.twilio.com/docs/sendgrid/ui/account-and-settings/how-to-set-up-domain-authentication
"""

from collections.abc import Sequence

from deployment.mail_checks.finding import Check, Finding
from deployment.mail_checks.not_readable import NotReadable
from deployment.mail_checks.sender_address import domain_of
from deployment.mail_checks.sendgrid.account import AuthenticatedDomain

_CHECK = Check("domain-authentication")
SENDER_AUTHENTICATION = "SendGrid, Settings, Sender Authentication"


def choose_domain(sender_domain: str, domains: Sequence[AuthenticatedDomain]) -> AuthenticatedDomain | None:
    """The domain that SendGrid authenticates a sender's emails by: the sender's own, or else the default.
    https://www.twilio.com/docs/sendgrid/api-reference/domain-authentication/authenticate-a-domain"""
    own = [each for each in domains if each.domain == sender_domain]
    default = [each for each in domains if each.is_default]
    # A domain can be there twice, such as once for each region.
    return max(own or default, key=lambda each: each.valid, default=None)


def is_aligned(sender_domain: str, authenticated: AuthenticatedDomain | None) -> bool:
    """Whether the authenticated domain's signature counts as the sender's own, for DMARC: it does if one of the domains
    is the other, or is below it. https://www.rfc-editor.org/rfc/rfc7489#section-3.1.1"""
    if authenticated is None or not authenticated.valid:
        return False
    one, other = f".{sender_domain}", f".{authenticated.domain}"
    return one.endswith(other) or other.endswith(one)


def check_authentication(
    sender: str, domains: Sequence[AuthenticatedDomain] | NotReadable, verified_addresses: frozenset[str] | NotReadable
) -> Finding:
    """Check that the sender's domain is authenticated, or else MAIL_FROM itself verified."""
    domain = domain_of(sender)
    if isinstance(domains, NotReadable):
        return _CHECK.unknown(
            domains.why,
            f"Look yourself ({SENDER_AUTHENTICATION}), or run this with a key in SENDGRID_API_KEY that may read it.",
        )
    authenticate = f"Authenticate {domain}: {SENDER_AUTHENTICATION}."
    chosen = choose_domain(domain, domains)
    if chosen is not None and chosen.domain == domain:
        if chosen.valid:
            return _CHECK.ok(f"SendGrid has authenticated {domain}")
        missing = "; ".join(str(each) for each in chosen.records if not each.valid)
        return _CHECK.problem(
            f"{domain} waits for its DNS records",
            f"Publish {missing or 'what SendGrid shows'}, then choose Verify: {SENDER_AUTHENTICATION}.",
        )
    if is_aligned(domain, chosen):
        return _CHECK.warning(
            f"SendGrid has authenticated {chosen.domain if chosen else ''}, its default, and not {domain}",
            authenticate,
        )
    if isinstance(verified_addresses, NotReadable):
        return _CHECK.warning(
            f"{domain} is not authenticated; whether the address is a verified sender is not known: "
            f"{verified_addresses.why}",
            authenticate,
        )
    if sender.lower() in verified_addresses:
        return _CHECK.warning(
            f"SendGrid has verified the address alone, so the emails are not signed as {domain} and fail DMARC",
            authenticate,
        )
    return _CHECK.problem(
        f"SendGrid has verified neither {domain} nor the address, and refuses emails",
        authenticate,
    )

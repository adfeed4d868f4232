"""Link branding: whether the links that SendGrid counts clicks on lead through a domain of one's own.

https://www.twilio.com/docs/sendgrid/ui/account-and-settings/how-to-set-up-link-branding
"""

from collections.abc import Sequence

from deployment.mail_checks.finding import Check, Finding
from deployment.mail_checks.not_readable import NotReadable
from deployment.mail_checks.sendgrid.account import BrandedLink
from deployment.mail_checks.sendgrid.authentication import SENDER_AUTHENTICATION

_CHECK = Check("link-branding")


def check_link_branding(domain: str, links: Sequence[BrandedLink] | NotReadable) -> Finding:
    """Check that a branded link of the sender's domain is valid."""
    if isinstance(links, NotReadable):
        return _CHECK.unknown(links.why, f"Look yourself: {SENDER_AUTHENTICATION}.")
    own = [each for each in links if f".{domain}".endswith(f".{each.domain}") or each.domain.endswith(f".{domain}")]
    if valid := next((each for each in own if each.valid), None):
        return _CHECK.ok(f"counted links lead through {valid.host}")
    if own:
        missing = "; ".join(str(record) for record in own[0].records if not record.valid)
        return _CHECK.warning(
            f"{own[0].host} waits for its DNS records, so counted links lead through a domain of SendGrid's",
            f"Publish {missing or 'what SendGrid shows'}, then choose Verify: {SENDER_AUTHENTICATION}.",
        )
    return _CHECK.warning(
        "counted links lead through a domain that other customers of SendGrid use, too",
        f"Brand your links ({SENDER_AUTHENTICATION}), or turn click tracking off (Settings, Tracking).",
    )

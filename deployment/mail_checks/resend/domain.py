"""Whether Resend sends as the sender's domain. https://resend.com/docs/dashboard/domains/manage-domains"""

from deployment.mail_checks.finding import Finding, State
from deployment.mail_checks.not_readable import NotReadable
from deployment.mail_checks.resend.account import ResendDomain

_CHECK = "domain-authentication"
_DOMAINS = "Resend, Domains"


def check_domain(name: str, domain: ResendDomain | NotReadable | None) -> Finding:
    """Check that the sender's domain is verified. Each subdomain is one of its own."""
    if isinstance(domain, NotReadable):
        return Finding(
            _CHECK,
            State.WARNING,
            f"whether Resend has verified {name} is not known: {domain.why}",
            f"Look yourself ({_DOMAINS}), or run ./reports check mail with a key of full access in RESEND_API_KEY.",
        )
    if domain is None:
        return Finding(
            _CHECK, State.PROBLEM, f"Resend has no domain {name}, and refuses its emails", f"Add it: {_DOMAINS}."
        )
    if not domain.sends:
        return Finding(_CHECK, State.PROBLEM, f"sending is off for {name}", f"Turn it on: {_DOMAINS}.")
    if domain.status == "verified":
        return Finding(_CHECK, State.OK, f"Resend has verified {name}")
    missing = "; ".join(str(each) for each in domain.records if not each.valid)
    return Finding(
        _CHECK,
        State.PROBLEM,
        f"{name} is {domain.status.replace('_', ' ')}, and Resend refuses its emails",
        f"Publish {missing or 'what Resend shows'}, then choose Verify DNS Records: {_DOMAINS}.",
    )

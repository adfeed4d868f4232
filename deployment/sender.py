"""Warns about what keeps mails from arriving: DNS records, and what the mail provider says of the sender and the key.

docs/guides/deliverability.md explains each check; ./reports check mail shows all of them.
"""

import os

from deployment.mail_checks.dns import GOOGLE_PUBLIC_DNS, DnsOverHttps, is_reserved
from deployment.mail_checks.finding import State
from deployment.mail_checks.provider_checks import checks_of
from deployment.mail_checks.sender_address import domain_of
from deployment.mail_checks.sender_settings import SenderSettings
from deployment.run import Run
from deployment.secret_values import provider_key
from deployment.webhooks import host_of


def check_sender(run: Run) -> None:
    """Warn before the functions are deployed, and of what is a problem once more at the end. This never stops the
    deployment: a wrong key is replaced by another deployment, and a network may keep this machine alone from asking."""
    run.report.step("mail", "Mail")
    settings, provider = run.settings, run.settings.mail_provider
    # From a domain for examples nothing is ever sent, so nothing is asked about it.
    if is_reserved(domain_of(settings.mail_from)):
        return
    key = provider_key(run, provider)
    sender = SenderSettings(settings.mail_from, settings.mail_postal_address, settings.full_rate * settings.queues)
    checks = checks_of(provider, sender, host=host_of(run, provider), key=key)
    for finding in checks.sender(DnsOverHttps(os.environ.get("DNS_OVER_HTTPS_URL") or GOOGLE_PUBLIC_DNS)):
        line = _plain(f"{finding.check}: {finding.found}. {finding.to_do}")
        if finding.state in {State.WARNING, State.PROBLEM}:
            run.report.warn(line)
        else:
            run.report.detail(_plain(f"{finding.state.value}: {finding.check}: {finding.found}"))
        if finding.state is State.PROBLEM:
            run.report.warn_last(line)


def _plain(text: str) -> str:
    """A text that acts on no terminal: some of it comes from DNS."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)

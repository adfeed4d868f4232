"""Warns about what keeps emails from arriving: DNS records, and what the email provider says of the sender and the key.

docs/guides/deliverability.md explains each check; ./reports check mail shows all of them.
"""

from deployment.mail_checks.finding import State
from deployment.mail_checks.provider_checks import checks_of
from deployment.mail_checks.resolver import Resolver, is_reserved
from deployment.mail_checks.sender_address import domain_of
from deployment.mail_checks.sender_settings import SenderSettings
from deployment.run import Run
from deployment.secret_values import account_keys, provider_key
from deployment.webhooks import host_of


def check_sender(run: Run) -> None:
    """Warn before the functions are deployed, and of what is a problem once more at the end. This never stops the
    deployment: a wrong key is replaced by another deployment, and a network may keep this machine alone from asking."""
    run.report.step("mail", "Mail")
    settings = run.settings
    keys = {"": provider_key(run, settings.mail_provider), **(account_keys(run) or {})}
    _check(run, "", settings.mail_from, settings.mail_postal_address, keys[""])
    for name, brand in settings.brands.items():
        if brand.mail_from or brand.account:
            postal_address = brand.mail_postal_address or settings.mail_postal_address
            key = keys.get(brand.account, "")
            _check(run, f"{name}: ", brand.mail_from or settings.mail_from, postal_address, key)


def _check(run: Run, brand: str, mail_from: str, postal_address: str, key: str) -> None:
    settings, provider = run.settings, run.settings.mail_provider
    # From a domain for examples nothing is ever sent, so nothing is asked about it.
    if is_reserved(domain_of(mail_from)):
        return
    sender = SenderSettings(mail_from, postal_address, settings.full_rate * settings.queues)
    checks = checks_of(provider, sender, host=host_of(run, provider), key=key)
    for finding in checks.sender(Resolver.of_this_machine()):
        line = _plain(f"{brand}{finding.check}: {finding.found}. {finding.to_do}")
        if finding.state in {State.WARNING, State.PROBLEM}:
            run.report.warn(line)
        else:
            run.report.detail(_plain(f"{finding.state.value}: {brand}{finding.check}: {finding.found}"))
        if finding.state is State.PROBLEM:
            run.report.warn_last(line)


def _plain(text: str) -> str:
    """A text that acts on no terminal: some of it comes from DNS."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)

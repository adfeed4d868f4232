"""Checks what emails need to arrive: what deploy.sh checks, the webhook, and an email as the worker makes it."""

import os
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from deployment.mail_api import HOSTS
from deployment.mail_checks.finding import Finding, State
from deployment.mail_checks.provider_checks import KEYS, checks_of
from deployment.mail_checks.resolver import Resolver
from deployment.mail_checks.sender_settings import SenderSettings
from functions.shared.records.subscription import SubscriptionDefaults
from functions.shared.settings import MailSettings
from operations.errors import OperatorError
from operations.mail_checks.unsubscribe_headers import check_unsubscribe_headers
from operations.previews import preview as previews
from operations.previews.preview_period import next_period
from operations.previews.preview_subject import sample_subject

_TEST_MAIL = "test-mail"
_THIS_MACHINE = {"localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True, kw_only=True)
class MailSetup:
    """What the checks look at.

    Attributes:
        variables: the worker's about email, the provider's key among them, by name.
        settings: the same, read.
        webhook_url: where the function mail_events takes events.
        webhook_keys: what it knows the provider's calls by; None where that is not known.
        defaults: the kind of the sample email.
        kind_variables: gives what a kind declares, by name; raises an OperatorError if it is not set.
        without_unsubscribe: whether all recipients are the team's own people, who need no way out.
        now: the present, in UTC.
    """

    variables: Mapping[str, str | None]
    settings: MailSettings
    webhook_url: re.Pattern[str]
    webhook_keys: tuple[str, ...] | None
    defaults: SubscriptionDefaults
    kind_variables: Callable[[str], Mapping[str, str]]
    without_unsubscribe: bool
    now: Callable[[], datetime]


def check_mail(setup: MailSetup, *, to: str | None) -> list[Finding]:
    """Carry out all checks.

    Args:
        to: who gets a test email; None: it is only made.
    """
    provider = setup.settings.mail_provider
    # An SMTP server has no host but that of its URL.
    host = setup.variables.get(f"{provider}_HOST".upper()) or HOSTS.get(provider, "")
    key = (setup.variables.get(KEYS[provider]) or "").strip()
    sender = SenderSettings(setup.settings.mail_from, setup.settings.mail_postal_address)
    checks = checks_of(provider, sender, host=host, key=key)
    return [
        *checks.sender(_resolver(host or key)),
        checks.webhook(url=setup.webhook_url, keys=setup.webhook_keys),
        *_check_test_mail(setup, checks.title, to=to),
    ]


def _resolver(provider_url: str) -> Resolver:
    if not os.environ.get("DNS_SERVER") and urlsplit(provider_url).hostname in _THIS_MACHINE:
        return Resolver(unasked="DNS is not asked, since the email provider is a stand-in here")
    return Resolver.of_this_machine()


def _check_test_mail(setup: MailSetup, provider: str, *, to: str | None) -> list[Finding]:
    try:
        mail = _compose(setup, setup.settings)
    except OperatorError as error:
        return [Finding(_TEST_MAIL, State.UNKNOWN, f"no sample can be made: {error}", "Name another DEFAULT_KIND.")]
    in_group = setup.settings.mail_unsubscribe_group is not None
    headers = check_unsubscribe_headers(
        mail.recipients[0].headers, in_group=in_group, is_needed=not setup.without_unsubscribe
    )
    if to is None:
        return [headers]
    try:
        # As `reports send --to` sends one: no link of it unsubscribes anyone.
        test = _compose(setup, previews.test_settings(setup.variables))
        message_id = previews.send_test(test, to, setup.variables, now=setup.now)
    except OperatorError as error:
        return [headers, Finding(_TEST_MAIL, State.PROBLEM, str(error), "Mend what the rows above name.")]
    if setup.settings.mail_sandbox:
        taken = f"{provider} took it, and no one gets it (MAIL_SANDBOX)"
        return [headers, Finding(_TEST_MAIL, State.UNKNOWN, taken)]
    return [
        headers,
        Finding(
            _TEST_MAIL,
            State.OK,
            f"{provider} took it as {message_id}",
            "Look at its source where it arrives: Authentication-Results should say pass for spf, dkim and dmarc.",
        ),
    ]


def _compose(setup: MailSetup, settings: MailSettings) -> previews.Mail:
    """A report of made-up data, made by the worker's own code.

    Raises:
        OperatorError: the kind has no sample, or fails.
    """
    whose, which = sample_subject(setup.defaults.kind)
    now = setup.now()
    covered = next_period(which, which.schedule(whose), now)
    made = previews.build(
        which.kind,
        whose,
        which,
        covered,
        previews.sample_data(which.kind, covered),
        settings,
        now=now,
        variables=setup.kind_variables(which.kind),
        delivery=f"test-{secrets.token_hex(8)}",
    )
    if isinstance(made, previews.NothingToSend):
        raise OperatorError(f"the sample of {which.kind} has nothing to report: {made.why}")
    return made

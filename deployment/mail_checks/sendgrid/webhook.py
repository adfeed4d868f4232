"""The Event Webhook: how the pipeline learns of bounces, complaints and unsubscribed recipients."""

import re
from collections.abc import Sequence

from deployment.mail_checks.finding import Finding, State
from deployment.mail_checks.not_readable import NotReadable
from deployment.sendgrid_webhook import Webhook
from functions.shared.project_files import deploy_command

_CHECK = "webhook"

NEEDED_EVENTS = frozenset({"bounce", "dropped", "spam_report", "unsubscribe", "group_unsubscribe"})
"""The events that keep further emails from an address, as the webhook's settings name them."""


def check_webhook(
    webhooks: Sequence[Webhook] | NotReadable, *, url: re.Pattern[str], keys: Sequence[str] | None
) -> Finding:
    """Check that SendGrid reports to the function mail_events, and that the function takes it. The keys are those that
    the function knows; None if that is not known."""
    if isinstance(webhooks, NotReadable):
        return Finding(
            _CHECK, State.UNKNOWN, webhooks.why, "Look yourself: SendGrid, Settings, Mail Settings, Event Webhooks."
        )
    own = [each for each in webhooks if url.fullmatch(each.url)]
    if not own:
        return Finding(
            _CHECK,
            State.WARNING if keys is None else State.PROBLEM,
            "no webhook calls the function mail_events, so bounces and complaints stop no email",
            f"Run {deploy_command()} with a key that may set webhooks up, or make it by hand "
            "(docs/guides/mail-events.md).",
        )
    # Another environment's function can have the same name.
    found = next((each for each in own if keys and each.public_key in keys), own[0])
    if not found.enabled:
        return _problem("is turned off", "Turn it on")
    if not found.public_key:
        return _problem("does not sign its calls, and mail_events takes no call without a signature", "Turn it on")
    if keys is not None and found.public_key not in keys:
        return _problem(
            "signs with a key that mail_events does not know", "Set SENDGRID_WEBHOOK_KEY to the key that it shows"
        )
    if missing := sorted(NEEDED_EVENTS - found.events):
        return Finding(
            _CHECK,
            State.WARNING,
            f"the webhook does not send {', '.join(missing)}, so these stop no email",
            "Add them: SendGrid, Settings, Mail Settings, Event Webhooks.",
        )
    return Finding(_CHECK, State.OK, f"signed events come for {', '.join(sorted(found.events))}")


def _problem(fault: str, to_do: str) -> Finding:
    return Finding(
        _CHECK,
        State.PROBLEM,
        f"the webhook {fault}",
        f"{to_do}: SendGrid, Settings, Mail Settings, Event Webhooks; or run {deploy_command()}.",
    )

"""Resend's webhook: how the pipeline learns of bounces and complaints."""

from collections.abc import Sequence

from deployment.mail_checks.finding import Finding, State
from deployment.mail_checks.not_readable import NotReadable
from deployment.resend_webhook import ResendWebhook
from functions.shared.project_files import deploy_command

_CHECK = "webhook"
_PLACE = "Resend, Webhooks"

NEEDED_EVENTS = frozenset({"email.bounced", "email.complained", "email.suppressed"})
"""The events that keep further emails from an address."""


def check_webhook(own: Sequence[ResendWebhook] | NotReadable, *, secrets: Sequence[str] | None) -> Finding:
    """Check that Resend reports to the function mail_events, and that the function takes it. The secrets are those that
    the function knows; None if that is not known."""
    if isinstance(own, NotReadable):
        return Finding(_CHECK, State.UNKNOWN, own.why, f"Look yourself: {_PLACE}.")
    if not own:
        return Finding(
            _CHECK,
            State.WARNING if secrets is None else State.PROBLEM,
            "no webhook calls the function mail_events, so bounces and complaints stop no email",
            f"Run {deploy_command()} with a key that has full access, or make it by hand (docs/guides/mail-events.md).",
        )
    # Another environment's function can have the same name.
    found = next((each for each in own if secrets and each.secret in secrets), own[0])
    if not found.enabled:
        to_do = f"Turn it on: {_PLACE}; or run {deploy_command()}."
        return Finding(_CHECK, State.PROBLEM, "the webhook is turned off", to_do)
    if secrets is not None and found.secret not in secrets:
        return Finding(
            _CHECK,
            State.PROBLEM,
            "the webhook signs with a secret that mail_events does not know",
            "Deploy mail_events with a key of full access, or set RESEND_WEBHOOK_SECRET to the secret that it shows.",
        )
    if missing := sorted(NEEDED_EVENTS - found.events):
        return Finding(
            _CHECK,
            State.WARNING,
            f"the webhook does not send {', '.join(missing)}, so these stop no email",
            f"Add them: {_PLACE}.",
        )
    return Finding(_CHECK, State.OK, f"signed events come for {', '.join(sorted(found.events))}")

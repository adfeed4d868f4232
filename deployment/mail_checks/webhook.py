"""The provider's webhook: how the pipeline learns of bounces, complaints and unsubscribed recipients."""

from collections.abc import Sequence

from deployment.mail_checks.finding import Check, Finding
from deployment.mail_checks.not_readable import NotReadable
from deployment.webhook_setup import Webhook
from functions.shared.project_files import deploy_command

_CHECK = Check("webhook")
_PLACES = {"SendGrid": "SendGrid, Settings, Mail Settings, Event Webhooks", "Resend": "Resend, Webhooks"}
_KEYS = {"SendGrid": ("key", "SENDGRID_WEBHOOK_KEY"), "Resend": ("secret", "RESEND_WEBHOOK_SECRET")}
NEEDED_EVENTS = {
    "SendGrid": frozenset({"bounce", "dropped", "spam_report", "unsubscribe", "group_unsubscribe"}),
    "Resend": frozenset({"email.bounced", "email.complained", "email.suppressed"}),
}
"""The events that keep further emails from an address."""


def check_webhook(provider: str, own: Sequence[Webhook] | NotReadable, *, keys: Sequence[str] | None) -> Finding:
    """Check that a provider, by its title, reports to the function mail_events, and that the function takes it. The
    keys are those that the function knows; None if that is not known."""
    place, (key, variable) = _PLACES[provider], _KEYS[provider]
    if isinstance(own, NotReadable):
        return _CHECK.unknown(own.why, f"Look yourself: {place}.")
    if not own:
        found_as = _CHECK.warning if keys is None else _CHECK.problem
        to_do = f"Run {deploy_command()} with a key that may set webhooks up, or make it by hand"
        return found_as(
            "no webhook calls the function mail_events, so bounces and complaints stop no email",
            f"{to_do} (docs/guides/mail-events.md).",
        )
    # Another environment's function can have the same name.
    found = next((each for each in own if keys and each.key in keys), own[0])
    fault, to_do = "", "Turn it on"
    if not found.enabled:
        fault = "is turned off"
    elif not found.key:
        fault = "does not sign its calls, and mail_events takes no call without a signature"
    elif keys is not None and found.key not in keys:
        fault = f"signs with a {key} that mail_events does not know"
        to_do = f"Set {variable} to the {key} that it shows"
    if fault:
        return _CHECK.problem(f"the webhook {fault}", f"{to_do}: {place}; or run {deploy_command()}.")
    if missing := sorted(NEEDED_EVENTS[provider] - found.events):
        found_out = f"the webhook does not send {', '.join(missing)}, so these stop no email"
        return _CHECK.warning(found_out, f"Add them: {place}.")
    return _CHECK.ok(f"signed events come for {', '.join(sorted(found.events))}")

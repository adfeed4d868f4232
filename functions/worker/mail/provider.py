"""The mail provider of this deployment: the one place that chooses it."""

from functions.shared.settings import WorkerSettings
from functions.worker.mail.delivery_lookup import DeliveryLookup
from functions.worker.mail.model import MailProvider, Sender
from functions.worker.mail.sendgrid import activity, api, tags
from functions.worker.mail.unsubscribe_link import inert


def mail_provider(settings: WorkerSettings) -> MailProvider:
    """Make the provider that the environment names."""
    return api.SendGrid(
        api_key=settings.sendgrid_api_key,
        host=settings.sendgrid_host,
        sender=Sender.from_settings(settings),
        check_unsubscribed=settings.mail_check_unsubscribed,
    )


def delivery_lookup(settings: WorkerSettings) -> DeliveryLookup | None:
    """Make the provider's lookup of mails of unknown outcome; None where the environment says not to ask."""
    if not settings.sendgrid_activity:
        return None
    return activity.SendGridActivity(api_key=settings.sendgrid_api_key, host=settings.sendgrid_host)


def make_tags_inert(text: str) -> str:
    """Keep the provider from replacing tags, the mail's or its own, in text that a user or an application wrote."""
    return tags.inert(inert(text))

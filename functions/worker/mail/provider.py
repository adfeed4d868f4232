"""The mail provider of this deployment: the one place that chooses it."""

from typing import Any, Protocol

from functions.shared.settings import MailProviderSettings
from functions.worker.mail.delivery_lookup import DeliveryLookup
from functions.worker.mail.model import Mail, MailProvider, Sender
from functions.worker.mail.sendgrid import parts
from functions.worker.mail.unsubscribe_link import inert


class ProviderParts(Protocol):
    """What a provider's folder has in its module `parts`. One choice brings all of it, so that no provider is sent a
    mail in which another one's tags are inert, or asked about a mail that another one took.
    """

    def mail_provider(self, settings: MailProviderSettings) -> MailProvider:
        """Make the provider, with what the environment says about it."""

    def delivery_lookup(self, settings: MailProviderSettings) -> DeliveryLookup | None:
        """Make the provider's lookup of mails of unknown outcome; None where it has none, or is not to be asked."""

    def make_tags_inert(self, text: str) -> str:
        """Keep the provider from replacing its own tags in a text."""

    def to_request(self, mail: Mail, sender: Sender) -> Any:
        """The body of the request that sends a mail, as JSON has it: what a preview shows."""


_chosen: ProviderParts = parts

mail_provider = _chosen.mail_provider
delivery_lookup = _chosen.delivery_lookup
to_request = _chosen.to_request


def make_tags_inert(text: str) -> str:
    """Keep the provider from replacing tags, the mail's or its own, in text that a user or an application wrote."""
    return _chosen.make_tags_inert(inert(text))

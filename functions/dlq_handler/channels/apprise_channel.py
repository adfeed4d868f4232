"""Posts alerts to PagerDuty, Discord, Teams, email and a hundred other services through Apprise.

https://github.com/caronc/apprise/wiki
"""

import hashlib
import logging
import re
from typing import Any

from functions.dlq_handler.channels.alert import Alert
from functions.dlq_handler.channels.channel import ChannelFailed


class AppriseChannel:
    """One service that Apprise knows.

    Args:
        notifier: an apprise.Apprise with the URL in it.
        url: the URL, a secret.
    """

    def __init__(self, notifier: Any, url: str) -> None:
        self._notifier = notifier
        scheme = re.sub(r"[^a-z0-9]", "", url.partition("://")[0].lower())[:20]
        # The hash tells two rooms of one service apart, and stays when the order of the URLs changes.
        self.name = f"{scheme}-{hashlib.sha256(url.encode()).hexdigest()[:8]}"

    def send(self, alert: Alert) -> None:
        """Post an alert.

        Raises:
            ChannelFailed: the service could not be reached or did not take the alert.
        """
        try:
            taken = self._notifier.notify(
                title=alert.title,
                body=_inert(alert.to_text()),
                notify_type="failure",
                # Others wrote the texts: Apprise must not read them as markup or escapes.
                body_format="text",
                interpret_escapes=False,
            )
        except Exception as error:  # noqa: BLE001  whatever one of a hundred plugins raises, the other channels still get the alert
            raise ChannelFailed(f"{self.name} failed: {type(error).__name__}") from None
        if not taken:
            raise ChannelFailed(f"{self.name} did not take the alert")


def _inert(text: str) -> str:
    """A text with a zero-width space after each character that could begin a mention or a link.

    Apprise hands the text unchanged to services that read every text as Markdown, such as Discord and Mattermost.
    https://spec.commonmark.org/0.31.2/#links
    """
    return re.sub(r"[@<]|\](?=[(\[:])", "\\g<0>\u200b", text)


def apprise_channel(url: str) -> AppriseChannel | None:
    """The channel of a URL; None where Apprise does not know the URL."""
    import apprise  # only where it is used: it is large, and most deployments have Slack alone

    # It logs URLs, with the secrets in them.
    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
    notifier = apprise.Apprise()
    return AppriseChannel(notifier, url) if notifier.add(url) else None

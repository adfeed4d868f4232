"""Posts alerts to an incoming webhook of Slack.

https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
"""

import threading
from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from http.client import HTTPException

import structlog

from functions.dlq_handler.channels.alert import Alert
from functions.dlq_handler.channels.channel import ChannelBusy, ChannelFailed

TIMEOUT_SECONDS = 5
"""Far less than the 60 seconds after which Pub/Sub delivers a message again. Slack answers within one second."""

_DEFAULT_RETRY_AFTER = timedelta(seconds=30)

_IMPORT = threading.Lock()

_logger = structlog.get_logger()


class SlackChannel:
    """Posts alerts to a webhook. It does not retry: Pub/Sub delivers the message again.

    Args:
        webhook_url: the webhook's URL, a secret.
        name: the channel's in stored records.
    """

    def __init__(self, webhook_url: str, *, name: str = "slack") -> None:
        self.name = name
        self._webhook_url = webhook_url

    def send(self, alert: Alert) -> None:
        """Post an alert.

        Raises:
            ChannelBusy: Slack got too many messages. https://docs.slack.dev/apis/web-api/rate-limits
            ChannelFailed: Slack could not be reached or did not take the alert.
        """
        # Imported with the first alert: most messages of a storm raise none, and the handler starts without it.
        # One thread at a time: the package imports itself in a circle, and a second thread would find it half made.
        with _IMPORT:
            from slack_sdk.errors import SlackClientError
            from slack_sdk.webhook import WebhookClient

            from functions.dlq_handler.channels.slack_blocks import to_blocks, to_fallback

        client = WebhookClient(self._webhook_url, timeout=TIMEOUT_SECONDS, retry_handlers=[])
        text = to_fallback(alert)
        try:
            response = client.send(text=text, blocks=to_blocks(alert))
            if response.status_code == HTTPStatus.BAD_REQUEST:
                # A plain alert is better than none.
                _logger.error("slack_blocks_refused", answer=response.body[:200])
                response = client.send(text=text)
        except (OSError, HTTPException, SlackClientError) as error:
            # The text of these errors may hold the URL.
            raise ChannelFailed(f"Slack could not be reached: {type(error).__name__}") from None
        if response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
            raise ChannelBusy("Slack answered 429", retry_after=_retry_after(response.headers))
        if response.status_code != HTTPStatus.OK:
            raise ChannelFailed(f"Slack answered {response.status_code}")


def _retry_after(headers: Mapping[str, str]) -> timedelta:
    seconds = next((value for name, value in headers.items() if name.lower() == "retry-after"), "").strip()
    return timedelta(seconds=int(seconds[:6])) if seconds.isascii() and seconds.isdigit() else _DEFAULT_RETRY_AFTER

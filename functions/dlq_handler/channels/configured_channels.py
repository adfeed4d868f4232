"""The channels that the settings name."""

from functions.dlq_handler.channels.apprise_channel import apprise_channels
from functions.dlq_handler.channels.channel import Channel
from functions.dlq_handler.channels.slack_channel import SlackChannel
from functions.shared.settings import DlqHandlerSettings


def configured_channels(settings: DlqHandlerSettings) -> list[Channel]:
    """Make a channel for each that is set.

    Raises:
        UnknownAlertUrl: Apprise does not know an entry of ALERT_URLS.
    """
    slack = [SlackChannel(settings.slack_webhook_url)] if settings.slack_webhook_url else []
    return [*slack, *apprise_channels(settings.alert_urls)]

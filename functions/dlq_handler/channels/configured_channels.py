"""The channels that the settings name. Those who own a kind of report get the alerts about its reports alone."""

import hashlib
from collections.abc import Mapping
from urllib.parse import quote

from functions.dlq_handler.channels.apprise_channel import apprise_channel
from functions.dlq_handler.channels.channel import Channel
from functions.dlq_handler.channels.slack_channel import SlackChannel
from functions.shared.settings import DlqHandlerSettings

Audiences = Mapping[str, frozenset[str]]
"""The kinds that a channel gets alerts about, by the channel's name; one that is absent gets all alerts."""


class UnknownChannel(ValueError):
    """A channel cannot be told. The message names the variable, the kind of an owner, and nothing secret."""


def configured_channels(settings: DlqHandlerSettings, variables: Mapping[str, str]) -> tuple[list[Channel], Audiences]:
    """Make the channels of SLACK_WEBHOOK_URL and ALERT_URLS, and one for each owner in KIND_OWNERS.

    Args:
        settings: the handler's.
        variables: the environment, with the secrets that owners name.

    Returns:
        The channels, and the kinds that those of owners get alerts about.

    Raises:
        UnknownChannel: a URL is none that Apprise knows, or an owner is no address, and no variable with a Slack
            webhook or a URL.
    """
    channels: list[Channel] = [SlackChannel(settings.slack_webhook_url)] if settings.slack_webhook_url else []
    channels += [_by_url(url, f"ALERT_URLS: entry {number}") for number, url in enumerate(settings.alert_urls, start=1)]
    owners: dict[str, Channel] = {}
    kinds: dict[str, frozenset[str]] = {}
    for kind, owner in settings.kind_owners.items():
        channel = (
            _mail(kind, owner, settings.owner_mail_url)
            if "@" in owner
            else _chat(kind, owner, variables.get(owner, "").strip())
        )
        owners[channel.name] = channel
        kinds[channel.name] = kinds.get(channel.name, frozenset()) | {kind}
    return [*channels, *owners.values()], kinds


def _mail(kind: str, address: str, server: str | None) -> Channel:
    if not server:
        raise UnknownChannel(f"OWNER_MAIL_URL: not set, and the owner of {kind} is told by email")
    recipient = f"{'&' if '?' in server else '?'}to={quote(address, safe='')}"
    return _by_url(server + recipient, "OWNER_MAIL_URL")


def _chat(kind: str, variable: str, url: str) -> Channel:
    if not url:
        raise UnknownChannel(f"{variable}: not set, and the owner of {kind} is told by it")
    if url.startswith(("https://", "http://")):
        return SlackChannel(url, name=f"slack-{hashlib.sha256(url.encode()).hexdigest()[:8]}")
    return _by_url(url, variable)


def _by_url(url: str, where: str) -> Channel:
    channel = apprise_channel(url)
    if channel is None:
        raise UnknownChannel(f"{where}: not a URL that Apprise knows")
    return channel

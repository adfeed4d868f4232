"""The channels of those who own a kind of report, and get the alerts about its reports alone."""

import hashlib
from collections.abc import Mapping
from urllib.parse import quote

from functions.dlq_handler.channels.apprise_channel import UnknownAlertUrl, apprise_channels
from functions.dlq_handler.channels.channel import Channel
from functions.dlq_handler.channels.slack_channel import SlackChannel
from functions.shared.settings import DlqHandlerSettings

Audiences = Mapping[str, frozenset[str]]
"""The kinds that a channel gets alerts about, by the channel's name; one that is absent gets all alerts."""


class UnknownOwner(ValueError):
    """The owner of a kind cannot be told. The message names the kind and the variable, and nothing secret."""


def owner_channels(
    settings: DlqHandlerSettings, variables: Mapping[str, str]
) -> tuple[list[Channel], dict[str, frozenset[str]]]:
    """Make a channel for each owner in KIND_OWNERS.

    Args:
        settings: the handler's.
        variables: the environment, with the secrets that owners name.

    Returns:
        The channels, and the kinds that each gets alerts about.

    Raises:
        UnknownOwner: an owner is no address, and no variable with a Slack webhook or a URL of Apprise.
    """
    channels: dict[str, Channel] = {}
    kinds: dict[str, frozenset[str]] = {}
    for kind, owner in settings.kind_owners.items():
        channel = (
            _mail(kind, owner, settings.owner_mail_url)
            if "@" in owner
            else _chat(kind, owner, variables.get(owner, "").strip())
        )
        channels[channel.name] = channel
        kinds[channel.name] = kinds.get(channel.name, frozenset()) | {kind}
    return list(channels.values()), kinds


def _mail(kind: str, address: str, server: str | None) -> Channel:
    if not server:
        raise UnknownOwner(f"OWNER_MAIL_URL: not set, and the owner of {kind} is told by mail")
    recipient = f"{'&' if '?' in server else '?'}to={quote(address, safe='')}"
    return _apprise(server + recipient, "OWNER_MAIL_URL")


def _chat(kind: str, variable: str, url: str) -> Channel:
    if not url:
        raise UnknownOwner(f"{variable}: not set, and the owner of {kind} is told by it")
    if url.startswith(("https://", "http://")):
        return SlackChannel(url, name=f"slack-{hashlib.sha256(url.encode()).hexdigest()[:8]}")
    return _apprise(url, variable)


def _apprise(url: str, variable: str) -> Channel:
    try:
        [channel] = apprise_channels([url])
    except UnknownAlertUrl:
        raise UnknownOwner(f"{variable}: neither a Slack webhook nor a URL that Apprise knows") from None
    return channel

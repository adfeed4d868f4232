"""Where a subscription's reports go: the field `deliver` of its document. Pure."""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple
from urllib.parse import urlsplit

NAME_OF_SECRET = r"[a-z][a-z0-9_-]{0,63}"  # noqa: S105  no secret
"""The name of a secret in DESTINATION_SECRETS."""

_LONGEST_URL = 2_000
_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")


class DestinationName(StrEnum):
    """A destination. Each has a folder of this name in the worker."""

    EMAIL = "email"
    """The addresses of the subscription, or the user's own."""
    WEBHOOK = "webhook"
    """A URL that takes the figures as JSON."""
    GCS = "gcs"
    """A bucket of Cloud Storage."""
    SLACK = "slack"
    """A channel of Slack."""
    CHAT = "chat"
    """A space of Google Chat."""
    TEAMS = "teams"
    """A channel or chat of Microsoft Teams."""


class Deliver(NamedTuple):
    """A destination and its address there. No secret is in it: the document names one, and the worker has its value.

    Attributes:
        destination: which.
        url: of a webhook: https, or http on this machine.
        bucket: of Cloud Storage.
        prefix: what the names of the objects in the bucket begin with; may be empty.
        channel: the id of a Slack channel.
        secret: the name in DESTINATION_SECRETS of what the worker needs there: a webhook's signing keys, Slack's token,
            the URL of Google Chat's or Teams' webhook.
    """

    destination: DestinationName
    url: str = ""
    bucket: str = ""
    prefix: str = ""
    channel: str = ""
    secret: str = ""

    def to_field(self) -> dict[str, str]:
        """It as the document has it."""
        return {name: str(value) for name, value in self._asdict().items() if value}


BY_EMAIL = Deliver(DestinationName.EMAIL)
"""Where reports go if the document does not say."""

NEEDED = {
    DestinationName.EMAIL: (),
    DestinationName.WEBHOOK: ("url", "secret"),
    DestinationName.GCS: ("bucket",),
    DestinationName.SLACK: ("channel", "secret"),
    DestinationName.CHAT: ("secret",),
    DestinationName.TEAMS: ("secret",),
}
"""The keys that a map must have beside `destination`."""

MUST_BE = "a map with destination: " + ", ".join(
    destination + (f" (with {' and '.join(names)})" if names else "") for destination, names in NEEDED.items()
)
"""What the field has to be, in words."""

_OPTIONAL = {DestinationName.GCS: ("prefix",)}


def read_deliver(value: Any) -> Deliver:
    """Read the field.

    Raises:
        ValueError: it is none, lacks a key, or has one that its destination does not know.
    """
    if not isinstance(value, Mapping):
        raise ValueError("not a map")  # noqa: TRY004  pydantic counts no TypeError
    try:
        destination = DestinationName(str(value.get("destination")))
    except ValueError:
        raise ValueError("no destination that there is") from None
    given = {name: text for name, text in value.items() if name != "destination"}
    needed, optional = NEEDED[destination], _OPTIONAL.get(destination, ())
    if not set(needed) <= given.keys() <= {*needed, *optional}:
        raise ValueError("a key too few or too many")
    if not all(isinstance(text, str) and _CHECKS[name](text) for name, text in given.items()):
        raise ValueError("a value that cannot be")
    return Deliver(destination, **given)


def is_webhook_url(text: str) -> bool:
    """Whether a webhook may have this URL: https, or http on this machine, without a password and a fragment."""
    try:
        parts = urlsplit(text)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        return False
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and host in _THIS_MACHINE)
    is_printed = text.isascii() and text.isprintable() and " " not in text and len(text) <= _LONGEST_URL
    return is_safe and is_printed and bool(host) and "@" not in parts.netloc and not parts.fragment


def _matches(pattern: str) -> Any:
    return re.compile(pattern).fullmatch


_CHECKS: Mapping[str, Any] = {
    "url": is_webhook_url,
    # https://cloud.google.com/storage/docs/buckets#naming
    "bucket": _matches(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]"),
    # https://cloud.google.com/storage/docs/objects#naming
    "prefix": _matches(r"[!-~]{0,300}"),
    "channel": _matches(r"[A-Z0-9]{1,40}"),
    "secret": _matches(NAME_OF_SECRET),
}

"""An email's arguments as tags, for a provider whose tags hold ASCII letters, digits, `_` and `-` alone. Pure.

The worker writes them, and the function that takes the provider's events reads them.
"""

import base64
from collections.abc import Mapping
from typing import Any

_LONGEST_TAG = 256
"""Characters of a value. https://resend.com/docs/dashboard/emails/tags"""


def to_tags(arguments: Mapping[str, str]) -> dict[str, str]:
    """The tags that carry arguments: each value in URL-safe base64 without padding.

    One that is too long for a tag goes on in others, whose names have a number: `delivery_id`, `delivery_id-2`.

    Args:
        arguments: each by its name, of ASCII letters, digits and `_`.
    """
    tags = {}
    for name, value in arguments.items():
        encoded = base64.urlsafe_b64encode(value.encode()).decode().rstrip("=")
        for number, start in enumerate(range(0, len(encoded), _LONGEST_TAG), start=1):
            tags[_tag(name, number)] = encoded[start : start + _LONGEST_TAG]
    return tags


def argument_in(tags: Mapping[str, Any], name: str) -> str:
    """An argument that tags carry; empty where they carry none of this name, or one that no worker has written.

    Args:
        tags: the value of each by its name.
        name: the argument's.
    """
    encoded, number = "", 1
    while isinstance(part := tags.get(_tag(name, number)), str):
        encoded, number = encoded + part, number + 1
    try:
        return base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars="-_", validate=True).decode()
    except ValueError:
        return ""


def _tag(name: str, number: int) -> str:
    return name if number == 1 else f"{name}-{number}"

"""Who has unsubscribed, as SendGrid keeps it: from a group of emails, or from all of them.

https://www.twilio.com/docs/sendgrid/api-reference/suppressions-suppressions
https://www.twilio.com/docs/sendgrid/api-reference/suppressions-global-suppressions
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

LINK_TAG = "<%asm_group_unsubscribe_raw_url%>"
"""What an email has in place of its recipient's own link out of the group."""


class Suppressions:
    """Addresses that get no more email of a group, or none at all. They are told apart without regard to capitals."""

    def __init__(self) -> None:
        self._groups: dict[int, set[str]] = {}
        self._global: set[str] = set()

    def add(self, addresses: Iterable[str], group: int | None = None) -> None:
        """Hold emails to addresses back: those of a group, or all where none is named."""
        kept = self._global if group is None else self._groups.setdefault(group, set())
        kept.update(address.lower() for address in addresses)

    def within(self, group: int, addresses: Iterable[str]) -> list[str]:
        """Which of the addresses have left a group."""
        left = self._groups.get(group, set())
        return [address for address in addresses if address.lower() in left]

    def is_global(self, address: str) -> bool:
        """Whether an address gets no email at all."""
        return address.lower() in self._global

    def deliverable(self, request: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The personalizations of a valid request whose recipient still gets the mail: SendGrid drops the others."""
        group = (request.get("asm") or {}).get("group_id")
        return [entry for entry in request["personalizations"] if not self._held_back(entry["to"], group)]

    def _held_back(self, recipients: Sequence[Mapping[str, str]], group: int | None) -> bool:
        address = recipients[0]["email"]
        return self.is_global(address) or (group is not None and bool(self.within(group, [address])))


def with_links(request: Mapping[str, Any], entry: Mapping[str, Any], base_url: str) -> dict[str, Any]:
    """A request reduced to one personalization, with its recipient's own link out of the group in place of the tag.

    Args:
        request: valid, as it came.
        entry: the personalization.
        base_url: of the page that the link leads to.
    """
    reduced = {**request, "personalizations": [entry]}
    if "asm" in request:
        query = urlencode({"group": request["asm"]["group_id"], "email": entry["to"][0]["email"]})
        link = f"{base_url}/asm/unsubscribe?{query}"
        reduced["content"] = [
            {**block, "value": block["value"].replace(LINK_TAG, link)} for block in request.get("content") or ()
        ]
    return reduced

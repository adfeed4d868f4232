"""What mailbox providers and the law demand of every mail: an unsubscribe link, and a postal address.

https://support.google.com/a/answer/81126
https://senders.yahooinc.com/best-practices/
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from functions.shared.settings import MailSettings
from functions.worker.mail.provider import UNSUBSCRIBE_LINK
from functions.worker.sanitize import sanitize

_LONGEST_HEADER_LINK = 900
"""A link cannot be folded, and a line of a message has at most 998 characters.
https://www.rfc-editor.org/rfc/rfc5322#section-2.1.1"""


@dataclass(frozen=True, kw_only=True)
class Closing:
    """How every mail ends.

    Attributes:
        unsubscribe: the text of the unsubscribe link.
        unsubscribe_url: where it leads; empty where there is none.
        address: the sender's postal address; may be empty.
    """

    unsubscribe: str
    unsubscribe_url: str
    address: str


@dataclass(frozen=True, kw_only=True)
class MailCompliance:
    """The headers and the footer of every mail.

    Attributes:
        domain: of the sender's address.
        postal_address: in one line; may be empty.
        in_group: whether the provider keeps the list of those who unsubscribed, in an unsubscribe group.
        unsubscribe_url: otherwise, the team's own URL for it, with `{user_id}` and `{token}` in it; may be empty.
        unsubscribe_key: the key that signs the tokens.
    """

    domain: str
    postal_address: str = ""
    in_group: bool = False
    unsubscribe_url: str = ""
    unsubscribe_key: str = field(default="", repr=False)

    @classmethod
    def from_settings(cls, settings: MailSettings) -> "MailCompliance":
        """Read what the environment says."""
        return cls(
            domain=settings.mail_from.rpartition("@")[2],
            postal_address=sanitize(settings.mail_postal_address, 300),
            in_group=settings.mail_unsubscribe_group is not None,
            unsubscribe_url=settings.mail_unsubscribe_url or "",
            unsubscribe_key=settings.mail_unsubscribe_key or "",
        )

    def closing(self, user_id: str, *, unsubscribe: str) -> Closing:
        """How a mail to a user ends.

        Args:
            user_id: the user's.
            unsubscribe: the text of the unsubscribe link, in the user's language.
        """
        return Closing(
            unsubscribe=unsubscribe,
            unsubscribe_url=UNSUBSCRIBE_LINK if self.in_group else self._own_link(user_id),
            address=self.postal_address,
        )

    def headers(self, user_id: str, delivery_id: str) -> Mapping[str, str]:
        """The headers of a mail.

        A mailbox provider's button "unsubscribe" calls the URL by POST, without asking. Where the mail provider keeps
        the list, it adds the two headers for that itself. https://www.rfc-editor.org/rfc/rfc8058#section-3.1

        The mail provider may give each message a `Message-ID` of its own, so a second mail of a delivery has another
        one. Both refer to the same message: mail programs that go by `References` show them as one conversation.
        `X-Entity-Ref-ID` has Gmail keep different deliveries apart though their subjects are alike.
        """
        reference = hashlib.sha256(delivery_id.encode()).hexdigest()[:32]
        headers = {"References": f"<{reference}@{self.domain}>", "X-Entity-Ref-ID": reference}
        link = self._own_link(user_id)
        if 0 < len(link) <= _LONGEST_HEADER_LINK:
            headers |= {"List-Unsubscribe": f"<{link}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
        return headers

    def _own_link(self, user_id: str) -> str:
        if not self.unsubscribe_url:
            return ""
        token = unsubscribe_token(user_id, self.unsubscribe_key)
        return self.unsubscribe_url.replace("{user_id}", quote(user_id, safe="")).replace("{token}", token)


def unsubscribe_token(user_id: str, key: str) -> str:
    """What proves that a link was made for a user: HMAC-SHA256 of the user's id, as URL-safe base64 without padding."""
    digest = hmac.digest(key.encode(), user_id.encode(), "sha256")
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

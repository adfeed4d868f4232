"""What mailbox providers and the law demand of every mail, whatever it reports: a way out of it, and a postal address.

https://support.google.com/a/answer/81126
https://senders.yahooinc.com/best-practices/
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from markupsafe import Markup

from functions.shared.settings import MailSettings
from functions.worker.one_line import one_line

GROUP_LINK = Markup("<%asm_group_unsubscribe_raw_url%>")
"""SendGrid puts the recipient's own link out of the unsubscribe group in the place of this. Not to be escaped, or it
would not be found. https://www.twilio.com/docs/sendgrid/ui/sending-email/group-unsubscribes"""


_LONGEST_HEADER_LINK = 900
"""A link cannot be folded, and a line of a message has at most 998 characters.
https://www.rfc-editor.org/rfc/rfc5322#section-2.1.1"""


@dataclass(frozen=True, kw_only=True)
class Closing:
    """How every mail ends.

    Attributes:
        unsubscribe: the words of the link out.
        unsubscribe_url: where it leads; empty where there is none.
        address: the sender's postal address; may be empty.
    """

    unsubscribe: str
    unsubscribe_url: str
    address: str


@dataclass(frozen=True, kw_only=True)
class MailTerms:
    """The sender's terms.

    Attributes:
        domain: of the sender's address.
        postal_address: in one line; may be empty.
        in_group: whether SendGrid keeps the list of those who want no more mail, in an unsubscribe group.
        unsubscribe_url: otherwise, the URL where the team does, with `{user_id}` and `{token}` in it; may be empty.
        unsubscribe_key: with which the tokens are made.
    """

    domain: str
    postal_address: str = ""
    in_group: bool = False
    unsubscribe_url: str = ""
    unsubscribe_key: str = field(default="", repr=False)

    @classmethod
    def from_settings(cls, settings: MailSettings) -> "MailTerms":
        """The terms that the environment names."""
        return cls(
            domain=settings.mail_from.rpartition("@")[2],
            postal_address=one_line(settings.mail_postal_address, 300),
            in_group=settings.mail_unsubscribe_group is not None,
            unsubscribe_url=settings.mail_unsubscribe_url or "",
            unsubscribe_key=settings.mail_unsubscribe_key or "",
        )

    def closing(self, user_id: str, *, unsubscribe: str) -> Closing:
        """How a mail to a user ends.

        Args:
            user_id: the user's.
            unsubscribe: the words of the link out, in the user's language.
        """
        return Closing(
            unsubscribe=unsubscribe,
            unsubscribe_url=GROUP_LINK if self.in_group else self._own_link(user_id),
            address=self.postal_address,
        )

    def headers(self, user_id: str, delivery_id: str) -> Mapping[str, str]:
        """The headers of a mail.

        A provider's button "unsubscribe" calls the URL by POST, without asking. The two headers for it are SendGrid's
        own where SendGrid keeps the list. https://www.rfc-editor.org/rfc/rfc8058#section-3.1

        SendGrid gives every message a `Message-ID` of its own, so a second mail of a delivery has another one. What
        both have in common is the message that they refer to: mail programs that go by `References` show them as one
        conversation. `X-Entity-Ref-ID` has Gmail keep different deliveries apart though their subjects are alike.
        https://www.twilio.com/docs/glossary/message-id
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

"""What mailbox providers and the law demand of every mail: an unsubscribe link, and a postal address.

An email may have several recipients, and each has a way out of their own: only the user can unsubscribe the user.

https://support.google.com/a/answer/81126
https://senders.yahooinc.com/best-practices/
"""

import base64
import functools
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import quote

from functions.shared.mail.recipient_token import COPIES, RecipientToken, SharedCopy, TokenKeys
from functions.shared.records.address_hash import address_hash
from functions.shared.records.archived_copy import CopyName
from functions.shared.records.recipients import RecipientRole
from functions.shared.records.user import User
from functions.shared.sanitize import sanitize
from functions.shared.settings import MailSettings
from functions.worker.destinations.email.model import MailRecipient
from functions.worker.destinations.email.unsubscribe_link import IN_HTML, IN_TEXT

_LONGEST_LIST_ID = 255
"""https://www.rfc-editor.org/rfc/rfc2919#section-2"""

_SHORTEST_SENDER_ID, _LONGEST_SENDER_ID = 5, 15
"""https://support.google.com/a/answer/6254652"""

_LONGEST_HEADER_LINK = 900
"""A link cannot be folded, and a line of a message has at most 998 characters.
https://www.rfc-editor.org/rfc/rfc5322#section-2.1.1"""


class Closing(NamedTuple):
    """How every email ends.

    Attributes:
        recipients: who gets the email, as a sentence; empty where that is one address alone.
        unsubscribe: the text of the unsubscribe link.
        unsubscribe_url: the tag in the place of the link in plain text; empty where the email has no link.
        unsubscribe_url_html: the tag in HTML.
        address: the sender's postal address; may be empty.
        copy_url: the link to the copy in the browser, for plain text; empty where there is none.
        copy_url_html: the same for HTML.
    """

    recipients: str
    unsubscribe: str
    unsubscribe_url: str
    unsubscribe_url_html: str
    address: str
    copy_url: str = ""
    copy_url_html: str = ""


NO_CLOSING = Closing(recipients="", unsubscribe="", unsubscribe_url="", unsubscribe_url_html="", address="")
"""How a report ends that goes to no mailbox."""


@dataclass(frozen=True, kw_only=True)
class MailCompliance:
    """The headers and the footer of every email.

    Attributes:
        sender: the sender's address.
        reply_to: where answers go; empty: to the sender.
        postal_address: in one line; may be empty.
        in_group: whether the provider keeps the list of those who unsubscribed, in an unsubscribe group.
        unsubscribe_url: otherwise, the team's own URL for it, with `{user_id}` and `{token}` in it; may be empty.
        unsubscribe_key: the key that signs the tokens.
        page_url: otherwise, where the recipient's page is; may be empty.
        page_keys: the keys of its links; None where there is no such page.
    """

    sender: str
    reply_to: str = ""
    postal_address: str = ""
    in_group: bool = False
    unsubscribe_url: str = ""
    unsubscribe_key: str = field(default="", repr=False)
    page_url: str = ""
    page_keys: TokenKeys | None = field(default=None, repr=False)

    @classmethod
    def from_settings(cls, settings: MailSettings) -> "MailCompliance":
        """Read what the environment says."""
        return cls(
            sender=settings.mail_from,
            reply_to=settings.mail_reply_to or "",
            postal_address=sanitize(settings.mail_postal_address, 300),
            in_group=settings.mail_unsubscribe_group is not None,
            unsubscribe_url=settings.mail_unsubscribe_url or "",
            unsubscribe_key=settings.mail_unsubscribe_key or "",
            page_url=settings.preferences_url or "",
            page_keys=TokenKeys(settings.preferences_key) if settings.preferences_url else None,
        )

    @property
    def has_page(self) -> bool:
        """Whether the link leads to the recipient's page, where reports are changed as well as stopped."""
        return self.page_keys is not None

    def closing(self, *, recipients: str, unsubscribe: str, copy: CopyName | None = None) -> Closing:
        """How an email ends.

        Args:
            recipients: who gets it, as a sentence; may be empty.
            unsubscribe: the text of the unsubscribe link.
            copy: the name of the email's copy; None where none is kept. Only the recipient's page shows it.
        """
        way = f"/{COPIES}/{self.page_keys.make_copy(copy.own_part)}" if copy and self.page_keys else ""
        has_link = self.in_group or self.has_page or bool(self.unsubscribe_url)
        return Closing(
            recipients=recipients,
            unsubscribe=unsubscribe,
            unsubscribe_url=IN_TEXT if has_link else "",
            unsubscribe_url_html=IN_HTML if has_link else "",
            address=self.postal_address,
            # Behind the recipient's own link, which the provider puts in place of the tag.
            copy_url=IN_TEXT + way if way else "",
            copy_url_html=IN_HTML + way if way else "",
        )

    def shared_copy_url(self, user_id: str, subscription_id: str, copy: CopyName | None) -> str:
        """Where a browser shows the copy of a report that goes to no mailbox. Whoever sees the report there has this
        link, so it stops and changes nothing.

        Args:
            user_id: whose report it is.
            subscription_id: which of the user's.
            copy: the copy's name; None where none is kept.

        Returns:
            A URL; empty where there is no copy, or no page that shows it.
        """
        if copy is None or self.page_keys is None:
            return ""
        sealed = self.page_keys.make_shared_copy(SharedCopy(user_id, subscription_id, copy.own_part))
        return f"{self.page_url}/{COPIES}/{sealed}"

    def recipient(
        self,
        address: str,
        role: RecipientRole,
        *,
        user: User,
        subscription_id: str,
        delivery_id: str,
        kind: str,
        cadence: str,
    ) -> MailRecipient:
        """A recipient, with their own way out and the headers of their own message.

        With the recipient's page each address has a link of its own there. With the team's own URL, the link of the
        user's own address unsubscribes the user; any other address asks the team, by an email that names the delivery
        and with it the subscription: a link that works by itself would unsubscribe the user. Where the email provider
        keeps the list, it goes by the address, makes each recipient's link and adds the headers itself.

        Args:
            address: the recipient's.
            role: why the recipient gets the email.
            user: whose report it is; the name is fit to be shown.
            subscription_id: which of the user's.
            delivery_id: of the report.
            kind: of the report.
            cadence: how often it comes.
        """
        is_user = address.casefold() == user.email.casefold()
        link = one_click = ""
        if self.page_keys is not None:
            copy_of = "" if is_user else address_hash(address)
            link = f"{self.page_url}/{self.page_keys.make(RecipientToken(user.id, subscription_id, copy_of))}"
            one_click = f"{link}/unsubscribe"
        elif self.unsubscribe_url and is_user:
            link = one_click = self._user_link(user.id)
        elif self.unsubscribe_url:
            link = self._request_link(delivery_id)
        return MailRecipient(
            address=address,
            name=user.name if is_user else "",
            role=role,
            headers={
                **self._references(delivery_id),
                **self._bulk_headers(kind, cadence),
                **_unsubscribe_headers(one_click or link, one_click=bool(one_click)),
            },
            unsubscribe_url=link,
        )

    def _references(self, delivery_id: str) -> Mapping[str, str]:
        """Headers that tie the emails of a delivery together.

        The email provider may give each message a `Message-ID` of its own, so a second email of a delivery has another
        one. Both refer to the same message: mail programs that go by `References` show them as one conversation.
        `X-Entity-Ref-ID` has Gmail keep different deliveries apart though their subjects are alike.
        """
        reference = hashlib.sha256(delivery_id.encode()).hexdigest()[:32]
        return {"References": f"<{reference}@{self._domain}>", "X-Entity-Ref-ID": reference}

    def _bulk_headers(self, kind: str, cadence: str) -> Mapping[str, str]:
        """Headers by which mail programs and mailbox providers know what an email is one of.

        `List-Id` makes each kind of report a list that a reader can filter by; the sender's domain keeps it apart from
        other people's (https://www.rfc-editor.org/rfc/rfc2919). `Auto-Submitted` keeps programs that answer emails from
        answering (https://www.rfc-editor.org/rfc/rfc3834#section-5). By the fields of `Feedback-ID` Gmail says which
        emails are reported as spam; no two fields may have the same value, and the last one is the sender's own
        (https://support.google.com/a/answer/6254652).
        """
        sender = re.sub(r"[^a-z0-9]", "", self._domain)[:_LONGEST_SENDER_ID].ljust(_SHORTEST_SENDER_ID, "0")
        headers = {"Auto-Submitted": "auto-generated", "Feedback-ID": f"kind-{kind}:{cadence}:report:{sender}"}
        list_id = f"{kind}.{self._domain}"
        return {"List-Id": f"<{list_id}>", **headers} if len(list_id) <= _LONGEST_LIST_ID else headers

    @functools.cached_property
    def _domain(self) -> str:
        """The sender's, as headers have it: in ASCII and lower case."""
        domain = self.sender.rpartition("@")[2].lower()
        try:
            return domain.encode("idna").decode()
        except UnicodeError:
            return domain.encode("ascii", "ignore").decode()

    def _user_link(self, user_id: str) -> str:
        token = unsubscribe_token(user_id, self.unsubscribe_key)
        return self.unsubscribe_url.replace("{user_id}", quote(user_id, safe="")).replace("{token}", token)

    def _request_link(self, delivery_id: str) -> str:
        """An email to the team. https://www.rfc-editor.org/rfc/rfc6068"""
        return f"mailto:{quote(self.reply_to or self.sender, safe='@')}?subject={quote(f'Unsubscribe {delivery_id}')}"


def _unsubscribe_headers(link: str, *, one_click: bool) -> Mapping[str, str]:
    """The headers by which a mail program shows its own button "unsubscribe".

    The mailbox provider calls a URL by POST, without asking (https://www.rfc-editor.org/rfc/rfc8058#section-3.1), and
    sends an email to an address (https://www.rfc-editor.org/rfc/rfc2369#section-3.2).
    """
    if not 0 < len(link) <= _LONGEST_HEADER_LINK:
        return {}
    header = {"List-Unsubscribe": f"<{link}>"}
    return {**header, "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"} if one_click else header


def unsubscribe_token(user_id: str, key: str) -> str:
    """What proves that a link was made for a user: HMAC-SHA256 of the user's id, as URL-safe base64 without padding."""
    digest = hmac.digest(key.encode(), user_id.encode(), "sha256")
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

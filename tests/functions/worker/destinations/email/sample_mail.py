"""An email whose every part can be told from the others."""

from typing import Any

from functions.shared.records.recipients import RecipientRole
from functions.worker.destinations.email.model import Mail, MailRecipient, Sender
from functions.worker.destinations.email.unsubscribe_link import IN_HTML, IN_TEXT
from report_kit.report import InlineImage

SENDER = Sender(address="reports@example.com", name="Reports")


def recipient(address: str = "ada@example.com", **changes: Any) -> MailRecipient:
    """Ada, but for what changes."""
    return MailRecipient(**{"address": address, "name": "Ada", "headers": {"X-Entity-Ref-ID": "abc"}, **changes})


def mail(**changes: Any) -> Mail:
    """An email to Ada, but for what changes."""
    fields: dict[str, Any] = {
        "recipients": [recipient()],
        "subject": "Your activity",
        "text": f"text {IN_TEXT}",
        "html": f'<p>html <a href="{IN_HTML}">out</a></p>',
        "images": [InlineImage(content_id="chart", content=b"\x89PNG")],
        "categories": ("report", "activity"),
        "arguments": {"delivery_id": "u1:default:20261124T1300Z", "run_id": "20261124T1300Z"},
    }
    return Mail(**{**fields, **changes})


SEVERAL = [
    recipient(unsubscribe_url="https://example.com/out?user=ada&token=t1", headers={"List-Unsubscribe": "<https://a>"}),
    recipient("team@example.com", unsubscribe_url="mailto:help@example.com?subject=b", headers={}),
    *(
        recipient(f"in-{role}@example.com", unsubscribe_url="mailto:help@example.com?subject=b", role=role)
        for role in RecipientRole
    ),
]
"""The user, and others in every role."""

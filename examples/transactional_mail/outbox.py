"""Sends an email at most once, though the queue delivers its task at least once.

The worker creates a document before it sends the email, and an attempt that finds the document sends nothing. If the
provider clearly did not take the email, the worker deletes the document, so that the next attempt may send. A worker
that dies in between may leave the email unsent. The customer can ask for it again, which is better than an order
confirmed twice. Reports need more than this: see functions/shared/firestore/delivery_store.py.
"""

from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

from google.api_core.exceptions import AlreadyExists
from google.cloud import firestore
from python_http_client.exceptions import HTTPError
from sendgrid import SendGridAPIClient

from examples.task_function import PermanentError, SlowDown
from examples.transactional_mail.mail_task import MailTask
from examples.transactional_mail.texts import text_of

_KEPT = timedelta(days=30)
_SEND_SECONDS = 20.0


class Outbox:
    """Sends emails.

    Args:
        client: the Firestore client.
        sendgrid: SendGrid's.
        sender: the sender's address.
    """

    def __init__(self, *, client: firestore.Client, sendgrid: SendGridAPIClient, sender: str) -> None:
        self._sent = client.collection("sent_mails")
        self._sendgrid = sendgrid.client
        self._sender = sender

    def send(self, task: MailTask) -> str:
        """Send an email, or find that it was sent.

        Returns:
            `sent`, or `already-sent`.

        Raises:
            PermanentError: the email cannot be sent.
            SlowDown: SendGrid takes no more at the moment.
            Exception: anything else, to be tried again.
        """
        request = self._request(task)
        claim = self._sent.document(task.message_id)
        try:
            claim.create({"at": datetime.now(UTC), "expire_at": datetime.now(UTC) + _KEPT})
        except AlreadyExists:
            return "already-sent"
        try:
            self._sendgrid.mail.send.post(request_body=request, timeout=_SEND_SECONDS)
        except HTTPError as error:
            # SendGrid has answered, and has not taken it.
            claim.delete()
            raise _meaning_of(error) from error
        return "sent"

    def _request(self, task: MailTask) -> dict[str, Any]:
        text = text_of(task)
        return {
            "personalizations": [{"to": [{"email": task.to}], "custom_args": {"message_id": task.message_id}}],
            "from": {"email": self._sender},
            "subject": text.subject,
            "content": [{"type": "text/plain", "value": text.body}],
            "categories": ["transactional", task.template],
        }


def _meaning_of(error: HTTPError) -> Exception:
    if error.status_code == HTTPStatus.TOO_MANY_REQUESTS:
        seconds = str(error.headers.get("Retry-After", ""))
        return SlowDown("SendGrid takes no more", int(seconds) if seconds.isdigit() else None)
    if error.status_code in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN} or error.status_code >= 500:
        return RuntimeError(f"SendGrid answered {error.status_code}")
    return PermanentError(f"SendGrid answered {error.status_code}: {error.body.decode(errors='replace')}")

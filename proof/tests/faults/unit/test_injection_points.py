"""The harness finds the delivery in what the worker hands over, with each provider."""

import json

import pytest
from google.cloud.firestore_v1.types import BatchGetDocumentsRequest, GetDocumentRequest

from functions.shared.settings import MailProviderName
from functions.worker.destinations.email.model import Mail, MailRecipient, Sender
from functions.worker.destinations.email.provider import parts_of
from local_pipeline.inbox.faults import Call
from proof.faults.injection_points import InjectionPoint, inbox_call, rpc_call
from tests.support import now

ID = "u1:ops%3A50%25:20261124T1300Z"
MAIL = Mail(
    recipients=[MailRecipient(address="ada@example.com")],
    subject="Your activity",
    text="Hello",
    html="<p>Hello</p>",
    arguments={"delivery_id": ID, "run_id": "20261124T1300Z"},
)


@pytest.mark.parametrize("name", [MailProviderName.SENDGRID, MailProviderName.RESEND])
def test_a_request_has_its_delivery(name: MailProviderName) -> None:
    request = parts_of(name).to_request(MAIL, Sender(address="reports@example.com"), now())
    call = inbox_call(Call(service=name.value, body=json.dumps(request).encode()), in_flight=())
    assert (call.point, call.subject) == (InjectionPoint.SEND, ID)


def test_a_message_has_its_delivery() -> None:
    message = f"Subject: Hello\r\nX-Report-Delivery: {ID}\r\n\r\nHello\r\n".encode()
    call = inbox_call(Call(service="smtp", body=message, step="end"), in_flight=["another"])
    assert (call.point, call.subject) == (InjectionPoint.SEND, ID)


def test_a_step_of_a_session_is_of_the_only_delivery_under_way() -> None:
    call = inbox_call(Call(service="smtp", body=b"", step="rcpt"), in_flight=[ID])
    assert (call.point, call.subject, call.method) == (InjectionPoint.SMTP_STEP, ID, "rcpt")
    several = inbox_call(Call(service="smtp", body=b"", step="rcpt"), in_flight=[ID, "another"])
    assert several.subject == ""


@pytest.mark.parametrize(
    ("paths", "point"),
    [
        (["deliveries/" + ID, "users/u1", "users/u1/report_subscriptions/ops:50%"], InjectionPoint.READ_DELIVERY),
        (["users/u1", "users/u1/report_subscriptions/ops:50%"], InjectionPoint.READ_DELIVERY),
        (["users/u1", "users/u1/report_subscriptions/default"], InjectionPoint.READ_USER),
        (["users/u1"], InjectionPoint.READ_USER),
    ],
)
def test_the_first_step_of_the_worker(paths: list[str], point: InjectionPoint) -> None:
    request = BatchGetDocumentsRequest(documents=[f"projects/p/databases/d/documents/{path}" for path in paths])
    call = rpc_call("/google.firestore.v1.Firestore/BatchGetDocuments", request, in_flight=[ID])
    assert call.point is point
    assert (call.subject == ID) is (point is InjectionPoint.READ_DELIVERY)


def test_the_look_at_the_subscription_after_the_claim() -> None:
    request = GetDocumentRequest(name="projects/p/databases/d/documents/users/u1/report_subscriptions/default")
    call = rpc_call("/google.firestore.v1.Firestore/GetDocument", request, in_flight=[ID])
    assert (call.point, call.subject) == (InjectionPoint.READ_SUBSCRIPTION, "u1/default")

"""What one part sends to another: this version reads what the released one has sent, and the released one what this
version sends. The paths and the tokens of the tasks are in tests/functions/dispatcher/integration."""

import json
from typing import Any

import pytest

from functions.dispatcher.run_part import RunPart
from functions.mail_events.resend.webhook import read_events as read_resend_events
from functions.mail_events.sendgrid.webhook import read_events as read_sendgrid_events
from functions.shared.mail.recipient_token import RecipientToken, TokenKeys
from functions.shared.records.contract import Contract
from functions.shared.records.dead_letter import DeadLetter
from functions.shared.records.report_task import ReportTask
from functions.shared.records.system_alert import SystemAlert
from functions.shared.settings import MailProviderName
from functions.worker.destinations.email.model import Mail, MailRecipient, Sender
from functions.worker.destinations.email.provider import parts_of
from tests.contracts import writers
from tests.contracts.released import differences, examples
from tests.contracts.sample import TASK
from tests.support import now

TASKS, RUN_PARTS, MESSAGES = examples("tasks"), examples("run_parts"), examples("messages")
TOKENS, ARGUMENTS = examples("recipient_tokens"), examples("mail_arguments")


def to_bytes(value: Any) -> bytes:
    return json.dumps(value).encode()


@pytest.mark.parametrize("name", TASKS)
def test_a_task_is_read(name: str) -> None:
    body = TASKS[name]["body"]
    task = ReportTask.from_json(to_bytes(body))
    assert task == TASK.model_copy(update={"run_id": body["run_id"]})
    assert task.names_its_delivery


@pytest.mark.parametrize("name", TASKS)
def test_a_task_is_written_as_before(name: str) -> None:
    """The same name, too: the queue refuses a second task of that name, whichever version makes it."""
    task_name, body = writers.tasks()[name]
    assert differences(TASKS[name], {"name": task_name, "body": json.loads(body)}) == []


@pytest.mark.parametrize("name", RUN_PARTS)
def test_a_part_of_a_run_is_read(name: str) -> None:
    body = RUN_PARTS[name]["body"]
    part = RunPart.from_json(to_bytes(body))
    assert differences(body, part.model_dump(mode="json")) == []


@pytest.mark.parametrize("name", RUN_PARTS)
def test_a_part_of_a_run_is_written_as_before(name: str) -> None:
    task_name, body = writers.run_parts()[name]
    assert differences(RUN_PARTS[name], {"name": task_name, "body": json.loads(body)}) == []


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_is_read(name: str) -> None:
    kind: type[Contract] = SystemAlert if "alert" in MESSAGES[name] else DeadLetter
    message = kind.model_validate_json(to_bytes(MESSAGES[name]))
    assert differences(MESSAGES[name], json.loads(message.to_json())) == []


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_is_written_as_before(name: str) -> None:
    assert differences(MESSAGES[name], json.loads(writers.messages()[name])) == []


@pytest.mark.parametrize("name", TOKENS)
def test_a_link_in_a_mail_stays_good(name: str) -> None:
    """Also to the letter: a recipient has the same link in every mail."""
    example = TOKENS[name]
    token = RecipientToken(example["user_id"], example["subscription_id"], example["copy_of"])
    keys = TokenKeys([example["key"]])
    assert keys.read(example["token"]) == token
    assert keys.make(token) == example["token"]


@pytest.mark.parametrize("provider", [MailProviderName.SENDGRID, MailProviderName.RESEND])
def test_a_mail_is_written_as_before(provider: MailProviderName) -> None:
    mail = Mail(
        recipients=[MailRecipient(address="ada@example.com")],
        subject="Your activity",
        text="Hello",
        html="<p>Hello</p>",
        arguments={"delivery_id": TASK.delivery_id, "run_id": TASK.run_id},
    )
    request = parts_of(provider).to_request(mail, Sender(address="reports@example.com"), now())
    is_resend = provider is MailProviderName.RESEND
    written = request["tags"] if is_resend else request["personalizations"][0]["custom_args"]
    assert differences(ARGUMENTS[provider.value], written) == []


def test_the_events_of_a_mail_are_read() -> None:
    of_sendgrid = {"event": "delivered", "email": "ada@example.com", "timestamp": 1_795_525_200}
    tags = {each["name"]: each["value"] for each in ARGUMENTS["resend"]}
    of_resend = {
        "type": "email.delivered",
        "created_at": "2026-11-24T13:01:00Z",
        "data": {"to": ["ada@example.com"], "email_id": "m-1", "tags": tags},
    }
    for received in (
        read_sendgrid_events(to_bytes([{**of_sendgrid, **ARGUMENTS["sendgrid"]}])),
        read_resend_events(to_bytes(of_resend)),
    ):
        [event] = received.events
        assert event.delivery_id == TASK.delivery_id

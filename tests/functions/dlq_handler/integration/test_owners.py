"""Who owns a kind of report is told of its dead letters, and of no others."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from functions.dlq_handler.channels.configured_channels import UnknownChannel, configured_channels
from functions.shared.records.report_task import ReportTask
from functions.shared.records.system_alert import AlertKind, SystemAlert
from functions.shared.settings import DlqHandlerSettings
from tests.functions.dlq_handler.integration.conftest import DIED, INVOKER, URL, Cloud, Handler, letter


@dataclass
class MailServer:
    """Takes email by SMTP, as much of it as one email needs. https://www.rfc-editor.org/rfc/rfc5321"""

    port: int = 0
    mails: list[tuple[str, str]] = field(default_factory=list)
    """The recipient and the message of each."""

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        recipient = ""
        writer.write(b"220 ready\r\n")
        while line := await reader.readline():
            command = line.decode().strip()
            if command.upper().startswith("RCPT TO:"):
                recipient = command.partition("<")[2].partition(">")[0]
            if command.upper() == "DATA":
                writer.write(b"354 go on\r\n")
                message = await reader.readuntil(b"\r\n.\r\n")
                self.mails.append((recipient, message.decode()))
            writer.write(b"221 bye\r\n" if command.upper() == "QUIT" else b"250 fine\r\n")
            await writer.drain()
        writer.close()


@pytest.fixture(scope="module")
def mail_server(surroundings: Cloud) -> Iterator[MailServer]:
    server = MailServer()
    listening = surroundings.background.run(asyncio.start_server(server.converse, "127.0.0.1", 0))
    server.port = listening.sockets[0].getsockname()[1]
    yield server

    async def close() -> None:
        listening.close()

    surroundings.background.run(close())


def owned(around: Cloud, mail_server: MailServer) -> Handler:
    """A handler for which `sales` and `orders` have an owner with an address, and `usage` one with a pager."""
    mail_server.mails.clear()
    owners = {"sales": "team@corp.example", "orders": "team@corp.example", "usage": "USAGE_PAGER"}
    return around.handler(
        KIND_OWNERS=json.dumps(owners),
        USAGE_PAGER=around.pager.url,
        OWNER_MAIL_URL=f"mailto://127.0.0.1:{mail_server.port}?from=alerts@corp.example",
    )


def test_an_owner_is_told_which_of_their_reports_were_sent_after_all(around: Cloud, mail_server: MailServer) -> None:
    handler = owned(around, mail_server)
    for kind in ("activity", "usage"):
        task = ReportTask.model_validate(letter(f"user-of-{kind}", kind=kind).model_dump())
        alert = SystemAlert(
            alert=AlertKind.OUTCOME_SETTLED, run_id=task.run_id, at=DIED, detail="delivered", report=task
        )
        assert handler.receives(alert.to_json(), attributes={"alert": alert.alert.value}).status_code == 200
        around.let_a_minute_pass()
    assert len(around.slack) == 2
    [paged] = around.pager.posts
    assert "user-of-usage" in paged["message"]
    assert mail_server.mails == []


def test_an_owner_gets_the_alerts_of_their_kinds_alone(around: Cloud, mail_server: MailServer) -> None:
    handler = owned(around, mail_server)
    for kind in ("activity", "sales", "usage", "orders"):
        assert handler.receives(letter(f"user-of-{kind}", kind=kind)).status_code == 200
        around.let_channels_rest()

    assert len(around.slack) == 4
    [paged] = around.pager.posts
    assert "user-of-usage" in paged["message"]
    assert [recipient for recipient, _ in mail_server.mails] == ["team@corp.example"] * 2
    for kind, (_, message) in zip(("sales", "orders"), mail_server.mails, strict=True):
        assert f"user-of-{kind}" in message
        assert "From: " in message
        assert "alerts@corp.example" in message
    for record in around.records().values():
        # All channels are through with it: those that it does not concern as well.
        assert record["alerted_at"] is not None
        assert len(record["alerts"]) == 3


def test_a_cause_of_several_kinds_is_told_to_each_owner_by_their_own(around: Cloud, mail_server: MailServer) -> None:
    handler = owned(around, mail_server)
    for number, kind in enumerate(("activity", "usage", "activity", "usage")):
        handler.receives(letter(f"u{number}", kind=kind, error="the database is down"))
        around.let_a_minute_pass()
    # The leaders come again, as Pub/Sub delivers them.
    for number, kind in enumerate(("activity", "usage", "activity", "usage")):
        handler.receives(letter(f"u{number}", kind=kind, error="the database is down"))
        around.let_a_minute_pass()

    told = "".join(post["message"] for post in around.pager.posts)
    assert "u1" in told
    assert "u3" in told
    assert "u0" not in told
    assert "u2" not in told


def test_an_owner_who_cannot_be_reached_keeps_nobody_else_from_being_told(
    around: Cloud, mail_server: MailServer
) -> None:
    handler = owned(around, mail_server)
    around.pager.status = 500
    failed = letter("u9", kind="usage")
    assert handler.receives(failed).status_code == 409
    assert len(around.slack) == 1
    around.pager.status = 200
    around.let_a_minute_pass()
    assert handler.receives(failed).status_code == 200
    assert len(around.slack) == 1
    assert len(around.pager.posts) == 1


def test_no_record_or_log_holds_an_owners_address(around: Cloud, mail_server: MailServer) -> None:
    handler = owned(around, mail_server)
    handler.receives(letter("u5", kind="sales"))
    assert "team@corp.example" not in str(around.records()) + handler.log_file.read_text()


def settings(**owners: str) -> DlqHandlerSettings:
    return DlqHandlerSettings(
        google_cloud_project="p", location="l", dlq_handler_url=URL, events_invoker=INVOKER, kind_owners=owners
    )


@pytest.mark.parametrize(
    ("owner", "variables", "said"),
    [
        ("team@corp.example", {}, "OWNER_MAIL_URL: not set, and the owner of sales is told by email"),
        ("SALES_SLACK", {}, "SALES_SLACK: not set, and the owner of sales is told by it"),
        ("SALES_SLACK", {"SALES_SLACK": "nosuch://secret"}, "SALES_SLACK: not a URL that Apprise knows"),
    ],
)
def test_an_owner_who_cannot_be_told_is_named(owner: str, variables: dict[str, str], said: str) -> None:
    with pytest.raises(UnknownChannel, match=said) as told:
        configured_channels(settings(sales=owner), variables)
    assert "secret" not in str(told.value)


def test_an_owner_of_several_kinds_is_one_channel() -> None:
    channels, kinds = configured_channels(
        settings(sales="TEAM_SLACK", orders="TEAM_SLACK"), {"TEAM_SLACK": "https://hooks.slack.com/services/T/B/x"}
    )
    assert [channel.name for channel in channels] == list(kinds)
    assert list(kinds.values()) == [frozenset({"sales", "orders"})]
    assert channels[0].name != "slack"

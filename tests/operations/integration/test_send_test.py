"""Sending a test of a report to oneself: through the provider, and no one's delivery."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from functions.shared.records.report_task import ReportTask
from functions.worker.destinations.email.compliance import unsubscribe_token
from local_cloud.clock import Clock
from local_pipeline.inbox.mail import Mail
from local_pipeline.inbox.server import Inbox
from tests.operations.integration.conftest import DUE, Emulators, Project
from tests.seeding import seed, subscription_reference, user_reference

KEY = "SG.made-up.key"
LATER = datetime(2100, 1, 1, tzinfo=UTC)
UNSUBSCRIBE_KEY = "a-key-of-at-least-16-signs"
LINK = "https://example.com/u/{user_id}/{token}"


@pytest.fixture
def inbox(emulators: Emulators, project: Project) -> Iterator[Inbox]:
    inbox = Inbox(host="127.0.0.1", port=0, clock=Clock(), sendgrid_api_key=KEY, sender_domain="corp.example")
    emulators.background.run(inbox.start())
    project.variables |= {"SENDGRID_API_KEY": KEY, "SENDGRID_HOST": inbox.url, "MAIL_FROM": "reports@corp.example"}
    seed(project.database, "u1", user={"name": "Ada"}, next_report_at=DUE, reported_until=DUE, cc=["bob@corp.example"])
    user_reference(project.database, "u1").collection("events").document("e1").set(
        {"at": DUE.replace(minute=1), "type": "kettle.boiled"}
    )
    yield inbox
    emulators.background.run(inbox.stop())


def the_mail(inbox: Inbox) -> Mail:
    [envelope] = inbox.mails
    return inbox.mails.read(envelope.id)


def test_a_test_goes_to_one_address_and_is_nobodys_delivery(project: Project, inbox: Inbox) -> None:
    before = project.everything(), subscription_reference(project.database, "u1").get().update_time
    answer = project.reports("send", "u1/default", "--to", "me@corp.example", "--json")
    assert (answer.status, answer.err) == (0, "")
    mail = the_mail(inbox)
    assert [each.email for each in mail.envelope.to] == ["me@corp.example"]
    assert mail.envelope.subject == f"[Test] {answer.json['subject']}"
    assert answer.json["period_start"] == "2026-11-24T13:00:00Z"
    assert "Kettle boiled" in (mail.html or "")
    assert answer.json["message_id"]
    # What SendGrid says of it names no delivery, run or kind.
    assert (mail.envelope.categories, mail.envelope.custom_args) == (("test",), {"test": "true"})
    assert "u1:default" not in mail.as_message().as_string()
    assert (project.everything(), subscription_reference(project.database, "u1").get().update_time) == before


@pytest.mark.parametrize("address", ["me@corp.example", "u1@example.com"])
def test_no_link_of_a_test_unsubscribes_the_user(project: Project, inbox: Inbox, address: str) -> None:
    token = unsubscribe_token("u1", UNSUBSCRIBE_KEY)
    own = {"MAIL_UNSUBSCRIBE_URL": LINK, "MAIL_UNSUBSCRIBE_KEY": UNSUBSCRIBE_KEY}
    assert project.reports("send", "u1", "default", "--to", address, **own).status == 0
    mail = the_mail(inbox)
    assert "https://example.com/u/u1/" in (mail.text or "")
    assert token not in (mail.text or "") + (mail.html or "")
    assert not [name for name in mail.headers if name.startswith("List-Unsubscribe")]


def test_a_test_is_in_no_unsubscribe_group(project: Project, inbox: Inbox) -> None:
    group = {"MAIL_UNSUBSCRIBE_GROUP": "7", "MAIL_CHECK_UNSUBSCRIBED": "true"}
    answer = project.reports("send", "u1", "--to", "me@corp.example", **group)
    assert (answer.status, answer.out.startswith("Sent a test: ")) == (0, True)
    mail = the_mail(inbox)
    assert "asm" not in mail.request
    assert "unsubscribe" not in (mail.text or "").lower()


def test_a_sandbox_delivers_no_test_either(project: Project, inbox: Inbox) -> None:
    answer = project.reports("send", "u1", "--to", "me@corp.example", MAIL_SANDBOX="true")
    assert (answer.status, "since it is a sandbox" in answer.out) == (0, True)
    assert len(inbox.mails) == 0


def test_nothing_to_report_is_said_and_not_sent(project: Project, inbox: Inbox) -> None:
    subscription_reference(project.database, "u1").update({"skip_empty": True})
    user_reference(project.database, "u1").collection("events").document("e1").delete()
    answer = project.reports("send", "u1", "--to", "me@corp.example")
    assert (answer.status, answer.out.startswith("Nothing was sent: ")) == (0, True)
    answer = project.reports("send", "u1", "--to", "me@corp.example", "--json")
    assert answer.json["skipped"] == "nothing-to-report"
    assert len(inbox.mails) == 0


@pytest.mark.parametrize(
    ("arguments", "variables", "status", "said"),
    [
        (["u1", "--to", "me"], {}, 2, "it is not an email address"),
        (["u1/default", "default"], {}, 2, "name the subscription once"),
        (["u1/a/b"], {}, 2, "is neither USER nor"),
        (["/default"], {}, 2, "is neither USER nor"),
        (["nobody/default", "--to", "me@corp.example"], {}, 1, "There is no user nobody"),
        (["u1", "--to", "me@corp.example"], {"SENDGRID_API_KEY": "SG.wrong"}, 1, "SendGrid answered 401"),
        (["u1", "--to", "me@corp.example"], {"SENDGRID_API_KEY": None}, 3, "SENDGRID_API_KEY not set"),
    ],
)
def test_what_is_in_the_way_of_a_test_is_said(
    project: Project, inbox: Inbox, arguments: list[str], variables: dict[str, str | None], status: int, said: str
) -> None:
    answer = project.reports("send", *arguments, **variables)
    assert (answer.status, said in answer.err) == (status, True), answer.err
    assert len(inbox.mails) == 0


def test_a_subscription_can_be_named_by_its_path(project: Project) -> None:
    seed(project.database, "u2", subscription_id="weekly", next_report_at=LATER)
    seed(project.database, "u2", subscription_id="daily", next_report_at=LATER)
    assert project.reports("send", "u2/weekly", "--json").json["subscription_id"] == "weekly"
    [task] = project.queued()
    assert ReportTask.from_json(task.http_request.body).subscription_id == "weekly"

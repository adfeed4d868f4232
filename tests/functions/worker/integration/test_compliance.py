"""What the sender's settings make of an email, and what becomes of users who have unsubscribed."""

from collections.abc import Awaitable, Callable
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

from functions.worker.destinations.email.compliance import unsubscribe_token
from local_pipeline.inbox.faults import Answer, Call, CutConnection
from local_pipeline.inbox.server import MAIL_SEND_SCOPE
from tests.functions.worker.integration.conftest import DUE, HOUR, Cloud

KEY = "0123456789abcdef"
OWN_LIST = {
    "MAIL_REPLY_TO": "help@example.com",
    "MAIL_POSTAL_ADDRESS": "Example Inc., 1 Example Road",
    "MAIL_UNSUBSCRIBE_URL": "https://example.com/unsubscribe?user={user_id}&token={token}",
    "MAIL_UNSUBSCRIBE_KEY": KEY,
}
GROUP = {"MAIL_UNSUBSCRIBE_GROUP": "7", "MAIL_CHECK_UNSUBSCRIBED": "true"}


def test_a_team_that_keeps_its_own_list(cloud: Cloud) -> None:
    user = cloud.user()
    assert cloud.deliver(user, worker=cloud.worker(**OWN_LIST)).json()["result"] == "sent"
    [mail] = cloud.mails_to(user)
    link = mail.headers["List-Unsubscribe"].strip("<>")
    assert parse_qs(urlsplit(link).query) == {"user": [user], "token": [unsubscribe_token(user, KEY)]}
    assert mail.headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert [each.email for each in mail.reply_to] == ["help@example.com"]
    for part in (mail.text or "", mail.html or ""):
        assert "Example Inc., 1 Example Road" in part
        assert "unsubscribe?user=" in part


def with_a_copy(cloud: Cloud) -> tuple[str, str]:
    """A user whose report goes to somebody else, too; each by the part of the address before the @."""
    copy = f"boss-{uuid4().hex}"
    return cloud.user(subscription={"cc": [f"{copy}@example.com"]}), copy


def test_a_copy_leads_to_the_team_and_cannot_unsubscribe_the_user(cloud: Cloud) -> None:
    user, copy = with_a_copy(cloud)
    assert cloud.deliver(user, worker=cloud.worker(**OWN_LIST)).json()["result"] == "sent"
    [own], [other] = cloud.mails_to(user), cloud.mails_to(copy)
    assert own.envelope.custom_args == other.envelope.custom_args
    for part in (own.text or "", own.html or ""):
        assert f"unsubscribe?user={user}" in part
    assert own.headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    link = other.headers["List-Unsubscribe"].strip("<>")
    assert urlsplit(link).path == "help@example.com"
    assert parse_qs(urlsplit(link).query) == {"subject": [f"Unsubscribe {cloud.delivery(user).id}"]}
    assert link in (other.text or "")
    assert unsubscribe_token(user, KEY) not in str(other.request)
    assert "List-Unsubscribe-Post" not in other.headers


def test_the_mails_of_a_delivery_have_a_reference_of_their_own(cloud: Cloud) -> None:
    first, second = cloud.user(), cloud.user()
    for user in (first, second):
        cloud.deliver(user)
    references = [mail.headers["References"] for user in (first, second) for mail in cloud.mails_to(user)]
    assert len(set(references)) == 2


def test_who_has_left_the_group_is_skipped_and_moves_on(cloud: Cloud) -> None:
    worker = cloud.worker(**GROUP)
    stays, left, wants_none = cloud.user(), cloud.user(), cloud.user()
    cloud.inbox.suppressions.add([f"{left}@example.com"], 7)
    cloud.inbox.suppressions.add([f"{wants_none}@example.com"])
    answers = {user: cloud.deliver(user, worker=worker).json() for user in (stays, left, wants_none)}
    assert answers[stays]["result"] == "sent"
    [mail] = cloud.mails_to(stays)
    assert "/asm/unsubscribe?group=7&" in (mail.html or "").replace("&amp;", "&")
    for user in (left, wants_none):
        assert answers[user] == {
            "result": "skipped",
            "reason": "unsubscribed",
            "delivery_id": cloud.delivery(user).id,
        }
        assert cloud.delivery_of(user)["state"] == "skipped"
        assert cloud.subscription_of(user)["next_report_at"] == DUE + HOUR
        assert cloud.mails_to(user) == []
    assert not cloud.letters()


def test_only_who_has_left_the_group_is_left_out(cloud: Cloud) -> None:
    worker = cloud.worker(**GROUP)
    (user, copy), (left_user, left_copy) = with_a_copy(cloud), with_a_copy(cloud)
    cloud.inbox.suppressions.add([f"{left}@example.com" for left in (user, left_user, left_copy)], 7)
    assert cloud.deliver(user, worker=worker).json()["result"] == "sent"
    assert (len(cloud.mails_to(user)), len(cloud.mails_to(copy))) == (0, 1)
    [mail] = cloud.mails_to(copy)
    assert f"email={copy}%40example.com" in (mail.text or "")
    assert cloud.deliver(left_user, worker=worker).json()["reason"] == "unsubscribed"
    assert cloud.mails_to(left_copy) == []


def test_where_sendgrid_does_not_say_who_has_left_the_mail_is_sent(cloud: Cloud) -> None:
    worker = cloud.worker(**GROUP)
    calls: list[bytes] = []

    def fail_the_question(kind: str) -> Callable[[Call, Callable[[], Awaitable[Answer]]], Awaitable[Answer]]:
        async def fault(call: Call, carry_out: Callable[[], Awaitable[Answer]]) -> Answer:
            calls.append(call.body)
            if b"personalizations" in call.body:
                return await carry_out()
            if kind == "cut":
                raise CutConnection
            return Answer(status=500 if kind == "error" else 200, body=b"<html>")

        return fault

    for kind in ("cut", "error", "nonsense"):
        user = cloud.user()
        cloud.inbox.fault = fail_the_question(kind)
        assert cloud.deliver(user, worker=worker).json()["result"] == "sent"
        assert len(cloud.mails_to(user)) == 1
    assert len(calls) > 3
    cloud.inbox.fault = None
    scopes = cloud.inbox.sendgrid_scopes
    cloud.inbox.sendgrid_scopes = {MAIL_SEND_SCOPE}
    try:
        assert cloud.deliver(cloud.user(), worker=worker).json()["result"] == "sent"
    finally:
        cloud.inbox.sendgrid_scopes = scopes
    assert "@example.com" not in worker.log_file.read_text()


def test_nothing_is_asked_unless_the_team_wants_it(cloud: Cloud) -> None:
    user = cloud.user()
    cloud.inbox.suppressions.add([f"{user}@example.com"], 7)
    answer = cloud.deliver(user, worker=cloud.worker(MAIL_UNSUBSCRIBE_GROUP="7"))
    # SendGrid takes the email, drops it, and does not tell.
    assert answer.json()["result"] == "sent"
    assert cloud.mails_to(user) == []


def test_in_the_sandbox_a_report_is_sent_and_reaches_nobody(cloud: Cloud) -> None:
    everybody, somebody = cloud.user(), cloud.user(subscription={"sandbox": True})
    assert cloud.deliver(everybody, worker=cloud.worker(MAIL_SANDBOX="true")).json()["result"] == "sent"
    assert cloud.deliver(somebody).json()["result"] == "sent"
    for user in (everybody, somebody):
        assert cloud.delivery_of(user)["state"] == "sent"
        assert cloud.mails_to(user) == []


def test_reports_of_another_kind_and_of_the_subscriptions_own_language(cloud: Cloud) -> None:
    user = cloud.user(subscription={"locale": "ja-JP", "time_zone": "Asia/Tokyo"})
    quota = cloud.users.document(user).collection("quotas").document("storage")
    quota.set({"name": "ストレージ", "allowed": 100, "unit": "GB"})
    cloud.users.document(user).collection("usage").add({"at": DUE - 12 * 24 * HOUR, "quota": "storage", "amount": 90})
    assert cloud.deliver(user, kind="usage").json()["result"] == "sent"
    [mail] = cloud.mails_to(user)
    assert mail.envelope.subject == "使用状況: ストレージが足りなくなりそうです (90%使用)"
    assert "90 / 100 GB" in (mail.text or "")
    assert len(mail.attachments) == 1

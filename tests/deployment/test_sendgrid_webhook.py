"""The webhook is set up by SendGrid's API, against the local cloud's SendGrid."""

from collections.abc import Awaitable, Callable, Iterator
from http import HTTPStatus
from typing import Any

import pytest

from deployment.mail_api import MailApi, NotAllowed, Refused, Unreachable
from deployment.sendgrid_webhook import ALL_EVENTS, SendGridSetup, find_webhook, list_webhooks
from deployment.webhook_setup import Webhook
from local_pipeline.inbox.faults import Answer, Call
from local_pipeline.inbox.server import MAIL_SEND_SCOPE
from tests.deployment.sendgrid_account import FUNCTION_URL, Account, running_account
from tests.support import Background, free_ports

URL = f"{FUNCTION_URL}/sendgrid"
EVENTS = frozenset({"bounce", "dropped", "spam_report"})
PATH = "/v3/user/webhooks/event"


@pytest.fixture
def account(background: Background) -> Iterator[Account]:
    with running_account(background) as account:
        yield account


@pytest.fixture
def api(account: Account) -> MailApi:
    return MailApi("SendGrid", account.inbox.url, account.key)


class Said(list[str]):
    """What was noted since it was last taken."""

    def __call__(self, verb: str, what: str) -> None:
        assert URL in what
        self.append(verb)

    def taken(self) -> list[str]:
        found = list(self)
        self.clear()
        return found


@pytest.fixture
def said() -> Said:
    return Said()


def setup_of(api: MailApi, said: Said | None = None, *, dry_run: bool = False) -> SendGridSetup:
    return SendGridSetup(api, URL, Said() if said is None else said, dry_run=dry_run)


def prepare(api: MailApi, *events: str, said: Said | None = None) -> Webhook:
    key, is_on = setup_of(api, said).prepare("Reports", events or EVENTS)
    webhook = find_webhook(api, URL)
    assert webhook is not None
    assert (webhook.key, webhook.enabled) == (key, is_on)
    return webhook


def test_a_new_webhook_is_signed_and_is_turned_on_only_when_the_function_knows_the_key(
    api: MailApi, account: Account, said: Said
) -> None:
    webhook = prepare(api, said=said)
    assert said.taken() == ["created", "changed"]
    assert (webhook.events, webhook.enabled, webhook.name) == (EVENTS, False, "Reports")
    account.listener.keys = lambda: [webhook.key]
    setup_of(api, said).start()
    assert said.taken() == ["changed", "tested"]
    assert account.listener.signed == [True]
    started = find_webhook(api, URL)
    assert started is not None
    assert (started.events, started.enabled, started.key) == (EVENTS, True, webhook.key)


def test_a_webhook_that_is_as_it_should_be_stays(api: MailApi, said: Said) -> None:
    prepare(api)
    setup_of(api).start()
    before = list_webhooks(api)
    prepare(api, said=said)
    assert said.taken() == ["unchanged"]
    assert list_webhooks(api) == before


@pytest.mark.parametrize(
    ("path", "by_hand"),
    [
        ("settings/{id}", {"url": URL, "bounce": False}),
        ("settings/{id}", {"url": URL, "open": True}),
        ("settings/{id}", {"url": URL, "enabled": False}),
        ("settings/signed/{id}", {"enabled": False}),
    ],
)
def test_what_was_changed_by_hand_is_mended(api: MailApi, path: str, by_hand: dict[str, Any]) -> None:
    webhook = prepare(api)
    setup_of(api).start()
    api.call("PATCH", f"{PATH}/{path.format(id=webhook.id)}", by_hand)
    prepare(api)
    setup_of(api).start()
    mended = find_webhook(api, URL)
    assert mended is not None
    assert (mended.id, mended.enabled, mended.events) == (webhook.id, True, EVENTS)
    assert mended.key


def test_a_webhook_of_others_stays_as_it_is(api: MailApi) -> None:
    api.call("POST", f"{PATH}/settings", {"url": "https://others.example/hook", "open": True})
    before = list_webhooks(api)
    prepare(api)
    assert len(list_webhooks(api)) == 2
    setup_of(api).remove()
    assert list_webhooks(api) == before
    setup_of(api).remove()


def test_a_dry_run_reads_and_says_what_it_would_do(api: MailApi, account: Account, said: Said) -> None:
    dry = setup_of(api, said, dry_run=True)
    dry.prepare("Reports", EVENTS)
    dry.start()
    assert said.taken() == ["created", "changed", "changed", "tested"]
    assert list_webhooks(api) == []
    webhook = prepare(api)
    dry.prepare("Reports", ALL_EVENTS)
    dry.start()
    dry.remove()
    assert said.taken() == ["changed", "changed", "tested", "removed"]
    assert find_webhook(api, URL) == webhook
    assert account.listener.signed == []


class TestFailures:
    def test_a_key_that_may_only_send(self, api: MailApi, account: Account) -> None:
        account.inbox.sendgrid_scopes = {MAIL_SEND_SCOPE}
        with pytest.raises(NotAllowed, match="403"):
            prepare(api)

    @pytest.mark.parametrize("key", ["SG.wrong", "SG.line\nbreak", "SG.Größe–"])
    def test_a_wrong_key_is_not_repeated(self, account: Account, key: str) -> None:
        with pytest.raises((NotAllowed, Unreachable)) as caught:
            prepare(MailApi("SendGrid", account.inbox.url, key))
        assert "SG" not in str(caught.value)

    def test_a_plan_that_allows_no_more_webhooks(self, api: MailApi, account: Account) -> None:
        account.inbox.webhook_settings.most = 0
        with pytest.raises(Refused, match="maximum number of webhooks"):
            prepare(api)

    @pytest.mark.parametrize(
        "answer",
        [
            Answer(status=503),
            Answer(status=429, body=b'{"errors": 7}'),
            Answer(status=200, body=b"<html>"),
            Answer(status=200, body=b"[]"),
            Answer(status=200, body=b'{"webhooks": [7]}'),
            Answer(status=200, body=b'{"webhooks": [{"id": "../../x", "url": "https://x.example"}]}'),
            Answer(status=200, body=b'{"webhooks": [{"id": "7", "public_key": "A\\nremoved\\tall"}]}'),
            Answer(status=200, body=b"[" * 300_000),
            Answer(status=503, body=b"[" * 300_000),
        ],
    )
    def test_an_answer_that_means_nothing(self, api: MailApi, account: Account, answer: Answer) -> None:
        account.inbox.answer_next("sendgrid", answer)
        with pytest.raises(Unreachable):
            prepare(api)

    @pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"public_key": 7}', b'{"public_key": "A\\nB"}'])
    @pytest.mark.parametrize("number", [2, 3])
    def test_an_answer_without_the_webhook_or_its_key(
        self, api: MailApi, account: Account, number: int, body: bytes
    ) -> None:
        """The first call lists the webhooks, the second makes one, the third has it signed. Without the key the
        function could not start."""
        calls: list[Call] = []

        async def fault(call: Call, carry_on: Callable[[], Awaitable[Answer]]) -> Answer:
            calls.append(call)
            answer = await carry_on()
            return Answer(status=200, body=body) if len(calls) == number else answer

        account.inbox.fault = fault
        with pytest.raises(Unreachable):
            prepare(api)
        assert len(calls) == number

    def test_what_sendgrid_says_is_one_line(self, api: MailApi, account: Account) -> None:
        body = b'{"errors": [{"message": "no\\nkey\\tX"}, {"message": "\\u001b[2J"}]}'
        account.inbox.answer_next("sendgrid", Answer(status=400, body=body))
        with pytest.raises(Refused, match=r": no key X;  \[2J$"):
            prepare(api)

    def test_a_redirect_does_not_get_the_key(self, api: MailApi, account: Account) -> None:
        location = f"{account.inbox.url}{PATH}/settings/all"
        answer = Answer(status=HTTPStatus.FOUND, headers={"Location": location})
        account.inbox.answer_next("sendgrid", answer)
        with pytest.raises(Refused, match="302"):
            prepare(api)

    def test_no_sendgrid_at_all(self) -> None:
        with pytest.raises(Unreachable, match="cannot be reached"):
            prepare(MailApi("SendGrid", f"http://127.0.0.1:{free_ports(1)}", "SG.key"))

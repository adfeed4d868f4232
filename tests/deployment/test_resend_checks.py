"""The checks of a sender at Resend over HTTP, and its webhook."""

import re
from collections.abc import Iterator
from dataclasses import replace
from http import HTTPStatus

import pytest

from deployment.mail_api import MailApi
from deployment.mail_checks.finding import Finding, State
from deployment.mail_checks.resend.account import NEW_ACCOUNTS_RATE, ResendAccount, full_name
from deployment.mail_checks.resend.checks import ResendChecks
from deployment.mail_checks.resolver import Resolver
from deployment.mail_checks.sender_settings import SenderSettings
from deployment.resend_webhook import EVENTS, ResendSetup
from functions.mail_events.resend import webhook as events
from functions.worker.destinations.email.resend.parts import ABILITIES
from local_pipeline.inbox.faults import Answer
from local_pipeline.inbox.resend_account import domain_fields
from local_pipeline.inbox.server import RESEND_API_KEY, Inbox
from tests.deployment.sendgrid_account import running_account
from tests.dns_server import DnsRecords, running_dns
from tests.support import Background

DOMAIN = "mail.corp.dev"
SENDER = SenderSettings(f"reports@{DOMAIN}", "1 High Street, London", reports_a_second=NEW_ACCOUNTS_RATE)
URL = "https://report-mail-events-1.us-central1.run.app/resend"


@pytest.fixture
def dns(background: Background) -> Iterator[DnsRecords]:
    """The records as they should be."""
    with running_dns(background) as dns:
        dns.txt(f"send.{DOMAIN}", "v=spf1 include:amazonses.com ~all")
        dns.txt(f"resend._domainkey.{DOMAIN}", "p=MIIB")
        dns.txt("_dmarc.corp.dev", "v=DMARC1; p=reject; rua=mailto:dmarc@corp.dev")
        yield dns


@pytest.fixture
def inbox(background: Background) -> Iterator[Inbox]:
    """An account with the sender's domain."""
    with running_account(background) as account:
        account.inbox.resend.account.domains = [domain_fields(DOMAIN)]
        yield account.inbox


def checks(inbox: Inbox, *, key: str = RESEND_API_KEY, settings: SenderSettings = SENDER) -> ResendChecks:
    return ResendChecks(settings, ResendAccount(host=inbox.url, key=key))


def findings(inbox: Inbox, dns: DnsRecords, *, key: str = RESEND_API_KEY) -> dict[str, Finding]:
    return {each.check: each for each in checks(inbox, key=key).sender(Resolver(dns.address))}


def states(inbox: Inbox, dns: DnsRecords, *, key: str = RESEND_API_KEY) -> dict[str, State]:
    return {name: each.state for name, each in findings(inbox, dns, key=key).items()}


def test_all_is_well(inbox: Inbox, dns: DnsRecords) -> None:
    found = states(inbox, dns)
    assert found.keys() == {*("sender", "api-key", "domain-authentication", "spf", "dkim", "dmarc", "postal-address")}
    assert set(found.values()) == {State.OK}


def test_a_domain_waits_for_its_records(inbox: Inbox, dns: DnsRecords) -> None:
    inbox.resend.account.domains = [domain_fields(DOMAIN, status="pending")]
    dns.clear()
    found = findings(inbox, dns)
    assert f"Publish TXT resend._domainkey.{DOMAIN} → p=MIIB" in found["domain-authentication"].to_do
    assert found["spf"].to_do == f"Publish TXT send.{DOMAIN} → v=spf1 include:amazonses.com ~all."
    assert {found[name].state for name in ("domain-authentication", "spf", "dkim", "dmarc")} == {State.PROBLEM}


def test_there_is_no_such_domain(inbox: Inbox, dns: DnsRecords) -> None:
    inbox.resend.account.domains = [domain_fields("corp.dev")]
    found = states(inbox, dns)
    assert (found["domain-authentication"], found["dkim"], found["dmarc"]) == (
        State.PROBLEM,
        State.WARNING,
        State.PROBLEM,
    )


def test_a_key_that_may_only_send_leaves_what_dns_says(inbox: Inbox, dns: DnsRecords) -> None:
    inbox.resend.has_full_access = False
    found = states(inbox, dns)
    assert found.pop("domain-authentication") is State.WARNING
    assert set(found.values()) == {State.OK}
    dns.clear()
    found = states(inbox, dns)
    assert (found["spf"], found["dkim"]) == (State.UNKNOWN, State.UNKNOWN)


def test_a_wrong_key_is_a_problem(inbox: Inbox, dns: DnsRecords) -> None:
    assert states(inbox, dns, key="re_wrong")["api-key"] is State.PROBLEM
    assert states(inbox, dns, key="")["api-key"] is State.UNKNOWN


def test_an_answer_of_another_form_is_no_crash(inbox: Inbox, dns: DnsRecords) -> None:
    for body in (b"{}", b"[5]", b'{"data": [5]}', b"null", b"no JSON"):
        inbox.answer_next("resend", Answer(status=HTTPStatus.OK, body=body))
        assert states(inbox, dns)["api-key"] is State.UNKNOWN


def test_queues_that_let_more_through_than_a_new_account_may_send(inbox: Inbox, dns: DnsRecords) -> None:
    assert ABILITIES.requests_a_second == NEW_ACCOUNTS_RATE
    fast = checks(inbox, settings=replace(SENDER, reports_a_second=10))
    [rate] = [each for each in fast.sender(Resolver(dns.address)) if each.check == "rate"]
    assert (rate.state, "5 requests a second" in rate.found) == (State.WARNING, True)


@pytest.mark.parametrize(
    ("name", "whole"),
    [
        ("send", "send.mail.corp.dev"),
        ("send.mail", "send.mail.corp.dev"),
        ("resend._domainkey.mail", "resend._domainkey.mail.corp.dev"),
        ("send.mail.corp.dev.", "send.mail.corp.dev"),
    ],
)
def test_the_name_of_a_record_in_full(name: str, whole: str) -> None:
    assert full_name(name, DOMAIN) == whole


def test_the_webhook_can_send_what_mail_events_takes() -> None:
    assert {name for names in EVENTS.values() for name in names} == events.STATUSES.keys()


def test_a_webhook_that_was_changed_by_hand_is_mended(inbox: Inbox) -> None:
    said: list[str] = []

    def prepare(*, dry_run: bool = False) -> str:
        api = MailApi("Resend", inbox.url, RESEND_API_KEY)
        setup = ResendSetup(api, URL, lambda verb, _: said.append(verb), dry_run=dry_run)
        return setup.prepare("Reports", ["bounce", "dropped", "spam_report"])[0]

    secret = prepare()
    [webhook] = inbox.resend.account.webhooks.values()
    assert secret == webhook["signing_secret"]
    check = checks(inbox).webhook(url=re.compile(re.escape(URL)), keys=[secret])
    assert check.state is State.OK
    webhook |= {"status": "disabled", "events": ["email.opened"]}
    check = checks(inbox).webhook(url=re.compile(re.escape(URL)), keys=[secret])
    assert check.state is State.PROBLEM
    assert prepare(dry_run=True) == secret
    assert webhook["status"] == "disabled"
    assert prepare() == prepare() == secret
    assert (webhook["status"], len(webhook["events"])) == ("enabled", 4)
    assert said == ["created", "changed", "changed", "unchanged"]
    check = checks(inbox).webhook(url=re.compile(re.escape(URL)), keys=["whsec_another"])
    assert check.state is State.PROBLEM

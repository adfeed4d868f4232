"""Whether emails arrive: the command against SendGrid over HTTP and DNS."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from deployment.mail_checks.webhook import NEEDED_EVENTS
from local_cloud.clock import Clock
from local_pipeline.inbox.event_webhook import EventWebhook, WebhookKey
from local_pipeline.inbox.sender_identity import SenderIdentity, authenticated_domain
from local_pipeline.inbox.server import RESEND_API_KEY, Inbox
from tests.dns_server import DnsRecords, running_dns
from tests.operations.integration.conftest import Answer, Emulators, Project

KEY = "SG.made-up.key"
DOMAIN = "corp.dev"
PAGE_KEY = "a-key-of-the-page.0123456789abcdef"
NO_PAGE = {"PREFERENCES_URL": None, "PREFERENCES_KEY": None}


@pytest.fixture
def dns(emulators: Emulators) -> Iterator[DnsRecords]:
    with running_dns(emulators.background) as dns:
        dns.txt(f"em7.{DOMAIN}", "v=spf1 ip4:192.0.2.0/24 -all")
        for selector in ("s1", "s2"):
            dns.txt(f"{selector}._domainkey.{DOMAIN}", "k=rsa; p=MIIB")
        dns.txt(f"_dmarc.{DOMAIN}", "v=DMARC1; p=reject; rua=mailto:dmarc@corp.dev")
        yield dns


@pytest.fixture
def inbox(emulators: Emulators, project: Project, dns: DnsRecords) -> Iterator[Inbox]:
    """SendGrid, and a project in which all is as it should be."""
    clock, key = Clock(), WebhookKey()
    webhook = EventWebhook(clock, url="http://127.0.0.1:1/sendgrid", key=key)
    inbox = Inbox(host="127.0.0.1", port=0, clock=clock, sendgrid_api_key=KEY, webhook=webhook, sender_domain=DOMAIN)
    emulators.background.run(inbox.start())
    project.variables |= {
        "SENDGRID_API_KEY": KEY,
        "SENDGRID_HOST": inbox.url,
        "SENDGRID_WEBHOOK_KEY": key.public,
        "DNS_SERVER": dns.address,
        "MAIL_FROM": f"reports@{DOMAIN}",
        "MAIL_POSTAL_ADDRESS": "1 High Street, London",
        "PREFERENCES_URL": "https://pages.corp.dev",
        "PREFERENCES_KEY": PAGE_KEY,
    }
    yield inbox
    emulators.background.run(inbox.stop())


def states(answer: Answer) -> dict[str, str]:
    """How each check ended."""
    return {row["check"]: row["state"] for row in answer.json}


def test_all_is_well(project: Project, inbox: Inbox) -> None:
    before = project.everything()
    answer = project.reports("check", "mail", "--json")
    assert (answer.status, answer.err) == (0, "")
    assert states(answer).keys() == {
        *("sender", "api-key", "domain-authentication", "spf", "dkim", "dmarc", "link-branding", "postal-address"),
        *("webhook", "unsubscribe-headers"),
    }
    assert set(states(answer).values()) == {"ok"}
    assert answer.json[0].keys() == {"check", "state", "found", "to_do"}
    assert len(inbox.mails) == 0
    assert project.everything() == before


def test_a_problem_ends_with_status_1_and_says_what_to_do(project: Project, inbox: Inbox, dns: DnsRecords) -> None:
    del dns.texts[f"_dmarc.{DOMAIN}"]
    answer = project.reports("check", "mail")
    assert answer.status == 1
    [row] = [line for line in answer.out.splitlines() if line.startswith("dmarc")]
    assert row.split()[1] == "problem"
    assert "Publish TXT _dmarc.corp.dev" in row


@pytest.mark.parametrize(
    ("variables", "check", "state"),
    [
        ({"MAIL_POSTAL_ADDRESS": None}, "postal-address", "warning"),
        ({"SENDGRID_WEBHOOK_KEY": "OTHER, ANOTHER"}, "webhook", "problem"),
        (NO_PAGE, "unsubscribe-headers", "problem"),
        # People of one's own need no way out, and a group of SendGrid's is one.
        ({**NO_PAGE, "MAIL_WITHOUT_UNSUBSCRIBE": "true"}, "unsubscribe-headers", "warning"),
        ({**NO_PAGE, "MAIL_UNSUBSCRIBE_GROUP": "7"}, "unsubscribe-headers", "ok"),
    ],
)
def test_only_a_problem_ends_with_status_1(
    project: Project, inbox: Inbox, variables: dict[str, str | None], check: str, state: str
) -> None:
    answer = project.reports("check", "mail", "--json", **variables)
    assert (answer.status, states(answer)[check]) == (state == "problem", state)


def test_a_test_mail_is_sent_as_send_does(project: Project, inbox: Inbox) -> None:
    answer = project.reports("check", "mail", "--to", "me@corp.example", "--json")
    assert (answer.status, states(answer)["test-mail"]) == (0, "ok")
    [envelope] = inbox.mails
    assert [each.email for each in envelope.to] == ["me@corp.example"]
    assert envelope.subject.startswith("[Test] ")
    assert envelope.custom_args == {"test": "true"}


def test_a_test_mail_that_sendgrid_refuses_is_a_problem(project: Project, inbox: Inbox) -> None:
    inbox.sendgrid_scopes.discard("mail.send")
    answer = project.reports("check", "mail", "--to", "me@corp.example", "--json")
    assert (answer.status, states(answer)["test-mail"], states(answer)["api-key"]) == (1, "problem", "problem")
    assert len(inbox.mails) == 0


def test_a_sandbox_takes_it_and_sends_none(project: Project, inbox: Inbox) -> None:
    answer = project.reports("check", "mail", "--to", "me@corp.example", "--json", MAIL_SANDBOX="true")
    assert (answer.status, states(answer)["test-mail"], len(inbox.mails)) == (0, "unknown", 0)


def test_a_kind_without_a_sample_leaves_one_row_open(project: Project, inbox: Inbox) -> None:
    answer = project.reports("check", "mail", "--json", DEFAULT_KIND="no_such_kind")
    assert states(answer)["test-mail"] == "unknown"
    assert states(answer)["dmarc"] == "ok"


def test_a_sender_at_resend(project: Project, inbox: Inbox, dns: DnsRecords) -> None:
    dns.txt(f"send.{DOMAIN}", "v=spf1 include:amazonses.com ~all")
    dns.txt(f"resend._domainkey.{DOMAIN}", "p=MIIB")
    webhook = inbox.resend.account.add_webhook("http://127.0.0.1:1/resend", sorted(NEEDED_EVENTS["Resend"]))
    # SendGrid's variables are there, too, as in the local cloud.
    project.variables |= {
        "MAIL_PROVIDER": "resend",
        "RESEND_API_KEY": RESEND_API_KEY,
        "RESEND_HOST": inbox.url,
        "RESEND_WEBHOOK_SECRET": webhook["signing_secret"],
    }
    answer = project.reports("check", "mail", "--to", "me@corp.example", "--json")
    found = states(answer)
    assert found.keys() == {
        *("sender", "api-key", "domain-authentication", "spf", "dkim", "dmarc", "postal-address"),
        *("webhook", "unsubscribe-headers", "test-mail"),
    }
    assert (answer.status, set(found.values())) == (0, {"ok"})
    [envelope] = inbox.mails
    assert ([each.email for each in envelope.to], envelope.subject[:7]) == (["me@corp.example"], "[Test] ")


def test_each_brand_is_checked_as_the_sender_that_it_is(project: Project, inbox: Inbox, dns: DnsRecords) -> None:
    inbox.accounts["SG.acme"] = SenderIdentity("acme.dev")
    brands = {"acme": {"from": "reports@acme.dev", "account": "acme"}, "labs": {"from": "labs@labs.dev"}}
    project.variables |= {"BRANDS": json.dumps(brands), "MAIL_ACCOUNTS": json.dumps({"acme": "SG.acme"})}
    dns.txt("em7.acme.dev", "v=spf1 ip4:192.0.2.0/24 -all")
    answer = project.reports("check", "mail", "--to", "me@corp.example", "--json")
    assert answer.status == 1
    found = {(row["brand"], row["check"]): row["state"] for row in answer.json}
    assert {brand for brand, _check in found} == {None, "acme", "labs"}
    # The subuser has authenticated its domain, and published neither its keys nor DMARC.
    assert (found[None, "dkim"], found["acme", "spf"], found["acme", "dkim"]) == ("ok", "ok", "problem")
    assert (found["acme", "domain-authentication"], found["acme", "webhook"]) == ("ok", "ok")
    assert (found["acme", "test-mail"], found["labs", "test-mail"]) == ("ok", "problem")
    assert [(mail.sender.email, mail.account) for mail in inbox.mails] == [
        (f"reports@{DOMAIN}", ""),
        ("reports@acme.dev", "SG.acme"),
    ]
    alone = project.reports("check", "mail", "--brand", "labs", "--json")
    assert {row["brand"] for row in alone.json} == {"labs"}
    unknown = project.reports("check", "mail", "--brand", "umbrella")
    assert unknown.status == 1
    assert "There is no brand umbrella in brands.yaml: acme, labs." in unknown.err


def test_without_a_key_the_rest_is_checked(project: Project, inbox: Inbox) -> None:
    answer = project.reports("check", "mail", "--json", SENDGRID_API_KEY=None)
    found = states(answer)
    assert (found["api-key"], found["webhook"], found["dkim"], found["dmarc"]) == ("unknown", "unknown", "ok", "ok")


def test_without_a_resolver_of_its_own_no_dns_is_asked_about_a_stand_in(project: Project, inbox: Inbox) -> None:
    answer = project.reports("check", "mail", "--json", DNS_SERVER=None)
    rows: dict[str, Any] = {row["check"]: row for row in answer.json}
    assert rows["dmarc"]["found"] == "_dmarc.corp.dev: DNS is not asked, since the email provider is a stand-in here"


def test_a_sender_is_needed(project: Project, inbox: Inbox) -> None:
    answer = project.reports("check", "mail", MAIL_FROM=None)
    assert (answer.status, answer.out) == (3, "")
    assert answer.err.startswith("MAIL_FROM is not set")


def test_it_is_an_address_that_gets_the_test(project: Project, inbox: Inbox) -> None:
    answer = project.reports("check", "mail", "--to", "me")
    assert (answer.status, "not an email address" in answer.err) == (2, True)


def test_nothing_of_dns_acts_on_the_terminal(project: Project, inbox: Inbox, dns: DnsRecords) -> None:
    dns.texts[f"_dmarc.{DOMAIN}"] = ["v=DMARC1; p=\x1b]52;c;me@victim.example\x07"]
    answer = project.reports("check", "mail")
    assert (answer.status, "\x1b" in answer.out, "victim" in answer.out) == (1, False, False)


def test_a_domain_that_waits_for_its_records(project: Project, inbox: Inbox) -> None:
    inbox.sender_identity.domains = [authenticated_domain(DOMAIN, valid=False)]
    answer = project.reports("check", "mail", "--json")
    found = states(answer)
    assert (found["domain-authentication"], found["dmarc"]) == ("problem", "problem")

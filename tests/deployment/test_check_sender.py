"""The checks of the sender over the network: DNS, SendGrid's API, and deploy.sh that warns."""

from collections.abc import Iterator
from http import HTTPStatus

import pytest
from dns.rcode import Rcode

from deployment.mail_checks.finding import State
from deployment.mail_checks.not_readable import NotReadable
from deployment.mail_checks.resolver import DnsAnswer, Resolver
from deployment.mail_checks.sender_settings import SenderSettings
from deployment.mail_checks.sendgrid.account import AuthenticatedDomain, SenderAccount
from deployment.mail_checks.sendgrid.checks import SendGridChecks
from local_pipeline.inbox.faults import Answer
from local_pipeline.inbox.sender_identity import authenticated_domain, branded_link
from local_pipeline.inbox.server import MAIL_SEND_SCOPE
from tests.deployment.conftest import Deployment
from tests.deployment.sendgrid_account import Account, running_account
from tests.dns_server import DnsRecords, running_dns
from tests.support import Background, free_ports

DOMAIN = "corp.example"
SENDER = SenderSettings(f"reports@{DOMAIN}", "1 High Street, London")
RETURN_PATH = "u7.wl001.sendgrid.net"


@pytest.fixture
def dns(background: Background) -> Iterator[DnsRecords]:
    """The records as they should be."""
    with running_dns(background) as dns:
        dns.cname(f"em7.{DOMAIN}", RETURN_PATH)
        dns.txt(RETURN_PATH, "v=spf1 ip4:192.0.2.0/24 -all")
        for selector in ("s1", "s2"):
            dns.cname(f"{selector}._domainkey.{DOMAIN}", f"{selector}.domainkey.{RETURN_PATH}")
            dns.txt(f"{selector}.domainkey.{RETURN_PATH}", "k=rsa; t=s; p=MIIB")
        dns.txt(f"_dmarc.{DOMAIN}", "v=DMARC1; p=quarantine; rua=mailto:dmarc@corp.example")
        yield dns


@pytest.fixture
def account(background: Background) -> Iterator[Account]:
    """An account with the sender's domain."""
    with running_account(background) as account:
        account.inbox.sender_identity.domains = [authenticated_domain(DOMAIN)]
        account.inbox.sender_identity.links = [branded_link(DOMAIN)]
        yield account


def states(account: Account, dns: DnsRecords, *, key: str | None = None) -> dict[str, State]:
    """How each check ends."""
    sendgrid = SenderAccount(host=account.inbox.url, key=account.key if key is None else key)
    return {each.check: each.state for each in SendGridChecks(SENDER, sendgrid).sender(Resolver(dns.address))}


def test_all_is_well(account: Account, dns: DnsRecords) -> None:
    found = states(account, dns)
    # This sender's domain is one for examples.
    assert found.pop("sender") is State.UNKNOWN
    assert found.keys() == {
        *("api-key", "domain-authentication", "spf", "dkim", "dmarc", "link-branding", "postal-address")
    }
    assert set(found.values()) == {State.OK}


def test_no_record_is_there(account: Account, dns: DnsRecords) -> None:
    dns.clear()
    found = states(account, dns)
    assert {name: found[name] for name in ("spf", "dkim", "dmarc")} == dict.fromkeys(
        ("spf", "dkim", "dmarc"), State.PROBLEM
    )


def test_the_default_domain_is_another(account: Account, dns: DnsRecords) -> None:
    account.inbox.sender_identity.domains = [authenticated_domain("other.example", default=True)]
    account.inbox.sender_identity.verified_senders = [{"from_email": f"Reports@{DOMAIN}", "verified": True}]
    found = states(account, dns)
    assert (found["domain-authentication"], found["dmarc"]) == (State.WARNING, State.PROBLEM)


def test_no_domain_is_authenticated(account: Account, dns: DnsRecords) -> None:
    account.inbox.sender_identity.domains = []
    found = states(account, dns)
    assert (found["domain-authentication"], found["spf"], found["dkim"], found["dmarc"]) == (
        State.PROBLEM,
        State.WARNING,
        State.WARNING,
        State.PROBLEM,
    )


def test_a_key_that_may_only_send_leaves_what_dns_says(account: Account, dns: DnsRecords) -> None:
    account.inbox.sendgrid_scopes = {MAIL_SEND_SCOPE}
    found = states(account, dns)
    assert (found["api-key"], found["domain-authentication"], found["spf"], found["link-branding"]) == (
        State.WARNING,
        State.UNKNOWN,
        State.UNKNOWN,
        State.UNKNOWN,
    )
    assert (found["dkim"], found["dmarc"]) == (State.OK, State.OK)


def test_a_wrong_key_is_a_problem(account: Account, dns: DnsRecords) -> None:
    assert states(account, dns, key="SG.wrong")["api-key"] is State.PROBLEM
    assert states(account, dns, key="")["api-key"] is State.UNKNOWN
    assert states(account, dns, key="two\nlines")["api-key"] is State.UNKNOWN


def test_domains_are_read_page_by_page(account: Account) -> None:
    account.inbox.sender_identity.domains = [authenticated_domain(f"d{number}.example") for number in range(120)]
    read = SenderAccount(host=account.inbox.url, key=account.key).domains()
    assert not isinstance(read, NotReadable)
    assert [each.domain for each in read] == [f"d{number}.example" for number in range(120)]


def test_a_domain_without_automatic_security(account: Account) -> None:
    """https://www.twilio.com/docs/sendgrid/api-reference/domain-authentication"""
    record = {"host": f"em7.{DOMAIN}", "type": "txt", "data": "v=spf1 include:sendgrid.net ~all", "valid": True}
    manual = authenticated_domain(DOMAIN) | {
        "automatic_security": False,
        "dns": {
            "mail_server": {"host": f"em7.{DOMAIN}", "type": "mx", "data": "mx.sendgrid.net", "valid": True},
            "subdomain_spf": record,
            "dkim": {"host": f"m1._domainkey.{DOMAIN}.", "type": "txt", "data": "k=rsa; p=MIIB", "valid": True},
        },
    }
    account.inbox.sender_identity.domains = [manual]
    read = SenderAccount(host=account.inbox.url, key=account.key).domains()
    assert not isinstance(read, NotReadable)
    [domain] = read
    assert isinstance(domain, AuthenticatedDomain)
    assert (domain.is_automatic, domain.return_path.data, [each.host for each in domain.dkim]) == (
        False,
        record["data"],
        [f"m1._domainkey.{DOMAIN}"],
    )


@pytest.mark.parametrize("body", [b"{}", b"[5]", b'[{"domain": 5}]', b"null", b"no JSON", b'"text"'])
def test_an_answer_of_another_form_is_no_crash(account: Account, dns: DnsRecords, body: bytes) -> None:
    account.inbox.answer_next("sendgrid", Answer(status=HTTPStatus.OK, body=body), times=10)
    found = states(account, dns)
    assert found["api-key"] is State.UNKNOWN
    assert found["dmarc"] is State.OK


@pytest.mark.parametrize("status", [429, 500, 503])
def test_sendgrid_that_fails_is_not_asked_again(account: Account, dns: DnsRecords, status: int) -> None:
    account.inbox.answer_next("sendgrid", Answer(status=status))
    found = states(account, dns)
    assert {found[name] for name in ("api-key", "domain-authentication", "spf", "link-branding")} == {State.UNKNOWN}


def test_a_redirect_takes_no_key_elsewhere(account: Account, dns: DnsRecords) -> None:
    elsewhere = {"Location": f"{account.inbox.url}/v3/scopes"}
    account.inbox.answer_next("sendgrid", Answer(status=HTTPStatus.FOUND, headers=elsewhere))
    assert states(account, dns)["api-key"] is State.UNKNOWN


class TestResolver:
    def test_an_alias_is_followed(self, dns: DnsRecords) -> None:
        answer = Resolver(dns.address).texts(f"em7.{DOMAIN}")
        assert (answer.aliases, answer.texts) == ((RETURN_PATH,), ("v=spf1 ip4:192.0.2.0/24 -all",))

    def test_an_alias_that_leads_nowhere(self, dns: DnsRecords) -> None:
        del dns.texts[RETURN_PATH]
        answer = Resolver(dns.address).texts(f"em7.{DOMAIN}")
        assert (answer.aliases, answer.texts, answer.failure) == ((RETURN_PATH,), (), "")

    def test_aliases_in_a_circle_are_no_crash(self, dns: DnsRecords) -> None:
        dns.cname(RETURN_PATH, f"em7.{DOMAIN}")
        assert Resolver(dns.address).texts(f"em7.{DOMAIN}").failure

    def test_a_name_without_texts(self, dns: DnsRecords) -> None:
        dns.txt("corp.example")
        assert Resolver(dns.address).texts("corp.example") == DnsAnswer("corp.example")

    def test_a_long_text_comes_over_tcp_and_its_strings_are_joined(self, dns: DnsRecords) -> None:
        dns.txt("x.org", long := "k=rsa; p=" + "M" * 600, 'say "hello" \\ then')
        assert set(Resolver(dns.address).texts("x.org").texts) == {long, 'say "hello" \\ then'}
        assert dns.asked == ["x.org", "x.org"]

    def test_a_domain_that_fails_keeps_no_other_from_being_asked(self, dns: DnsRecords) -> None:
        dns.rcodes[RETURN_PATH] = Rcode.SERVFAIL
        resolver = Resolver(dns.address)
        assert resolver.texts(f"em7.{DOMAIN}").failure == "DNS fails: SERVFAIL"
        assert resolver.texts(f"_dmarc.{DOMAIN}").texts

    @pytest.mark.parametrize("name", ["a..b.org", f"{'x' * 64}.org", ".org", r"a\300.org"])
    def test_what_is_no_name(self, dns: DnsRecords, name: str) -> None:
        assert Resolver(dns.address).texts(name).failure
        assert dns.asked == []

    def test_a_name_with_other_letters(self, dns: DnsRecords) -> None:
        dns.txt("xn--bcher-kva.de", "x")
        assert Resolver(dns.address).texts("bücher.de").texts == ("x",)

    def test_a_server_that_hangs_is_asked_once(self, dns: DnsRecords) -> None:
        dns.hangs = True
        resolver = Resolver(dns.address, seconds=0.2)
        assert resolver.texts(f"_dmarc.{DOMAIN}").failure == "DNS gives no answer"
        dns.hangs = False
        assert resolver.texts(DOMAIN).failure
        # On a busy machine the first question may be looked at only now.
        assert DOMAIN not in dns.asked

    @pytest.mark.parametrize("server", ["dns.corp.example", "127.0.0.1:port", "127.0.0.1:99999", "[::1"])
    def test_a_server_that_is_no_address(self, server: str) -> None:
        assert "DNS cannot be asked: " in Resolver(server).texts("corp.dev").failure

    @pytest.mark.parametrize("name", ["_dmarc.example.com", "corp.example"])
    def test_the_one_of_the_machine_is_not_asked_about_examples(self, name: str) -> None:
        assert "reserved" in Resolver().texts(name).failure


class TestDeployment:
    @pytest.fixture
    def deployment(self, deployed: Deployment, dns: DnsRecords) -> Deployment:
        """A deployment whose sender has no DMARC record. SendGrid does not answer."""
        unreachable = f"https://127.0.0.1:{free_ports(1)}"
        deployed.settings |= {"MAIL_FROM": "reports@corp.dev", "SENDGRID_HOST": unreachable}
        deployed.settings |= {"DNS_SERVER": dns.address, "MAIL_POSTAL_ADDRESS": "1 High Street, London"}
        return deployed

    def test_warns_and_ends_well(self, deployment: Deployment) -> None:
        outcome = deployment.deploy()
        assert outcome.status == 0, outcome.text
        assert "Warning: dmarc: corp.dev has no DMARC record" in outcome.errors
        assert "Warning: spf" not in outcome.errors
        assert "unknown:" not in outcome.errors

    def test_reads_the_key_and_shows_it_to_no_one(self, deployment: Deployment, dns: DnsRecords) -> None:
        dns.txt("_dmarc.corp.dev", "v=DMARC1; p=reject; rua=mailto:dmarc@corp.dev")
        key = deployment.secrets.pop("SENDGRID_API_KEY")
        outcome = deployment.deploy("--verbose", "--dry-run")
        assert outcome.status == 0, outcome.text
        assert "Warning: dmarc" not in outcome.errors
        assert "    unknown: spf: " in outcome.errors
        assert ["secretmanager.projects.secrets.versions.access", "latest"] in deployment.calls
        assert key not in outcome.text

    def test_a_secret_that_may_not_be_read_stops_nothing(self, deployment: Deployment) -> None:
        deployment.secrets.clear()
        deployment.fail("secretmanager.projects.secrets.versions.access", "PERMISSION_DENIED: no", times=100)
        outcome = deployment.deploy("--dry-run")
        assert outcome.status == 0, outcome.text
        assert "Warning: dmarc" in outcome.errors

    def test_what_dns_says_acts_on_no_terminal(self, deployment: Deployment, dns: DnsRecords) -> None:
        dns.txt("_dmarc.corp.dev", "v=DMARC1; p=\x1b[31m\ttab")
        outcome = deployment.deploy("--dry-run")
        assert r"_dmarc.corp.dev has no valid policy (p=\x1b[31m\ttab)" in outcome.errors

    def test_nothing_is_asked_about_a_sender_that_is_an_example(self, deployment: Deployment, dns: DnsRecords) -> None:
        deployment.settings["MAIL_FROM"] = "reports@example.com"
        assert deployment.deploy("--dry-run").status == 0
        assert dns.asked == []

"""What the checks of the sender make of DNS records and of SendGrid's answers."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from deployment.mail_checks.dkim import check_dkim, check_usual_names
from deployment.mail_checks.dmarc import DmarcRecords, check_dmarc, find_records
from deployment.mail_checks.finding import Finding, State
from deployment.mail_checks.not_readable import NotReadable
from deployment.mail_checks.resolver import DnsAnswer, is_reserved
from deployment.mail_checks.sender_address import check_postal_address, check_sender_address, domain_of
from deployment.mail_checks.sendgrid.account import AuthenticatedDomain, BrandedLink
from deployment.mail_checks.sendgrid.authentication import check_authentication, choose_domain, is_aligned
from deployment.mail_checks.sendgrid.key_scopes import WANTED, check_key
from deployment.mail_checks.sendgrid.link_branding import check_link_branding
from deployment.mail_checks.spf import check_spf
from deployment.mail_checks.wanted_record import WantedRecord
from deployment.mail_checks.webhook import NEEDED_EVENTS, check_webhook
from deployment.webhook_setup import Webhook

DOMAIN = "corp.example"
RETURN_PATH = f"em7.{DOMAIN}"
KEY = "k=rsa; t=s; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A"
NOT_READABLE = NotReadable("the API key lacks whitelabel.read")


def authenticated(
    domain: str = DOMAIN, *, valid: bool = True, is_default: bool = False, spf: str | None = None
) -> AuthenticatedDomain:
    """A domain with automatic security; with an SPF record that the team keeps itself where `spf` is given."""
    if spf is None:
        return_path = WantedRecord(f"em7.{domain}", "cname", "u7.wl001.sendgrid.net", valid)
    else:
        return_path = WantedRecord(f"em7.{domain}", "txt", spf, valid)
    dkim = [
        WantedRecord(f"{each}._domainkey.{domain}", "cname", f"{each}.domainkey.u7.wl001.sendgrid.net", valid)
        for each in ("s1", "s2")
    ]
    return AuthenticatedDomain(domain, valid, is_default, spf is None, return_path, dkim, [return_path, *dkim])


def keys(**changed: DnsAnswer) -> Mapping[str, DnsAnswer]:
    """The answers about both selectors as they should be, but for those that are named."""
    return {
        f"{each}._domainkey.{DOMAIN}": changed.get(
            each, DnsAnswer(f"{each}._domainkey.{DOMAIN}", (f"{each}.domainkey.u7.wl001.sendgrid.net",), (KEY,))
        )
        for each in ("s1", "s2")
    }


class TestReservedNames:
    @pytest.mark.parametrize(
        "name", ["example.com", "mail.Example.ORG", "a.test", "localhost", "x.invalid", "nas.local"]
    )
    def test_those_of_examples_and_of_ones_own_network(self, name: str) -> None:
        assert is_reserved(name)

    @pytest.mark.parametrize("name", ["myexample.com", "example.de", "test.com", "localhost.run"])
    def test_others(self, name: str) -> None:
        assert not is_reserved(name)


class TestDomainAuthentication:
    def test_the_senders_own_domain_comes_before_the_default(self) -> None:
        own, default = authenticated(), authenticated("other.example", is_default=True)
        assert choose_domain(DOMAIN, [default, own]) == own
        assert choose_domain("third.example", [default, own]) == default
        assert choose_domain("third.example", [own]) is None

    def test_of_two_with_the_same_name_the_valid_one_counts(self) -> None:
        """An account can have a domain twice, once for each region."""
        valid = authenticated()
        assert choose_domain(DOMAIN, [authenticated(valid=False), valid]) == valid

    @pytest.mark.parametrize(
        ("sender", "signed", "aligned"),
        [
            (DOMAIN, DOMAIN, True),
            (f"mail.{DOMAIN}", DOMAIN, True),
            (DOMAIN, f"mail.{DOMAIN}", True),
            ("notcorp.example", DOMAIN, False),
            (DOMAIN, "other.example", False),
        ],
    )
    def test_a_signature_counts_within_one_domain(self, sender: str, signed: str, aligned: bool) -> None:
        assert is_aligned(sender, authenticated(signed)) is aligned

    def test_a_domain_that_is_not_valid_signs_nothing(self) -> None:
        assert not is_aligned(DOMAIN, authenticated(valid=False))
        assert not is_aligned(DOMAIN, None)

    def check(self, domains: Any, verified: Any = frozenset()) -> Finding:
        return check_authentication(f"reports@{DOMAIN}", domains, verified)

    def test_the_domain_is_authenticated(self) -> None:
        assert self.check([authenticated()]).state is State.OK

    def test_the_records_that_are_missing_are_named(self) -> None:
        finding = self.check([authenticated(valid=False)])
        assert finding.state is State.PROBLEM
        assert "CNAME em7.corp.example → u7.wl001.sendgrid.net" in finding.to_do

    def test_only_a_domain_above_it(self) -> None:
        finding = check_authentication(f"reports@mail.{DOMAIN}", [authenticated(is_default=True)], frozenset())
        assert (finding.state, "its default" in finding.found) == (State.WARNING, True)

    def test_only_the_address_is_verified(self) -> None:
        finding = self.check([], frozenset({f"reports@{DOMAIN}"}))
        assert (finding.state, "the address alone" in finding.found) == (State.WARNING, True)

    def test_nothing_is_verified(self) -> None:
        assert self.check([], frozenset({f"other@{DOMAIN}"})).state is State.PROBLEM

    def test_a_default_of_another_domain_does_not_help(self) -> None:
        assert self.check([authenticated("other.example", is_default=True)]).state is State.PROBLEM

    def test_the_key_may_not_read_verified_addresses(self) -> None:
        finding = self.check([], NotReadable("no"))
        assert (finding.state, "not known: no" in finding.found) == (State.WARNING, True)

    def test_the_key_may_not_read_domains(self) -> None:
        finding = self.check(NOT_READABLE)
        assert (finding.state, finding.found) == (State.UNKNOWN, NOT_READABLE.why)

    @pytest.mark.parametrize(
        ("address", "domain"), [("a@Corp.Example", DOMAIN), ("a@bücher.de", "xn--bcher-kva.de"), ("a@b@c.de", "c.de")]
    )
    def test_the_domain_of_an_address(self, address: str, domain: str) -> None:
        assert domain_of(address) == domain


class TestSpf:
    def check(self, *texts: str, spf: str | None = None, failure: str = "") -> Finding:
        answer = DnsAnswer(RETURN_PATH, texts=texts, failure=failure)
        return check_spf("SendGrid", authenticated(spf=spf).return_path, answer)

    def test_sendgrid_keeps_the_record(self) -> None:
        finding = self.check("v=spf1 ip4:192.0.2.0/24 -all", "something else")
        assert finding == Finding("spf", State.OK, "em7.corp.example, the return path, lets SendGrid send")

    def test_none(self) -> None:
        finding = self.check("v=spf10 -all", "v=DMARC1; p=none")
        assert (finding.state, finding.to_do) == (
            State.PROBLEM,
            "Publish CNAME em7.corp.example → u7.wl001.sendgrid.net.",
        )

    def test_several(self) -> None:
        finding = self.check("v=spf1 -all", "v=spf1 include:sendgrid.net ~all")
        assert (finding.state, "2 SPF records" in finding.found) == (State.PROBLEM, True)

    def test_too_long(self) -> None:
        finding = self.check(f"v=spf1 {' '.join(['ip4:192.0.2.1'] * 40)} -all")
        assert (finding.state, "characters" in finding.found) == (State.WARNING, True)

    @pytest.mark.parametrize(
        ("record", "state"),
        [
            ("v=spf1 include:sendgrid.net ~all", State.OK),
            ("V=SPF1 a +Include:SendGrid.net -all", State.OK),
            ("v=spf1 include:_spf.google.com ~all", State.PROBLEM),
        ],
    )
    def test_the_team_keeps_the_record(self, record: str, state: State) -> None:
        assert self.check(record, spf="v=spf1 include:sendgrid.net ~all").state is state

    def test_dns_does_not_say(self) -> None:
        assert self.check(failure="DNS answers SERVFAIL").state is State.UNKNOWN


def dkim(answers: Mapping[str, DnsAnswer]) -> Finding:
    return check_dkim(DOMAIN, authenticated().dkim, answers)


class TestDkim:
    def test_both_keys_are_there(self) -> None:
        assert dkim(keys()).state is State.OK

    def test_a_service_that_resolves_aliases_itself_shows_none(self) -> None:
        flattened = DnsAnswer("s1", texts=("v=DKIM1; p=MIIB",))
        assert dkim(keys(s1=flattened)).state is State.OK

    @pytest.mark.parametrize(
        ("answer", "fault"),
        [
            (DnsAnswer("s2"), "has no key"),
            (DnsAnswer("s2", texts=("v=spf1 -all",)), "has no key"),
            (DnsAnswer("s2", texts=("k=rsa; p=",)), "has a key that is revoked"),
            (DnsAnswer("s2", texts=("p=one", "p=other")), "has 2 keys, of which receivers take any"),
            (
                DnsAnswer("s2", ("s2.domainkey.u8.wl001.sendgrid.net",), (KEY,)),
                "leads to s2.domainkey.u8.wl001.sendgrid.net",
            ),
        ],
    )
    def test_a_key_is_wrong(self, answer: DnsAnswer, fault: str) -> None:
        finding = dkim(keys(s2=answer))
        assert (finding.state, finding.found) == (State.PROBLEM, f"s2._domainkey.corp.example {fault}")
        assert finding.to_do == ("Publish CNAME s2._domainkey.corp.example → s2.domainkey.u7.wl001.sendgrid.net.")

    def test_what_is_wrong_is_said_although_dns_fails_for_the_other(self) -> None:
        finding = dkim(keys(s1=DnsAnswer("s1", failure="x"), s2=DnsAnswer("s2")))
        assert finding.state is State.PROBLEM

    def test_dns_does_not_say(self) -> None:
        finding = dkim(keys(s1=DnsAnswer("s1", failure="DNS answers SERVFAIL")))
        assert (finding.state, finding.found) == (State.UNKNOWN, "s1: DNS answers SERVFAIL")

    def test_usual_selectors(self) -> None:
        there = list(keys().values())
        assert check_usual_names(DOMAIN, there, "why", "").state is State.OK
        assert check_usual_names(DOMAIN, [there[0], DnsAnswer("s2")], "why", "").state is State.UNKNOWN
        revoked = [there[0], DnsAnswer("s2", texts=("p=",))]
        assert check_usual_names(DOMAIN, revoked, "why", "").state is State.UNKNOWN
        failed = check_usual_names(DOMAIN, [there[0], DnsAnswer("s2", failure="x")], "why", "")
        assert (failed.state, failed.found) == (State.UNKNOWN, "s2: x")


class TestDmarc:
    def find(self, domain: str, zone: Mapping[str, Sequence[str]]) -> DmarcRecords:
        return find_records(domain, lambda name: DnsAnswer(name, texts=tuple(zone.get(name, ()))))

    def test_the_domains_own_record_comes_first(self) -> None:
        zone = {f"_dmarc.mail.{DOMAIN}": ["v=DMARC1; p=none"], f"_dmarc.{DOMAIN}": ["v=DMARC1; p=reject"]}
        assert self.find(f"mail.{DOMAIN}", zone) == DmarcRecords(f"mail.{DOMAIN}", ("v=DMARC1; p=none",))

    def test_else_that_of_a_domain_above_it(self) -> None:
        zone = {f"_dmarc.{DOMAIN}": ["v=DMARC1; p=reject", "unrelated"]}
        assert self.find(f"a.mail.{DOMAIN}", zone) == DmarcRecords(DOMAIN, ("v=DMARC1; p=reject",))

    def test_the_organizational_domain_is_the_highest_with_a_record(self) -> None:
        zone = {f"_dmarc.mail.{DOMAIN}": ["v=DMARC1; p=none"], f"_dmarc.{DOMAIN}": ["v=DMARC1; p=reject"]}
        assert self.find(f"a.mail.{DOMAIN}", zone) == DmarcRecords(DOMAIN, ("v=DMARC1; p=reject",))

    def test_a_part_of_an_organization_may_stand_alone(self) -> None:
        zone = {f"_dmarc.mail.{DOMAIN}": ["v=DMARC1; p=none; psd=n"], f"_dmarc.{DOMAIN}": ["v=DMARC1; p=reject"]}
        found = self.find(f"a.mail.{DOMAIN}", zone)
        assert found == DmarcRecords(f"mail.{DOMAIN}", ("v=DMARC1; p=none; psd=n",))

    def test_several_records_above_count_as_none(self) -> None:
        zone = {
            f"_dmarc.mail.{DOMAIN}": ["v=DMARC1; p=none"],
            f"_dmarc.{DOMAIN}": ["v=DMARC1; p=reject", "v=DMARC1; p=quarantine"],
        }
        assert self.find(f"a.mail.{DOMAIN}", zone) == DmarcRecords(f"mail.{DOMAIN}", ("v=DMARC1; p=none",))

    def test_a_public_suffix_has_none_for_the_sender(self) -> None:
        suffix = {"_dmarc.gov.uk": ["v=DMARC1; p=reject; psd=y"]}
        city = {"_dmarc.city.gov.uk": ["v=DMARC1; p=none"], "_dmarc.it.city.gov.uk": ["v=DMARC1; p=quarantine"]}
        assert self.find("city.gov.uk", suffix) == DmarcRecords("city.gov.uk")
        assert self.find("a.it.city.gov.uk", suffix | city) == DmarcRecords("city.gov.uk", ("v=DMARC1; p=none",))
        # Below a suffix, the organizational domain is the one just below it, with a record or without.
        del city["_dmarc.city.gov.uk"]
        assert self.find("a.it.city.gov.uk", suffix | city) == DmarcRecords("a.it.city.gov.uk")

    def test_a_top_level_domain_has_none_for_the_sender(self) -> None:
        assert self.find(DOMAIN, {"_dmarc.example": ["v=DMARC1; p=reject"]}) == DmarcRecords(DOMAIN)

    def test_a_name_of_many_labels_takes_eight_questions(self) -> None:
        asked: list[str] = []

        def texts(name: str) -> DnsAnswer:
            asked.append(name)
            return DnsAnswer(name)

        find_records("a.b.c.d.e.f.g.h.i.corp.example", texts)
        assert (len(asked), asked[0], asked[-1]) == (8, "_dmarc.a.b.c.d.e.f.g.h.i.corp.example", "_dmarc.example")

    def test_it_ends_where_dns_does_not_say(self) -> None:
        found = find_records(f"mail.{DOMAIN}", lambda name: DnsAnswer(name, failure="DNS answers SERVFAIL"))
        assert found == DmarcRecords(f"mail.{DOMAIN}", failure="DNS answers SERVFAIL")

    def check(self, *records: str, at: str = DOMAIN, is_signed: bool | None = True, domain: str = DOMAIN) -> Finding:
        return check_dmarc(domain, DmarcRecords(at, records), is_signed=is_signed)

    @pytest.mark.parametrize("policy", ["none", "quarantine", "reject", "REJECT"])
    def test_a_policy_with_reports(self, policy: str) -> None:
        finding = self.check(f"v=DMARC1; p={policy}; rua=mailto:dmarc@corp.example")
        assert (finding.state, f"p={policy.lower()}" in finding.found) == (State.OK, True)

    def test_without_reports(self) -> None:
        assert self.check("v=DMARC1;p=none").state is State.WARNING
        assert self.check("v=DMARC1; p=none; rua=").state is State.WARNING

    def test_none(self) -> None:
        finding = self.check()
        assert (finding.state, "TXT _dmarc.corp.example" in finding.to_do) == (State.PROBLEM, True)

    def test_several_count_as_none(self) -> None:
        finding = self.check("v=DMARC1; p=none; rua=mailto:a@corp.example", "v=DMARC1; p=reject")
        assert (finding.state, "2 records" in finding.found) == (State.PROBLEM, True)

    @pytest.mark.parametrize("record", ["v=DMARC1", "v=DMARC1; p=", "v=DMARC1; p=nothing", "v=DMARC1; sp=none"])
    def test_no_valid_policy(self, record: str) -> None:
        assert self.check(record).state is State.PROBLEM
        assert self.check(f"{record}; rua=nobody").state is State.PROBLEM

    def test_with_reports_a_record_without_a_policy_counts_as_none(self) -> None:
        finding = self.check("v=DMARC1; rua=mailto:a@corp.example")
        assert (finding.state, "counts as p=none" in finding.found) == (State.OK, True)
        assert self.check("v=DMARC1; rua=mailto:a@corp.example", is_signed=False).state is State.WARNING

    @pytest.mark.parametrize("policies", ["p=nothing", "p=reject; sp=nothing", "p=reject; np=nothing"])
    def test_and_so_does_one_with_a_wrong_policy_but_it_is_to_be_corrected(self, policies: str) -> None:
        finding = self.check(f"v=DMARC1; {policies}; rua=mailto:a@corp.example", is_signed=None)
        assert (finding.state, "counts as p=none" in finding.found) == (State.WARNING, True)

    def test_the_first_of_two_equal_tags_counts(self) -> None:
        assert "p=none" in self.check("v=DMARC1; p=none; p=reject; rua=mailto:a@corp.example").found

    def test_a_record_above_may_have_a_policy_for_subdomains(self) -> None:
        record = "v=DMARC1; p=reject; sp=none; rua=mailto:a@corp.example"
        assert "sp=none at _dmarc.corp.example" in self.check(record, domain=f"mail.{DOMAIN}").found
        assert "p=reject at _dmarc.corp.example" in self.check(record).found

    @pytest.mark.parametrize(
        ("policy", "state"), [("none", State.WARNING), ("quarantine", State.PROBLEM), ("reject", State.PROBLEM)]
    )
    def test_mails_that_are_not_signed_meet_the_policy(self, policy: str, state: State) -> None:
        record = f"v=DMARC1; p={policy}; rua=mailto:a@corp.example"
        assert self.check(record, is_signed=False).state is state
        assert self.check(record, is_signed=None).state is State.OK

    def test_dns_does_not_say(self) -> None:
        finding = check_dmarc(DOMAIN, DmarcRecords(DOMAIN, failure="DNS answers SERVFAIL"), is_signed=True)
        assert (finding.state, finding.found) == (State.UNKNOWN, "_dmarc.corp.example: DNS answers SERVFAIL")


class TestSenderAddress:
    @pytest.mark.parametrize(
        "domain", ["gmail.com", "Googlemail.com", "yahoo.com", "yahoo.co.uk", "outlook.de", "hotmail.com.br", "gmx.net"]
    )
    def test_of_a_mailbox_provider(self, domain: str) -> None:
        assert check_sender_address(f"reports@{domain}").state is State.PROBLEM

    @pytest.mark.parametrize("domain", ["corp.com", "mygmail.com", "gmail.corp.com", "yahoo.mycorp.com"])
    def test_of_ones_own(self, domain: str) -> None:
        assert check_sender_address(f"reports@{domain}").state is State.OK

    def test_that_is_an_example(self) -> None:
        assert check_sender_address("reports@example.com").state is State.UNKNOWN

    def test_the_postal_address(self) -> None:
        assert check_postal_address("1 High Street, London").state is State.OK
        assert check_postal_address(" ").state is State.WARNING


class TestKey:
    def test_all_scopes(self) -> None:
        assert check_key(frozenset({"mail.send", *WANTED})).state is State.OK

    @pytest.mark.parametrize("missing", WANTED)
    def test_one_that_the_pipeline_can_do_without(self, missing: str) -> None:
        finding = check_key(frozenset({"mail.send", *WANTED}) - {missing})
        assert (finding.state, missing in finding.found) == (State.WARNING, True)

    def test_it_may_not_send(self) -> None:
        assert check_key(frozenset(WANTED)).state is State.PROBLEM

    def test_it_is_refused(self) -> None:
        assert check_key(NotReadable("SendGrid refuses the API key", is_key_refused=True)).state is State.PROBLEM

    def test_it_is_not_known(self) -> None:
        assert check_key(NotReadable("the API key is not known here")).state is State.UNKNOWN


class TestLinkBranding:
    def link(self, domain: str, *, valid: bool = True) -> BrandedLink:
        return BrandedLink(
            domain, f"links.{domain}", valid, [WantedRecord(f"links.{domain}", "cname", "sendgrid.net", valid)]
        )

    def test_one_of_the_senders_domain(self) -> None:
        finding = check_link_branding(DOMAIN, [self.link("other.example"), self.link(DOMAIN)])
        assert (finding.state, finding.found) == (State.OK, "counted links lead through links.corp.example")
        assert check_link_branding(f"mail.{DOMAIN}", [self.link(DOMAIN)]).state is State.OK

    def test_its_records_are_missing(self) -> None:
        finding = check_link_branding(DOMAIN, [self.link(DOMAIN, valid=False)])
        assert (finding.state, "CNAME links.corp.example → sendgrid.net" in finding.to_do) == (State.WARNING, True)

    def test_none(self) -> None:
        assert check_link_branding(DOMAIN, []).state is State.WARNING
        assert check_link_branding(DOMAIN, [self.link("other.example")]).state is State.WARNING

    def test_not_readable(self) -> None:
        assert check_link_branding(DOMAIN, NOT_READABLE).state is State.UNKNOWN


class TestWebhook:
    URL = re.compile(r"https://report-mail-events-[a-z0-9.-]+\.run\.app/sendgrid")

    def webhook(self, **changed: Any) -> Webhook:
        fields: dict[str, Any] = {
            "id": "1",
            "url": "https://report-mail-events-1.us-central1.run.app/sendgrid",
            "name": "",
            "enabled": True,
            "events": NEEDED_EVENTS["SendGrid"],
            "key": "KEY",
        }
        return Webhook(**fields | changed)

    def check(self, *webhooks: Webhook, keys: tuple[str, ...] | None = ("NEW", "KEY")) -> Finding:
        own = [each for each in webhooks if self.URL.fullmatch(each.url)]
        return check_webhook("SendGrid", own, keys=keys)

    def test_as_it_should_be(self) -> None:
        assert self.check(self.webhook()).state is State.OK
        assert self.check(self.webhook(), keys=None).state is State.OK

    def test_none_is_worse_where_the_function_is_deployed(self) -> None:
        other = self.webhook(url="https://elsewhere.example/sendgrid")
        assert self.check(other).state is State.PROBLEM
        assert self.check(other, keys=None).state is State.WARNING

    @pytest.mark.parametrize(
        ("changed", "fault"),
        [
            ({"enabled": False}, "turned off"),
            ({"key": ""}, "does not sign"),
            ({"key": "OTHER"}, "a key that mail_events does not know"),
        ],
    )
    def test_the_function_gets_or_takes_nothing(self, changed: dict[str, Any], fault: str) -> None:
        finding = self.check(self.webhook(**changed))
        assert (finding.state, fault in finding.found) == (State.PROBLEM, True)

    def test_events_are_missing(self) -> None:
        finding = self.check(self.webhook(events=NEEDED_EVENTS["SendGrid"] - {"spam_report"}))
        assert (finding.state, "spam_report" in finding.found) == (State.WARNING, True)

    def test_another_environment_has_one_too(self) -> None:
        other = self.webhook(url="https://report-mail-events-2.us-central1.run.app/sendgrid", key="OTHER")
        assert self.check(other, self.webhook()).state is State.OK

    def test_not_readable(self) -> None:
        assert check_webhook("SendGrid", NotReadable("no"), keys=("KEY",)).state is State.UNKNOWN

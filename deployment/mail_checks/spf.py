"""SPF: which servers may send emails with a domain in their return path.

Receivers check the domain of the return path, to which bounces go, and not that of the `From`. With an authenticated
domain a provider's return path is a subdomain of it, such as em123.example.com of SendGrid's and send.example.com of
Resend's, so a record of the `From` domain itself does not matter there. A mail server gets MAIL_FROM as return path.
https://support.sendgrid.com/hc/en-us/articles/21415314709147-Email-Authentication-SendGrid-s-Automated-Security-Explained
https://resend.com/docs/dashboard/domains/introduction
"""

from deployment.mail_checks.finding import Check, Finding
from deployment.mail_checks.resolver import DnsAnswer
from deployment.mail_checks.wanted_record import WantedRecord

_CHECK = Check("spf")
_LONGEST = 450
"""Characters; an answer to a query should fit in 512 bytes. https://www.rfc-editor.org/rfc/rfc7208#section-3.4"""


def check_spf(provider: str, wanted: WantedRecord, answer: DnsAnswer) -> Finding:
    """Check the SPF record of a provider's return path."""
    if fault := _fault(answer, f"Publish {wanted}."):
        return fault
    if missing := _missing(spf_records(answer)[0], wanted):
        found = f"the SPF record of {answer.name} does not let {provider} send"
        return _CHECK.problem(found, f"Add {' '.join(missing)} to it.")
    return _too_long(answer) or _CHECK.ok(f"{answer.name}, the return path, lets {provider} send")


def check_own_spf(answer: DnsAnswer) -> Finding:
    """Check the SPF record of the sender's domain, where it is the return path's, too."""
    name = answer.name
    found = f"{name}, the return path, has an SPF record; whether it names the mail server, only its operator knows"
    return (
        _fault(answer, f"Publish the SPF record that the mail server's operator names, at {name}.")
        or _too_long(answer)
        or _CHECK.ok(found)
    )


def spf_records(answer: DnsAnswer) -> list[str]:
    """The SPF records among TXT records. https://www.rfc-editor.org/rfc/rfc7208#section-4.5"""
    return [text for text in answer.texts if f"{text} ".lower().startswith("v=spf1 ")]


def _fault(answer: DnsAnswer, publish: str) -> Finding | None:
    """Why there is not one record to look at; None where there is."""
    if answer.failure:
        return _CHECK.unknown(f"{answer.name}: {answer.failure}")
    path, number = f"{answer.name}, the return path,", len(spf_records(answer))
    if number == 0:
        return _CHECK.problem(f"{path} has no SPF record", publish)
    if number > 1:
        found = f"{path} has {number} SPF records, which counts as an error"
        return _CHECK.problem(found, "Put all of them into one record, and delete the others.")
    return None


def _too_long(answer: DnsAnswer) -> Finding | None:
    if (length := len(spf_records(answer)[0])) <= _LONGEST:
        return None
    found = f"the SPF record of {answer.name} has {length} characters; receivers may not get all of it"
    return _CHECK.warning(found, f"Shorten it to {_LONGEST} characters.")


def _missing(record: str, wanted: WantedRecord) -> list[str]:
    """What the provider wants in a record that the team keeps; behind a CNAME the provider keeps it itself."""
    if wanted.kind != "txt":
        return []
    there = record.lower().split()
    return [
        term
        for term in wanted.data.lower().split()[1:]
        if not term.endswith("all") and term not in there and f"+{term}" not in there
    ]

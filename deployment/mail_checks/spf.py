"""SPF: which servers may send mails with a domain in their return path.

Receivers check the domain of the return path, to which bounces go, and not that of the `From`. With an authenticated
domain SendGrid's return path is a subdomain of it, such as em123.example.com, so a record of the `From` domain itself
does not matter here.
https://support.sendgrid.com/hc/en-us/articles/21415314709147-Email-Authentication-SendGrid-s-Automated-Security-Explained
"""

from deployment.mail_checks.dns import DnsAnswer
from deployment.mail_checks.finding import Finding, State
from deployment.mail_checks.sender_account import AuthenticatedDomain, WantedRecord

_CHECK = "spf"
_LONGEST = 450
"""Characters; an answer to a query should fit in 512 bytes. https://www.rfc-editor.org/rfc/rfc7208#section-3.4"""


def check_spf(authenticated: AuthenticatedDomain, answer: DnsAnswer) -> Finding:
    """Check the SPF record of the return path.

    Args:
        authenticated: what SendGrid authenticates the mails by.
        answer: the TXT records of its return path.
    """
    wanted = authenticated.return_path
    if answer.failure:
        return Finding(_CHECK, State.UNKNOWN, f"{wanted.host}: {answer.failure}")
    records = spf_records(answer)
    if not records:
        return Finding(
            _CHECK, State.PROBLEM, f"{wanted.host}, the return path, has no SPF record", f"Publish {wanted}."
        )
    if len(records) > 1:
        return Finding(
            _CHECK,
            State.PROBLEM,
            f"{wanted.host}, the return path, has {len(records)} SPF records, which counts as an error",
            "Put all of them into one record, and delete the others.",
        )
    if missing := _missing(records[0], wanted):
        return Finding(
            _CHECK,
            State.PROBLEM,
            f"the SPF record of {wanted.host} does not let SendGrid send",
            f"Add {' '.join(missing)} to it.",
        )
    if len(records[0]) > _LONGEST:
        return Finding(
            _CHECK,
            State.WARNING,
            f"the SPF record of {wanted.host} has {len(records[0])} characters; receivers may not get all of it",
            f"Shorten it to {_LONGEST} characters.",
        )
    return Finding(_CHECK, State.OK, f"{wanted.host}, the return path, lets SendGrid send")


def spf_records(answer: DnsAnswer) -> list[str]:
    """The SPF records among TXT records. https://www.rfc-editor.org/rfc/rfc7208#section-4.5"""
    return [text for text in answer.texts if text.lower() == "v=spf1" or text.lower().startswith("v=spf1 ")]


def _missing(record: str, wanted: WantedRecord) -> list[str]:
    """What SendGrid wants in a record that the team keeps; behind a CNAME SendGrid keeps it itself."""
    if wanted.kind != "txt":
        return []
    there = record.lower().split()
    return [
        term
        for term in wanted.data.lower().split()[1:]
        if not term.endswith("all") and term not in there and f"+{term}" not in there
    ]

"""DMARC: what receivers do with emails that claim to be from the domain and are not.

Gmail, Yahoo and Outlook ask bulk senders for a policy, at least `p=none`.
https://support.google.com/a/answer/81126
https://senders.yahooinc.com/best-practices/
https://techcommunity.microsoft.com/blog/microsoftdefenderforoffice365blog/strengthening-email-ecosystem-outlook%E2%80%99s-new-requirements-for-high%E2%80%90volume-senders/4399730
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from deployment.mail_checks.finding import Check, Finding
from deployment.mail_checks.resolver import DnsAnswer, tags_of

_CHECK = Check("dmarc")
_POLICIES = ("none", "quarantine", "reject")
_SET_POLICY = "Set p, and sp and np if they are there, to none, quarantine or reject."
_MOST_NAMES = 8
"""https://www.rfc-editor.org/rfc/rfc9989#section-4.10"""
_REPORTING_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s,]+")


@dataclass(frozen=True)
class DmarcRecords:
    """The records that hold for a domain, where they were found: at the domain itself, or one above it. Several count
    as none. The failure says why DNS did not say."""

    domain: str
    records: tuple[str, ...] = ()
    failure: str = ""


def find_records(domain: str, texts: Callable[[str], DnsAnswer]) -> DmarcRecords:
    """The record that holds for a domain: its own, or else that of its organizational domain, which is the highest
    domain above it that has one, unless a record marks another as the border (`psd`). The record of a public suffix,
    such as gov.uk, holds for the sender as well, but it is not the sender's own, so it counts as none here; and so does
    that of a top-level domain. Several records at one name count as none.
    https://www.rfc-editor.org/rfc/rfc9989#section-4.10"""
    labels = domain.split(".")
    above = [".".join(labels[number:]) for number in range(1, len(labels))]
    found = DmarcRecords(domain)
    for name in [domain, *above[-_MOST_NAMES + 1 :]]:
        answer = texts(f"_dmarc.{name}")
        if answer.failure:
            return DmarcRecords(name, failure=answer.failure)
        records = tuple(text for text in answer.texts if list(tags_of(text).items())[:1] == [("v", "DMARC1")])
        if name == domain and records:
            return DmarcRecords(name, records)
        if len(records) != 1:
            continue
        border = tags_of(records[0]).get("psd")
        if border == "y":
            is_organizational = found.domain.count(".") == name.count(".") + 1
            return found if is_organizational else DmarcRecords(domain)
        if "." in name:
            found = DmarcRecords(name, records)
        if border == "n":
            break
    return found


def check_dmarc(domain: str, found: DmarcRecords, *, is_signed: bool | None) -> Finding:
    """Check the record that holds for the sender's domain. `is_signed` is None if nobody knows whether the emails are
    signed as a domain that counts for it."""
    host = f"_dmarc.{found.domain}"
    if found.failure:
        return _CHECK.unknown(f"{host}: {found.failure}")
    if not found.records:
        return _CHECK.problem(
            f"{domain} has no DMARC record, which Gmail, Yahoo and Outlook ask for",
            f'Publish TXT {host} → "v=DMARC1; p=none; rua=mailto:", with your address for reports behind it.',
        )
    if (number := len(found.records)) > 1:
        said = f"{host} has {number} records, so none of them holds"
        return _CHECK.problem(said, "Leave one of them.")
    tags = tags_of(found.records[0])
    tag = "sp" if found.domain != domain and "sp" in tags else "p"
    has_reports = _REPORTING_URI.search(tags.get("rua", "")) is not None
    policy = tags.get(tag, "").lower()
    said = f"{tag}={policy} at {host}"
    wrong = [f"{name}={tags[name]}" for name in ("p", "sp", "np") if tags.get(name, "none").lower() not in _POLICIES]
    if wrong or "p" not in tags:
        said = f"{host} has no valid policy ({', '.join(wrong) or 'p is missing'})"
        if not has_reports:
            return _CHECK.problem(said, _SET_POLICY)
        # https://www.rfc-editor.org/rfc/rfc9989#section-4.10.1
        policy, said = "none", f"{said}, which counts as p=none"
    if is_signed is False:
        found_as, harm = _CHECK.warning, "they fail DMARC"
        if policy != "none":
            found_as, harm = _CHECK.problem, "receivers follow that and keep them from the inbox"
        said = f"{said}, and the emails are not signed as {domain}: {harm}"
        return found_as(said, f"Authenticate {domain} (domain-authentication).")
    if wrong:
        return _CHECK.warning(said, _SET_POLICY)
    if not has_reports:
        return _CHECK.warning(
            f"{said}; no reports go anywhere (rua)",
            "Add rua=mailto: with your address: the reports show who sends emails in your name.",
        )
    return _CHECK.ok(f"{said}, with reports (rua)")

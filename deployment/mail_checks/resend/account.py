"""What Resend knows of the sender: its domains, and whether the key may say so.

https://resend.com/docs/api-reference/domains/list-domains
https://resend.com/docs/api-reference/domains/get-domain
https://resend.com/docs/api-reference/errors
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deployment.mail_api import MailApi, MailApiError
from deployment.mail_checks.not_readable import Account, NotReadable
from deployment.mail_checks.wanted_record import WantedRecord
from deployment.resend_webhook import find_webhooks, read_pages
from deployment.webhook_setup import Webhook

NEW_ACCOUNTS_RATE = 5.0
"""Requests a second. https://resend.com/docs/api-reference/rate-limit"""

ONLY_SENDS = "the API key may only send"

_RATE_HEADER = "ratelimit-limit"
_ID = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True)
class ResendDomain:
    """A domain of the account. Its status is `verified` if Resend sends as it; else how far that is. The return path is
    the SPF record of the subdomain to which bounces go; None if Resend names none."""

    name: str
    status: str
    sends: bool
    return_path: WantedRecord | None
    dkim: Sequence[WantedRecord]
    records: Sequence[WantedRecord]


class ResendAccount(Account):
    title = "Resend"

    def domain(self, name: str) -> ResendDomain | NotReadable | None:
        """A domain of the account; None where it has no such domain."""
        return self._read(lambda api: _domain(api, name))

    def webhooks(self, url: re.Pattern[str]) -> Sequence[Webhook] | NotReadable:
        return self._read(lambda api: find_webhooks(api, url))

    @property
    def requests_a_second(self) -> float:
        """What Resend has said that the account may do; what a new one may do where it has said nothing."""
        try:
            return float(self._api.headers[_RATE_HEADER])
        except (KeyError, ValueError):
            return NEW_ACCOUNTS_RATE

    def _why(self, error: MailApiError, right: str) -> NotReadable:
        # Every endpoint but that of sending answers 400 to a key that it does not know.
        if error.code == "restricted_api_key":
            return NotReadable(ONLY_SENDS)
        if error.code in {"missing_api_key", "invalid_api_key"} or "API key is invalid" in str(error):
            return NotReadable("Resend refuses the API key", is_key_refused=True)
        return NotReadable(str(error))


def _domain(api: MailApi, name: str) -> ResendDomain | None:
    listed = read_pages(api, "/domains")
    found = next((each for each in listed if str(each["name"]).lower() == name and _ID.fullmatch(each["id"])), None)
    if found is None:
        return None
    fields = api.call("GET", f"/domains/{found['id']}")
    records = {kind: [_record(each, name) for each in fields["records"] if each["record"] == kind] for kind in _SENDING}
    spf = [each for each in records["SPF"] if each.kind in {"txt", "cname"}]
    return ResendDomain(
        name=name,
        status=str(fields["status"]),
        sends=(fields.get("capabilities") or {}).get("sending") != "disabled",
        return_path=spf[0] if spf else None,
        dkim=records["DKIM"],
        records=[*records["DKIM"], *records["SPF"]],
    )


_SENDING = ("DKIM", "SPF")
"""Records that sending needs, as Resend names them; others are for receiving and tracking."""


def _record(fields: Mapping[str, Any], domain: str) -> WantedRecord:
    return WantedRecord(
        host=full_name(str(fields["name"]), domain),
        kind=str(fields["type"]).lower(),
        data=str(fields["value"]).strip('"').rstrip("."),
        valid=fields["status"] == "verified",
    )


def full_name(name: str, domain: str) -> str:
    """The name of a record, in full: Resend names it as people enter it, without the part that they registered, such as
    `send.mail` for mail.example.com."""
    labels, own = name.rstrip(".").lower().split("."), domain.split(".")
    shared = next(number for number in range(len(own), -1, -1) if labels[len(labels) - number :] == own[:number])
    return ".".join([*labels[: len(labels) - shared], *own])

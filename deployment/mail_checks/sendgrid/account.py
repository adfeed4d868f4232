"""What SendGrid knows of the sender: authenticated domains, branded links, verified addresses, and the key's scopes.

https://www.twilio.com/docs/sendgrid/api-reference/domain-authentication
https://www.twilio.com/docs/sendgrid/api-reference/link-branding
https://www.twilio.com/docs/sendgrid/api-reference/sender-verification
https://www.twilio.com/docs/sendgrid/api-reference/api-key-permissions/retrieve-a-list-of-scopes-for-which-this-user-has-access
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deployment.mail_api import MailApi, MailApiError, NotAllowed
from deployment.mail_checks.not_readable import Account, NotReadable
from deployment.mail_checks.wanted_record import WantedRecord
from deployment.sendgrid_webhook import list_webhooks
from deployment.webhook_setup import Webhook

_PAGE = 50
_MOST_PAGES = 20
_DOMAINS_SCOPE = "whitelabel.read"


@dataclass(frozen=True)
class AuthenticatedDomain:
    """A domain that SendGrid signs emails for, or will when its records are there: valid if SendGrid found them when it
    looked last. A default serves senders of other domains, too; of an automatic one SendGrid keeps SPF and DKIM itself,
    behind CNAMEs. Bounces go to the domain of the return path, and receivers check SPF of that one."""

    domain: str
    valid: bool
    is_default: bool
    is_automatic: bool
    return_path: WantedRecord
    dkim: Sequence[WantedRecord]
    records: Sequence[WantedRecord]


@dataclass(frozen=True)
class BrandedLink:
    """A domain of one's own whose host the links that SendGrid counts clicks on lead to; valid as above."""

    domain: str
    host: str
    valid: bool
    records: Sequence[WantedRecord]


class SenderAccount(Account):
    title = "SendGrid"

    def domains(self) -> Sequence[AuthenticatedDomain] | NotReadable:
        return self._read(_domains, _DOMAINS_SCOPE)

    def links(self) -> Sequence[BrandedLink] | NotReadable:
        return self._read(_links, _DOMAINS_SCOPE)

    def verified_addresses(self) -> frozenset[str] | NotReadable:
        """The sender addresses that were verified one by one, in small letters."""
        return self._read(_verified, "the right to read verified senders")

    def webhooks(self, url: re.Pattern[str]) -> Sequence[Webhook] | NotReadable:
        """Those that send to a URL."""
        return self._read(
            lambda api: [each for each in list_webhooks(api) if url.fullmatch(each.url)],
            "user.webhooks.event.settings.read",
        )

    def scopes(self) -> frozenset[str] | NotReadable:
        """What the key may do, which every key may read."""
        return self._read(_scopes)

    def _why(self, error: MailApiError, right: str) -> NotReadable:
        if not isinstance(error, NotAllowed):
            return NotReadable(str(error))
        if right:
            return NotReadable(f"the API key lacks {right}")
        return NotReadable("SendGrid refuses the API key", is_key_refused=True)


def _record(fields: Mapping[str, Any]) -> WantedRecord:
    return WantedRecord(
        host=str(fields["host"]).rstrip(".").lower(),
        kind=str(fields["type"]).lower(),
        data=str(fields["data"]).rstrip("."),
        valid=fields["valid"] is True,
    )


def _domains(api: MailApi) -> list[AuthenticatedDomain]:
    found: list[AuthenticatedDomain] = []
    for page in range(_MOST_PAGES):
        listed = _list(api.call("GET", f"/v3/whitelabel/domains?limit={_PAGE}&offset={page * _PAGE}"))
        found += [_domain(each) for each in listed]
        if len(listed) < _PAGE:
            break
    return found


def _domain(fields: Mapping[str, Any]) -> AuthenticatedDomain:
    """A domain. With automatic security SendGrid keeps the records behind three CNAMEs,
    without it the team keeps an MX, SPF and a DKIM key of its own."""
    records = {name: _record(each) for name, each in fields["dns"].items() if each}
    return AuthenticatedDomain(
        domain=str(fields["domain"]).rstrip(".").lower(),
        valid=fields["valid"] is True,
        is_default=fields.get("default") is True,
        is_automatic=fields["automatic_security"] is True,
        return_path=records["mail_cname"] if "mail_cname" in records else records["subdomain_spf"],
        dkim=[record for name, record in records.items() if name.startswith("dkim")],
        records=list(records.values()),
    )


def _links(api: MailApi) -> list[BrandedLink]:
    return [
        BrandedLink(
            domain=str(each["domain"]).rstrip(".").lower(),
            host=f"{each['subdomain']}.{each['domain']}" if each.get("subdomain") else str(each["domain"]),
            valid=each["valid"] is True,
            records=[_record(record) for record in each["dns"].values() if record],
        )
        for each in _list(api.call("GET", "/v3/whitelabel/links"))
    ]


def _verified(api: MailApi) -> frozenset[str]:
    listed = _list(api.call("GET", "/v3/verified_senders?limit=1000")["results"])
    return frozenset(str(each["from_email"]).lower() for each in listed if each["verified"] is True)


def _scopes(api: MailApi) -> frozenset[str]:
    return frozenset(map(str, _list(api.call("GET", "/v3/scopes")["scopes"])))


def _list(value: Any) -> list[Any]:
    """What is to be a list: an object or a text could be walked through as well."""
    if not isinstance(value, list):
        raise TypeError("not a list")
    return value

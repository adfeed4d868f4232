"""What SendGrid knows of the sender: authenticated domains, branded links, verified addresses, and the key's scopes.

https://www.twilio.com/docs/sendgrid/api-reference/domain-authentication/list-all-authenticated-domains
https://www.twilio.com/docs/sendgrid/api-reference/link-branding/retrieve-all-branded-links
https://www.twilio.com/docs/sendgrid/api-reference/sender-verification/get-all-verified-senders
https://www.twilio.com/docs/sendgrid/api-reference/api-key-permissions/retrieve-a-list-of-scopes-for-which-this-user-has-access
"""

from collections.abc import Collection, Mapping
from typing import Any

WHITELABEL_SCOPE = "whitelabel.read"
VERIFIED_SENDERS_SCOPE = "sender_verification_eligible"

SCOPES_BY_PATH: Mapping[str, str | None] = {
    "/v3/scopes": None,
    "/v3/whitelabel/domains": WHITELABEL_SCOPE,
    "/v3/whitelabel/links": WHITELABEL_SCOPE,
    "/v3/verified_senders": VERIFIED_SENDERS_SCOPE,
}
"""The scope that each path asks of a key; None: any key may read it."""

SCOPES = frozenset(filter(None, SCOPES_BY_PATH.values()))
"""The scopes that a key needs for all of them."""

_USER_ID = 7
_DEFAULT_PAGE = 50


class InvalidPage(Exception):
    """`limit` or `offset` is no number."""


class SenderIdentity:
    """An account with authenticated domains, whose links are branded.

    Args:
        domains: the senders'.
    """

    def __init__(self, *domains: str) -> None:
        self.domains = [*map(authenticated_domain, domains)]
        """As `GET /v3/whitelabel/domains` answers."""
        self.links = [*map(branded_link, domains)]
        """As `GET /v3/whitelabel/links` answers."""
        self.verified_senders: list[dict[str, Any]] = []
        """As `GET /v3/verified_senders` answers in `results`."""

    def may_send(self, address: str) -> bool:
        """Whether mail send takes emails from an address.
        https://www.twilio.com/docs/sendgrid/for-developers/sending-email/sender-identity
        """
        domain = address.rpartition("@")[2].lower()
        verified = {each["from_email"].lower() for each in self.verified_senders if each["verified"]}
        return address.lower() in verified or any(
            each["valid"] and (each["default"] or f".{domain}".endswith(f".{each['domain']}")) for each in self.domains
        )

    def answer(self, path: str, query: Mapping[str, str], scopes: Collection[str]) -> Any:
        """Answer a GET request.

        Args:
            path: one of `SCOPES`.
            query: its parameters.
            scopes: the key's.

        Raises:
            InvalidPage: a parameter is malformed.
        """
        if path == "/v3/scopes":
            return {"scopes": sorted(scopes)}
        limit, offset = _number(query, "limit", _DEFAULT_PAGE), _number(query, "offset", 0)
        if path == "/v3/verified_senders":
            return {"results": self.verified_senders[:limit]}
        if path == "/v3/whitelabel/links":
            return self.links[:limit]
        return self.domains[offset : offset + limit]


def authenticated_domain(domain: str, *, valid: bool = True, default: bool = False) -> dict[str, Any]:
    """A domain with automatic security: SendGrid keeps the records behind three CNAMEs."""
    account = f"u{_USER_ID}.wl001.sendgrid.net"
    return {
        "id": 1,
        "user_id": _USER_ID,
        "subdomain": "em7",
        "domain": domain,
        "username": "local-cloud",
        "ips": [],
        "custom_spf": False,
        "default": default,
        "legacy": False,
        "automatic_security": True,
        "valid": valid,
        "dns": {
            "mail_cname": _cname(f"em7.{domain}", account, valid=valid),
            "dkim1": _cname(f"s1._domainkey.{domain}", f"s1.domainkey.{account}", valid=valid),
            "dkim2": _cname(f"s2._domainkey.{domain}", f"s2.domainkey.{account}", valid=valid),
        },
    }


def branded_link(domain: str, *, valid: bool = True) -> dict[str, Any]:
    """A domain for links."""
    return {
        "id": 1,
        "user_id": _USER_ID,
        "domain": domain,
        "subdomain": "links",
        "username": "local-cloud",
        "default": True,
        "valid": valid,
        "legacy": False,
        "dns": {
            "domain_cname": _cname(f"links.{domain}", "sendgrid.net", valid=valid),
            "owner_cname": _cname(f"{_USER_ID}.{domain}", "sendgrid.net", valid=valid),
        },
    }


def _cname(host: str, data: str, *, valid: bool) -> dict[str, Any]:
    return {"valid": valid, "type": "cname", "host": host, "data": data}


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name, str(default))
    if not (text.isascii() and text.isdigit()):
        raise InvalidPage(f"{name} must be a positive number")
    return int(text)

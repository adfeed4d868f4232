"""Looks names up in DNS: asks the resolver of this machine, or the one that DNS_SERVER names.

That one has the records that receivers get, unless a network has a DNS of its own for the sender's domain.
"""

import os
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

import dns.exception
import dns.message
import dns.rdatatype
import dns.resolver

_RESERVED = re.compile(r"(?:.*\.)?(?:test|example|invalid|localhost|local|example\.(?:com|net|org))", re.IGNORECASE)
"""Domains for examples and tests, and for one's own network. https://www.rfc-editor.org/rfc/rfc6761#section-6"""

_SECONDS = 5.0
"""For an answer to one question, with all repetitions."""


@dataclass(frozen=True)
class DnsAnswer:
    """An answer of DNS about a name: the chain of its CNAMEs, in order, and the TXT records at the end. The failure
    says why there is no answer; "no such name" is an answer."""

    name: str
    aliases: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    failure: str = ""


def is_reserved(name: str) -> bool:
    """Whether a name is one for examples, for tests or for one's own network. Public DNS does not have such names."""
    return _RESERVED.fullmatch(name.rstrip(".")) is not None


def tags_of(text: str) -> dict[str, str]:
    """The tags of a DKIM or DMARC record, such as `v=DMARC1; p=none`, in order. Of two with the same name the first
    counts. https://www.rfc-editor.org/rfc/rfc6376#section-3.2 and https://www.rfc-editor.org/rfc/rfc9989#section-4.8"""
    tags: dict[str, str] = {}
    for part in text.split(";"):
        name, sign, value = part.partition("=")
        if sign:
            tags.setdefault(name.strip(), value.strip())
    return tags


class Resolver:
    """Asks DNS, unless told why not. Once it has not answered in time, it is not asked again. A server is an address,
    maybe with a port; without one, the resolver of this machine is asked, and about no reserved name."""

    def __init__(self, server: str = "", *, seconds: float = _SECONDS, unasked: str = "") -> None:
        self._asks_reserved = bool(server)
        self._failure = unasked
        try:
            self._resolver = dns.resolver.Resolver(configure=not server)
            if server:
                parts = urlsplit(f"//{server}")
                self._resolver.nameservers, self._resolver.port = [parts.hostname or ""], parts.port or 53
        except (dns.exception.DNSException, ValueError) as error:
            self._failure = unasked or f"DNS cannot be asked: {error}"
        else:
            self._resolver.lifetime = seconds

    @classmethod
    def of_this_machine(cls) -> "Resolver":
        """What DNS_SERVER names, or else what the system is set to."""
        return cls(os.environ.get("DNS_SERVER", ""))

    def texts(self, name: str) -> DnsAnswer:
        """Look up the TXT records of a name, through its aliases."""
        if self._failure:
            return DnsAnswer(name, failure=self._failure)
        if is_reserved(name) and not self._asks_reserved:
            return DnsAnswer(name, failure="DNS is not asked, since the domain is reserved for examples and tests")
        try:
            chain = self._ask(name).resolve_chaining()
        except dns.resolver.NoNameservers as error:
            said = dict.fromkeys(str(each[3]) for each in error.kwargs["errors"])
            return DnsAnswer(name, failure=f"DNS fails: {', '.join(said)}")
        except dns.exception.Timeout:
            self._failure = "DNS gives no answer"
            return DnsAnswer(name, failure=self._failure)
        except dns.exception.DNSException as error:
            return DnsAnswer(name, failure=f"DNS cannot be asked about it: {error}")
        return DnsAnswer(
            name,
            aliases=tuple(each[0].target.to_text(omit_final_dot=True).lower() for each in chain.cnames),
            # Its strings belong together without a space. https://www.rfc-editor.org/rfc/rfc7208#section-3.3
            texts=tuple(b"".join(each.strings).decode(errors="replace") for each in chain.answer or ()),
        )

    def _ask(self, name: str) -> dns.message.QueryMessage:
        try:
            return self._resolver.resolve(name, dns.rdatatype.TXT, raise_on_no_answer=False).response
        except dns.resolver.NXDOMAIN as error:
            # It says where the aliases lead, too.
            response: dns.message.QueryMessage
            [response] = error.kwargs["responses"].values()
            return response

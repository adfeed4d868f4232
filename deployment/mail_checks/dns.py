"""Looks names up in DNS, over HTTPS: it needs no package, and works where a firewall lets no other DNS through.

https://developers.google.com/speed/public-dns/docs/doh/json
"""

import http.client
import json
import re
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

GOOGLE_PUBLIC_DNS = "https://dns.google/resolve"

CNAME, TXT = 5, 16
"""Types of records. https://www.iana.org/assignments/dns-parameters/dns-parameters.xhtml#dns-parameters-4"""

_NO_ERROR, _NXDOMAIN = 0, 3
_RCODES = {1: "FORMERR", 2: "SERVFAIL", 4: "NOTIMP", 5: "REFUSED"}
"""https://www.iana.org/assignments/dns-parameters/dns-parameters.xhtml#dns-parameters-6"""

_RESERVED = re.compile(r"(?:.*\.)?(?:test|example|invalid|localhost|local|example\.(?:com|net|org))", re.IGNORECASE)
"""Domains for examples and tests, and for one's own network. https://www.rfc-editor.org/rfc/rfc6761#section-6"""

_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_CALL_SECONDS = 5.0
_MOST_BYTES = 1024 * 1024
"""DNS itself has no answer above 64 KiB."""


@dataclass(frozen=True)
class DnsAnswer:
    """What DNS says about a name.

    Attributes:
        name: the name.
        aliases: where its CNAME leads, and where that one's leads, in order.
        texts: the TXT records at the end of that chain.
        failure: why there is no answer; empty where there is one, also that there is no such name.
    """

    name: str
    aliases: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    failure: str = ""


def is_reserved(name: str) -> bool:
    """Whether a name is one for examples, for tests or for one's own network. Public DNS does not have such names."""
    return _RESERVED.fullmatch(name.rstrip(".")) is not None


class DnsOverHttps:
    """Asks a resolver. Once it has not answered, it is not asked again.

    Args:
        url: of the resolver; it speaks the JSON of Google Public DNS. The default is asked about no reserved name.
        seconds: how long to wait for an answer.
        unasked: why it is asked nothing; empty where it is asked.
    """

    def __init__(self, url: str = GOOGLE_PUBLIC_DNS, *, seconds: float = _CALL_SECONDS, unasked: str = "") -> None:
        self._url = url
        self._seconds = seconds
        self._failure = unasked

    def texts(self, name: str) -> DnsAnswer:
        """Look up the TXT records of a name, through its aliases."""
        if self._failure:
            return DnsAnswer(name, failure=self._failure)
        if self._url == GOOGLE_PUBLIC_DNS and is_reserved(name):
            return DnsAnswer(name, failure="DNS is not asked, since the domain is reserved for examples and tests")
        try:
            query = urlencode({"name": name.encode("idna").decode(), "type": "TXT"})
        except UnicodeError:
            return DnsAnswer(name, failure="it is not a domain name")
        try:
            with urllib.request.urlopen(f"{self._url}?{query}", timeout=self._seconds) as response:  # noqa: S310
                return read_answer(name, json.loads(response.read(_MOST_BYTES)))
        except urllib.error.HTTPError as error:
            return DnsAnswer(name, failure=f"the DNS resolver answered {error.code}")
        except urllib.error.URLError as error:
            self._failure = f"the DNS resolver cannot be reached: {error.reason}"
        except (OSError, http.client.HTTPException) as error:
            self._failure = f"the DNS resolver gives no answer: {type(error).__name__}"
        except (ValueError, RecursionError):
            self._failure = "the DNS resolver's answer is not JSON"
        return DnsAnswer(name, failure=self._failure)


def read_answer(name: str, body: Any) -> DnsAnswer:
    """Read a resolver's answer. It is made of records of any type, signatures of DNSSEC among them.

    Args:
        name: the name that was asked about.
        body: the answer's JSON.
    """
    try:
        rcode = int(body["Status"])
        records = [(int(each["type"]), str(each["data"])) for each in body.get("Answer", ())]
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
        return DnsAnswer(name, failure="the DNS resolver's answer has another form")
    if rcode not in (_NO_ERROR, _NXDOMAIN):
        return DnsAnswer(name, failure=f"DNS answers {_RCODES.get(rcode, f'error {rcode}')}")
    return DnsAnswer(
        name,
        aliases=tuple(data.rstrip(".").lower() for kind, data in records if kind == CNAME),
        texts=tuple(_joined(data) for kind, data in records if kind == TXT),
    )


def _joined(data: str) -> str:
    """The text of a TXT record, whose strings some resolvers quote. They belong together without a space.

    https://www.rfc-editor.org/rfc/rfc7208#section-3.3
    """
    if not data.startswith('"'):
        return data
    return "".join(re.sub(r"\\(.)", r"\1", part) for part in _QUOTED.findall(data))

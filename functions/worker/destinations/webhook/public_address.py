"""Finds the address of a host on the internet, and of no other: the URL of a subscription may be somebody else's, and
could name what only the worker reaches, such as the metadata server of Google Cloud.

https://cheatsheetseries.owasp.org/cheatsheets/Server_Side_Request_Forgery_Prevention_Cheat_Sheet.html
"""

import ipaddress
import socket

_INTERNET = ipaddress.IPv6Network("2000::/3")
"""All that the internet has of IPv6. https://www.iana.org/assignments/ipv6-unicast-address-assignments"""


class PrivateAddress(Exception):
    """The host has an address that is not on the internet."""


def public_address(host: str, port: int) -> str:
    """An address of a host, for a connection that looks it up no more: it could be another by then.

    Args:
        host: a name or an IP address.
        port: the service's.

    Raises:
        PrivateAddress: one of its addresses is private, of this machine, or otherwise not on the internet.
        OSError: the host cannot be found.
    """
    found = [str(each[4][0]) for each in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    for address in found:
        # A link-local address has its network behind a %.
        if not _is_public(ipaddress.ip_address(address.partition("%")[0])):
            raise PrivateAddress(f"{host} has the address {address}, which is not on the internet")
    return found[0]


def _is_public(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if isinstance(ip, ipaddress.IPv6Address):
        if within := ip.ipv4_mapped or ip.sixtofour:
            return _is_public(within)
        # What is none of the internet's may stand for an IPv4 address of any network, such as 64:ff9b::10.0.0.1.
        return ip in _INTERNET and ip.is_global
    return ip.is_global and not ip.is_multicast

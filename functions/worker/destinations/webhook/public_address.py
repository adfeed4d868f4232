"""Finds the address of a host on the internet, and of no other: the URL of a subscription may be somebody else's, and
could name what only the worker reaches, such as the metadata server of Google Cloud.

https://cheatsheetseries.owasp.org/cheatsheets/Server_Side_Request_Forgery_Prevention_Cheat_Sheet.html
"""

import ipaddress
import socket


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
        ip = ipaddress.ip_address(address.partition("%")[0])
        within = (ip.ipv4_mapped or ip.sixtofour) if isinstance(ip, ipaddress.IPv6Address) else None
        if not all(each.is_global and not each.is_multicast for each in (ip, within) if each):
            raise PrivateAddress(f"{host} has the address {address}, which is not on the internet")
    return found[0]

"""The domains that a deployment may send to. Pure."""

from collections.abc import Iterable


class AllowedDomains:
    """The domains of the addresses that get emails, such as the team's own in a staging deployment.

    Args:
        domains: such as `example.com`, which allows none of its subdomains. None: every address gets emails.
    """

    def __init__(self, domains: Iterable[str] = ()) -> None:
        self._domains = frozenset(each.casefold() for each in domains)

    def allows(self, address: str) -> bool:
        """Whether an address gets emails."""
        return not self._domains or address.rpartition("@")[2].casefold() in self._domains


EVERY_DOMAIN = AllowedDomains()

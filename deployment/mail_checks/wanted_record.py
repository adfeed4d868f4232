"""A DNS record that a provider asks for."""

from dataclasses import dataclass


@dataclass(frozen=True)
class WantedRecord:
    """A DNS record that a provider asks for.

    Attributes:
        host: its name.
        kind: `cname`, `txt` or `mx`.
        data: what it must hold.
        valid: whether the provider found it so when it looked last.
    """

    host: str
    kind: str
    data: str
    valid: bool

    def __str__(self) -> str:
        return f"{self.kind.upper()} {self.host} → {self.data}"

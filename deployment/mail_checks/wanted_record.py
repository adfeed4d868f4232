"""A DNS record that a provider asks for."""

from dataclasses import dataclass


@dataclass(frozen=True)
class WantedRecord:
    """A DNS record that a provider asks for: a `cname`, `txt` or `mx`, valid if the provider found it so when it looked
    last."""

    host: str
    kind: str
    data: str
    valid: bool

    def __str__(self) -> str:
        return f"{self.kind.upper()} {self.host} → {self.data}"

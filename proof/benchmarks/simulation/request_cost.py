"""What a request of each function costs, as `python -m proof.benchmarks.simulate measure` found it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

FILE = Path(__file__).parent / "request_costs.json"
"""What `measure` has written last."""


class RequestKind(StrEnum):
    """What functions are asked for."""

    REPORT = "worker: a report"
    EVENT_CALL = "mail events: a call"  # Beside what its events cost.
    DELIVERED = "mail events: a delivered email"
    BOUNCED = "mail events: a bounced email"
    PAGE = "preferences: the page"
    ONE_CLICK = "preferences: unsubscribing by one click"
    CONSOLE_PAGE = "console: a page"
    CONSOLE_COUNTS = "console: the overview's counts"  # In the background, while a person looks at it.


@dataclass(frozen=True, kw_only=True)
class RequestCost:
    """The price of a request.

    Attributes:
        cpu_seconds: what the function computes.
        wait_seconds: what it waits for Firestore.
        reads: documents read.
        writes: documents written.
    """

    cpu_seconds: float
    wait_seconds: float
    reads: float
    writes: float

    def best(self, other: "RequestCost") -> "RequestCost":
        """The less of each figure."""
        return RequestCost(**{name: min(value, getattr(other, name)) for name, value in asdict(self).items()})

    def __add__(self, other: "RequestCost") -> "RequestCost":
        return RequestCost(**{name: value + getattr(other, name) for name, value in asdict(self).items()})

    def __mul__(self, factor: float) -> "RequestCost":
        return RequestCost(**{name: value * factor for name, value in asdict(self).items()})

    def __sub__(self, other: "RequestCost") -> "RequestCost":
        """The difference, where noise may not make it negative."""
        return RequestCost(**{name: max(value - getattr(other, name), 0.0) for name, value in asdict(self).items()})


@dataclass(frozen=True, kw_only=True)
class RequestCosts:
    """The price of each kind of request.

    Attributes:
        measured_on: where and when.
        event_bytes: how large an event is in a call of the provider's webhook.
        costs: by kind.
    """

    measured_on: str
    event_bytes: float
    costs: Mapping[RequestKind, RequestCost]

    def __getitem__(self, kind: RequestKind) -> RequestCost:
        return self.costs[kind]

    def to_json(self) -> str:
        """As the file has it."""
        costs = {
            kind.value: {name: float(f"{value:.4g}") for name, value in asdict(cost).items()}
            for kind, cost in self.costs.items()
        }
        content = {"measured_on": self.measured_on, "event_bytes": round(self.event_bytes), "costs": costs}
        return json.dumps(content, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "RequestCosts":
        """What a file has."""
        content = json.loads(text)
        costs = {RequestKind(kind): RequestCost(**cost) for kind, cost in content.pop("costs").items()}
        return cls(**content, costs=costs)


def measured() -> RequestCosts:
    """What the model reckons with."""
    return RequestCosts.from_json(FILE.read_text(encoding="utf-8"))

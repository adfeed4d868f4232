"""How many reports of a kind were sent and failed, by version, where a kind has a next one."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from functions.shared.firestore.database import Database
from functions.shared.firestore.query import Query
from functions.shared.records.delivery import DELIVERIES, DeliveryState
from functions.shared.records.ids import SHARDS

VARIANTS = ("current", "next")
_STATES = (DeliveryState.SENT, DeliveryState.SKIPPED, DeliveryState.DEAD)
_PARTS = (range(SHARDS // 2), range(SHARDS // 2, SHARDS))
"""Of the shards: with all at once a query would have more filters than Firestore takes
(functions.shared.records.ids)."""


@dataclass(frozen=True, kw_only=True)
class VariantFigures:
    """The final deliveries of one version of a kind."""

    variant: str
    sent: int
    skipped: int
    dead: int

    @property
    def failure_rate(self) -> float | None:
        """The share of those given up among those that were to be sent; None where there was none."""
        tried = self.sent + self.dead
        return self.dead / tried if tried else None


def count_variants(database: Database, kind: str, *, since: datetime) -> Iterator[VariantFigures]:
    """Count the final deliveries of a kind, one after the other of its versions.

    Firestore counts in the index: one read for each 1,000 deliveries.
    https://firebase.google.com/docs/firestore/pricing#aggregation_queries

    Args:
        since: the earliest due time that counts.

    Raises:
        google.api_core.exceptions.GoogleAPIError: Firestore cannot be asked.
    """
    for variant in VARIANTS:
        final = Query.of(DELIVERIES).where("kind", "==", kind).where("variant", "==", variant)
        final = final.where("due_at", ">=", since)
        counts = {
            # The index begins with the shard, so that it takes as many writes as there are deliveries.
            state.value: sum(
                database.count(final.where("shard", "in", list(shards)).where("state", "==", state.value))
                for shards in _PARTS
            )
            for state in _STATES
        }
        yield VariantFigures(variant=variant, **counts)

"""Reads what the pipeline's documents say about a run, through Firestore's own client as any other observer would."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from google.cloud.firestore_v1.async_client import AsyncClient
from google.cloud.firestore_v1.base_query import FieldFilter

_SHARDS = 30
_DOCUMENTS_A_CALL = 300


class SubscriptionKey(NamedTuple):
    """The key of a subscription: its user's id and its own."""

    user_id: str
    subscription_id: str

    def __str__(self) -> str:
        return f"{self.subscription_id} of user {self.user_id}"


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One report of a run.

    Attributes:
        id: the document's id.
        subscription: whose report it is.
        state: where it stands.
        reason: why it was skipped or is dead; empty where it is neither.
    """

    id: str
    subscription: SubscriptionKey
    state: str
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class DeadLetter:
    """A dead letter that the DLQ handler stored."""

    id: str
    reason: str
    error: str
    alerted: bool


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How far a run is: reports by state, and dead letters that people got an alert about."""

    sent: int
    skipped: int
    dead: int
    alerted: int

    @property
    def final(self) -> int:
        """Reports that have come to an end."""
        return self.sent + self.skipped + self.dead


class RunView:
    """Reads deliveries, dead letters and subscriptions.

    Args:
        client: of the Firestore that the functions use.
    """

    def __init__(self, client: AsyncClient) -> None:
        self._client = client
        self._deliveries = client.collection("deliveries")
        self._dead_letters = client.collection("dead_letters")

    async def standing(self, run_id: str) -> Standing:
        """Count, without reading the documents."""
        of_run = self._of_run(run_id)
        counts = {
            state: await _count(of_run.where(filter=FieldFilter("state", "==", state)))
            for state in ("sent", "skipped", "dead")
        }
        alerted = await _count(
            self._dead_letters.where(filter=FieldFilter("alerted_at", ">", datetime.fromtimestamp(0, UTC)))
        )
        return Standing(**counts, alerted=alerted)

    async def deliveries(self, run_id: str) -> list[Delivery]:
        """All deliveries of a run."""
        query = self._of_run(run_id).order_by("state")
        return [
            Delivery(
                id=snapshot.id,
                subscription=SubscriptionKey(fields["user_id"], fields["subscription_id"]),
                state=fields["state"],
                reason=fields.get("reason") or "",
            )
            async for snapshot in query.select(["user_id", "subscription_id", "state", "reason"]).stream()
            if (fields := snapshot.to_dict()) is not None
        ]

    async def mails(self, deliveries: Sequence[Delivery]) -> Counter[str]:
        """What became of the emails of deliveries: how many are `delivered`, and so on."""
        records = self._client.collection("mail_events")
        counts: Counter[str] = Counter()
        for start in range(0, len(deliveries), _DOCUMENTS_A_CALL):
            references = [records.document(each.id) for each in deliveries[start : start + _DOCUMENTS_A_CALL]]
            async for snapshot in self._client.get_all(references, ["status"]):
                if snapshot.exists:
                    counts[str(snapshot.get("status"))] += 1
        return counts

    async def dead_letters(self) -> list[DeadLetter]:
        """All dead letters."""
        return [
            DeadLetter(
                id=snapshot.id,
                reason=str(fields.get("reason", "")),
                error=str(fields.get("error", "")),
                alerted=fields.get("alerted_at") is not None,
            )
            async for snapshot in self._dead_letters.stream()
            if (fields := snapshot.to_dict()) is not None
        ]

    async def paused(self) -> dict[SubscriptionKey, str]:
        """The reason of each paused subscription."""
        subscriptions = self._client.collection_group("report_subscriptions")
        query = subscriptions.where(filter=FieldFilter("paused_because", ">", "")).select(["paused_because"])
        return {
            SubscriptionKey(snapshot.reference.parent.parent.id, snapshot.id): snapshot.get("paused_because")
            async for snapshot in query.stream()
        }

    def _of_run(self, run_id: str) -> Any:
        # Filters by all fields of the index: Firestore would refuse to look for a run alone.
        shards = FieldFilter("shard", "in", list(range(_SHARDS)))
        return self._deliveries.where(filter=shards).where(filter=FieldFilter("run_id", "==", run_id))


async def _count(query: Any) -> int:
    [[count]] = await query.count().get()
    return int(count.value)

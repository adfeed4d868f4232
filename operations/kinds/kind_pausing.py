"""Pauses and resumes kinds of report, and counts what waits for one."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from functions.shared.firestore.database import Database
from functions.shared.firestore.found_document import FoundDocument
from functions.shared.firestore.query import Query
from functions.shared.logging import redact_addresses
from functions.shared.records.ids import SHARDS, held_shard
from functions.shared.records.kind_pauses import KIND_PAUSES_STATE, KindPause, KindPauses
from functions.shared.records.subscription import SUBSCRIPTIONS

PAUSED = "The kind is paused: within 10 seconds no more of its reports go out. What is due waits, and nothing is lost."
RESUMED = (
    "The kind is resumed: the next run sends what waits, each subscription one report that covers all the time since "
    "its last one."
)


class KindPausing:
    """Pauses and resumes kinds. Safe while runs go on. Every method raises GoogleAPICallError if Firestore does not
    answer or refuses.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def pauses(self) -> KindPauses:
        """Which kinds are paused: one read."""
        return KindPauses.from_snapshot(self._database.get(KIND_PAUSES_STATE))

    def count_held(self, kind: str) -> int:
        """How many subscriptions wait for a kind: one read for each 1,000."""
        shards = [held_shard(kind, shard) for shard in range(SHARDS)]
        return self._database.count(Query.of_group(SUBSCRIPTIONS).where("shard", "in", shards))

    def pause(self, kind: str, *, by: str, now: datetime, note: str = "") -> bool:
        """Hold back all reports of a kind.

        Returns:
            whether it was not paused already.
        """
        pause = KindPause(paused_at=now, paused_by=by, note=redact_addresses(note))
        return self._change(kind, lambda before: None if before.is_on else pause)

    def resume(self, kind: str, *, by: str, now: datetime) -> bool:
        """Let the runs send what waits for a kind.

        Returns:
            whether it was paused.
        """
        return self._change(
            kind, lambda before: before._replace(resumed_at=now, resumed_by=by) if before.is_on else None
        )

    def _change(self, kind: str, change: Callable[[KindPause], KindPause | None]) -> bool:
        def decided(found: FoundDocument) -> tuple[bool, dict[str, Any]]:
            pauses = KindPauses.from_snapshot(found)
            after = change(pauses.pause_of(kind))
            return after is not None, pauses.with_pause(kind, after).to_fields() if after else {}

        return self._database.change(KIND_PAUSES_STATE, decided)

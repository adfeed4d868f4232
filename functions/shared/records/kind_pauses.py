"""Which kinds of report are paused, in `kind_pauses/state`. Operators write it; runs and workers read it. Pure.

A paused kind's reports wait as if no run had met them: a subscription that is due for one leaves the due index, by the
value of its shard, and keeps its due time and its mark. When the kind resumes, a run puts it back, and its next report
covers all the time since the last one.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from functions.shared.records.ids import KIND_PATTERN
from functions.shared.records.stored_fields import stored_values

KIND_PAUSES = "kind_pauses"
"""The name of the collection."""

_STATE = "state"

KIND_PAUSES_STATE = f"{KIND_PAUSES}/{_STATE}"
"""The path of its only document."""

NOTICED_WITHIN = timedelta(seconds=10)
"""How long a worker goes on by what it has read of the document."""

_KIND = re.compile(KIND_PATTERN)


class KindPause(NamedTuple):
    """The latest pause of a kind. A field that is absent or malformed has the default.

    Attributes:
        paused_at: when an operator paused the kind.
        paused_by: who that was.
        note: why, in that person's words.
        resumed_at: when an operator resumed it; None while it is paused.
        resumed_by: who that was.
    """

    paused_at: datetime | None = None
    paused_by: str = ""
    note: str = ""
    resumed_at: datetime | None = None
    resumed_by: str = ""

    @property
    def is_on(self) -> bool:
        """Whether it goes on."""
        return self.paused_at is not None and self.resumed_at is None


class KindPauses(NamedTuple):
    """The pauses of the kinds.

    Attributes:
        kinds: the latest pause of each kind that was ever paused.
    """

    kinds: Mapping[str, KindPause] = {}

    @classmethod
    def from_snapshot(cls, snapshot: Any) -> "KindPauses":
        """Read the document, whatever is in it; no kind is paused where there is no document.

        Args:
            snapshot: a FoundDocument.
        """
        kinds = (snapshot.fields or {}).get("kinds")
        named = kinds if isinstance(kinds, dict) else {}
        return cls(
            {
                kind: KindPause(**stored_values(KindPause, pause))
                for kind, pause in named.items()
                if _KIND.fullmatch(kind) and isinstance(pause, dict)
            }
        )

    def to_fields(self) -> dict[str, Any]:
        """The pauses as the document has them."""
        return {"kinds": {kind: pause._asdict() for kind, pause in self.kinds.items()}}

    @property
    def paused(self) -> list[str]:
        """The kinds that are paused."""
        return sorted(kind for kind, pause in self.kinds.items() if pause.is_on)

    def with_paused(self, kinds: Sequence[str]) -> list[str]:
        """Some kinds, and behind them the others that are paused, such as one that was renamed since.

        Args:
            kinds: those that there are.
        """
        return [*kinds, *(kind for kind in self.paused if kind not in kinds)]

    @property
    def resumed(self) -> list[str]:
        """The kinds that were paused, and are not any more."""
        return sorted(kind for kind, pause in self.kinds.items() if not pause.is_on)

    def is_paused(self, kind: str) -> bool:
        """Whether no report of a kind is sent."""
        return self.pause_of(kind).is_on

    def has_waited(self, kind: str, due_at: datetime) -> bool:
        """Whether a report of a kind that is not paused may have waited until the kind was resumed.

        Args:
            kind: the kind.
            due_at: when the report fell due.
        """
        resumed_at = self.pause_of(kind).resumed_at
        return resumed_at is not None and due_at <= resumed_at + NOTICED_WITHIN

    def pause_of(self, kind: str) -> KindPause:
        """The latest pause of a kind; one that never began where there was none."""
        return self.kinds.get(kind, KindPause())

    def with_pause(self, kind: str, pause: KindPause) -> "KindPauses":
        """The pauses after a kind is paused or resumed."""
        return KindPauses({**self.kinds, kind: pause})

"""What the local cloud's sample users have, so that the kinds of a project have something to report."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from functions.shared.times.period import Period
from report_kit.kinds import kinds, sample

_DAYS = timedelta(days=2)
"""A daily report covers the whole of yesterday in the zone of its reader."""


def write_sample_documents(file: Path, *, now: datetime, on_mistake: Callable[[str], None]) -> None:
    """Write the documents of the kinds' samples, by collection and id, as `python -m local_pipeline up --documents`
    reads them. Times are `{"time": "2026-11-24T13:00:00+00:00"}`.

    Args:
        now: when the samples end.
        on_mistake: called with a line for each kind whose sample cannot be made; `reports test` says more about it.
    """
    found: dict[str, dict[str, Any]] = {}
    for kind in kinds():
        try:
            documents = sample(kind, Period(now - _DAYS, now)).documents
            read = json.loads(json.dumps({name: dict(each) for name, each in documents.items()}, default=_time))
        except Exception as error:  # noqa: BLE001  a team's own code
            on_mistake(f"The kind {kind} has no sample for the sample users: {error}")
            continue
        for collection, each in read.items():
            found.setdefault(collection, {}).update(each)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(found), encoding="utf-8")


def _time(value: Any) -> Any:
    if isinstance(value, datetime):
        return {"time": value.isoformat()}
    raise TypeError(f"a {type(value).__name__} is no value that is taken over")

"""How a run stands, and each share of it. Pure."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any


class RunState(StrEnum):
    """What `runs/{run_id}` has in `state`."""

    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    """Something failed that a retry may mend."""


def is_state(value: Any) -> bool:
    """Whether that is one of these."""
    return any(value == state for state in RunState)


def of_all_shares(shares: Mapping[str, Mapping[str, Any]]) -> RunState:
    """The state of a run whose shares stand so."""
    states = {RunState(share["state"]) for share in shares.values()}
    for state in (RunState.RUNNING, RunState.FAILED):
        if state in states:
            return state
    return RunState.FINISHED


def others_have_finished(shares: Mapping[str, Mapping[str, Any]], share: int) -> bool:
    """Whether every share but this one has come to a good end."""
    return all(noted["state"] == RunState.FINISHED for name, noted in shares.items() if name != str(share))

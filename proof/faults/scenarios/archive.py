"""Copies of what was sent: each report comes once all the same, and none names a copy that is gone."""

from proof.faults.disturbances import answer, cut
from proof.faults.injection_points import InjectionPoint
from proof.faults.scenarios import steps as do
from proof.faults.scenarios.steps import KILLED_AFTER, KILLED_BEFORE, SOME, some

_VICTIMS = some(most=8)
"""Each costs a new process."""
_COPY = InjectionPoint.KEEP_COPY

_row = do.rows_of("Archive")
SCENARIOS = [
    # Some of the reports have no email, since the provider refuses it.
    _row(
        "worker killed while it keeps a copy",
        do.make_die(_VICTIMS[::4]),
        do.disturb_halves(_VICTIMS, KILLED_BEFORE, KILLED_AFTER, at=_COPY),
        *(do.one_by_one, do.an_hour),
    ),
    _row("Cloud Storage fails", do.disturb_halves(SOME, answer(403), cut(accepted=True), at=_COPY), do.an_hour),
]

"""The team's application hears what became of each report, whatever ends or fails between the record and the event."""

import grpc

from proof.faults.disturbances import lose_answer, refuse
from proof.faults.injection_points import InjectionPoint
from proof.faults.scenarios import steps as do
from proof.faults.scenarios.steps import KILLED_AFTER, KILLED_BEFORE, SOME, some
from proof.faults.world import MAX_ATTEMPTS

_VICTIMS = some(least=3, most=12)
"""Each costs a new process."""
_GIVEN_UP, _KILLED = _VICTIMS[:1], _VICTIMS[1:]
_TELL, _DENIED = InjectionPoint.TELL_OUTCOME, grpc.StatusCode.PERMISSION_DENIED

_row = do.rows_of("Outcomes")
SCENARIOS = [
    # Some reports are sent, some given up. Of one no further call lives long enough to find that its record is final.
    _row(
        "worker killed while it tells the application",
        do.disturb(_GIVEN_UP, KILLED_AFTER, at=InjectionPoint.SETTLE),
        do.disturb(_GIVEN_UP, KILLED_BEFORE, at=InjectionPoint.READ_DELIVERY, skip=1, times=MAX_ATTEMPTS - 1),
        do.make_die(_KILLED[::4]),
        do.disturb_halves(_KILLED, KILLED_BEFORE, KILLED_AFTER, at=_TELL),
        *(do.one_by_one, do.an_hour),
    ),
    # It takes no event of some for longer than the queue calls, and its answers about others are lost.
    _row(
        "Pub/Sub fails",
        do.disturb(SOME[::2], refuse(_DENIED), at=_TELL, times=None),
        do.disturb(SOME[1::2], lose_answer(_DENIED), at=_TELL),
        do.an_hour,
    ),
]

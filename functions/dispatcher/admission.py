"""Admits what is new, once all reports that were due have their tasks: new subscriptions first, then new users, then
new addresses.

A subscription that is admitted may be due at once, and then it also gets its task at once. A run that read it as due
after that would count it twice, so admission comes last.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from functions.dispatcher.address_changes import AddressChanges
from functions.dispatcher.due_subscription import DueSubscription
from functions.dispatcher.enrollment import Enrollment
from functions.dispatcher.fan_out import FanOut
from functions.dispatcher.malformed_documents import MalformedDocuments, unservable
from functions.dispatcher.new_document_handler import Admitted, NewDocumentHandler
from functions.dispatcher.new_documents import NewCursor
from functions.dispatcher.run_counters import RunCounters
from functions.dispatcher.run_dependencies import RunDependencies
from functions.dispatcher.run_part import RunPart, RunStage
from functions.dispatcher.run_store import RunStore
from functions.dispatcher.scheduling import Scheduling
from functions.shared.records.run import RunCounter, Sweep
from functions.shared.threads import Threads


class Look(NamedTuple):
    """What a run finds before admission: whether there is anything new, and what to alert people about.

    Attributes:
        sweeps: the last sweeps, by their stages.
        malformed: subscriptions whose due time is malformed.
        stages: the stages that have something to admit.
    """

    sweeps: Mapping[str, Sweep]
    malformed: list[DueSubscription]
    stages: Sequence[RunStage]


class Admission:
    """Schedules new subscriptions, enrolls new users, resumes what has a new address, and enqueues what is due at once.

    Args:
        dependencies: what the run works with.
        run_id: the id of the run.
        run_time: the time that the run is for.
        store: where the runs note their sweeps.
        counters: the run's.
        malformed: makes dead letters for documents that cannot be admitted.
    """

    def __init__(
        self,
        dependencies: RunDependencies,
        *,
        run_id: str,
        run_time: datetime,
        store: RunStore,
        counters: RunCounters,
        malformed: MalformedDocuments,
    ) -> None:
        self._run_id = run_id
        self._run_time = run_time
        self._store = store
        self._counters = counters
        self._malformed = malformed
        self._scheduling = Scheduling(dependencies, run_id=run_id, run_time=run_time)
        self._enrollment = Enrollment(dependencies, run_id=run_id, run_time=run_time)
        self._handlers: dict[RunStage, NewDocumentHandler] = {
            RunStage.SCHEDULING: self._scheduling,
            RunStage.ENROLLMENT: self._enrollment,
            RunStage.ADDRESS_CHANGES: AddressChanges(dependencies, run_id=run_id, run_time=run_time),
        }
        self.sweeps: dict[str, Sweep] = {}
        """The last sweeps, for the run's record, by their stages; none until `admit` has ended."""

    @property
    def held_back(self) -> int:
        """How many new users wait for a person, since they are more than a run enrolls."""
        return self._enrollment.new.held_back

    def warn_of_malformed_active(self) -> None:
        """Log the users who get no reports because their `active` is malformed. Raises nothing."""
        self._enrollment.warn_of_malformed_active()

    def look(self) -> Look:
        """Check whether there is anything new, which is seldom. A run may do this during the fan-out: it leaves what
        becomes new after this check to the next run.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: Firestore cannot be read.
        """
        sweeps = self._store.last_sweeps(self._run_time)
        with Threads(len(self._handlers) + 1) as threads:
            malformed = threads.submit(self._scheduling.find_malformed_due_times)
            has_any = {
                stage: threads.submit(handler.new.has_any, self._run_time, sweeps.get(stage))
                for stage, handler in self._handlers.items()
            }
        return Look(sweeps, malformed.result(), [stage for stage, answer in has_any.items() if answer.result()])

    def admit(self, part: RunPart, look: Look, fan_out: FanOut, is_late: Callable[[], bool]) -> RunPart | None:
        """Admit what is new, from the part's stage and place on.

        Args:
            part: what is left of the run.
            look: what `look` found.
            fan_out: enqueues reports.
            is_late: whether the time of this request is up.

        Returns:
            what is left of the part, where its time is up.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: Firestore cannot be read or written.
        """
        left: RunPart | None = None
        stages = list(self._handlers)
        if part.stage is stages[0] and part.new_cursor is None:
            self._malformed.tell(look.malformed)
        for stage in stages[stages.index(part.stage) :]:
            handler = self._handlers[stage]
            after = part.new_cursor if stage is part.stage else None
            place = None
            if after or stage in look.stages:
                place = self._admit_stage(handler, after, look.sweeps.get(stage), fan_out, is_late)
            if handler.new.counted is not None and (place is None or place.by_sweep):
                # Where the time is up, the next part goes on with the sweep.
                self.sweeps[stage] = Sweep(swept_at=self._run_time, documents=handler.new.counted)
            if place:
                left = part.at(stage, place)
                break
        self.sweeps = {**look.sweeps, **self.sweeps}
        return left

    def _admit_stage(
        self,
        handler: NewDocumentHandler,
        after: NewCursor | None,
        last_sweep: Sweep | None,
        fan_out: FanOut,
        is_late: Callable[[], bool],
    ) -> NewCursor | None:
        """Admit what is new in one stage.

        Returns:
            the place to go on from, where the time of this request is up.
        """
        for page in handler.new.find(self._run_time, last=last_sweep, after=after):
            admitted = handler.admit(page)
            self._counters.add(handler.counter, admitted.number)
            self._enqueue(admitted, fan_out)
            if is_late():
                return page.place
        return None

    def _enqueue(self, admitted: Admitted, fan_out: FanOut) -> None:
        for due in admitted.due:
            self._counters.add(RunCounter.DUE)
            try:
                fan_out.add(due)
            except Exception as error:  # noqa: BLE001  it is logged there
                admitted.malformed.append(unservable(due, error, run_id=self._run_id))
        self._malformed.tell(admitted.malformed)

"""Plays sequences of operations, and says what is wrong afterwards."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from functions.preferences import changes
from functions.shared.firestore.unknown_outcome import is_settled_by_event
from functions.shared.records import recipient_pauses
from functions.shared.records.delivery import DeliveryState
from functions.shared.records.delivery_table import Proven
from functions.shared.records.mark import paused_fields
from functions.shared.records.recipient_pauses import Stored
from functions.shared.records.subscription import PauseReason
from tests.moments.oracle import Interval, Pause, Promise, first_due, last_due, mistakes, without
from tests.moments.world import DEFAULTS, HOUR, Task, World

MINUTE = timedelta(minutes=1)
QUIET_RUNS = 3
"""Runs that follow each sequence, in which nothing else happens."""


class Start(NamedTuple):
    """A subscription as a sequence finds it.

    Attributes:
        promise: its schedule.
        now: the time.
    """

    promise: Promise
    now: datetime

    @property
    def reported_until(self) -> datetime:
        """Its mark."""
        return self.promise.end_of(last_due(self.promise, self.now))


def _start(promise: Promise, day: int, hour: int, minute: int) -> Start:
    return Start(promise, datetime(2026, 11, day, hour, minute, tzinfo=UTC))


STARTS = {
    "hourly": _start(Promise("hourly"), 24, 12, 10),
    "hourly at half past": _start(Promise("hourly", minute=30), 24, 12, 40),
    "daily": _start(Promise("daily", "Europe/Berlin"), 24, 12, 10),
    "weekly": _start(Promise("weekly"), 24, 12, 10),
    "monthly": _start(Promise("monthly", "Asia/Tokyo"), 3, 12, 10),
    "daily, with days off": _start(Promise("daily", "Europe/Berlin", calendar="moves"), 24, 12, 10),
    "weekly, with days left out": _start(Promise("weekly", calendar="leaves-out"), 24, 12, 10),
    "monthly, with days off": _start(Promise("monthly", calendar="moves"), 24, 12, 10),
    "hourly, in the day": _start(Promise("hourly", "Asia/Tokyo", hours=("08:00", "23:30")), 24, 12, 10),
    "hourly, at night, with days off": _start(Promise("hourly", calendar="moves", hours=("22:00", "02:00")), 24, 1, 10),
}


class Play:
    """A sequence as it is played.

    Args:
        start: what it begins with.
    """

    def __init__(self, start: Start) -> None:
        self.start, self.promise = start, start.promise
        due_at = first_due(start.promise, start.now)
        self.world = World(
            now=start.now,
            document={
                **fields_of(start.promise),
                "active": True,
                "user_id": "u1",
                "shard": 1,
                "next_report_at": due_at,
                "reported_until": start.reported_until,
                "settled_at": start.now - timedelta(days=1),
            },
            zone=start.promise.zone,
        )
        last = last_due(start.promise, start.now)
        self.first = start.promise.end_of(last_due(start.promise, last - MINUTE))
        record = {
            "user_id": "u1",
            "subscription_id": "default",
            "kind": "activity",
            "due_at": last,
            "state": "sent",
            "period_start": self.first,
            "period_end": start.reported_until,
        }
        self.world.put(last, record)
        self.copies = [dict(self.world.document)]
        self.beginning = replace(self.world, deliveries=dict(self.world.deliveries))
        self.paused_at: datetime | None = None
        self.until: datetime | None = None
        self.inactive_at: datetime | None = None
        self.pauses: list[Pause] = []
        self.inactive_promises: tuple[Promise, ...] = ()
        self.is_unseen = False
        """Whether no run has seen yet that the application has ended the last pause."""
        self.names: set[str] = set()
        """What has happened."""
        self.has_changed = False
        """Whether the schedule has: the next report still comes at its old time."""
        self.wrong: list[str] = []
        self.world.sends = self.is_sending

    # What the oracle is told

    def begins_pause(self, until: datetime | None = None) -> None:
        """A pause begins, or gets another end."""
        self.ends_itself()
        self.paused_at = self.paused_at or self.world.now
        self.until = until

    def ends_pause(self) -> None:
        """Somebody ends the pause."""
        self.ends_itself()
        if self.paused_at:
            self.pauses.append(Pause(self.paused_at, self.world.now, (self.promise,)))
        self.paused_at = self.until = None

    def ends_itself(self) -> None:
        """A pause with an end is over when that has come."""
        if self.paused_at and self.until and self.until <= self.world.now:
            self.pauses.append(Pause(self.paused_at, self.until, (self.promise,)))
            self.paused_at = self.until = None

    def changes(self, promise: Promise, *, by_application: bool) -> None:
        """The schedule is another one."""
        self.has_changed = True
        self.ends_itself()
        self.inactive_promises += (promise,)
        # Nobody has seen what the application changed, or the pause waits for a report from before it: it is judged by
        # the new schedule.
        self.pauses = [
            each._replace(promises=(*each.promises, promise)) if by_application or self._is_owed(each) else each
            for each in self.pauses
        ]
        self.promise = promise

    def _is_owed(self, pause: Pause) -> bool:
        before = self.promise.end_of(last_due(self.promise, pause.start - MINUTE))
        return max((end for _, end in reported_by(self.world)), default=self.start.reported_until) < before

    def is_sending(self, world: World) -> None:
        """An email is handed over."""
        is_paused = self.paused_at and (self.until is None or world.now < self.until)
        if is_paused or self.inactive_at or world.is_kind_paused:
            self.wrong.append(f"sent in a pause: {world.now}")

    # What happens

    def perform(self, name: str) -> None:
        """One operation, a minute after the one before."""
        self.world.now += MINUTE
        self.names.add(name)
        self.ends_itself()
        mark = self.world.subscription.reported_until
        version = self.world.version
        OPERATIONS[name](self)
        if name.startswith("a run"):
            self.is_unseen = False
        elif self.is_unseen and self.world.version != version and not self.paused_at:
            # The application's latest write before the run counts as the end.
            self.pauses[-1] = self.pauses[-1]._replace(end=self.world.now)
        after = self.world.subscription.reported_until
        if name not in MAY_SET_BACK and mark and (after is None or after < mark):
            self.wrong.append(f"{name} moved the mark back from {mark} to {after}")
        self.copies.append(dict(self.world.document))

    def finish(self) -> list[str]:
        """All goes on as it should; then look back."""
        world = self.world
        if world.begun:
            world.end(world.begun, "accepted")
            world.begun = None
        if self.inactive_at:
            _active(self)
        world.is_kind_paused = False
        self.ends_itself()
        if self.paused_at or world.subscription.is_paused(world.now):
            self.ends_pause()
            world.resume()
        for _ in range(QUIET_RUNS):
            due_at = world.subscription.next_report_at or world.now
            world.now = _next_run(max(world.now, due_at)) + MINUTE
            world.run(_run_time(world.now))
            world.deliver()
            world.now += 2 * timedelta(minutes=1)
            world.deliver()
        reported = reported_by(world)
        until = max((end for _, end in reported), default=self.start.reported_until)
        due_at = last_due(self.promise, _run_time(world.now))
        if until < self.promise.end_of(due_at):
            self.wrong.append(f"stuck: reported until {until}, and {due_at} was due")
        following = world.subscription.next_report_at
        if following is None or not self.promise.is_due(following):
            self.wrong.append(f"due at {following}, which nobody has promised")
        skipped = [each for pause in self.pauses for each in pause.skips()]
        self.wrong += mistakes(self.first, until, reported, skipped)
        # An application's write within a pause counts as its beginning.
        if not (self.has_changed or self.names & {*MAY_SET_BACK, *_DUE_TIMES_SET_BACK}):
            self.wrong += [f"made up for: {each}" for pause in self.pauses for each in self._made_up_for(pause)]
        return self.wrong

    def _made_up_for(self, pause: Pause) -> Iterator[str]:
        """The reports after a pause that cover time which the pause has skipped, by a schedule that stays. Of two
        pauses at a time, no report may have met one."""
        is_alone = sum(each.start < pause.end and pause.start < each.end for each in self.pauses) == 1
        skipped = list(pause.skips()) if is_alone else []
        for each in self.world.every_delivery():
            start, end, due_at = each.period_start, each.period_end, each.due_at
            is_after = each.state is DeliveryState.SENT and due_at is not None and due_at >= pause.end
            if is_after and start and end and any(first < end and start < last for first, last in skipped):
                yield f"{due_at}"


def reported_by(world: World) -> list[Interval]:
    """The periods that final deliveries have reported, or that a dead letter tells of.

    After a restore, a dead letter tells that a report may have been sent before: where that has been reported by then,
    it is only told, and a person who replays it knows.
    """
    found: list[Interval] = []
    for each in sorted(world.every_delivery(), key=lambda each: world.deliveries[each.id][1]):
        if not (each.state in {DeliveryState.SENT, DeliveryState.DEAD} or each.by_hand):
            continue
        if each.period_start and each.period_end:
            period = (each.period_start, each.period_end)
            is_restored = world.restored_at is not None and (each.due_at or world.now) <= world.restored_at
            is_only_told = is_restored and (each.state is DeliveryState.DEAD or each.by_hand)
            earlier = (datetime.min.replace(tzinfo=UTC), found[0][0] if found else period[0])
            found += without(period, [earlier, *found]) if is_only_told else [period]
    return found


def play(start: Start, names: Sequence[str]) -> list[str]:
    """Play a sequence, and say what is wrong.

    Args:
        start: what it begins with.
        names: of the operations.
    """
    played = Play(start)
    for name in names:
        played.perform(name)
    return played.finish()


def fields_of(promise: Promise) -> dict[str, Any]:
    """A schedule as the document has it."""
    return {
        "cadence": promise.cadence,
        "hour": promise.hour,
        "minute": promise.minute,
        "calendar": promise.calendar or None,
        "send_between": "-".join(promise.hours) if promise.hours else None,
    }


def promise_of(document: Mapping[str, Any], zone: str) -> Promise:
    """The schedule that a document has."""
    opens, _, closes = (document["send_between"] or "").partition("-")
    hours = (opens, closes) if opens else None
    return Promise(document["cadence"], zone, document["hour"], document["minute"], document["calendar"] or "", hours)


def _run_time(now: datetime) -> datetime:
    return now.replace(minute=0, second=0, microsecond=0)


def _next_run(moment: datetime) -> datetime:
    whole = _run_time(moment)
    return whole if whole == moment else whole + HOUR


def _to_next_due(play: Play, units: int = 1) -> None:
    for _ in range(units):
        play.world.now = _next_run(first_due(play.promise, play.world.now + MINUTE)) + MINUTE


def _run(play: Play) -> None:
    _to_next_due(play)
    play.world.run(_run_time(play.world.now))


def _cycle(play: Play) -> None:
    _run(play)
    play.world.deliver()


def _outcome(outcome: str) -> Callable[[Play], None]:
    def carry_out(play: Play) -> None:
        play.world.deliver(outcome)

    return carry_out


def _doubled(play: Play) -> None:
    play.world.tasks = [each for each in play.world.tasks for _ in range(2)]
    play.world.deliver()
    play.world.deliver()


def _slow(play: Play) -> None:
    world = play.world
    if world.begun:
        world.end(world.begun, "accepted")
        world.begun = None
    elif world.tasks:
        world.begun = world.begin(world.tasks.pop(0))


def _event(play: Play) -> None:
    for each in play.world.every_delivery():
        if is_settled_by_event(each) and each.due_at in play.world.handed_over and each.state is not DeliveryState.DEAD:
            play.world.happens(Task(each.due_at, play.world.now), Proven("m"))


def _page(decide: Callable[[Play], Callable[[Stored], Mapping[str, Any]]]) -> Callable[[Play], bool]:
    def carry_out(play: Play) -> bool:
        return play.world.change(decide(play))

    return carry_out


def _chooses(promise: Promise) -> Callable[[Play], None]:
    def carry_out(play: Play) -> None:
        wanted = play.promise._replace(cadence=promise.cadence, hour=promise.hour)
        form = {"cadence": promise.cadence, "hour": str(promise.hour), "weekday": "1", "day": "1"}
        world = play.world
        if world.change(lambda stored: changes.chosen(stored, form, DEFAULTS, now=world.now)):
            play.changes(wanted, by_application=False)

    return carry_out


def _sets(promise: Promise) -> Callable[[Play], None]:
    def carry_out(play: Play) -> None:
        play.world.reschedule(fields_of(promise))
        play.changes(promise._replace(zone=play.promise.zone), by_application=False)

    return carry_out


def _writes(promise: Promise, *, nulls: bool) -> Callable[[Play], None]:
    def carry_out(play: Play) -> None:
        play.world.write({**fields_of(promise), **({"shard": None, "next_report_at": None} if nulls else {})})
        _forgets_due_time(play)
        play.changes(promise._replace(zone=play.promise.zone), by_application=True)

    return carry_out


def _moves(play: Play) -> None:
    zone = "America/New_York" if play.promise.zone != "America/New_York" else "UTC"
    play.world.zone, play.world.user_version = zone, play.world.tick()
    play.changes(play.promise._replace(zone=zone), by_application=True)


def _pauses(play: Play) -> None:
    play.world.pause(None)
    play.begins_pause()


def _pauses_until(units: int) -> Callable[[Play], None]:
    def carry_out(play: Play) -> None:
        until = play.world.now + 20 * MINUTE
        for _ in range(units):
            until = first_due(play.promise, until + MINUTE) + 10 * MINUTE
        play.world.pause(until)
        play.begins_pause(until)

    return carry_out


def _page_pauses(play: Play) -> None:
    world = play.world
    until = changes.pause_end(
        Stored(user=world.user, subscription=world.subscription, document=world.document),
        {"for": "week"},
        now=world.now,
    )
    if world.change(lambda stored: recipient_pauses.paused(stored, until, now=world.now)):
        play.begins_pause(until)


def _page_resumes(play: Play) -> None:
    world = play.world
    if world.change(lambda stored: recipient_pauses.resumed(stored, now=world.now)):
        play.ends_pause()


def _stops(play: Play) -> None:
    world = play.world
    state = (play.paused_at, play.until)
    if world.change(lambda stored: recipient_pauses.stopped(stored, now=world.now)):
        play.begins_pause()
        play.before_stop = state  # type: ignore[attr-defined]


def _undoes(play: Play) -> None:
    before = play.world.version
    play.world.take_back()
    if play.world.version == before:
        return
    subscription = play.world.subscription
    if play.paused_at and not subscription.is_paused(play.world.now):
        play.ends_pause()
    elif subscription.is_paused(play.world.now):
        # As if it had not been ended.
        play.begins_pause(subscription.paused_until if subscription.active else None)
        play.paused_at = min(filter(None, (play.paused_at, subscription.paused_at)))
    before_change = play.promise._replace(
        cadence=subscription.cadence.value, hour=subscription.hour, minute=subscription.minute
    )
    if before_change != play.promise:
        play.changes(before_change, by_application=False)


def _resumes(play: Play) -> None:
    if play.world.is_active and play.world.subscription.is_paused(play.world.now):
        play.ends_pause()
    play.world.resume()


def _application_pauses(play: Play) -> None:
    play.world.write({"active": False})
    if play.is_unseen:
        # No run has seen that it had ended the last pause: that goes on.
        play.paused_at, play.is_unseen = play.pauses.pop().start, False
    play.begins_pause()


def _application_resumes(play: Play) -> None:
    if not play.world.subscription.active:
        play.world.write({"active": True, "shard": None})
        subscription = play.world.subscription
        if subscription.is_paused(play.world.now):
            play.begins_pause(subscription.paused_until)
        elif play.paused_at:
            play.ends_pause()
            play.is_unseen = True


def _application_pauses_until(play: Play) -> None:
    until = first_due(play.promise, play.world.now + MINUTE) + 10 * MINUTE
    before = play.world.subscription
    if not before.active:
        return
    play.world.write({"paused_until": until})
    due_at = before.next_report_at
    if before.paused_at and due_at and due_at <= play.world.now and play.pauses:
        # The end of the pause before it is gone: it lasts until the report that is due, by the schedule of now.
        play.pauses[-1] = play.pauses[-1]._replace(end=max(play.pauses[-1].end, due_at))
    play.begins_pause(until)
    _forgets_due_time(play)


def _forgets_due_time(play: Play) -> None:
    """Only a due time that has come shows that an earlier pause was over, once the application overwrites its end."""
    subscription, due_at = play.world.subscription, play.world.subscription.next_report_at
    start, end = subscription.paused_at, subscription.paused_until
    if not subscription.active and start and end and end <= play.world.now:
        # The application's latest write counts as the beginning of its own pause: the one before ended at its end.
        play.pauses.append(Pause(start, end, (play.promise,)))
    if subscription.paused_at is None or (due_at is not None and due_at <= play.world.now):
        return
    if play.paused_at:
        play.paused_at = min(play.paused_at, subscription.paused_at)
    elif play.pauses and play.pauses[-1].end == subscription.paused_until:
        last = play.pauses[-1]
        play.pauses[-1] = last._replace(start=min(last.start, subscription.paused_at))


def _inactive(play: Play) -> None:
    if play.inactive_at is None:
        play.world.is_active, play.world.user_version = False, play.world.tick()
        play.inactive_at = play.world.now
        play.inactive_promises = (play.promise,)


def _active(play: Play) -> None:
    if play.inactive_at:
        play.world.is_active, play.world.user_version = True, play.world.tick()
        play.pauses.append(Pause(play.inactive_at, play.world.now, play.inactive_promises))
        play.inactive_at = None


def _pauses_kind(*, is_paused: bool) -> Callable[[Play], None]:
    def carry_out(play: Play) -> None:
        play.world.is_kind_paused = is_paused

    return carry_out


def _bounces(play: Play) -> None:
    world = play.world
    if not world.subscription.is_paused(world.now):
        world.write(paused_fields(world.subscription, world.user, PauseReason.BOUNCED, now=world.now))
        play.begins_pause()


def _old_copy(number: int) -> Callable[[Play], None]:
    def carry_out(play: Play) -> None:
        copy = play.copies[number if number >= 0 else max(len(play.copies) + number, 0)]
        play.world.document, play.world.version = dict(copy), play.world.tick()
        subscription = play.world.subscription
        was = promise_of(play.world.document, play.promise.zone)
        if was != play.promise:
            play.changes(was, by_application=True)
        if subscription.is_paused(play.world.now):
            # The old pause is back, with its beginning.
            play.begins_pause(subscription.paused_until if subscription.active else None)
            play.paused_at = min(filter(None, (play.paused_at, subscription.paused_at)))
        else:
            play.ends_pause()
            if subscription.paused_at:
                end = subscription.paused_until or play.world.now
                play.pauses.append(Pause(subscription.paused_at, end, (play.promise,)))

    return carry_out


def _nulls(*, mark: bool) -> Callable[[Play], None]:
    def carry_out(play: Play) -> None:
        play.world.write({"shard": None, "next_report_at": None, **({"reported_until": None} if mark else {})})
        _forgets_due_time(play)

    return carry_out


def _due_long_ago(days: int) -> Callable[[Play], None]:
    def carry_out(play: Play) -> None:
        long_ago = datetime(1970, 1, 1, tzinfo=UTC) if not days else play.world.now - timedelta(days=days)
        if play.world.subscription.active:
            play.world.write({"next_report_at": long_ago})

    return carry_out


def _misses(play: Play) -> None:
    _to_next_due(play, 3)


def _sends(outcome: str) -> Callable[[Play], None]:
    def carry_out(play: Play) -> None:
        play.world.send()
        play.world.deliver(outcome)

    return carry_out


def _restores(play: Play) -> None:
    play.ends_pause()
    play.inactive_at, play.is_unseen = None, False
    play.world.restore(play.beginning)
    play.pauses, play.promise, play.copies = [], play.start.promise, play.copies[:1]


_DUE_TIMES_SET_BACK = {"due at the Unix zero": _due_long_ago(0), "due 3,000 days ago": _due_long_ago(3000)}

OPERATIONS: Mapping[str, Callable[[Play], Any]] = {
    "a run, carried out": _cycle,
    "a run, whose task waits": _run,
    "the tasks are carried out": _outcome("accepted"),
    "the tasks get a 429": _outcome("throttled"),
    "the tasks are refused": _outcome("refused"),
    "the tasks get no clear answer": _outcome("unknown"),
    "the tasks come twice": _doubled,
    "an attempt begins, or ends": _slow,
    "an event settles what waits": _event,
    "three runs are missed": _misses,
    "the page: hourly": _chooses(Promise("hourly")),
    "the page: daily": _chooses(Promise("daily")),
    "the operator sets weekly": _sets(Promise("weekly")),
    "the operator sets hourly": _sets(Promise("hourly")),
    "the operator sets days off": _sets(Promise("daily", calendar="moves")),
    "the operator sets hours": _sets(Promise("hourly", hours=("16:00", "12:30"))),
    "the application writes daily": _writes(Promise("daily"), nulls=False),
    "the application writes days that are left out": _writes(Promise("daily", calendar="leaves-out"), nulls=False),
    "the application writes hourly, and nulls": _writes(Promise("hourly", minute=30), nulls=True),
    "the user moves": _moves,
    "the operator pauses": _pauses,
    "the operator pauses until soon": _pauses_until(0),
    "the operator pauses until later": _pauses_until(2),
    "the page pauses": _page_pauses,
    "the page stops": _stops,
    "the page takes it back": _undoes,
    "the page resumes": _page_resumes,
    "the operator resumes": _resumes,
    "the application pauses": _application_pauses,
    "the application resumes": _application_resumes,
    "the application pauses until": _application_pauses_until,
    "the user becomes inactive": _inactive,
    "the user becomes active": _active,
    "an email bounces": _bounces,
    "the kind is paused": _pauses_kind(is_paused=True),
    "the kind is resumed": _pauses_kind(is_paused=False),
    "sent by hand": _sends("accepted"),
    "sent by hand, and gets a 429": _sends("throttled"),
    "replayed": lambda play: play.world.replay(),
    "an old copy of the beginning": _old_copy(0),
    "an old copy of just before": _old_copy(-2),
    "Firestore is restored": _restores,
    "the application writes nulls": _nulls(mark=False),
    "the application writes nulls, also for the mark": _nulls(mark=True),
    **_DUE_TIMES_SET_BACK,
}
"""What may happen, by its name."""

MAY_SET_BACK = frozenset(
    name
    for name in OPERATIONS
    if any(word in name for word in ("application", "old copy", "takes it back", "restored"))
)
"""The operations after which the document may have an earlier mark: the application may write any, and what is taken
back is as if it had not been."""

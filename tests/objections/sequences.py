"""Plays sequences of operations, and says what is wrong while they last and afterwards."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from functions.preferences import changes
from functions.shared.records import recipient_pauses
from functions.shared.records.address_hash import address_hash
from functions.shared.records.mail_event import MailStatus
from functions.shared.records.recipient_pauses import Stored
from functions.shared.records.subscription import PauseReason
from tests.objections.oracle import Promise, Why
from tests.objections.world import HOUR, World

ADA, NEW_ADA = "ada@example.com", "ada@new.example.com"
BOB, CAT, DAN = "bob@example.com", "cat@example.com", "dan@example.com"
START = datetime(2026, 11, 24, 12, 10, tzinfo=UTC)
MAIN, OTHER = "main", "other"
QUIET_RUNS = 3
"""Runs that follow each sequence, in which nothing else happens. The last one shows who gets emails."""

STARTS: Mapping[str, Mapping[str, Any]] = {
    "own": {},
    "own, and a copy": {"cc": [CAT]},
    "a list": {"to": [BOB, DAN], "cc": [CAT]},
    "a list with the own": {"to": [ADA, BOB]},
    "another's": {"to": [BOB], "cc": [CAT]},
}
_REASONS: Mapping[PauseReason, tuple[MailStatus, Why]] = {
    PauseReason.BOUNCED: (MailStatus.BOUNCED, "bounce"),
    PauseReason.COMPLAINED: (MailStatus.COMPLAINED, "complaint"),
    PauseReason.UNSUBSCRIBED: (MailStatus.UNSUBSCRIBED, "unsubscription"),
}


class Play:
    """A sequence as it is played: each operation happens in the world and is told to the oracle.

    Args:
        lists: the lists of the main subscription.
    """

    def __init__(self, lists: Mapping[str, Any]) -> None:
        common = {"active": True, "cadence": "hourly", "user_id": "u1", "shard": 1}
        times = {"next_report_at": START.replace(hour=13, minute=0), "reported_until": START.replace(minute=0)}
        self.world = World(now=START, documents={MAIN: common | times | dict(lists), OTHER: common | times}, email=ADA)
        self.promises = {MAIN: Promise(lists.get("to", ()), lists.get("cc", ())), OTHER: Promise((), ())}
        self.before: Promise | None = None
        self.wrong: list[str] = []

    def operate(self, name: str) -> None:
        """Carry out an operation."""
        self.world.now += timedelta(minutes=40)
        for promise in self.promises.values():
            promise.passes(self.world.now)
        OPERATIONS[name](self)

    def run(self, *, is_last: bool = False) -> None:
        """A run: nobody who objects gets an email. After the last one, everybody else has got one."""
        for name, promise in self.promises.items():
            promise.all_taken_back_at = self.unseen(name) or promise.all_taken_back_at
        sent = self.world.run()
        for name, promise in self.promises.items():
            promise.passes(self.world.now)
            self._goes_on(promise)
            wanting = promise.wanting(self.world.email) if not (promise.held_by or promise.silenced) else set()
            got = {address for of, address in sent if of == name}
            for address in sorted(got - wanting):
                self.wrong.append(f"{name}: {address} gets an email")
            for address in sorted(wanting - got if is_last else ()):
                self.wrong.append(f"{name}: {address} gets none")

    def _goes_on(self, promise: Promise) -> None:
        if not self.world.is_active:
            if not promise.held_by and not promise.silenced:
                promise.held_by = "inactivity"
            return
        if promise.held_by == "inactivity":
            promise.held_by = ""
        if promise.silenced == "bounce" and promise.wanting(self.world.email):
            promise.silenced = ""
        if not promise.silenced:
            promise.looks(self.world.email)

    def unseen(self, name: str) -> datetime | None:
        """When the application had all of them get emails again, if nothing has taken that in yet. A write of the
        pipeline's own since then counts as the application's: nobody can tell them apart."""
        document = self.world.documents[name]
        is_unseen = document.get("objections", {}) is None and document["shard"] is None
        return self.world.versions[name] if is_unseen else None


Operation = Callable[[Play], None]


def _event(address: str, because: PauseReason, play: Play, *, name: str = MAIN, late: timedelta = timedelta()) -> None:
    address = play.world.email if address == ADA else address
    at = play.world.now - late
    status, why = _REASONS[because]
    unseen = {each: play.unseen(each) for each in play.promises}
    play.world.event(name, address, status, because, at)
    for each, promise in play.promises.items():
        if each != name and address not in {*promise.meant_for(play.world.email), *promise.cc}:
            continue
        since = unseen[each]
        if since is None or at > since:
            promise.all_taken_back_at = since or promise.all_taken_back_at
            promise.objects(address, why, at, play.world.email)


def _resubscribes(address: str, play: Play, *, name: str = MAIN, late: timedelta = timedelta()) -> None:
    address, at = play.world.email if address == ADA else address, play.world.now - late
    unseen = {each: play.unseen(each) for each in play.promises}
    play.world.event(name, address, MailStatus.RESUBSCRIBED, None, at)
    for each, promise in play.promises.items():
        promise.all_taken_back_at = unseen[each] or promise.all_taken_back_at
        promise.resubscribes(address, at, play.world.email)


def _page(play: Play, decide: Callable[[Stored], Mapping[str, Any]], told: Callable[[Promise], None]) -> None:
    before = play.promises[MAIN].copied()
    if play.world.page(MAIN, decide):
        play.before = before
        told(play.promises[MAIN])


def _page_stops(play: Play) -> None:
    unseen = play.unseen(MAIN)

    def told(promise: Promise) -> None:
        promise.all_taken_back_at = unseen or promise.all_taken_back_at
        promise.held_by, promise.until, promise.silenced = "user", None, ""

    _page(play, lambda stored: recipient_pauses.stopped(stored, now=play.world.now), told)


def _page_pauses(play: Play) -> None:
    until = play.world.now + 2 * HOUR

    def told(promise: Promise) -> None:
        promise.held_by, promise.until = "user", until

    _page(play, lambda stored: recipient_pauses.paused(stored, until, now=play.world.now), told)


def _page_resumes(play: Play) -> None:
    now, unseen = play.world.now, play.unseen(MAIN)

    def told(promise: Promise) -> None:
        promise.all_taken_back_at = unseen or promise.all_taken_back_at
        promise.take_back(play.world.email, now)
        promise.released()

    _page(play, lambda stored: recipient_pauses.resumed(stored, now=now), told)


def _copy_stops(address: str, play: Play) -> None:
    now, own, unseen = play.world.now, play.world.email, play.unseen(MAIN)
    if not play.world.is_active or address == own:
        return

    def told(promise: Promise) -> None:
        left = [each for each in promise.to if each != address]
        cc = [each for each in promise.cc if each != address]
        promise.all_taken_back_at = unseen or promise.all_taken_back_at
        before = promise.why_none_is_left(own)
        promise.objections[address] = promise.objections.get(address, {}) | {"unsubscription": now}
        if promise.to and not left and not cc:
            promise.looks(own)
            promise.is_stopped = bool(promise.silenced)
        elif promise.to and not left:
            promise.to, promise.cc = cc, ()
        else:
            promise.to, promise.cc = left, cc
        promise.goes_on(before, own)

    _page(play, lambda stored: changes.without_address(stored, address_hash(address), now=now), told)


def _page_takes_back(play: Play) -> None:
    name = play.world.take_back()
    if name and play.before:
        play.promises[name] = play.before
    play.before = None


def _operator_pauses(play: Play) -> None:
    promise = play.promises[MAIN]
    if not promise.held_by and not promise.silenced:
        promise.held_by = "operator"
    play.world.operator_pauses(MAIN)


def _operator_resumes(play: Play) -> None:
    promise, now = play.promises[MAIN], play.world.now
    is_held = bool(promise.held_by or promise.silenced)
    # What goes to everybody is not resumed.
    if (is_held and play.world.is_active) or (not is_held and promise.objections):
        promise.take_all_back(now)
        promise.released()
    play.world.operator_resumes(MAIN)


def _application_resumes(play: Play, *, all_want_it: bool = False) -> None:
    fields = {"active": True, "shard": None, "paused_until": None} | ({"objections": None} if all_want_it else {})
    play.world.write(MAIN, fields)
    play.promises[MAIN].released()
    if all_want_it:
        # What comes late about the time before does not count either, as soon as a run has seen that.
        play.promises[MAIN].objections.clear()


def _lists(to: Sequence[str], cc: Sequence[str], play: Play) -> None:
    promise = play.promises[MAIN]
    promise.to, promise.cc = to, cc
    play.world.write(MAIN, {"to": list(to) or None, "cc": list(cc)})


def _address(email: str, play: Play) -> None:
    play.world.email, play.world.user_version = email, play.world.now


def _active(is_active: bool, play: Play) -> None:
    play.world.is_active, play.world.user_version = is_active, play.world.now


_WHO = {"the user": ADA, "bob": BOB, "cat": CAT}
_SAYS = {
    "bounces": PauseReason.BOUNCED,
    "complains": PauseReason.COMPLAINED,
    "unsubscribes": PauseReason.UNSUBSCRIBED,
}

OPERATIONS: Mapping[str, Operation] = {
    **{f"{who} {says}": partial(_event, _WHO[who], _SAYS[says]) for who in _WHO for says in _SAYS},
    **{f"{who} complained long ago": partial(_event, _WHO[who], PauseReason.COMPLAINED, late=3 * HOUR) for who in _WHO},
    "bob complained lately": partial(_event, BOB, PauseReason.COMPLAINED, late=HOUR),
    **{f"{who} resubscribes": partial(_resubscribes, _WHO[who]) for who in _WHO},
    "the user resubscribes by the other": partial(_resubscribes, ADA, name=OTHER),
    "the user resubscribed long ago": partial(_resubscribes, ADA, late=3 * HOUR),
    "the user unsubscribed lately": partial(_event, ADA, PauseReason.UNSUBSCRIBED, late=HOUR),
    "the user complains about the other": partial(_event, ADA, PauseReason.COMPLAINED, name=OTHER),
    "the page stops": _page_stops,
    "the page pauses for two hours": _page_pauses,
    "the page resumes": _page_resumes,
    "bob stops": partial(_copy_stops, BOB),
    "cat stops": partial(_copy_stops, CAT),
    "the page takes it back": _page_takes_back,
    "the operator pauses": _operator_pauses,
    "the operator resumes": _operator_resumes,
    "the application resumes": _application_resumes,
    "the application says that all want it": partial(_application_resumes, all_want_it=True),
    "the lists are bob": partial(_lists, [BOB], []),
    "the lists are bob, dan": partial(_lists, [BOB, DAN], []),
    "the lists are cat, with a copy to bob": partial(_lists, [CAT], [BOB]),
    "there are no lists": partial(_lists, [], []),
    "there is a copy to bob": partial(_lists, [], [BOB]),
    "the user moves": partial(_address, NEW_ADA),
    "the user is back at the old address": partial(_address, ADA),
    "the user is inactive": partial(_active, False),
    "the user is active": partial(_active, True),
    "a run": Play.run,
}


def play(lists: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    """Play a sequence. Returns what is wrong.

    Args:
        lists: the lists that it begins with.
        names: of the operations.
    """
    played = Play(lists)
    for name in names:
        played.operate(name)
    for number in range(QUIET_RUNS):
        played.run(is_last=number == QUIET_RUNS - 1)
    return played.wrong

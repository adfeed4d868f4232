"""The rule of alerts, by itself and under any interleaving of messages, failures, crashes and time."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from functions.dlq_handler.alert_policy import (
    CLAIM,
    PAUSE,
    CauseState,
    Covered,
    Tell,
    Wait,
    claimed,
    decide,
    heralded,
    settled,
)

NOW = datetime(2026, 11, 24, 13, tzinfo=UTC)
SECOND = timedelta(seconds=1)
CHANNELS = ["slack", "pager"]


def decision(state: CauseState, letter: str = "a", *, needs_alert: bool = True, now: datetime = NOW) -> object:
    return decide(state, letter=letter, needs_alert=needs_alert, channels=CHANNELS, now=now)


def test_the_first_is_told_at_once_everywhere() -> None:
    assert decision(CauseState()) == Tell(channels=CHANNELS)


def test_within_the_minute_one_waits_and_the_others_are_covered() -> None:
    state = CauseState(told_at=dict.fromkeys(CHANNELS, NOW - SECOND))
    assert decision(state, "b") == Wait()
    state = heralded(state, "b")
    assert decision(state, "b") == Wait()
    assert decision(state, "c") == Covered()


def test_after_the_minute_whoever_comes_tells() -> None:
    state = CauseState(told_at=dict.fromkeys(CHANNELS, NOW - PAUSE), herald="b")
    assert decision(state, "c") == Tell(channels=CHANNELS)


def test_only_channels_whose_minute_is_over_are_told() -> None:
    state = CauseState(told_at={"slack": NOW - SECOND})
    assert decision(state) == Tell(channels=["pager"])


def test_while_another_alerts_one_waits() -> None:
    state = claimed(CauseState(herald="z"), by="call", now=NOW)
    assert decision(state) == Wait()
    assert decision(heralded(state, "b")) == Covered()
    assert decision(state, now=NOW + CLAIM) == Tell(channels=CHANNELS)


def test_while_no_channel_takes_messages_one_waits_and_the_others_are_covered() -> None:
    assert decide(CauseState(), letter="a", needs_alert=True, channels=[], now=NOW) == Wait()
    assert decide(CauseState(herald="b"), letter="a", needs_alert=True, channels=[], now=NOW) == Covered()


def test_a_claim_whose_writing_was_not_confirmed_is_ones_own() -> None:
    state = claimed(CauseState(), by="call", now=NOW)
    tell = Tell(channels=CHANNELS)
    assert decide(state, letter="a", needs_alert=True, channels=CHANNELS, now=NOW, by="call") == tell
    assert decide(state, letter="a", needs_alert=True, channels=CHANNELS, now=NOW, by="other") == Wait()


def test_what_was_told_is_acknowledged_unless_it_is_the_herald() -> None:
    assert decision(CauseState(), needs_alert=False) == Covered()
    assert decision(CauseState(herald="a"), needs_alert=False) == Tell(channels=CHANNELS)


def test_a_claim_that_was_taken_over_is_left_alone() -> None:
    state = claimed(CauseState(), by="second", now=NOW)
    after = settled(state, by="first", told=["slack"], now=NOW)
    assert (after.claimed_by, after.claimed_until) == ("second", NOW + CLAIM)
    assert after.told_at == {"slack": NOW}


def test_the_state_survives_being_stored() -> None:
    state = CauseState(told_at={"slack": NOW}, claimed_by="c", claimed_until=NOW, herald="a")
    assert CauseState.from_fields(state.to_fields()) == state
    assert CauseState.from_fields(None) == CauseState()
    assert CauseState.from_fields({"told_at": 5, "claimed_until": "x", "herald": None}) == CauseState()


@dataclass
class Call:
    """A delivery of a letter's message, and how far it has come."""

    letter: str
    claimed_at: datetime | None = None
    due: Sequence[str] = ()
    untold: list[str] | None = None


class Storm(RuleBasedStateMachine):
    """Dead letters of one cause, and calls whose steps interleave as they like.

    A call stores its letter, reads the state and decides, claims, reads what is untold, tells the channels, and writes
    down what it did. It may die between any two of these.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.state = CauseState()
        self.told: dict[str, set[str]] = {}
        self.unacknowledged: set[str] = set()
        self.calls: list[Call] = []
        self.broken: set[str] = set()
        self.resting: set[str] = set()
        self.posts: dict[str, list[datetime]] = {name: [] for name in CHANNELS}

    @initialize()
    def one_was_told(self) -> None:
        self.publish()
        while self.calls:
            self.advance(self.calls[0])

    @rule()
    def publish(self) -> None:
        letter = f"letter-{len(self.told)}"
        self.told[letter] = set()
        self.unacknowledged.add(letter)
        self.calls.append(Call(letter))

    @precondition(lambda self: self.unacknowledged)
    @rule(data=st.data())
    def deliver_again(self, data: st.DataObject) -> None:
        self.calls.append(Call(data.draw(st.sampled_from(sorted(self.unacknowledged)))))

    @precondition(lambda self: self.calls)
    @rule(data=st.data(), steps=st.integers(1, 4))
    def proceed(self, data: st.DataObject, steps: int) -> None:
        call = data.draw(st.sampled_from(self.calls))
        for _ in range(steps):
            if call in self.calls:
                self.advance(call)

    @precondition(lambda self: self.calls)
    @rule(data=st.data())
    def die(self, data: st.DataObject) -> None:
        self.calls.remove(data.draw(st.sampled_from(self.calls)))

    @rule(seconds=st.sampled_from([10, 61]))
    def wait(self, seconds: int) -> None:
        self.now += seconds * SECOND

    @rule(channel=st.sampled_from(CHANNELS))
    def break_or_mend(self, channel: str) -> None:
        self.broken ^= {channel}

    @rule(channel=st.sampled_from(CHANNELS))
    def rest_or_wake(self, channel: str) -> None:
        self.resting ^= {channel}

    def advance(self, call: Call) -> None:
        """Take a call's next step."""
        if call.claimed_at is None:
            self.decide(call)
        elif call.untold is None:
            call.untold = [name for name, told in self.told.items() if told != set(CHANNELS)]
        else:
            self.tell(call, call.untold)

    def decide(self, call: Call) -> None:
        needs_alert = self.told[call.letter] != set(CHANNELS)
        decided = decide(self.state, letter=call.letter, needs_alert=needs_alert, channels=CHANNELS, now=self.now)
        if isinstance(decided, Tell):
            awake = [name for name in decided.channels if name not in self.resting]
            decided = decide(self.state, letter=call.letter, needs_alert=needs_alert, channels=awake, now=self.now)
        match decided:
            case Tell(channels=due):
                self.state = claimed(self.state, by=str(id(call)), now=self.now)
                call.claimed_at, call.due = self.now, due
            case Wait():
                self.state = heralded(self.state, call.letter)
                self.calls.remove(call)
            case Covered():
                self.acknowledge(call)

    def tell(self, call: Call, untold: list[str]) -> None:
        in_time = call.claimed_at is not None and self.now < call.claimed_at + CLAIM
        took = set()
        for channel in call.due:
            news = [name for name in untold if channel not in self.told[name]]
            if not news or channel in self.broken:
                continue
            took.add(channel)
            if in_time:
                self.posts[channel].append(self.now)
            for name in news:
                self.told[name].add(channel)
        self.state = settled(self.state, by=str(id(call)), told=took, now=self.now)
        if all(self.told[name] == set(CHANNELS) for name in untold):
            self.acknowledge(call)
        else:
            self.calls.remove(call)

    def acknowledge(self, call: Call) -> None:
        self.unacknowledged.discard(call.letter)
        self.calls.remove(call)

    @invariant()
    def somebody_comes_back(self) -> None:
        """While anything is untold, a message is not acknowledged that will bring it about."""
        if any(told != set(CHANNELS) for told in self.told.values()):
            assert self.unacknowledged

    @invariant()
    def a_minute_lies_between_messages(self) -> None:
        for moments in self.posts.values():
            assert all(later - earlier >= PAUSE for earlier, later in itertools.pairwise(moments))

    def teardown(self) -> None:
        """Once everything works, Pub/Sub's redelivery tells everybody of everything, and then ends."""
        self.broken.clear()
        self.resting.clear()
        self.calls.clear()
        for _ in range(20):
            self.now += PAUSE
            for letter in sorted(self.unacknowledged):
                call = Call(letter)
                self.calls.append(call)
                while call in self.calls:
                    self.advance(call)
        assert not self.unacknowledged
        assert all(told == set(CHANNELS) for told in self.told.values())


Storm.TestCase.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
TestStorm = Storm.TestCase

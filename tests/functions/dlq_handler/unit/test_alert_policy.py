"""The rule of alerts, by itself and under any interleaving of messages, failures, crashes and time."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from functions.dlq_handler.alerting.alert_policy import (
    ALERT_INTERVAL,
    CLAIM_DURATION,
    LEADER_TIMEOUT,
    Acknowledge,
    BecomeLeader,
    CauseState,
    SendAlert,
    claim_cause,
    decide_alert,
    lead_cause,
    settle_claim,
)

NOW = datetime(2026, 11, 24, 13, tzinfo=UTC)
SECOND = timedelta(seconds=1)
CHANNELS = ["slack", "pager"]


def decision(state: CauseState, message: str = "a", *, has_news: bool = True, now: datetime = NOW) -> object:
    return decide_alert(state, message=message, has_news=has_news, channels=CHANNELS, now=now)


def test_the_first_is_told_at_once_everywhere() -> None:
    assert decision(CauseState()) == SendAlert(channels=CHANNELS)


def test_within_the_minute_one_leads_and_the_others_are_acknowledged() -> None:
    state = CauseState(told_at=dict.fromkeys(CHANNELS, NOW - SECOND))
    assert decision(state, "b") == BecomeLeader()
    state = lead_cause(state, "b", now=NOW)
    assert decision(state, "b") == BecomeLeader()
    assert decision(state, "c") == Acknowledge()


def test_after_the_minute_the_next_message_tells() -> None:
    state = CauseState(told_at=dict.fromkeys(CHANNELS, NOW - ALERT_INTERVAL), leader="b")
    assert decision(state, "c") == SendAlert(channels=CHANNELS)


def test_only_channels_whose_minute_is_over_are_told() -> None:
    state = CauseState(told_at={"slack": NOW - SECOND})
    assert decision(state) == SendAlert(channels=["pager"])


def test_while_another_alerts_one_waits() -> None:
    state = claim_cause(CauseState(leader="z"), message="z", call="call", now=NOW)
    assert decision(state) == BecomeLeader()
    assert decision(lead_cause(state, "b", now=NOW)) == Acknowledge()
    assert decision(state, now=NOW + CLAIM_DURATION) == SendAlert(channels=CHANNELS)


def test_while_no_channel_takes_messages_one_leads_and_the_others_are_acknowledged() -> None:
    def without_channels(state: CauseState) -> object:
        return decide_alert(state, message="a", has_news=True, channels=[], now=NOW)

    assert without_channels(CauseState()) == BecomeLeader()
    assert without_channels(lead_cause(CauseState(), "b", now=NOW)) == Acknowledge()


def test_a_claim_whose_writing_was_not_confirmed_is_ones_own() -> None:
    state = claim_cause(CauseState(), message="a", call="call", now=NOW)
    tell = SendAlert(channels=CHANNELS)
    assert decide_alert(state, message="a", has_news=True, channels=CHANNELS, now=NOW, call="call") == tell
    assert decide_alert(state, message="a", has_news=True, channels=CHANNELS, now=NOW, call="other") == BecomeLeader()


@pytest.mark.parametrize("led", [CauseState(leader="a"), CauseState(claimant="a")])
def test_without_news_a_message_is_acknowledged_unless_it_leads(led: CauseState) -> None:
    assert decision(CauseState(), has_news=False) == Acknowledge()
    assert decision(led, has_news=False) == SendAlert(channels=CHANNELS)


def test_a_leader_that_does_not_come_is_replaced() -> None:
    state = lead_cause(CauseState(told_at=dict.fromkeys(CHANNELS, NOW + LEADER_TIMEOUT - SECOND)), "z", now=NOW)
    assert decision(state, now=NOW + LEADER_TIMEOUT - SECOND) == Acknowledge()
    assert decision(state, now=NOW + LEADER_TIMEOUT) == BecomeLeader()


def test_a_message_whose_alert_failed_leads_on() -> None:
    state = claim_cause(CauseState(), message="a", call="call", now=NOW)
    after = settle_claim(state, message="a", call="call", told=[], is_all=False, now=NOW)
    assert after.is_led_by("a")
    assert after.leader_due_at == NOW + LEADER_TIMEOUT
    told = settle_claim(state, message="a", call="call", told=CHANNELS, is_all=True, now=NOW)
    assert not told.is_led_by("a")
    assert told.leader_due_at is None


def test_a_claim_that_was_taken_over_is_left_alone() -> None:
    state = claim_cause(CauseState(), message="b", call="second", now=NOW)
    after = settle_claim(state, message="a", call="first", told=["slack"], is_all=True, now=NOW)
    assert (after.claimed_by, after.claimant, after.claimed_until) == ("second", "b", NOW + CLAIM_DURATION)
    assert after.told_at == {"slack": NOW}


def test_the_state_survives_being_stored() -> None:
    state = CauseState(
        told_at={"slack": NOW}, claimed_by="c", claimed_until=NOW, claimant="b", leader="a", leader_due_at=NOW
    )
    assert CauseState.from_fields(state.to_fields(), now=NOW) == state
    assert CauseState.from_fields(None, now=NOW) == CauseState()


def test_what_nobody_can_have_stored_counts_as_absent() -> None:
    wrong = {"told_at": 5, "claimed_by": 5, "claimed_until": "x", "claimant": [], "leader": None, "leader_due_at": 1}
    assert CauseState.from_fields(wrong, now=NOW) == CauseState()
    far = datetime(9999, 12, 31, tzinfo=UTC)
    future = {"told_at": {"slack": far, "pager": NOW}, "claimed_until": far, "leader_due_at": far}
    assert CauseState.from_fields(future, now=NOW) == CauseState(told_at={"pager": NOW})


@dataclass
class Call:
    """A delivery of a letter's message, and how far it has come."""

    letter: str
    has_news: bool
    claimed_at: datetime | None = None
    due: Sequence[str] = ()
    untold: list[str] | None = None


class Storm(RuleBasedStateMachine):
    """Dead letters of one cause, and calls whose steps interleave as they like.

    A call stores its letter, reads the state and decides, claims, reads what is untold, tells the channels, and writes
    down what it did. It may die between any two of these. Meanwhile letters are dealt with, are erased, or die of
    another cause.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.state = CauseState()
        self.told: dict[str, set[str]] = {}
        self.gone: set[str] = set()
        self.unacknowledged: set[str] = set()
        self.calls: list[Call] = []
        self.broken: set[str] = set()
        self.resting: set[str] = set()
        self.posts: dict[str, list[datetime]] = {name: [] for name in CHANNELS}

    @property
    def untold(self) -> list[str]:
        return [name for name, told in self.told.items() if name not in self.gone and told != set(CHANNELS)]

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
        self.deliver(letter)

    def deliver(self, letter: str) -> None:
        self.calls.append(Call(letter, has_news=letter in self.untold))

    @property
    def waiting(self) -> list[str]:
        """The messages that Pub/Sub may deliver again: it waits for the answer to one delivery before the next."""
        return sorted(self.unacknowledged - {call.letter for call in self.calls})

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def deliver_again(self, data: st.DataObject) -> None:
        self.deliver(data.draw(st.sampled_from(self.waiting)))

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

    @precondition(lambda self: self.untold)
    @rule(data=st.data())
    def deal_with(self, data: st.DataObject) -> None:
        self.gone.add(data.draw(st.sampled_from(self.untold)))

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
            call.untold = self.untold
        else:
            self.tell(call, call.untold)

    def decision(self, call: Call, channels: Sequence[str], *, has_news: bool) -> object:
        return decide_alert(self.state, message=call.letter, has_news=has_news, channels=channels, now=self.now)

    def decide(self, call: Call, *, takes_over: bool = False) -> None:
        has_news = call.has_news or takes_over
        decided = self.decision(call, CHANNELS, has_news=has_news)
        if isinstance(decided, SendAlert):
            awake = [name for name in decided.channels if name not in self.resting]
            decided = self.decision(call, awake, has_news=has_news)
        if isinstance(decided, BecomeLeader) and not takes_over and call.has_news and call.letter not in self.untold:
            decided = self.decision(call, [], has_news=False)
        match decided:
            case SendAlert(channels=due):
                self.state = claim_cause(self.state, message=call.letter, call=str(id(call)), now=self.now)
                call.claimed_at, call.due = self.now, due
            case BecomeLeader():
                self.state = lead_cause(self.state, call.letter, now=self.now)
                self.calls.remove(call)
            case Acknowledge():
                self.acknowledge(call)

    def tell(self, call: Call, untold: list[str]) -> None:
        in_time = call.claimed_at is not None and self.now < call.claimed_at + CLAIM_DURATION
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
        is_all = all(self.told[name] == set(CHANNELS) for name in untold)
        self.state = settle_claim(
            self.state, message=call.letter, call=str(id(call)), told=took, is_all=is_all, now=self.now
        )
        if is_all and not self.state.is_led_by(call.letter):
            self.acknowledge(call)
        else:
            self.calls.remove(call)

    def acknowledge(self, call: Call) -> None:
        self.unacknowledged.discard(call.letter)
        self.calls.remove(call)

    @invariant()
    def somebody_comes_back(self) -> None:
        """While anything is untold, a message is not acknowledged that will bring it about."""
        if self.untold:
            assert any(self.state.is_led_by(name) or name in self.untold for name in self.unacknowledged)

    @invariant()
    def a_minute_lies_between_messages(self) -> None:
        for moments in self.posts.values():
            assert all(later - earlier >= ALERT_INTERVAL for earlier, later in itertools.pairwise(moments))

    def carry_out(self, letter: str, *, takes_over: bool = False) -> None:
        self.deliver(letter)
        call = self.calls[-1]
        self.decide(call, takes_over=takes_over)
        while call in self.calls:
            self.advance(call)

    def teardown(self) -> None:
        """Once everything works, Pub/Sub's redelivery tells everybody of everything, and then ends."""
        self.broken.clear()
        self.resting.clear()
        self.calls.clear()
        for _ in range(20):
            self.now += ALERT_INTERVAL
            for letter in sorted(self.unacknowledged):
                self.carry_out(letter)
        assert not self.unacknowledged
        assert not self.untold


class Trouble(Storm):
    """The same where Pub/Sub delivers a message again before the answer to it, or gives up one that leads."""

    @property
    def waiting(self) -> list[str]:
        return sorted(self.unacknowledged)

    @precondition(lambda self: any(self.state.is_led_by(name) for name in self.unacknowledged))
    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        leaders = [name for name in sorted(self.unacknowledged) if self.state.is_led_by(name)]
        self.unacknowledged.discard(data.draw(st.sampled_from(leaders)))

    @invariant()
    def somebody_comes_back(self) -> None:
        """While anything is untold, a message is not acknowledged that will bring it about, or one is missed."""
        if self.untold:
            assert self.state.leader_due_at is not None or any(name in self.untold for name in self.unacknowledged)

    def teardown(self) -> None:
        """The next message of any cause finds that a leader is missed, and takes its place."""
        self.broken.clear()
        self.resting.clear()
        self.calls.clear()
        self.now += LEADER_TIMEOUT
        self.unacknowledged.add("of another cause")
        if self.state.leader_due_at is not None:
            self.carry_out("of another cause", takes_over=True)
        else:
            self.unacknowledged.discard("of another cause")
        super().teardown()


Storm.TestCase.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
Trouble.TestCase.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
TestStorm = Storm.TestCase
TestTrouble = Trouble.TestCase

"""The documents: this version reads what the released one has written, and the released one reads what this version
writes."""

import hashlib
import lzma
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import pytest

from functions.dispatcher.run_part import RunStage
from functions.shared.firestore.found_document import FoundDocument
from functions.shared.records.dead_letter import DeadLetterReason, DeadLetterState, StoredDeadLetter
from functions.shared.records.delivery import Delivery, DeliveryState, SkipReason
from functions.shared.records.delivery_attempt import AttemptResult
from functions.shared.records.mail_breaker import BreakerState
from functions.shared.records.mail_event import MailRecord, MailStatus
from functions.shared.records.run import QueueCondition, RunCounter, RunState, StoredRun
from functions.shared.records.subscription import ADDRESS_LISTS, PauseReason, Subscription, SubscriptionDefaults
from functions.shared.records.system_alert import AlertKind, StoredSystemAlert
from functions.shared.times.schedule import Cadence, Covers
from operations.releases.running_versions import deployed_version
from tests.contracts import writers
from tests.contracts.released import differences, examples
from tests.contracts.sample import NOW, TASK

DELIVERIES, CHANGES, RUNS = examples("deliveries"), examples("delivery_changes"), examples("runs")
LETTERS, ALERTS, RECORDS = examples("dead_letters"), examples("system_alerts"), examples("mail_events")
SUBSCRIPTIONS, BREAKERS, WORDS = examples("subscriptions"), examples("mail_breaker"), examples("words")
NOW_A_STATE = {"state": "giving-up"}
"""The released version takes the state for an unknown outcome, and then goes by `reason` and `failed_at` as before."""
DEFAULTS = SubscriptionDefaults(kind="activity", cadence=Cadence.DAILY)


def known(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that say something: null stands for what a reader takes for absent."""
    return {name: value for name, value in fields.items() if value is not None}


def of_attributes(record: Any, names: Mapping[str, Any]) -> dict[str, Any]:
    """What a record has in the attributes that are called like fields of its document."""
    return {name: getattr(record, name) for name in names}


def read_delivery(fields: Mapping[str, Any]) -> Delivery:
    delivery = Delivery.from_snapshot(FoundDocument(f"deliveries/{TASK.delivery_id}", dict(fields), NOW))
    assert delivery is not None
    return delivery


def assert_read(delivery: Delivery, fields: Mapping[str, Any]) -> None:
    read = of_attributes(delivery, known(fields))
    if "history" in read:
        read["history"] = [entry.to_field() for entry in delivery.history]
    if delivery.request:
        read["request"] = delivery.request.to_field()
    assert differences(known(fields), read) == []
    assert delivery.problem == ""


@pytest.mark.parametrize("name", DELIVERIES)
def test_a_delivery_is_read(name: str) -> None:
    assert_read(read_delivery(DELIVERIES[name]), DELIVERIES[name])


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_delivery_is_read(name: str) -> None:
    fields = {**DELIVERIES["claimed"], **CHANGES[name]}
    assert_read(read_delivery(fields), {**fields, **NOW_A_STATE} if name == "given up" else fields)


def test_kept_requests_are_read_to_the_byte() -> None:
    request = read_delivery(DELIVERIES["claimed"]).request
    assert request is not None
    assert request.requests() == writers.REQUESTS
    assert request.is_same(writers.REQUESTS)


@pytest.mark.parametrize("name", DELIVERIES)
def test_a_delivery_is_written_as_before(name: str) -> None:
    released, written = dict(DELIVERIES[name]), writers.new_deliveries()[name]
    # Only what is replayed has it now. The released dispatcher finds the others by their state.
    released.pop("by_hand", None)
    if "request" in released:
        # Another version of liblzma may pack them otherwise: what counts is that the released version unpacks them.
        packed = written["request"].pop("packed")
        del released["request"]["packed"]
        content = lzma.decompress(packed, format=lzma.FORMAT_ALONE)
        assert hashlib.sha256(content).hexdigest() == released["request"]["digest"]
    assert differences(released, written) == []


@pytest.mark.parametrize("name", CHANGES)
def test_a_delivery_is_changed_as_before(name: str) -> None:
    written = writers.delivery_changes(read_delivery(DELIVERIES["claimed"]))
    assert differences({**CHANGES[name], **(NOW_A_STATE if name == "given up" else {})}, written[name]) == []


@pytest.mark.parametrize("name", RUNS)
def test_a_run_is_read(name: str) -> None:
    run = StoredRun.from_snapshot(FoundDocument(f"runs/{TASK.run_id}", RUNS[name], NOW))
    read = {
        **of_attributes(run, RUNS[name].keys() & {"scheduled_for", "attempts", "queues", "stopped_because"}),
        **run.latest.to_fields(),
        "earlier_attempts": [each.to_fields() for each in run.earlier_attempts],
        "sweeps": {stage: sweep.to_fields() for stage, sweep in run.sweeps.items()},
        **({"statistics": run.statistics.to_fields()} if run.statistics else {}),
        # No part of the pipeline reads it.
        "expire_at": RUNS[name]["expire_at"],
    }
    assert differences(RUNS[name], read) == []


def test_a_run_is_written_as_before() -> None:
    released, written = RUNS["divided, and called again"], writers.runs()
    before = {**written["attempt that has finished"], "attempt": "fedcba9876543210"}
    sweeps = dict.fromkeys(("scheduling", "enrollment", "address_changes"), written["sweep"])
    named = {"earlier_attempts": [before], "sweeps": sweeps, "statistics": written["statistics"]}
    of_store = ("scheduled_for", "attempts", "queues", "expire_at")
    rest = {name: value for name, value in released.items() if name not in of_store}
    assert differences(rest, {**written["attempt that runs"], **named}) == []


@pytest.mark.parametrize("name", LETTERS)
def test_a_dead_letter_is_read_and_written_as_before(name: str) -> None:
    fields = known({**LETTERS["open"], **LETTERS[name]})
    letter = StoredDeadLetter.from_fields(TASK.delivery_id, {"alerted_at": None, **fields})
    assert differences(fields, of_attributes(letter, fields)) == []
    assert (letter.problem, letter.task) == ("", TASK)
    assert differences(LETTERS[name], writers.dead_letters()[name]) == []


def test_a_system_alert_is_read() -> None:
    fields = {name: value for name, value in ALERTS["told"].items() if name not in {"alert", "state", "expire_at"}}
    alert = StoredSystemAlert.from_fields("outcome-settled-0123", ALERTS["told"])
    assert differences(fields, of_attributes(alert, fields)) == []
    assert (alert.kind, alert.needs_alert) == (ALERTS["told"]["alert"], False)


@pytest.mark.parametrize("name", RECORDS)
def test_a_record_of_mail_events_is_read_and_written_as_before(name: str) -> None:
    record = MailRecord.from_snapshot(FoundDocument(f"mail_events/{TASK.delivery_id}", RECORDS[name], NOW))
    assert record is not None
    assert differences(RECORDS[name], record.to_fields()) == []
    assert differences(RECORDS[name], writers.mail_records()[name]) == []


@pytest.mark.parametrize("name", SUBSCRIPTIONS)
def test_a_subscription_is_read(name: str) -> None:
    fields = {"active": True, "user_id": TASK.user_id, **SUBSCRIPTIONS[name]}
    subscription = Subscription.from_fields(TASK.user_id, TASK.subscription_id, fields, DEFAULTS)
    read = of_attributes(subscription, known(fields))
    read |= {several: list(read[several]) for several in (*ADDRESS_LISTS, "suppressed") if several in read}
    if subscription.cron and subscription.time_zone:
        read |= {"cron": subscription.cron.text, "time_zone": subscription.time_zone.key}
    assert differences(known(fields), read) == []
    assert subscription.problem == ""


@pytest.mark.parametrize("name", writers.subscriptions())
def test_a_subscription_is_written_as_before(name: str) -> None:
    assert differences(SUBSCRIPTIONS[name], writers.subscriptions()[name]) == []


@pytest.mark.parametrize("name", BREAKERS)
def test_the_breaker_is_read_and_written_as_before(name: str) -> None:
    state = BreakerState.from_snapshot(FoundDocument("mail_breaker/state", BREAKERS[name], NOW))
    assert differences(BREAKERS[name], state.to_fields()) == []
    assert differences(BREAKERS[name], writers.breakers()[name]) == []


@pytest.mark.parametrize(
    "words",
    [
        *(DeliveryState, SkipReason, AttemptResult, DeadLetterReason, DeadLetterState, RunState, QueueCondition),
        *(RunCounter, RunStage, AlertKind, MailStatus, PauseReason, Cadence, Covers),
    ],
    ids=lambda words: words.__name__,
)
def test_every_word_of_the_released_version_is_still_known(words: type[StrEnum]) -> None:
    assert set(WORDS[words.__name__]) <= {word.value for word in words}


def test_the_labels_of_a_function_are_read() -> None:
    running = deployed_version("worker", examples("labels")["of a function"])
    assert (running.version, running.commit) == ("0.9.0", "f316b1575854b4cd9753f23074605802a25ac110")

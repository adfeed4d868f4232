"""The tasks that a run makes: of reports, and of what is left of itself."""

from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from functions.dispatcher.due_subscription import DueSubscription
from functions.dispatcher.fan_out import report_task
from functions.dispatcher.new_documents import NewCursor
from functions.dispatcher.run_part import RunPart, RunStage
from functions.shared.records.contract import InvalidContract
from functions.shared.records.ids import SHARDS, delivery_id, task_id
from functions.shared.records.report_task import ReportTask
from functions.shared.times.plausible_time import plausible

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
IDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/"), min_size=1, max_size=200).filter(
    lambda text: text not in {".", ".."} and not text.startswith("__")
)


@given(
    user_id=IDS,
    subscription_id=IDS,
    due_at=st.one_of(st.just(NOON), st.datetimes(timezones=st.just(UTC)).filter(plausible)),
    kind=st.sampled_from(["activity", "sales"]),
)
@example(user_id="<user_id>", subscription_id="<subscription_id>", due_at=NOON, kind="sales")
@example(user_id="<subscription_id>", subscription_id="<delivery_id>", due_at=NOON, kind="sales")
@example(user_id="<delivery_id>", subscription_id="<user_id>", due_at=NOON, kind="sales")
@example(
    user_id='\x00\x1f\x7f\x80\u2028\ufeff\U0001f600 "\\\b\f\n\r\t', subscription_id='\\"', due_at=NOON, kind="sales"
)
def test_a_report_and_its_task_have_the_name_of_subscription_and_due_time(
    user_id: str, subscription_id: str, due_at: datetime, kind: str
) -> None:
    """And the body is, byte for byte, what the contract makes of them."""
    task = report_task(DueSubscription(user_id, subscription_id, due_at, kind), "20261124T1200Z")
    delivery = delivery_id(user_id, subscription_id, due_at)
    assert task.task_id == task_id(delivery)
    report = ReportTask(
        user_id=user_id,
        subscription_id=subscription_id,
        delivery_id=delivery,
        due_at=due_at,
        run_id="20261124T1200Z",
        kind=kind,
    )
    assert task.body == report.to_json()
    assert ReportTask.from_json(task.body) == report


DUE = DueSubscription("u1", "default", NOON, "activity")


def test_a_second_task_has_another_name_and_the_same_report() -> None:
    first, second = report_task(DUE, "r1"), report_task(DUE, "r1", "r1")
    assert first.task_id != second.task_id
    assert first.body == second.body


def a_part(*, attempt: str = "a", part: int = 2, share: int = 0, shares: int = 3) -> RunPart:
    return RunPart(
        run_id="20261124T1200Z",
        scheduled_for=NOON,
        attempt=attempt,
        share=share,
        shares=shares,
        part=part,
        counters={"due": 7},
    )


@pytest.mark.parametrize(
    "part",
    [
        a_part(),
        a_part().after(DUE),
        a_part().after(DueSubscription("名前", "weekly", NOON.replace(microsecond=5), "usage")),
        a_part().at(RunStage.SCHEDULING),
        a_part().at(RunStage.ENROLLMENT, NewCursor(path="users/名前", by_sweep=True)),
    ],
)
def test_what_is_left_of_a_run_is_read_as_it_was_written(part: RunPart) -> None:
    assert RunPart.from_json(part.to_task().body) == part


def test_each_part_of_an_attempt_is_handed_over_once() -> None:
    names = [
        a_part().after(DUE).to_task().task_id,
        # The part before was repeated, and came further or less far.
        a_part().after(DUE._replace(user_id="u2")).to_task().task_id,
        a_part(part=3).to_task().task_id,
        a_part(share=1).to_task().task_id,
        a_part(attempt="b").to_task().task_id,
    ]
    assert names[0] == names[1]
    assert len(set(names)) == 4


@pytest.mark.parametrize("shares", [1, 2, 7, 30])
def test_the_shares_have_each_shard_once(shares: int) -> None:
    parts = [a_part(share=share, shares=shares) for share in range(shares)]
    assert sorted(shard for part in parts for shard in part.shards) == list(range(SHARDS))


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b"", "body"),
        (b"{", "body"),
        (b"[]", "body"),
        (b"{}", "scheduled_for"),
        (b'{"run_id": "r", "scheduled_for": "2026-11-24T12:00:00Z", "attempt": "a", "part": 2, "cursor": 5}', "cursor"),
        (b'{"run_id": "r", "scheduled_for": "2026-11-24T12:00:00Z", "counters": {"due": "many"}}', "counters.due"),
    ],
)
def test_a_body_that_is_no_part_of_a_run_is_refused_by_field(body: bytes, named: str) -> None:
    with pytest.raises(InvalidContract, match=named):
        RunPart.from_json(body)

"""Which revision of a function serves, and where promoting and rolling back send its traffic."""

from datetime import UTC, datetime
from typing import Any

import pytest

from deployment.cloud_run.traffic import Function, Move, State, promote, roll_back

LATEST = {"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "percent": 100}
REVISION = "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION"


def revision(number: int, *, ready: bool = True, service: str = "report-worker", **labels: str) -> dict[str, Any]:
    return {
        "name": f"projects/p/locations/r/services/{service}/revisions/{service}-{number}",
        "createTime": f"2026-11-24T{number:02}:00:00.123456Z",
        "labels": labels,
        "conditions": [{"type": "Ready", "state": "CONDITION_SUCCEEDED" if ready else "CONDITION_FAILED"}],
    }


def function(
    traffic: list[dict[str, Any]] | None, revisions: list[dict[str, Any]], *, name: str = "worker"
) -> Function:
    newest = max(one["name"] for one in revisions if one["conditions"][0]["state"] == "CONDITION_SUCCEEDED")
    service = {"latestReadyRevision": newest, **({"traffic": traffic} if traffic else {})}
    return Function(name, service, revisions)


def share(number: int, percent: int, *, service: str = "report-worker") -> dict[str, Any]:
    return {"type": REVISION, "revision": f"{service}-{number}", "percent": percent}


def tag(number: int, name: str = "canary") -> dict[str, Any]:
    return {"type": REVISION, "revision": f"report-worker-{number}", "tag": name}


TWO = [revision(1), revision(2)]


@pytest.mark.parametrize(
    ("traffic", "state", "serving"),
    [
        ([LATEST], State.NEWEST, 2),
        # A service that was never given a table.
        (None, State.NEWEST, 2),
        ([share(2, 100)], State.PINNED, 2),
        ([share(1, 100)], State.OLDER, 1),
        # Deployed, and killed before it got a share.
        ([share(1, 100), tag(2)], State.CANARY, 1),
        ([share(1, 90), share(2, 10), tag(2)], State.CANARY, 1),
        # gcloud merges a share and a tag where they are set at once.
        ([share(1, 90), {**share(2, 10), "tag": "canary"}], State.CANARY, 1),
        ([share(1, 40), share(2, 60)], State.SPLIT, 1),
        ([share(1, 40), {**LATEST, "percent": 60}], State.SPLIT, 1),
        # Another's tag is no business of this script.
        ([LATEST, tag(1, "debug")], State.NEWEST, 2),
    ],
)
def test_reads_the_traffic_table(traffic: list[dict[str, Any]] | None, state: State, serving: int) -> None:
    read = function(traffic, TWO)
    assert (read.state, read.serving) == (state, f"report-worker-{serving}")


@pytest.mark.parametrize("end", ["Z", ".123456Z", ".123456789Z"])
def test_reads_the_times_that_google_writes(end: str) -> None:
    made = {**revision(1), "createTime": f"2026-11-24T13:00:00{end}"}
    assert function(None, [made]).revisions["report-worker-1"].time == datetime(2026, 11, 24, 13, tzinfo=UTC)


def test_a_canary_with_all_traffic_knows_what_it_replaces() -> None:
    read = function([share(2, 100), tag(2)], [revision(1), revision(2, replaces="report-worker-1")])
    assert (read.state, read.serving) == (State.CANARY, "report-worker-1")


def tables(moves: list[Move]) -> dict[str, Any]:
    return {move.function.name: move.table for move in moves}


@pytest.mark.parametrize(
    ("traffic", "expected"),
    [
        ([LATEST], None),
        ([share(1, 90), share(2, 10), tag(2)], [LATEST]),
        ([share(1, 100), tag(2), tag(1, "debug")], [LATEST, tag(1, "debug")]),
        ([share(1, 100)], [LATEST]),
        ([share(1, 50), share(2, 50)], [LATEST]),
    ],
)
def test_promotes_the_newest(traffic: list[dict[str, Any]], expected: list[dict[str, Any]] | None) -> None:
    (move,) = promote([function(traffic, TWO)])
    assert (move.table, move.is_error) == (expected, False)


def test_promotes_no_revision_that_was_no_canary() -> None:
    canary = [share(1, 90), share(2, 10), tag(2)]
    (move,) = promote([function(canary, [*TWO, revision(3)])])
    assert (move.table, move.is_error) == (None, True)
    assert "report-worker-2 is not the newest revision that is ready, report-worker-3" in move.words
    # The canary itself did not come up.
    (move,) = promote([function(canary, [revision(1), revision(2, ready=False)])])
    assert move.is_error


def test_rolls_a_canary_back_to_the_old_one() -> None:
    moves = list(
        roll_back(
            [
                function(
                    [share(1, 90), share(2, 10), tag(2)], [revision(1, commit="a" * 40), revision(2, commit="b" * 40)]
                ),
                function([LATEST], [revision(7, service="report-dispatcher")], name="dispatcher"),
            ],
            alone=False,
        )
    )
    # The dispatcher has no canary: nothing becomes of it.
    assert tables(moves) == {"worker": [share(1, 100)]}
    assert moves[0].words == (
        "from report-worker-2 (made 2026-11-24T02:00Z, commit bbbbbbbbbbbb)"
        " back to report-worker-1 (made 2026-11-24T01:00Z, commit aaaaaaaaaaaa)"
    )


def test_rolls_a_split_by_hand_back_to_the_oldest() -> None:
    moves = list(roll_back([function([share(1, 50), share(2, 50)], TWO)], alone=False))
    assert tables(moves) == {"worker": [share(1, 100)]}


@pytest.mark.parametrize(
    ("traffic", "revisions", "expected"),
    [
        ([LATEST], TWO, 1),
        # Again, a step further.
        ([share(2, 100)], [revision(1), revision(2), revision(3)], 1),
        # One that did not come up is no revision to go back to.
        ([LATEST], [revision(1), revision(2, ready=False), revision(3)], 1),
        # Nor is a canary that was rolled back.
        ([LATEST], [revision(1), revision(2), revision(3, replaces="report-worker-1")], 1),
        # What it replaced is gone.
        ([LATEST], [revision(2), revision(3, replaces="report-worker-1")], 2),
        ([LATEST], [revision(1)], None),
    ],
)
def test_rolls_back_to_the_revision_before(
    traffic: list[dict[str, Any]], revisions: list[dict[str, Any]], expected: int | None
) -> None:
    moves = list(roll_back([function(traffic, revisions)], alone=True))
    assert tables(moves) == {"worker": expected and [share(expected, 100)]}


def test_rolls_the_last_deployment_back_and_not_what_it_did_not_change() -> None:
    dispatcher = [revision(number, service="report-dispatcher", deployment=f"d{number}") for number in (1, 2)]
    worker = [revision(number, deployment=f"d{number}") for number in (1, 2, 3)]
    unchanged = function([LATEST], dispatcher, name="dispatcher")

    moves = list(roll_back([unchanged, function([LATEST], worker)], alone=False))
    assert tables(moves) == {"dispatcher": None, "worker": [share(2, 100)]}
    assert moves[0].words.startswith("stays: the last deployment did not change it: report-dispatcher-2")

    # The next goes back by one deployment more: that changed both.
    moves = list(roll_back([unchanged, function([share(2, 100)], worker)], alone=False))
    assert tables(moves) == {"dispatcher": [share(1, 100, service="report-dispatcher")], "worker": [share(1, 100)]}
    # A function that a person names goes back in any case.
    alone = list(roll_back([unchanged], alone=True))
    assert tables(alone) == {"dispatcher": [share(1, 100, service="report-dispatcher")]}

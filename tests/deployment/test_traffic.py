"""Which revision of a function serves, and where promoting and rolling back send its traffic."""

import io
import json
from typing import Any

import pytest

from deployment.traffic import Function, Move, Revision, State, Traffic, main, promote, roll_back

LATEST = {"latestRevision": True, "percent": 100}


def revision(number: int, *, ready: bool = True, service: str = "report-worker", **labels: str) -> dict[str, Any]:
    return {
        "metadata": {
            "name": f"{service}-{number}",
            "creationTimestamp": f"2026-11-24T{number:02}:00:00.123456Z",
            "labels": {"serving.knative.dev/service": service, **labels},
        },
        "status": {"conditions": [{"type": "Ready", "status": str(ready)}]},
    }


def function(
    traffic: list[dict[str, Any]] | None, revisions: list[dict[str, Any]], *, name: str = "worker", newest: int = 0
) -> Function:
    read = [Revision.from_resource(each) for each in revisions]
    latest = f"report-{name}-{newest}" if newest else max(one.name for one in read if one.is_ready)
    service = {"spec": {"traffic": traffic} if traffic else {}, "status": {"latestReadyRevisionName": latest}}
    return Function(name, Traffic.from_resource(service), {one.name: one for one in read})


def share(number: int, percent: int, *, service: str = "report-worker") -> dict[str, Any]:
    return {"revisionName": f"{service}-{number}", "percent": percent}


def tag(number: int, name: str = "canary") -> dict[str, Any]:
    return {"revisionName": f"report-worker-{number}", "tag": name}


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
        ([share(1, 40), {"latestRevision": True, "percent": 60}], State.SPLIT, 1),
        # Another's tag is no business of this script.
        ([LATEST, tag(1, "debug")], State.NEWEST, 2),
    ],
)
def test_reads_the_traffic_table(traffic: list[dict[str, Any]] | None, state: State, serving: int) -> None:
    read = function(traffic, TWO)
    assert (read.traffic.state, read.serving) == (state, f"report-worker-{serving}")


def test_a_canary_with_all_traffic_knows_what_it_replaces() -> None:
    read = function([share(2, 100), tag(2)], [revision(1), revision(2, replaces="report-worker-1")])
    assert (read.traffic.state, read.serving) == (State.CANARY, "report-worker-1")


def flags(moves: list[Move]) -> dict[str, str]:
    return {move.function: " ".join(move.flags) for move in moves}


@pytest.mark.parametrize(
    ("traffic", "expected"),
    [
        ([LATEST], ""),
        ([share(1, 90), share(2, 10), tag(2)], "--to-latest --remove-tags=canary"),
        ([share(1, 100), tag(2)], "--to-latest --remove-tags=canary"),
        ([share(1, 100)], "--to-latest"),
        ([share(1, 50), share(2, 50)], "--to-latest"),
    ],
)
def test_promotes_the_newest(traffic: list[dict[str, Any]], expected: str) -> None:
    (move,) = promote([function(traffic, TWO)])
    assert (" ".join(move.flags), move.is_error) == (expected, False)


def test_promotes_no_revision_that_was_no_canary() -> None:
    canary = [share(1, 90), share(2, 10), tag(2)]
    (move,) = promote([function(canary, [*TWO, revision(3)])])
    assert (move.flags, move.is_error) == ((), True)
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
    assert flags(moves) == {"worker": "--to-revisions=report-worker-1=100 --remove-tags=canary"}
    assert moves[0].words == (
        "from report-worker-2 (made 2026-11-24T02:00Z, commit bbbbbbbbbbbb)"
        " back to report-worker-1 (made 2026-11-24T01:00Z, commit aaaaaaaaaaaa)"
    )


def test_rolls_a_split_by_hand_back_to_the_oldest() -> None:
    moves = list(roll_back([function([share(1, 50), share(2, 50)], TWO)], alone=False))
    assert flags(moves) == {"worker": "--to-revisions=report-worker-1=100"}


@pytest.mark.parametrize(
    ("traffic", "revisions", "expected"),
    [
        ([LATEST], TWO, "--to-revisions=report-worker-1=100"),
        # Again, a step further.
        ([share(2, 100)], [revision(1), revision(2), revision(3)], "--to-revisions=report-worker-1=100"),
        # One that did not come up is no revision to go back to.
        ([LATEST], [revision(1), revision(2, ready=False), revision(3)], "--to-revisions=report-worker-1=100"),
        # Nor is a canary that was rolled back.
        (
            [LATEST],
            [revision(1), revision(2), revision(3, replaces="report-worker-1")],
            "--to-revisions=report-worker-1=100",
        ),
        # What it replaced is gone.
        ([LATEST], [revision(2), revision(3, replaces="report-worker-1")], "--to-revisions=report-worker-2=100"),
        ([LATEST], [revision(1)], ""),
    ],
)
def test_rolls_back_to_the_revision_before(
    traffic: list[dict[str, Any]], revisions: list[dict[str, Any]], expected: str
) -> None:
    moves = list(roll_back([function(traffic, revisions)], alone=True))
    assert flags(moves) == {"worker": expected}


@pytest.mark.parametrize(
    ("command", "expected"), [("promote", "--to-latest"), ("rollback", "--to-revisions=report-worker-1=100")]
)
def test_what_ends_a_canary_leaves_functions_without_one_alone(
    command: str, expected: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    document = {
        "services": [
            {
                "metadata": {"name": "report-worker"},
                "spec": {"traffic": [share(1, 90), share(2, 10), tag(2)]},
                "status": {"latestReadyRevisionName": "report-worker-2"},
            },
            {
                "metadata": {"name": "report-dispatcher"},
                "spec": {"traffic": [share(1, 100, service="report-dispatcher")]},
                "status": {"latestReadyRevisionName": "report-dispatcher-2"},
            },
        ],
        "revisions": [TWO, [revision(number, service="report-dispatcher") for number in (1, 2)]],
    }
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(document)))
    main(f"{command}-canary", "dispatcher=report-dispatcher", "worker=report-worker", "preferences=report-preferences")
    [line] = capsys.readouterr().out.splitlines()
    assert line.startswith(f"worker\t{expected} --remove-tags=canary\t")


def test_rolls_the_last_deployment_back_and_not_what_it_did_not_change() -> None:
    dispatcher = [revision(number, service="report-dispatcher", deployment=f"d{number}") for number in (1, 2)]
    worker = [revision(number, deployment=f"d{number}") for number in (1, 2, 3)]
    unchanged = function([LATEST], dispatcher, name="dispatcher")

    moves = list(roll_back([unchanged, function([LATEST], worker)], alone=False))
    assert flags(moves) == {"dispatcher": "", "worker": "--to-revisions=report-worker-2=100"}
    assert moves[0].words.startswith("stays: the last deployment did not change it: report-dispatcher-2")

    # The next goes back by one deployment more: that changed both.
    moves = list(roll_back([unchanged, function([share(2, 100)], worker)], alone=False))
    assert flags(moves) == {
        "dispatcher": "--to-revisions=report-dispatcher-1=100",
        "worker": "--to-revisions=report-worker-1=100",
    }
    # A function that a person names goes back in any case.
    assert flags(list(roll_back([unchanged], alone=True))) == {"dispatcher": "--to-revisions=report-dispatcher-1=100"}

"""Each benchmark runs, at sizes of no significance: what it measures is not looked at, only that it does."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from proof.benchmarks import (
    cold_start,
    console,
    fan_out,
    memory,
    render,
    worker,
)
from proof.benchmarks.checkout import THIS, NoSuchRevision, checked_out, least_of_turns
from proof.benchmarks.cloud import Cloud
from proof.benchmarks.killed_run import carry_out
from proof.benchmarks.table import Table, number

THIS_AGAIN = replace(THIS, name="again")


@pytest.mark.parametrize(
    "measure",
    [
        pytest.param(lambda: fan_out.measure(sizes=(50,), turns=1), id="fan-out"),
        pytest.param(lambda: fan_out.measure_beside(THIS_AGAIN, sizes=(50,), turns=1), id="fan-out beside another"),
        pytest.param(lambda: memory.measure(sizes=(50,)), id="memory"),
        pytest.param(lambda: worker.measure(concurrencies=(2,), reports=6, instances=(2,)), id="worker"),
        pytest.param(lambda: worker.measure_beside(THIS_AGAIN, turns=1, reports=20), id="worker beside another"),
        pytest.param(lambda: render.measure(starts=1, reports=2), id="render"),
        pytest.param(lambda: cold_start.measure(functions=("dispatcher",)), id="cold start"),
        pytest.param(
            lambda: console.measure(deliveries=1_000, dead_letters=500, users=100, asked=2, tries=1, hour_seconds=1),
            id="console",
        ),
    ],
)
def test_a_benchmark_measures(measure: Callable[[], Iterator[Table]]) -> None:
    tables = list(measure())
    assert tables
    for table in tables:
        lines = table.to_markdown().splitlines()
        assert lines[0] == f"### {table.title}"
        assert len({line.count("|") for line in lines[2 : 4 + len(table.rows)]}) == 1


def test_a_revision_is_checked_out_as_it_is_in_git() -> None:
    with checked_out("HEAD") as checkout:
        kept = checkout.path
        assert (kept / "functions" / "worker" / "main.py").is_file()
        assert not (kept / ".venv").exists()
    assert not kept.exists()


def test_a_revision_that_git_does_not_have_is_named() -> None:
    with pytest.raises(NoSuchRevision, match="no-such-revision"), checked_out("no-such-revision"):
        pass


def test_turns_go_back_and_forth_and_the_least_counts() -> None:
    order: list[str] = []
    figures = iter([3.0, 5.0, 4.0, 2.0])

    def measure(name: str) -> float:
        order.append(name)
        return next(figures)

    least = least_of_turns({"a": lambda: measure("a"), "b": lambda: measure("b")}, turns=2)
    assert (order, least) == (["b", "a", "a", "b"], {"a": 4.0, "b": 2.0})


def test_a_run_that_is_killed_again_and_again_leaves_no_report_out() -> None:
    with Cloud() as cloud:
        cloud.put_in_users(4_000)
        outcome = carry_out(cloud, reports=4_000, time_limit=0.3, kill_every=2.0, most_kills=3, seed=2, give_up=250)
    assert (outcome.left_out, outcome.twice) == (0, 0)
    # The first kill hits the run, however fast the machine is.
    assert outcome.kills > 0
    assert outcome.figures["state"] == "finished"


@pytest.mark.parametrize(
    ("value", "written"),
    [(0.0123456, "0.0123"), (1.5, "1.5"), (99.96, "100"), (12_345.6, "12,300"), (1e6, "1,000,000")],
)
def test_figures_have_three_digits(value: float, written: str) -> None:
    assert number(value) == written

"""The mutants whose mistakes break a promise of the protocol, each of which the explorer finds by itself."""

import re
import subprocess
import sys

import pytest

from tests.function_process import REPOSITORY

pytestmark = pytest.mark.starts_process

QUICK = {
    "an unknown outcome is sent again": "--kills 1 --together 1",
    "a first claim is not conditional": "--duplicates 1 --events 0",
    "each attempt has a key of its own": "--provider keys --together 1",
    "the DLQ handler looks for no proof that a report was sent": "",
    "the worker does not look at the subscription again": "--stops 1",
}
"""By its name: within which bounds."""

THOROUGH = {
    "an event settles no unknown outcome": "",
    "a dead letter closes by itself, and no one is told": "",
    "a claimed delivery is given up": "--kills 1 --together 1",
    "a final delivery is sent again": "--kills 1",
    "a lease does not end": "--kills 1 --days 0 --together 1 --events 0",
    "a dead letter is published before its report is held": "--kills 1",
    "that SendGrid's logs do not show a mail counts as proof": "--provider logs --kills 1 --together 1",
    "a repeat's clear refusal gives the claim back": "--provider keys --together 1",
    "a key is used beyond its time": "--provider keys --kills 1 --together 1 --events 0",
    "a repeat that cannot go on forgets what may have been sent": (
        "--provider keys --losses 1 --kills 1 --together 1 --events 0"
    ),
    "a paused subscription is sent": "--stops 1 --together 1",
    "each run meets a paused subscription again": "--stops 1 --together 1",
    "what a restored copy does not know of is sent again": "--attempts 2 --restores 1 --together 1 --events 0",
    "the end of the last period is not stored": "--hours 1 --mishaps 1 --together 1 --events 0",
    "a task from before a restore takes a subscription past an earlier report": (
        "--hours 1 --restores 1 --mishaps 0 --together 1 --events 0"
    ),
}


@pytest.mark.parametrize("name", QUICK)
def test_a_mutant_is_found(name: str) -> None:
    assert_found(name, QUICK[name])


@pytest.mark.thorough
@pytest.mark.parametrize("name", THOROUGH)
def test_a_further_mutant_is_found(name: str) -> None:
    assert_found(name, THOROUGH[name])


def assert_found(name: str, bounds: str) -> None:
    command = [sys.executable, "-m", "proof.mutants.explored", name, "--attempts", "1", "--tasks", "1", *bounds.split()]
    explored = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    said = explored.stdout + explored.stderr
    assert explored.returncode == 1, said
    # Not an error of Python: a rule, and the way to where it is broken.
    assert re.match(r"[\d,]+ states in \d+ s of CPU\n\n.+:\n  \w", said), said

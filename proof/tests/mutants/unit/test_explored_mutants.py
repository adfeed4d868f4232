"""The mutants whose mistakes break a promise of the protocol, each of which the explorer finds by itself."""

import os
import re

import pytest

from proof.mutants.explored_mutants import CORE, FOUND, LEGAL
from proof.mutants.mutants import ALL
from tests.forked_python import run_python
from tests.function_process import REPOSITORY

QUICK = 5
"""How many of them the everyday tests look for: the first ones."""


def test_each_mutant_of_the_core_is_found_or_it_is_said_why_not() -> None:
    of_the_core = {each.name for each in ALL if each.file.startswith(CORE)}
    assert of_the_core - {*FOUND, *LEGAL} == set()
    assert {*FOUND} & {*LEGAL} == set()
    assert {*FOUND, *LEGAL} - of_the_core == set()


@pytest.mark.starts_process
@pytest.mark.parametrize("name", [*FOUND][:QUICK])
def test_a_mutant_is_found(name: str) -> None:
    assert_found(name)


@pytest.mark.starts_process
@pytest.mark.thorough
@pytest.mark.parametrize("name", [*FOUND][QUICK:])
def test_a_further_mutant_is_found(name: str) -> None:
    assert_found(name)


def assert_found(name: str) -> None:
    options = ["--attempts", "1", "--tasks", "1", *FOUND[name].split()]
    command = ("-m", "proof.mutants.explored", name, *options)
    explored = run_python(*command, directory=REPOSITORY, environment=os.environ)
    said = explored.stdout + explored.stderr
    assert explored.returncode == 1, said
    # Not an error of Python: a rule, and the way to where it is broken.
    assert re.match(r"[\d,]+ states in \d+ s of CPU\n\n.+:\n  \w", said), said

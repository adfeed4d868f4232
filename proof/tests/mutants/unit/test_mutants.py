"""Each mutant still applies, also after a refactoring, and names tests and scenarios that exist: a mistake that is not
made proves nothing."""

from functools import cache
from pathlib import Path

import pytest

from proof.faults.scenarios import OF_PROVIDER
from proof.mutants.mutant import DoesNotApply, Mutant, copy_tree
from proof.mutants.mutants import ALL
from proof.tests.mutants.unit.refactoring import laid_out, refactored
from tests.function_process import REPOSITORY


@cache
def _source(file: str) -> str:
    return (REPOSITORY / file).read_text()


@cache
def _refactored_source(file: str) -> str:
    return refactored(_source(file))


@pytest.mark.parametrize("mutant", ALL, ids=lambda mutant: mutant.name)
def test_it_makes_the_same_mistake_before_and_after_a_refactoring(mutant: Mutant) -> None:
    mistaken = refactored(mutant.changed(_source(mutant.file)))
    assert mistaken != _refactored_source(mutant.file)
    assert laid_out(mutant.changed(_refactored_source(mutant.file))) == mistaken


@pytest.mark.parametrize("mutant", ALL, ids=lambda mutant: mutant.name)
def test_what_must_notice_it_exists(mutant: Mutant) -> None:
    assert set(mutant.scenarios) <= {str(scenario) for scenario in OF_PROVIDER[mutant.provider]}
    assert mutant.tests
    for path in mutant.tests:
        file, _, test = path.partition("::")
        assert f"def {test}" in (REPOSITORY / file).read_text()


def test_no_two_have_one_name() -> None:
    assert len({mutant.name for mutant in ALL}) == len(ALL)


@pytest.mark.parametrize(("source", "found"), [("1 + 2", 0), ("f(1) or f(2)", 2)])
def test_a_mutant_that_does_not_apply_says_so_by_name(source: str, found: int) -> None:
    mutant = Mutant(name="m", file="a/b.py", node="f(_1)", becomes="_1", tests=())
    with pytest.raises(DoesNotApply, match=rf'"m" does not apply to a/b\.py: {found} nodes match'):
        mutant.changed(source)


@pytest.mark.starts_process
def test_only_a_copy_is_changed(tmp_path: Path) -> None:
    copy_tree(REPOSITORY, tmp_path)
    mutant = ALL[0]
    mutant.apply(tmp_path)
    assert (tmp_path / mutant.file).read_text() == mutant.changed(_source(mutant.file)) != _source(mutant.file)
    assert (tmp_path / "proof/mutants/__main__.py").is_file()
    assert not (tmp_path / ".venv").exists()

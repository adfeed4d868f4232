"""Each mutant still fits the source, and names tests and scenarios that exist: a mistake that is not made proves
nothing."""

import ast
from pathlib import Path

import pytest

from tests.faults.scenarios import OF_PROVIDER
from tests.function_process import REPOSITORY
from tests.mutants.mutant import Mutant, PatchDoesNotFit, copy_tree
from tests.mutants.mutants import ALL


@pytest.mark.parametrize("mutant", ALL, ids=lambda mutant: mutant.name)
def test_it_fits(mutant: Mutant) -> None:
    source = (REPOSITORY / mutant.file).read_text()
    patched = mutant.patched(source)
    assert ast.dump(ast.parse(patched)) != ast.dump(ast.parse(source))


@pytest.mark.parametrize("mutant", ALL, ids=lambda mutant: mutant.name)
def test_what_must_notice_it_exists(mutant: Mutant) -> None:
    assert set(mutant.scenarios) <= {str(scenario) for scenario in OF_PROVIDER[mutant.provider]}
    assert mutant.tests
    for path in mutant.tests:
        file, _, test = path.partition("::")
        assert f"def {test}" in (REPOSITORY / file).read_text()


def test_no_two_have_one_name() -> None:
    assert len({mutant.name for mutant in ALL}) == len(ALL)


def _mutant(search: str) -> Mutant:
    return Mutant(name="m", file="a/b.py", search=search, replace="2", scenarios=(), tests=())


@pytest.mark.parametrize("search", ["3", "1"])
def test_a_patch_that_does_not_fit(search: str) -> None:
    with pytest.raises(PatchDoesNotFit, match=r'"m": a/b\.py has this [02] times, and must have it once'):
        _mutant(search).patched("1 + 1\n")


@pytest.mark.starts_process
def test_only_a_copy_is_changed(tmp_path: Path) -> None:
    copy_tree(REPOSITORY, tmp_path)
    mutant = ALL[0]
    mutant.apply(tmp_path)
    source = (REPOSITORY / mutant.file).read_text()
    assert (tmp_path / mutant.file).read_text() == mutant.patched(source) != source
    assert (tmp_path / "tests/mutants/__main__.py").is_file()
    assert not (tmp_path / ".venv").exists()

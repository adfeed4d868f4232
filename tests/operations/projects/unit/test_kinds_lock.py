"""The packages that kinds need: which versions, and whether a lock is for them."""

import pytest

from deployment.package_lock import locked
from functions.shared.needs import Needs
from operations.errors import OperatorError
from operations.projects.kinds_lock import is_current, packages, pins_of

LOCK = """\
structlog==26.1.0 \\
    --hash=sha256:aa \\
    --hash=sha256:ab
    # via -r requirements.txt
typing-extensions==4.16.0 ; python_full_version < '3.13' \\
    --hash=sha256:bb
"""


def test_a_package_of_the_pipelines_has_its_version() -> None:
    found = {"sales": Needs(packages=("Structlog",)), "usage": Needs(packages=("structlog[dev]==26.1.0", "own==1.0"))}
    assert packages(found, pins_of(LOCK)) == ["Structlog==26.1.0", "own==1.0", "structlog[dev]==26.1.0"]


@pytest.mark.parametrize(
    ("own", "others", "said"),
    [
        ("structlog==1.0", (), "kinds/sales/needs.yaml: structlog==1.0, and the pipeline has version 26.1.0"),
        ("nowhere", (), "kinds/sales/needs.yaml: nowhere must name its version"),
        (
            "nowhere==1.0",
            ("nowhere==0.9",),
            "sales/needs.yaml: nowhere==1.0, and kinds/other/needs.yaml has version 0.9",
        ),
    ],
)
def test_what_cannot_be_resolved_names_its_file(own: str, others: tuple[str, ...], said: str) -> None:
    with pytest.raises(OperatorError) as refused:
        packages({"other": Needs(packages=others), "sales": Needs(packages=(own,))}, pins_of(LOCK))
    assert said in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


def test_a_lock_is_read_by_package_with_its_hashes() -> None:
    assert pins_of(LOCK) == {"structlog": "26.1.0", "typing-extensions": "4.16.0"}
    assert locked(LOCK)["typing-extensions"].splitlines()[1] == "    --hash=sha256:bb"


def test_a_lock_is_current_while_the_kinds_need_the_same() -> None:
    made_for = (
        "# What the kinds need, resolved beside the pipeline's packages; ./reports lock makes this file: a==1, b==2\n"
    )
    assert is_current(made_for + LOCK, ["b==2", "a==1"])
    assert not is_current(made_for + LOCK, ["a==1"])
    assert not is_current("", ["a==1"])
    assert is_current("", [])

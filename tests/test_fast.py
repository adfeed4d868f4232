"""`make test-fast` runs what needs no service and starts no process, and nothing else gets in unseen."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.fast import TESTS, is_fast


@pytest.mark.parametrize(
    ("file", "fast"),
    [
        ("test_documents.py", True),
        ("contracts/test_documents.py", True),
        ("functions/worker/unit/test_rendering.py", True),
        ("functions/worker/integration/test_start.py", False),
        ("functions/worker/mail/test_answers.py", False),
        ("deployment/test_deploy.py", False),
    ],
)
def test_the_folder_says_whether_a_test_is_fast(file: str, fast: bool) -> None:
    assert (TESTS / file).is_file()
    assert is_fast(TESTS / file) is fast


@pytest.mark.parametrize(
    "start",
    [
        lambda: subprocess.run([sys.executable, "-c", ""], check=True),
        lambda: os.system("true"),  # noqa: S605
        lambda: socket.socket(socket.AF_UNIX).connect("/there/is/none"),
    ],
    ids=["subprocess", "system", "fork"],
)
def test_a_fast_test_starts_no_process(start: Callable[[], object]) -> None:
    with pytest.raises(AssertionError, match=r"mark it with @pytest\.mark\.starts_process"):
        start()


@pytest.mark.starts_process
def test_one_that_is_marked_does() -> None:
    subprocess.run([sys.executable, "-c", ""], check=True)

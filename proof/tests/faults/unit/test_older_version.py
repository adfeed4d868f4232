"""The released version comes from the history, or the harness says how to get it."""

import subprocess
from pathlib import Path

import pytest

from proof.faults.older_version import OlderVersionMissing, lay_out_older_version, older_commit


@pytest.mark.starts_process
@pytest.mark.parametrize("has_history", [True, False])
def test_without_the_commit_it_says_how_to_get_it(tmp_path: Path, has_history: bool) -> None:
    if has_history:
        subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    with pytest.raises(OlderVersionMissing, match=rf"{older_commit()[:7]}.*git fetch --unshallow.*clone"):
        lay_out_older_version(tmp_path / "older", repository=tmp_path)

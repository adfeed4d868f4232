"""A clean removes what a drill has left, and nothing else."""

import fcntl
from pathlib import Path

import pytest

from operations.errors import ExitStatus, OperatorError
from operations.sizing.plan import recommended
from proof.drill.__main__ import main
from proof.drill.google_place import GooglePlace, write_settings

TEAMS = {"PROJECT_ID": "p", "REGION": "us-central1", "DEFAULT_KIND": "activity", "MAIL_FROM": "a@b.example"}


def test_it_leaves_alone_what_is_under_way_and_what_is_no_drills(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("REPORTS_PROJECT", str(tmp_path))
    folder, plan = tmp_path / ".drill", recommended(1)
    running, other = (write_settings(folder, TEAMS, plan) for _ in range(2))
    # Two that begin in one minute.
    assert running != other
    other.write_bytes(b"\xff\x00")
    for name in ("drill-teams", "drill-113008150a1b"):
        (folder / f"{name}.env").write_text("PROJECT_ID=p\nPREFIX=report\n", encoding="utf-8")
    with running.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert main(["--clean"]) == ExitStatus.FAILED
    said = " ".join(capsys.readouterr().err.split())
    assert f"{running.stem} is under way." in said
    assert said.count("has not the settings of a drill") == 3
    assert len(list(folder.iterdir())) == 4


@pytest.mark.parametrize(
    ("name", "prefix", "database"),
    [
        ("drill-113008150a1b", "drill-113008150a1b", "(default)"),
        ("drill-113008150a1b", "report", "report"),
        ("drill-1130", "drill-1130", "drill-1130"),
    ],
)
def test_nobody_removes_the_database_of_a_team_as_that_of_a_drill(
    tmp_path: Path, name: str, prefix: str, database: str
) -> None:
    file = tmp_path / f"{name}.env"
    file.write_text(
        f"PROJECT_ID=p\nREGION=us-central1\nPREFIX={prefix}\nFIRESTORE_DATABASE={database}\n", encoding="utf-8"
    )
    with pytest.raises(OperatorError, match="has not the settings of a drill"):
        GooglePlace(file, recommended(1), kills=False)


@pytest.mark.parametrize("reports", ["0", "-1", "1e9", "1000001"])
def test_a_number_that_cannot_be_is_refused(reports: str) -> None:
    with pytest.raises(SystemExit):
        main(["--local", "--reports", reports])
